"""How well ruptures are seen: simulated families, detectors side by side, and what each sees and cries for nothing."""

"""A drawing of what detectors see against how often they cry for nothing, where matplotlib is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.detection.extras import optional
from bench.detection.measure import Clean, Injected

WIDEST = 12.0  # false alarms per 100 member-sessions; what is louder stands at the margin


def draw(clean: Clean, injected: Sequence[Injected], detectors: Sequence[str], path: Path) -> bool:
    """Write an SVG with one panel per scenario; return false where matplotlib is not installed."""
    matplotlib = optional("matplotlib")
    if matplotlib is None:
        return False
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "evenkeel"  # the same run draws the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text, and the file small
    pyplot = optional("matplotlib.pyplot")
    figure, panels = pyplot.subplots(1, len(injected), figsize=(7 * len(injected), 6), sharey=True)
    for panel, item in zip(panels, injected, strict=True):
        _panel(panel, clean, item, detectors)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize=8, frameon=False)
    figure.subplots_adjust(bottom=0.24, wspace=0.06, left=0.06, right=0.98, top=0.94)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return True


def _panel(panel: Any, clean: Clean, item: Injected, detectors: Sequence[str]) -> None:
    for name, points in item.curves.items():
        ordered = sorted(points)
        panel.plot([100 * x for x, _ in ordered], [100 * y for _, y in ordered], linewidth=0.8, alpha=0.6, label=name)
    for name in detectors:
        ours = name.startswith("default set")
        x = min(WIDEST, 100 * clean.false(name))
        panel.scatter(
            [x], [100 * item.share(name)], s=70 if ours else 22, marker="D" if ours else "o", label=f"{name} (as set)"
        )
    panel.set(title=item.scenario.name, xlim=(0, WIDEST * 1.03), ylim=(0, 102))
    panel.set_xlabel("false alarms per 100 member-sessions")
    panel.set_ylabel("ruptures seen, %")
    panel.grid(alpha=0.3)

"""A drawing of what detectors see against how often they cry for nothing, where matplotlib is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.detection.extras import optional
from bench.detection.measure import Clean, Injected

QUIETEST, LOUDEST = 0.1, 40.0  # false alarms per 100 member-sessions; what is quieter stands at the margin


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
    figure.subplots_adjust(bottom=0.28, wspace=0.06, left=0.06, right=0.98, top=0.94)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return True


def _panel(panel: Any, clean: Clean, item: Injected, detectors: Sequence[str]) -> None:
    """Draw each detector as it is set, and the line on which its limit moves it."""
    for place, name in enumerate(detectors):
        ours, colour = name.startswith("default set"), f"C{place % 10}"
        line = sorted((100 * x, 100 * y) for x, y in item.curves.get(name, []) if 100 * x >= QUIETEST)
        panel.plot([x for x, _ in line], [y for _, y in line], color=colour, linewidth=0.9, alpha=0.6)
        x, y = max(QUIETEST, 100 * clean.false(name)), 100 * item.share(name)
        marker = "D" if ours else ("s" if place >= 10 else "o")
        panel.scatter([x], [y], s=80 if ours else 30, color=colour, marker=marker, label=name, zorder=3)
    panel.set_xscale("log")
    panel.set(title=item.scenario.name, xlim=(QUIETEST * 0.9, LOUDEST), ylim=(-2, 102))
    panel.set_xlabel("false alarms per 100 member-sessions")
    panel.set_ylabel("ruptures seen, %")
    panel.grid(alpha=0.3)

"""Ranked horizontal bars: a label at the left, the bar stacked by outcome, its figures at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from smtplogs.charts._style import CHARACTER, COLOURS, breadth, counts, fit_height, grid, legend, note, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

ROW_INCHES = 0.27
FIGURES_SIZE = 8
LEAST_ROOM, MOST_ROOM = 0.138, 0.6


class Row(NamedTuple):
    """One bar: its label, how many of each outcome, and what is written after it."""

    label: str
    parts: dict[str, int]
    figures: str


def draw_ranked(ax: Axes, rows: Sequence[Row], *, fresh: bool) -> Axes:
    """Draw the bars, the first row on top; a figure of our own (`fresh`) is made high enough for them."""
    handles = {}
    ends = [0] * len(rows)
    for outcome, colour in COLOURS.items():
        widths = [row.parts.get(outcome, 0) for row in rows]
        if not any(widths):
            continue
        drawn = [y for y, width in enumerate(widths) if width]
        handles[outcome] = ax.barh(
            drawn,
            [widths[y] for y in drawn],
            left=[ends[y] for y in drawn],
            height=0.66,
            color=colour,
            linewidth=0,
        )
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for y, (row, end) in enumerate(zip(rows, ends, strict=True)):
        note(ax, row.figures, (end, y), fontsize=FIGURES_SIZE)
    ax.set_yticks(range(len(rows)), [text(row.label) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set_xlim(0, max(end / (1 - room(row.figures, ax)) for row, end in zip(rows, ends, strict=True)))
    counts(ax.xaxis)
    grid(ax, "x")
    legend(ax, list(handles.values()), list(handles))
    fit_height(ax, height(len(rows)), fresh=fresh)
    return ax


def room(figures: str, ax: Axes) -> float:
    """Return the share of the width that the figures after a bar take, with which they stay clear of the legend."""
    points = 10 + len(figures) * FIGURES_SIZE * CHARACTER
    return min(max(points / breadth(ax), LEAST_ROOM), MOST_ROOM)


def height(rows: int) -> float:
    """Return the height in inches at which that many rows read well."""
    return 0.85 + ROW_INCHES * max(rows, 4)

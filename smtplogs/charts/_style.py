"""The one style of all charts: colours, type and grid; empty axes; log text made safe to draw.

The colours differ by 20 CIELAB units or more from each other, also for eyes without red, green or blue cones
(a test computes it), and by lightness on a grey printer.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.ticker import FuncFormatter, MaxNLocator

from smtplogs._visible import shorten, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.collections import PathCollection

COLOURS = {
    "failure": "#CC4B1C",
    "deferred": "#6A3D8F",
    "throttled": "#3E8FD0",
    "refused": "#F2BC3F",
    "aborted": "#6B6F73",
    "success": "#B3DACE",
    "info": "#DADDE0",
}
"""Outcome -> colour, in the order of stacking: what failed stands on the axis, what went well on top of it."""

PALETTE = ("#332288", "#88CCEE", "#44AA99", "#CC6677", "#DDCC77", "#117733", "#882255")
"""Colours of groups that are no outcomes (Paul Tol, muted)."""

INK = "#22282E"
MUTED = "#5C666F"
GRID = "#E4E7EA"
SHADE = "#EEF0F2"
OTHERS = "#C4C9CE"
RECOVERED = "#2E7D68"
"""Colour of the mark at which somebody got in again."""

FONT = "DejaVu Sans"
PALE = (COLOURS["success"], COLOURS["info"], COLOURS["refused"])
MOST_VECTORS = 5_000
ALL_ACCEPTED = "no attempts that were not accepted"
LEAST_CAPTION, MOST_CAPTION = 40, 104
CHARACTER = 0.55
"""Width of a character of the font, as a share of its size."""

RC: Any = {
    "font.family": FONT,
    "font.size": 9,
    "figure.figsize": (9, 3.4),
    "figure.constrained_layout.use": True,  # labels and the legend beside the axes stay inside what `savefig` writes
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.prop_cycle": cycler(color=PALETTE),
    "text.color": INK,
    "axes.labelcolor": INK,
    "hatch.linewidth": 0.8,
    "svg.fonttype": "path",
    "axes.unicode_minus": False,
}


@contextmanager
def _in_style() -> Iterator[None]:
    """Restore only what was set: Jupyter's backend may start inside and set things of its own."""
    before = {name: mpl.rcParams[name] for name in RC}
    mpl.rcParams.update(RC)
    try:
        yield
    finally:
        mpl.rcParams.update(before)


styled = _in_style()
"""Decorator: draw in this style, and leave the user's own settings as they were."""


def canvas(ax: Axes | None) -> Axes:
    """Return the axes to draw on (the current ones if None), white, with light grid and without a box."""
    ax = plt.gca() if ax is None else ax
    figure = ax.get_figure(root=True)
    if figure is not None:
        figure.set_facecolor("white")
    ax.set_facecolor("white")
    ax.set_axisbelow(True)
    ax.grid(visible=False)
    for side, spine in ax.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(MUTED)
        spine.set_linewidth(0.8)
    for axis in ("x", "y"):
        ax.tick_params(axis=axis, which="both", labelcolor=INK, color=MUTED, labelsize=8.5, labelfontfamily=FONT)
    ax.tick_params(axis="y", length=0)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.xaxis.offsetText, ax.yaxis.offsetText, ax.title):
        label.set(color=INK, fontfamily=FONT)
        if label is not ax.title:
            label.set_fontsize(9)
    return ax


def grid(ax: Axes, axis: str) -> None:
    """Draw light lines across, behind the data, along the axis that holds the numbers."""
    ax.grid(visible=True, axis=axis, color=GRID, linewidth=0.8)  # pyright: ignore[reportArgumentType]


def counts(axis: Axis) -> None:
    """Make an axis show whole numbers only, from 0, with thousands apart."""
    axis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def say_empty(ax: Axes, text: str = "no events") -> Axes:
    """Say in the middle of labelled axes that there is nothing to draw."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=MUTED, fontsize=11)
    return ax


def nothing(kept: pl.DataFrame, *, timed: bool = True) -> str:
    """Return why a chart of these attempts is empty; one over time cannot draw those of a pasted text without a clock."""
    if kept.is_empty():
        return "no events"
    n = kept["time"].null_count() if timed else 0
    return f"{n:,} event{'s' if n > 1 else ''} without a time" if n else ALL_ACCEPTED


def legend(ax: Axes, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put the legend beside the axes, where it hides nothing and leaves room for a title."""
    box = ax.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.005, 1.02),
        frameon=False,
        fontsize=8.5,
        handlelength=1.2,
        handleheight=0.9,
        labelspacing=0.45,
        labelcolor=INK,
        borderaxespad=0.3,
    )
    for text in box.get_texts():
        text.set_parse_math(False)


def breadth(ax: Axes) -> float:
    """Return how wide the axes are, in points: what is written must fit a small figure too."""
    figure = ax.get_figure(root=True)
    return ax.bbox.width / (figure.dpi if figure is not None else 100.0) * 72


def caption(ax: Axes, said: str) -> None:
    """Write above the axes, at the left, what is drawn and with which parameters; log text in it must be safe."""
    fitting = max(LEAST_CAPTION, int(breadth(ax) / (9 * CHARACTER)))
    lines = textwrap.wrap(said, min(fitting, MOST_CAPTION), break_long_words=False, break_on_hyphens=False)
    ax.set_title("\n".join(lines), loc="left", fontsize=9, color=INK, fontfamily=FONT)


def dots(ax: Axes, x: Any, y: Any, colour: str, *, size: float = 9.0) -> PathCollection:
    """Draw points that stay distinct on white; beyond a few thousand as pixels, so that an SVG stays small."""
    return ax.scatter(
        x,
        y,
        s=size,
        color=colour,
        edgecolors=MUTED if colour in PALE else colour,
        linewidths=0.4,
        zorder=3,
        rasterized=len(x) > MOST_VECTORS,
    )


def note(ax: Axes, said: str, at: tuple[float, float], *, apart: float = 5, colour: str = MUTED, **more: Any) -> None:
    """Write a few words at the right of a point, so many points apart from it."""
    kept = {"xytext": (apart, 0), "textcoords": "offset points", "va": "center", "fontsize": 8, "color": colour} | more
    ax.annotate(said, at, **kept)


def fit_height(ax: Axes, inches: float, *, fresh: bool) -> None:
    """Make a figure of our own (`fresh`) that holds nothing else so high."""
    figure = ax.get_figure(root=True)
    if fresh and figure is not None and len(figure.axes) == 1:
        figure.set_figheight(inches)


def percent(part: float, whole: float) -> str:
    """Return a share in percent; never 0% or 100% of what is not none or all."""
    share = 100 * part / whole
    if 0 < share <= 0.5:
        return "under 1%"
    return "over 99%" if 99.5 <= share < 100 else f"{share:.0f}%"


def text(value: object, width: int | None = None) -> str:
    """Return log text for drawing: hidden characters shown, no mathtext, shortened to `width`."""
    shown = visible(value) if width is None else shorten(value, width)
    return shown.replace("$", r"\$")


def groups(names: Sequence[str], by: str) -> dict[str, str]:
    """Return a colour for each group: an outcome has always the same one."""
    if by == "outcome":
        return {name: COLOURS.get(name, OTHERS) for name in names}
    colours = iter(PALETTE)
    return {name: OTHERS if name == ALL_OTHERS else next(colours, OTHERS) for name in names}


ALL_OTHERS = "all others"
"""Label of the groups that are too many to be told apart."""

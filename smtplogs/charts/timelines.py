"""Attempts over time: bars stacked by outcome, findings shaded and numbered, a strip where log lines were seen."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from smtplogs import _spans as spans
from smtplogs._frames import attempts, narrow, table, unpack
from smtplogs.charts import _time as clock
from smtplogs.charts._bins import series
from smtplogs.charts._style import (
    ALL_OTHERS,
    COLOURS,
    INK,
    MUTED,
    SHADE,
    canvas,
    counts,
    grid,
    groups,
    legend,
    nothing,
    say_empty,
    styled,
    text,
)
from smtplogs.schema import COVERAGE, TRAFFIC, door

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

MOST_GROUPS = 7
MOST_NUMBERS = 20
MOST_LANES = 4
LANE = 0.09
MOST_SHADED = 0.8
NO_GROUP = "(none)"


@door
def timeline(
    events: pl.DataFrame, *, every: str | None = None, by: str = "outcome", tz: str = "UTC", stage: str | None = "auth"
) -> pl.DataFrame:
    """Count the attempts to log in per bin of time and group.

    Parameters
    ----------
    events
        Event table. Context (outcome ``info``), other protocols and rows without a time are not counted.
    every
        Size of a bin: a number and one of s, m, h, d, w, mo, q, y. None picks a round one for 40 to 120 bins.
    by
        Column to group by. Beyond seven groups of any but ``outcome``, the small ones become "all others".
    tz
        Zone of the column `time`, and of the midnights at which bins of days and longer begin.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``time`` and ``end`` of the bin, the group (named as `by`), ``n`` attempts; one row for each pair of bin and
        group, 0 included, so that the rows of a group are a complete series.
    """
    return _bins(attempts(events, by, stage=stage), every=every, by=by, tz=tz)


@styled
def plot_timeline(
    events: Frame,
    *,
    every: str | None = None,
    by: str = "outcome",
    findings: Frame | None = None,
    coverage: Frame | None = None,
    traffic: Frame | None = None,
    tz: str = "UTC",
    stage: str | None = "auth",
    ax: Axes | None = None,
) -> Axes:
    """Draw the attempts per bin of time, stacked by `by`; the numbers are those of ``timeline``.

    Parameters
    ----------
    events, every, by, tz, stage
        As for ``timeline``.
    findings
        Drawn as numbered bars over the shaded stretch, number 1 for the first row; the first twenty are drawn.
    coverage, traffic
        Draw a strip below the axis: minutes with log lines (traffic), else the span of the files (coverage). Where
        the strip has a hole, no bar means "no log", not "no attempt".
    ax
        Axes to draw on; None takes the current ones.

    Returns
    -------
    Axes
        Never shown: call ``plt.show()`` or end a notebook cell with it.

    Raises
    ------
    MissingColumns
        If a frame lacks columns that the chart needs.
    ValueError
        If `tz`, `every` or `stage` cannot be understood.
    """
    ax = canvas(ax)
    kept = attempts(narrow(events, by), by, stage=stage)
    ax.set_xlabel(f"time ({spans.zone(tz).key}{spans.doubts(kept)})")
    ax.set_ylabel("AUTH events" if stage == "auth" else "events" if stage is None else f"{stage} events")
    frame = _bins(kept, every=every, by=by, tz=tz)
    if frame.is_empty():
        return say_empty(ax, nothing(kept))

    width = _width(kept, every)
    handles, top = _draw_bars(ax, frame, by)
    starts, ends = clock.days(frame["time"].unique().sort()), clock.days(frame["end"].unique().sort())
    pad = max((ends[-1] - starts[0]) * 0.01, (ends[0] - starts[0]) * max(0, 6 - len(starts) / 2))
    ax.set_xlim(starts[0] - pad, ends[-1] + pad)
    if findings is not None:
        lanes = _draw_findings(ax, unpack(findings), _utc(frame["time"].min()), _utc(frame["end"].max()))
        top /= 1 - LANE * (lanes + 0.2) if lanes else 1
    ax.set_ylim(0, top * 1.03)
    if coverage is not None or traffic is not None:
        handles |= _draw_log_strip(ax, coverage, traffic, timedelta(days=float(ends[0] - starts[0])))

    clock.date_axis(ax, tz, doubt=spans.doubts(kept))
    ax.set_ylabel(f"{ax.get_ylabel()} per {spans.words(width)}")
    grid(ax, "y")
    counts(ax.yaxis)
    legend(ax, list(handles.values()), [text(name, 28) for name in handles])
    return ax


def _utc(moment: Any) -> datetime:
    return moment.astimezone(UTC)


def _width(kept: pl.DataFrame, every: str | None) -> str:
    times = kept["time"].drop_nulls()
    return every or spans.round_bin(times.min(), times.max())  # pyright: ignore[reportArgumentType]


def _bins(kept: pl.DataFrame, *, every: str | None, by: str, tz: str) -> pl.DataFrame:
    """Count attempts per bin and group, empty bins included."""
    name = spans.zone(tz).key
    zoned = pl.Datetime("us", name)
    if every is not None:
        spans.parts(every)
    kept = kept.select("time", pl.col(by).cast(pl.String).fill_null(NO_GROUP).alias("_group"), "count").drop_nulls(
        "time"
    )
    if kept.is_empty():
        return pl.DataFrame(schema={"time": zoned, "end": zoned, by: pl.String, "n": pl.UInt64})
    first, last = kept["time"].min(), kept["time"].max()
    borders = spans.edges(first, last, _width(kept, every), tz)  # pyright: ignore[reportArgumentType]
    names = _names(kept, by)
    drawn = pl.when(pl.col("_group").is_in(names)).then("_group").otherwise(pl.lit(ALL_OTHERS)).alias("_group")
    return series(kept.with_columns(drawn), borders, "_group", names, name).rename({"_group": by})


def _names(kept: pl.DataFrame, by: str) -> list[str]:
    """Return the groups to draw, the one that stands on the axis first."""
    sizes = kept.group_by("_group").agg(pl.col("count").sum()).sort("count", "_group", descending=[True, False])
    names = sizes["_group"].to_list()
    if by == "outcome":
        return [o for o in COLOURS if o in names]
    return names if len(names) <= MOST_GROUPS else [*names[:MOST_GROUPS], ALL_OTHERS]


def _draw_bars(ax: Axes, frame: pl.DataFrame, by: str) -> tuple[dict[str, object], int]:
    """Stack the bars; return the handles for the legend and the height of the highest stack."""
    names = frame[by].unique(maintain_order=True).to_list()
    handles: dict[str, object] = {}
    floor = np.zeros(frame.height // len(names))
    for name, colour in groups(names, by).items():
        one = frame.filter(pl.col(by) == name)
        starts, heights = clock.days(one["time"]), one["n"].to_numpy()
        drawn = heights > 0
        handles[name] = ax.bar(
            starts[drawn],
            heights[drawn],
            width=(clock.days(one["end"]) - starts)[drawn],
            bottom=floor[drawn],
            align="edge",
            color=colour,
            linewidth=0,
        )
        floor += heights
    return handles, int(floor.max())


def _draw_findings(ax: Axes, findings: pl.DataFrame, first: datetime, last: datetime) -> int:
    """Shade the findings' stretches once, and draw each as a numbered bar in a lane of its own; return the lanes used."""
    spans = (
        findings.head(MOST_NUMBERS)
        .with_row_index("number", offset=1)
        .with_columns(pl.coalesce("end", "end_after", pl.lit(last)).alias("until"))
        .drop_nulls("start")
        .filter((pl.col("start") <= last) & (pl.col("until") >= first))
        .with_columns(pl.max_horizontal("start", pl.lit(first)), pl.min_horizontal("until", pl.lit(last)))
        .sort("start", "number")
        .select("number", "start", "until")
    )
    room = clock.day(last) - clock.day(first)
    taken: list[float] = []
    above = blended_transform_factory(ax.transData, ax.transAxes)
    for number, start, until in spans.iter_rows():
        a, b = clock.day(start), clock.day(until)
        lane = next((i for i, free in enumerate(taken) if free <= a), len(taken))
        if lane >= MOST_LANES:
            continue
        taken[lane:lane + 1] = [max(b, a + room * 0.035) + room * 0.005]  # fmt: skip
        y = 1 - LANE * (lane + 0.75)
        if b - a < room * MOST_SHADED:
            ax.axvspan(a, b, color=SHADE, linewidth=0.5, zorder=0)
        ax.plot([a, b], [y, y], color=INK, linewidth=3, solid_capstyle="butt", transform=above, zorder=4)
        ax.plot([a, a], [0, y], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)), transform=above, zorder=1)
        badge = {"boxstyle": "circle,pad=0.22", "facecolor": INK, "linewidth": 0}
        place = {"xytext": (0, 3), "textcoords": "offset points", "ha": "left", "va": "bottom"}
        ax.annotate(str(number), (a, y), xycoords=above, fontsize=7, color="white", bbox=badge, **place)
    return len(taken)


def _draw_log_strip(ax: Axes, coverage: Frame | None, traffic: Frame | None, bin_width: timedelta) -> dict[str, object]:
    """Draw where the logs hold lines as a strip below the axis."""
    seen, label = pl.DataFrame(), ""
    if traffic is not None:
        minutes = table(traffic, TRAFFIC, "time", "n_lines").filter(pl.col("n_lines") > 0)
        seen, label = minutes.select(start="time", until=pl.col("time") + pl.duration(minutes=1)), "log lines seen"
    if coverage is not None and seen.is_empty():
        files = table(coverage, COVERAGE, "first_time", "last_time").drop_nulls()
        seen, label = files.select(start="first_time", until="last_time"), "span of the log files"
    if seen.is_empty():
        return {}
    joined = _merge(seen, max(bin_width, timedelta(minutes=10)))
    below = blended_transform_factory(ax.transData, ax.transAxes)
    figure = ax.get_figure(root=True)
    if figure is not None:
        below += ScaledTranslation(0, -5 / 72, figure.dpi_scale_trans)
    left, right = ax.get_xlim()
    lines = [
        [(min(max(a, left), right), 0), (min(max(b, left), right), 0)]
        for a, b in zip(clock.days(joined["start"]), clock.days(joined["until"]), strict=True)
        if b >= left and a <= right
    ]
    strip = LineCollection(lines, colors=MUTED, linewidths=3.5, capstyle="butt", transform=below, clip_on=False)
    ax.add_collection(strip, autolim=False)
    ax.tick_params(axis="x", pad=8, length=0)
    return {label: Line2D([], [], color=MUTED, linewidth=3.5)}


def _merge(spans: pl.DataFrame, gap: timedelta) -> pl.DataFrame:
    """Join stretches that overlap or lie at most `gap` apart."""
    reach = pl.col("until").cum_max().shift(1)
    return (
        spans.drop_nulls()
        .sort("start", "until")
        .with_columns(((pl.col("start") - reach) > gap).fill_null(value=True).cum_sum().alias("run"))
        .group_by("run", maintain_order=True)
        .agg(pl.col("start").min(), pl.col("until").max())
    )

"""Who failed in which hour: a row an account, a column an hour; hours without a log are no zeros."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from smtplogs import _spans as spans
from smtplogs._frames import NOT_ACCEPTED, attempts, narrow, table
from smtplogs.charts import _time as clock
from smtplogs.charts._bins import bin_numbers, bins_of
from smtplogs.charts._style import (
    COLOURS,
    INK,
    MUTED,
    canvas,
    caption,
    fit_height,
    legend,
    nothing,
    say_empty,
    styled,
    text,
)  # fmt: skip
from smtplogs.schema import COVERAGE, TRAFFIC, door

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

    from smtplogs.schema import Frame

NO_GROUP = "(none)"
HOUR = 3600
ROW_INCHES = 0.24
WORDS = {"client_ip": "address", "client_name": "name of the client"}
WARM = LinearSegmentedColormap.from_list("failures", ["#FBE3D6", "#E98A5B", COLOURS["failure"], "#5E1F08"])
ZERO = "#F7F8F9"


@door
def heat_cells(
    events: pl.DataFrame,
    *,
    by: str = "user",
    every: str | None = None,
    coverage: Frame | None = None,
    traffic: Frame | None = None,
    limit: int | None = None,
    tz: str = "UTC",
    stage: str | None = "auth",
) -> pl.DataFrame:
    """Count the attempts that were not accepted per group and hour, and say for which hours there is a log at all.

    Parameters
    ----------
    events
        Event table.
    by
        Column whose values make the rows.
    every
        Length of a cell, as ``"1h"``. None picks an hour, or longer for more than 118 hours, or five minutes or one
        for less than six hours or one.
    coverage, traffic
        Tables of ``read(..., full=True)``: they tell hours without failures from hours without a log. With `traffic`
        an hour is seen if a line was written in it; with `coverage` alone if it lies within the span of a file.
    limit
        Keep this many groups, those with the most attempts not accepted.
    tz
        Zone of the columns `time` and `end`.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        The group (named as `by`), ``time`` and ``end`` of the cell, ``n_attempts``, ``n_not_accepted`` and ``seen``:
        true, false (no log for that time), or null (neither table was given). One row for each pair of group and
        cell, the group with the most attempts not accepted first. Groups without one are left out.
    """
    name = spans.zone(tz).key
    kept = (
        attempts(events, by, stage=stage)
        .drop_nulls("time")
        .with_columns(
            pl.col(by).cast(pl.String).fill_null(NO_GROUP).alias("_group"),
            pl.when(pl.col("outcome").is_in(NOT_ACCEPTED)).then("count").otherwise(0).alias("_bad"),
        )
    )
    names = (
        kept.group_by("_group").agg(pl.col("_bad").sum()).filter(pl.col("_bad") > 0)
        .sort("_bad", "_group", descending=[True, False])["_group"]
    )  # fmt: skip
    if not len(names):
        times = pl.Datetime("us", name)
        schema = {by: pl.String, "time": times, "end": times, "n_attempts": pl.UInt64, "n_not_accepted": pl.UInt64}
        return pl.DataFrame(schema={**schema, "seen": pl.Boolean})
    logged = _logged(coverage, traffic)
    first = min(filter(None, (kept["time"].min(), logged["start"].min())))  # pyright: ignore
    last = max(filter(None, (kept["time"].max(), logged["until"].max())))  # pyright: ignore
    borders = spans.edges(first, last, every or _round(first, last), tz)  # pyright: ignore[reportArgumentType]
    cells = bins_of(borders)
    cells = cells.with_columns(_seen(cells, kept, logged, known=coverage is not None or traffic is not None))
    counted = (
        kept.with_columns(bin_numbers(kept["time"], borders))
        .group_by("_group", "_bin")
        .agg(pl.col("count").sum().alias("n_attempts"), pl.col("_bad").sum().alias("n_not_accepted"))
    )
    rows = names.head(limit if limit is not None else len(names)).to_frame()
    return (
        rows.join(cells, how="cross", maintain_order="left_right")
        .join(counted, on=["_group", "_bin"], how="left", maintain_order="left")
        .select(
            pl.col("_group").alias(by),
            pl.col("time", "end").dt.convert_time_zone(name),
            pl.col("n_attempts", "n_not_accepted").fill_null(0).cast(pl.UInt64),
            "seen",
        )
    )


@styled
def plot_heatmap(
    events: Frame,
    *,
    by: str = "user",
    every: str | None = None,
    coverage: Frame | None = None,
    traffic: Frame | None = None,
    limit: int = 25,
    tz: str = "UTC",
    stage: str | None = "auth",
    ax: Axes | None = None,
) -> Axes:
    """Draw the attempts not accepted per group and hour as shades; the numbers are those of ``heat_cells``.

    Parameters
    ----------
    events, by, every, coverage, traffic, tz, stage
        As for ``heat_cells``. Cells without a log are hatched.
    limit
        Most rows to draw; the caption says how many are left out.
    ax
        Axes to draw on; None takes the current ones. A figure that holds nothing else is made high enough.

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
    fresh = ax is None
    ax = canvas(ax)
    kept = narrow(events, by)
    ax.set_xlabel(f"time ({spans.zone(tz).key}{spans.doubts(attempts(kept, by, stage=stage))})")
    frame = heat_cells(kept, by=by, every=every, coverage=coverage, traffic=traffic, tz=tz, stage=stage)
    if frame.is_empty():
        return say_empty(ax, nothing(attempts(kept, by, stage=stage)))
    names = frame[by].unique(maintain_order=True)
    width = frame.height // len(names)
    shown = names.head(limit)
    part = frame.head(width * len(shown))
    values = part["n_not_accepted"].to_numpy().reshape(len(shown), width).astype(float)
    seen = part["seen"].fill_null(value=True).to_numpy().reshape(len(shown), width)[0]
    cells = part.head(width)
    edges = np.append(clock.days(cells["time"]), clock.days(cells["end"])[-1])
    mesh = _draw_shades(ax, edges, values, seen)
    ax.set_yticks(range(len(shown)), [text(n, 36) for n in shown])
    clock.date_axis(ax, tz, doubt=spans.doubts(attempts(kept, by, stage=stage)))
    said = spans.words(every or spans.nearest(cells["end"][0] - cells["time"][0]))
    more = f"; {len(names) - len(shown):,} more rows not drawn" if len(names) > len(shown) else ""
    unknown = "" if part["seen"].is_not_null().all() else "; gaps in the log not known"
    caption(ax, f"Attempts not accepted per {WORDS.get(by, by.replace('_', ' '))} and {said}{more}{unknown}")
    fit_height(ax, 1.1 + ROW_INCHES * max(len(shown), 5), fresh=fresh)
    _draw_scale(ax, mesh)
    keys = {"none": Patch(facecolor=ZERO, edgecolor=MUTED, linewidth=0.5)}
    if not seen.all():
        keys["no log lines"] = Patch(facecolor="white", edgecolor=MUTED, hatch="//////")
    legend(ax, list(keys.values()), list(keys))
    return ax


def _draw_shades(ax: Axes, edges: np.ndarray, values: np.ndarray, seen: np.ndarray) -> QuadMesh:
    """Draw the cells, a row a group, and hatch the columns of which there is no log."""
    ax.set_facecolor(ZERO)
    norm = LogNorm(1, max(10.0, values.max()))
    rows = np.arange(len(values) + 1) - 0.5
    mesh = ax.pcolormesh(edges, rows, np.ma.masked_equal(values, 0), cmap=WARM, norm=norm, rasterized=True)
    for a, b in _runs(~seen):
        ax.axvspan(edges[a], edges[b], facecolor="white", edgecolor=MUTED, hatch="////", linewidth=0, zorder=2)
    ax.hlines(rows[1:-1], edges[0], edges[-1], color="white", linewidth=1.5, zorder=3)
    ax.set_ylim(len(values) - 0.5, -0.5)
    ax.set_xlim(edges[0], edges[-1])
    return mesh


def _draw_scale(ax: Axes, mesh: QuadMesh) -> None:
    """Draw the scale of the shades beside the axes."""
    bar = ax.inset_axes((1.012, 0.0, 0.015, 0.62))
    scale = ax.figure.colorbar(mesh, cax=bar, format=FuncFormatter(lambda n, _: f"{n:,.0f}"))
    scale.outline.set_visible(False)  # pyright: ignore
    bar.minorticks_off()
    bar.tick_params(labelsize=8, color=MUTED, labelcolor=INK, length=2)


def _round(first: datetime, last: datetime) -> str:
    """Return an hour, a longer round bin for a long log, a shorter one where hours would be a few blocks."""
    every = spans.round_bin(first, last)
    fine = "1m" if last - first < timedelta(hours=1) else "5m" if last - first < timedelta(hours=6) else "1h"
    return fine if every[-1] in "sm" else every


def _logged(coverage: Frame | None, traffic: Frame | None) -> pl.DataFrame:
    """Return the stretches for which there is a log: minutes with lines, else the spans of the files."""
    if traffic is not None:
        minutes = table(traffic, TRAFFIC, "time", "n_lines").filter(pl.col("n_lines") > 0).drop_nulls()
        if minutes.height:
            return minutes.select(start="time", until="time").unique()
    if coverage is not None:
        return table(coverage, COVERAGE, "first_time", "last_time").drop_nulls().select(
            start="first_time", until="last_time"
        )  # fmt: skip
    return pl.DataFrame(schema={"start": TRAFFIC["time"].dtype, "until": TRAFFIC["time"].dtype})


def _seen(cells: pl.DataFrame, kept: pl.DataFrame, logged: pl.DataFrame, *, known: bool) -> pl.Series:
    """Tell the cells in which a log was written; null where nobody knows."""
    if not known:
        return pl.Series("seen", [None] * cells.height, dtype=pl.Boolean)
    marks = pl.concat([logged, kept.select(start="time", until="time")]).unique()
    begun = cells["time"].search_sorted(marks["start"], side="right").to_numpy() - 1
    ended = cells["time"].search_sorted(marks["until"], side="right").to_numpy()
    steps = np.zeros(cells.height + 1, dtype=np.int64)
    np.add.at(steps, np.clip(begun, 0, cells.height), 1)
    np.add.at(steps, np.clip(ended, 0, cells.height), -1)
    return pl.Series("seen", steps.cumsum()[:-1] > 0)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return where runs of true begin and end."""
    steps = np.diff(np.concatenate(([0], flags.astype(int), [0])))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))

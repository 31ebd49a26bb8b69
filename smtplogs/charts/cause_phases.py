"""Causes before, during and after an episode: rates, so that stretches of different length compare."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from smtplogs import _spans as spans
from smtplogs._frames import NOT_ACCEPTED, attempts, narrow, plain, unpack
from smtplogs.charts._ranked import room
from smtplogs.charts._style import (
    ALL_ACCEPTED,
    COLOURS,
    INK,
    MUTED,
    canvas,
    caption,
    fit_height,
    grid,
    legend,
    note,
    say_empty,
    styled,
    text,
)  # fmt: skip
from smtplogs.schema import door

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

PHASES = ("before", "during", "after")
THICK = 0.26


@door
def phase_counts(events: pl.DataFrame, finding: Frame, *, stage: str | None = "auth") -> pl.DataFrame:
    """Count the attempts not accepted per cause before, during and after the first finding.

    Parameters
    ----------
    events
        Event table: what it holds before and after the finding is what is compared with.
    finding
        Findings; the first one with a start counts. Without an end it lasts until the last event.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``cause, outcome, phase`` (before, during, after), ``n``, ``hours`` (length of the phase) and ``per_hour``,
        null for a phase without length. Every pair of cause and outcome has all three phases; the highest rate
        during the finding first.
    """
    schema = {
        "cause": pl.String, "outcome": pl.String, "phase": pl.String, "n": pl.UInt64, "hours": pl.Float64,
        "per_hour": pl.Float64,
    }  # fmt: skip
    begun = _stretch(events, finding)
    if begun is None:
        return pl.DataFrame(schema=schema)
    first, start, end, last = begun
    lengths = (start - first, end - start, last - end)
    hours = pl.DataFrame({"phase": PHASES, "hours": [max(h, timedelta()) / timedelta(hours=1) for h in lengths]})
    kept = attempts(events, "cause", stage=stage).filter(
        pl.col("outcome").is_in(NOT_ACCEPTED), pl.col("time").is_not_null()
    )
    phase = pl.when(pl.col("time") < start).then(pl.lit("before")).when(pl.col("time") <= end).then(pl.lit("during"))
    counted = kept.group_by(
        pl.col("cause").cast(pl.String).fill_null("unknown"),
        pl.col("outcome").cast(pl.String),
        phase.otherwise(pl.lit("after")).alias("phase"),
    ).agg(pl.col("count").sum().alias("n"))
    pairs = counted.group_by("cause", "outcome").agg(
        pl.col("n").filter(phase="during").sum().alias("_during"), pl.col("n").sum().alias("_all")
    )
    return (
        pairs.sort("_during", "_all", "cause", "outcome", descending=[True, True, False, False])
        .join(hours, how="cross", maintain_order="left_right")
        .join(counted, on=["cause", "outcome", "phase"], how="left", maintain_order="left")
        .with_columns(pl.col("n").fill_null(0).cast(pl.UInt64))
        .with_columns(pl.when(pl.col("hours") > 0).then(pl.col("n") / pl.col("hours")).alias("per_hour"))
        .select(list(schema))
    )


@styled
def plot_phases(
    events: Frame, finding: Frame, *, limit: int = 8, stage: str | None = "auth", ax: Axes | None = None
) -> Axes:
    """Draw each cause's rate before, during and after the first finding; the numbers are those of ``phase_counts``.

    Parameters
    ----------
    events, finding, stage
        As for ``phase_counts``. Narrow the events first if weeks before would hide the hour before.
    limit
        Most causes to draw; the caption says how many are left out.
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
        If `stage` cannot be understood.
    """
    fresh = ax is None
    ax = canvas(ax)
    ax.set_xlabel("attempts not accepted per hour")
    frame = phase_counts(narrow(events, "cause"), finding, stage=stage)
    if frame.is_empty():
        return say_empty(ax, ALL_ACCEPTED if unpack(finding, {})["start"].count() else "no finding")
    rows = frame.partition_by("cause", "outcome", maintain_order=True)
    shown = rows[:limit]
    ends: list[float] = []
    for y, row in enumerate(shown):
        colour = COLOURS[row["outcome"][0]]
        for k, (n, rate) in enumerate(row.select("n", "per_hour").iter_rows()):
            at = y + (k - 1) * (THICK + 0.03)
            solid = PHASES[k] == "during"
            ax.barh(
                at, rate or 0, height=THICK, facecolor=colour if solid else "white", edgecolor=colour, linewidth=1,
                hatch="//////" if PHASES[k] == "after" else None,
            )  # fmt: skip
            said = "no log" if rate is None else f"{_rate(rate)} · {n:,}"
            note(ax, said, (rate or 0, at), fontsize=7.5)
            ends.append((rate or 0) / (1 - room(said, ax)))
    ax.set_yticks(range(len(shown)), [text(f"{plain(r['cause'][0])} ({r['outcome'][0]})", 42) for r in shown])
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.set_xlim(0, max(ends) or 1)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,.10g}"))
    grid(ax, "x")
    keys = [
        Patch(facecolor=MUTED if p == "during" else "white", edgecolor=INK, hatch="//////" if p == "after" else None)
        for p in PHASES
    ]
    hours = dict(frame.select("phase", "hours").unique().iter_rows())
    legend(ax, keys, [f"{p} ({spans.duration(3600 * hours[p])})" for p in PHASES])
    more = f"; {len(rows) - limit:,} more not drawn" if len(rows) > limit else ""
    caption(ax, f"Per cause: attempts not accepted an hour, and in all{more}")
    fit_height(ax, 1.1 + 0.75 * max(len(shown), 2), fresh=fresh)
    return ax


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 or rate == round(rate) else f"{rate:.1f}" if rate >= 0.1 else f"{rate:.2g}"


def _stretch(events: pl.DataFrame, finding: Frame) -> tuple[datetime, datetime, datetime, datetime] | None:
    """Return first event, start and end of the finding, last event."""
    found = unpack(finding, {}).drop_nulls("start")
    first, last = events["time"].min(), events["time"].max()
    if found.is_empty() or first is None or last is None:
        return None
    start, end = found.row(0, named=True)["start"], found.row(0, named=True)["end"] or last
    return min(first, start), start, end, max(last, end)  # pyright: ignore

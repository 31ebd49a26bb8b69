"""Lockouts as a Gantt chart: a row a finding, solid where it is known, hatched where onset or end is uncertain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from smtplogs import _spans as spans
from smtplogs._frames import unpack
from smtplogs.charts import _time as clock
from smtplogs.charts._style import (
    COLOURS,
    INK,
    MUTED,
    OTHERS,
    RECOVERED,
    canvas,
    fit_height,
    grid,
    legend,
    note,
    say_empty,
    styled,
    text,
)
from smtplogs.detect._findings import weightiest_first
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

KINDS = ("lockout", "failure_streak", "ip_ban")
KIND_COLOURS = {"lockout": COLOURS["failure"], "failure_streak": "#8A7A6B", "ip_ban": COLOURS["throttled"]}
KIND_WORDS = {"lockout": "locked out", "failure_streak": "run of failures", "ip_ban": "address banned"}
TRIGGERS = {
    "self_inflicted": "own client",
    "attacker_induced": "attack",
    "unknown_source": "unknown source",
}
ROW_INCHES = 0.36


def lockout_bars(findings: Frame, *, limit: int | None = None) -> pl.DataFrame:
    """Return what the lockout chart draws: a row a finding, in order of time.

    Parameters
    ----------
    findings
        Findings of ``lockouts`` (with their own columns) or of ``findings`` (with `details`). Other kinds are left
        out. A finding without brackets is taken to be known from its start to its end.
    limit
        Keep this many, the weightiest.

    Returns
    -------
    DataFrame
        ``finding_id, kind, subject, trigger, trigger_kind, uncertain_from, known_from, known_until, uncertain_until,
        open_end`` (not seen to end), ``recovered_at``.
    """
    kept = weightiest_first(unpack(findings)).filter(
        pl.col("kind").is_in(KINDS), pl.coalesce("onset_before", "start").is_not_null()
    )
    bars = (
        (kept if limit is None else kept.head(limit))
        .select(
            "finding_id",
            pl.col("kind").cast(pl.String),
            "subject",
            pl.coalesce("trigger", "client_ip").alias("trigger"),
            "trigger_kind",
            pl.col("onset_after").alias("uncertain_from"),
            pl.coalesce("onset_before", "start").alias("known_from"),
            pl.coalesce("end_after", "end", "onset_before", "start").alias("known_until"),
            pl.col("end_before").alias("uncertain_until"),
            (pl.col("end").is_null() & pl.col("end_before").is_null()).alias("open_end"),
            pl.col("recovered_at").cast(TIME),
        )
        .with_columns(
            pl.min_horizontal("uncertain_from", "known_from").alias("uncertain_from"),
            pl.max_horizontal("known_until", "known_from").alias("known_until"),
        )
        .with_columns(pl.max_horizontal("uncertain_until", "known_until").alias("uncertain_until"))
        .sort("known_from", "subject", "finding_id", nulls_last=True)
    )
    return bars.to_pandas() if hasattr(findings, "iloc") else bars  # pyright: ignore[reportReturnType]


@styled
def plot_lockouts(findings: Frame, *, limit: int = 25, tz: str = "UTC", ax: Axes | None = None) -> Axes:
    """Draw lockouts, runs of failures and bans as bars over time; the numbers are those of ``lockout_bars``.

    Parameters
    ----------
    findings
        As for ``lockout_bars``.
    limit
        Most rows to draw: the weightiest, in order of time; the axis label says how many are left out.
    tz
        Zone of the time axis.
    ax
        Axes to draw on; None takes the current ones. A figure that holds nothing else is made high enough.

    Returns
    -------
    Axes
        Never shown: call ``plt.show()`` or end a notebook cell with it.

    Raises
    ------
    MissingColumns
        If the frame is no table of findings.
    ValueError
        If `tz` cannot be understood.
    """
    fresh = ax is None
    ax = canvas(ax)
    ax.set_xlabel(f"time ({spans.zone(tz).key})")
    everything = lockout_bars(unpack(findings))
    bars = lockout_bars(unpack(findings), limit=limit)
    if bars.is_empty():
        return say_empty(ax, "no lockouts")

    first = min(clock.days(bars["uncertain_from"]))
    last = max(clock.days(pl.concat([bars["uncertain_until"], bars["recovered_at"].drop_nulls()])))
    span = max(last - first, 1 / 1440)
    for y, row in enumerate(bars.iter_rows(named=True)):
        _draw_row(ax, y, row, right=last + span * 0.06, thick=0.42 if bars.height > 1 else 0.28)
    ax.set_xlim(first - span * 0.03, last + span * 0.24)
    ax.set_ylim(bars.height - 0.35, -0.65)
    _draw_labels(ax, bars)
    clock.date_axis(ax, tz)
    left_out = everything.height - bars.height
    if left_out:
        ax.set_xlabel(f"{ax.get_xlabel()} · {left_out:,} more not drawn")
    grid(ax, "x")
    _draw_legend(ax, bars)
    fit_height(ax, height(bars.height), fresh=fresh)
    return ax


def height(rows: int) -> float:
    """Return the height in inches at which that many rows read well."""
    return 1.0 + ROW_INCHES * max(rows, 2)


def _draw_row(ax: Axes, y: int, row: dict[str, Any], *, right: float, thick: float) -> None:
    """Draw one finding: hatched onset, solid middle, hatched end or an arrow, the mark of recovery, the length."""
    colour = KIND_COLOURS.get(row["kind"], OTHERS)
    a, b, c, d = (clock.day(row[k]) for k in ("uncertain_from", "known_from", "known_until", "uncertain_until"))
    for start, until, solid in ((a, b, False), (b, c, True), (c, d, False)):
        if until > start or solid:
            ax.barh(
                y,
                until - start,
                left=start,
                height=thick,
                facecolor=colour if solid else "white",
                edgecolor=colour,
                linewidth=1,
                hatch=None if solid else "//////",
                zorder=3 if solid else 2,
            )
    tip = d
    if row["open_end"]:
        ax.plot([d, right], [y, y], color=colour, linewidth=1.2, linestyle=(0, (2, 2)), zorder=2)
        ax.plot([right], [y], marker=">", color=colour, markersize=5, linestyle="none", zorder=3)
        tip = right
    elif row["recovered_at"] is not None:
        tip = max(d, clock.day(row["recovered_at"]))
        ax.plot(
            [clock.day(row["recovered_at"])],
            [y],
            marker="D",
            color=RECOVERED,
            markersize=5.5,
            linestyle="none",
            zorder=4,
        )
    note(ax, _length(row), (tip, y), apart=7, zorder=5)


def _draw_labels(ax: Axes, bars: pl.DataFrame) -> None:
    """Write at the left who is affected, and below it, smaller, what triggered it."""
    ax.set_yticks(range(bars.height), [text(subject, 36) for subject in bars["subject"]])
    beside = {"xycoords": ax.get_yaxis_transform(), "xytext": (-4.5, -1), "textcoords": "offset points"}
    for y, (row, label) in enumerate(zip(bars.iter_rows(named=True), ax.get_yticklabels(), strict=True)):
        trigger = "" if row["trigger"] == row["subject"] else text(row["trigger"], 25)
        cause = ", ".join(filter(None, (trigger, TRIGGERS.get(row["trigger_kind"] or "", ""))))
        if cause:
            label.set_verticalalignment("bottom")
            ax.annotate(cause, (0, y), ha="right", va="top", fontsize=7.5, color=MUTED, **beside)


def _length(row: dict[str, Any]) -> str:
    """Return how long it lasted: the least, and the most where that is known."""
    least = (row["known_until"] - row["known_from"]).total_seconds()
    most = (row["uncertain_until"] - row["uncertain_from"]).total_seconds()
    if row["open_end"]:
        return f"over {spans.duration(least)}"
    return (
        spans.duration(most)
        if spans.duration(least) == spans.duration(most)
        else f"{spans.duration(least)} to {spans.duration(most)}"
    )


def _draw_legend(ax: Axes, bars: pl.DataFrame) -> None:
    """Explain the colours and marks that occur."""
    kinds = [k for k in KINDS if k in set(bars["kind"])]
    entries: dict[str, Any] = {
        KIND_WORDS[k]: Patch(facecolor=KIND_COLOURS[k], edgecolor=KIND_COLOURS[k]) for k in kinds
    }
    uncertain = (bars["uncertain_from"] < bars["known_from"]) | (bars["uncertain_until"] > bars["known_until"])
    if uncertain.any():
        entries["may have begun\nor lasted"] = Patch(facecolor="white", edgecolor=INK, hatch="//////")
    if bars["open_end"].any():
        entries["end not seen"] = Line2D(
            [], [], color=INK, marker=">", linestyle=(0, (2, 2)), linewidth=1.2, markersize=5
        )
    if (bars["recovered_at"].is_not_null() & ~bars["open_end"]).any():
        entries["logged in again"] = Line2D([], [], color=RECOVERED, marker="D", linestyle="none", markersize=5.5)
    legend(ax, list(entries.values()), list(entries))

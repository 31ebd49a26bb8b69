"""Cumulative impact of an incident: attempts refused and accounts hit so far, with the marks of a postmortem."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from smtplogs import _spans as spans
from smtplogs._frames import NOT_ACCEPTED, account, attempts, narrow, unpack
from smtplogs.charts import _time as clock
from smtplogs.charts._bins import bin_numbers, bins_of
from smtplogs.charts._style import (
    ALL_ACCEPTED,
    COLOURS,
    INK,
    MUTED,
    PALETTE,
    SHADE,
    canvas,
    caption,
    counts,
    grid,
    legend,
    say_empty,
    styled,
)  # fmt: skip
from smtplogs.schema import TIME, door

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

OWN = {"recovered_at": TIME}
ACCOUNTS = PALETTE[0]


@door
def impact(
    events: pl.DataFrame, finding: Frame, *, every: str | None = None, tz: str = "UTC", stage: str | None = "auth"
) -> pl.DataFrame:
    """Count what an incident has cost so far: attempts not accepted, accounts and clients hit, from its start on.

    Parameters
    ----------
    events
        Event table; narrow it to the accounts that the incident is about if others fail at the same time.
    finding
        Findings; the first one with a start counts. Without an end it lasts until the last event.
    every
        Length of a step. None picks a round one for 40 to 120 steps.
    tz
        Zone of the columns `time` and `end`.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``time, end`` of the step, ``n`` in it, and up to its end ``n_so_far``, ``n_users_so_far``,
        ``n_clients_so_far`` (distinct).
    """
    name = spans.zone(tz).key
    zoned = pl.Datetime("us", name)
    schema = {"time": zoned, "end": zoned, "n": pl.UInt64, "n_so_far": pl.UInt64}
    schema |= {"n_users_so_far": pl.UInt64, "n_clients_so_far": pl.UInt64}
    found = unpack(finding, OWN).drop_nulls("start")
    last = events["time"].max()
    if found.is_empty() or last is None:
        return pl.DataFrame(schema=schema)
    start = found["start"][0]
    end = found["end"][0] or last
    kept = attempts(events, "user", "client_ip", stage=stage).filter(
        pl.col("outcome").is_in(NOT_ACCEPTED), pl.col("time").is_between(start, end)
    )
    if kept.is_empty():
        return pl.DataFrame(schema=schema)
    borders = spans.edges(start, end, every or spans.round_bin(start, end), tz)  # pyright: ignore
    sums = kept.select(
        bin_numbers(kept["time"], borders), "count", account(pl.col("user")).alias("account"), "client_ip"
    )
    per_bin = sums.group_by("_bin").agg(pl.col("count").sum().alias("n"))
    users, clients = (
        sums.drop_nulls(c).group_by(c).agg(pl.col("_bin").min()).group_by("_bin").agg(pl.len().alias(new))
        for c, new in (("account", "_users"), ("client_ip", "_clients"))
    )
    frame = bins_of(borders)
    for more in (per_bin, users, clients):
        frame = frame.join(more, on="_bin", how="left", maintain_order="left")
    return (
        frame.with_columns(pl.col("n", "_users", "_clients").fill_null(0).cast(pl.UInt64))
        .with_columns(
            pl.col("time", "end").dt.convert_time_zone(name),
            pl.col("n").cum_sum().alias("n_so_far"),
            pl.col("_users").cum_sum().alias("n_users_so_far"),
            pl.col("_clients").cum_sum().alias("n_clients_so_far"),
        )
        .select(list(schema))
    )


@styled
def plot_impact(
    events: Frame,
    finding: Frame,
    *,
    detected: datetime | None = None,
    mitigated: datetime | None = None,
    recovered: datetime | None = None,
    every: str | None = None,
    tz: str = "UTC",
    stage: str | None = "auth",
    ax: Axes | None = None,
) -> Axes:
    """Draw attempts not accepted and accounts hit so far, with marks; the numbers are those of ``impact``.

    Parameters
    ----------
    events, finding, every, tz, stage
        As for ``impact``.
    detected, mitigated, recovered
        When people noticed, when the first remedy took hold, when it was over: from your own records, with a zone
        (without one it is taken as UTC). None leaves the mark out; for `recovered` the finding's `recovered_at`.
    ax
        Axes to draw on; None takes the current ones. The accounts have an axis of their own at the right.

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
    ax.set_xlabel(f"time ({spans.zone(tz).key})")
    ax.set_ylabel("attempts not accepted so far")
    kept = narrow(events, "user", "client_ip")
    frame = impact(kept, finding, every=every, tz=tz, stage=stage)
    if frame.is_empty():
        return say_empty(ax, ALL_ACCEPTED if unpack(finding, OWN)["start"].count() else "no finding")
    one = unpack(finding, OWN).drop_nulls("start").row(0, named=True)
    start, end = one["start"], one["end"] or kept["time"].max()
    moments = {"start": start, "detected": detected, "mitigated": mitigated}
    moments["recovered"] = recovered if recovered is not None else one["recovered_at"]
    known = {name: t.replace(tzinfo=UTC) if t.tzinfo is None else t for name, t in moments.items() if t is not None}
    x = np.append(clock.days(frame["time"])[0], clock.days(frame["end"]))
    marks = {name: at for name, t in known.items() if _near(at := clock.day(t), x)}
    left, right = min([x[0], *marks.values()]), max([x[-1], *marks.values()])
    drawn = _draw_curves(ax, np.append(x, right), frame)
    room = max(right - left, 1e-5)
    ax.set_xlim(left - room * 0.03, right + room * 0.06)
    _draw_marks(ax, marks)
    clock.date_axis(ax, tz, doubt=spans.doubts(kept))
    grid(ax, "y")
    counts(ax.yaxis)
    legend(ax, list(drawn.values()), list(drawn))
    ax.get_legend().set_bbox_to_anchor((1.09, 1.02))  # pyright: ignore[reportOptionalMemberAccess]
    caption(ax, _caption(frame, known, start, spans.words(every or spans.round_bin(start, end))))  # pyright: ignore[reportArgumentType]
    return ax


def _draw_curves(ax: Axes, x: np.ndarray, frame: pl.DataFrame) -> dict[str, Any]:
    """Draw attempts and, on an axis of their own, accounts; return what the legend shows of them."""
    attempts_, accounts = ([0, *frame[c], frame[c][-1]] for c in ("n_so_far", "n_users_so_far"))
    colour = COLOURS["failure"]
    area = ax.fill_between(x, attempts_, step="pre", color=colour, alpha=0.18, linewidth=0)
    (line,) = ax.step(x, attempts_, where="pre", color=colour, linewidth=1.6)
    ax.set_ylim(0, attempts_[-1] * 1.3)
    beside = canvas(ax.twinx())
    (dashed,) = beside.step(x, accounts, where="pre", color=ACCOUNTS, linewidth=1.4, linestyle=(0, (5, 2)))
    beside.set_ylim(0, max(accounts[-1], 1) * 1.3)
    counts(beside.yaxis)
    beside.set_ylabel("named accounts hit so far")
    beside.yaxis.label.set_color(ACCOUNTS)
    beside.patch.set_visible(False)
    beside.set_visible(accounts[-1] > 0)
    return {"attempts": (area, line)} | ({"accounts": dashed} if accounts[-1] > 0 else {})


def _near(at: float, x: np.ndarray) -> bool:
    """Tell whether a mark lies so near that the curve is still readable when it is shown too."""
    length = max(x[-1] - x[0], 1 / 1440)
    return x[0] - 3 * length <= at <= x[-1] + 3 * length


def _draw_marks(ax: Axes, marks: dict[str, float]) -> None:
    """Draw the marks as lines, their words in two rows so that near ones do not hide each other."""
    for k, (at, name) in enumerate(sorted((at, name) for name, at in marks.items())):
        ax.axvline(at, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1)
        left, right = ax.get_xlim()
        late = at > left + 0.8 * (right - left)  # to the right of it stands the legend
        ax.annotate(
            name, (at, 1), xycoords=ax.get_xaxis_transform(), xytext=(-3 if late else 3, -9 - 11 * (k % 2)),
            textcoords="offset points", fontsize=8, color=INK, ha="right" if late else "left",
            bbox={"facecolor": SHADE, "linewidth": 0, "pad": 1},
        )  # fmt: skip


def _caption(frame: pl.DataFrame, known: dict[str, datetime], start: datetime, step: str) -> str:
    """Tell what it cost in all, and how long after the start the marks lie."""
    whole = frame.row(-1, named=True)
    n = whole["n_users_so_far"]
    accounts = f"{n:,} account{'s' * (n != 1)}" if n else "no account named"
    said = f"{whole['n_so_far']:,} attempts not accepted, {accounts}, steps of {step}"
    after = [
        f"{name} after {spans.duration((at - start).total_seconds())}"
        for name, at in known.items()
        if name != "start" and at >= start
    ]
    return "; ".join([said, *after])

"""The rhythm of one client: the time since its attempt before, with lines at one, two and three periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from smtplogs import _spans as spans
from smtplogs._frames import NOT_ACCEPTED, account, attempts, narrow
from smtplogs.charts import _time as clock
from smtplogs.charts._style import (
    COLOURS,
    INK,
    MUTED,
    canvas,
    caption,
    dots,
    grid,
    legend,
    nothing,
    say_empty,
    styled,
    text,
)
from smtplogs.detect._rhythm import rhythm
from smtplogs.schema import TIME, door

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

ROUND_S = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
SHORTEST = 0.5
"""Attempts within the same moment are drawn here [s]: a logarithm has no zero."""

PIXELS = (1_200, 300)
FEW = 100


@door
def intervals(
    events: pl.DataFrame, *, user: str | None = None, client_ip: str | None = None, stage: str | None = "auth"
) -> pl.DataFrame:
    """Measure the time between attempts of one client that were not accepted.

    Parameters
    ----------
    events
        Event table.
    user, client_ip
        Whose attempts: the account (letter case and a Windows domain before it do not matter), the address, or both. With neither, the pair with
        the most rows that were not accepted.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``user, client_ip, time, outcome``, ``gap_s`` since the attempt before [s] (null for the first), ``period_s``
        [s] if the attempts keep a rhythm (as ``stale_credentials`` measures it), else null; in order of time.
    """
    kept = (
        attempts(events, "user", "client_ip", stage=stage)
        .filter(pl.col("outcome").is_in(NOT_ACCEPTED))
        .drop_nulls("time")
    )
    if user is None and client_ip is None and kept.height:
        pairs = (
            kept.group_by("user", "client_ip").len().sort("len", "user", "client_ip", descending=[True, False, False])
        )
        user, client_ip, _ = pairs.row(0)
    if user is not None:
        kept = kept.filter(account(pl.col("user")) == account(pl.lit(user)))
    if client_ip is not None:
        kept = kept.filter(pl.col("client_ip") == client_ip)
    gap = (pl.col("time") - pl.col("time").shift(1)).dt.total_microseconds() / 1e6
    kept = (
        kept.sort("time", maintain_order=True)
        .select("user", "client_ip", pl.col("time").cast(TIME), pl.col("outcome").cast(pl.String))
        .with_columns(gap.alias("gap_s"))
    )
    beat = rhythm(kept.select(pl.lit(1).alias("all"), "time"), ["all"]).filter("regular") if kept.height > 1 else None
    period = beat["period_s"].item() if beat is not None and beat.height else None
    return kept.with_columns(pl.lit(period, pl.Float64).alias("period_s"))


@styled
def plot_intervals(
    events: Frame,
    *,
    user: str | None = None,
    client_ip: str | None = None,
    tz: str = "UTC",
    stage: str | None = "auth",
    ax: Axes | None = None,
) -> Axes:
    """Draw the time between a client's refused attempts; the numbers are those of ``intervals``.

    A program draws a straight line, people a cloud. Points on the lines 2P and 3P are ticks that were missed, points
    far below P retries. Where no rhythm is kept there are no lines.

    Parameters
    ----------
    events, user, client_ip, stage
        As for ``intervals``.
    tz
        Zone of the time axis.
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
        If `tz` or `stage` cannot be understood.
    """
    ax = canvas(ax)
    ax.set_xlabel(f"time ({spans.zone(tz).key})")
    ax.set_ylabel("time since the attempt before")
    kept = narrow(events, "user", "client_ip")
    frame = intervals(kept, user=user, client_ip=client_ip, stage=stage)
    size = 20 if frame.height <= FEW else 9
    gaps = frame.drop_nulls("gap_s").with_columns(pl.col("gap_s").clip(lower_bound=SHORTEST))
    if gaps.is_empty():
        why = nothing(attempts(kept, stage=stage))
        return say_empty(ax, "one attempt: no interval" if frame.height else why)
    period: float | None = gaps["period_s"][0]
    handles: dict[str, object] = {}
    for outcome, colour in COLOURS.items():
        one = _thinned(gaps.filter(pl.col("outcome") == outcome))
        if one.height:
            handles[outcome] = dots(ax, clock.days(one["time"]), one["gap_s"].to_numpy(), colour, size=size)
    low, high = float(gaps["gap_s"].min()), float(gaps["gap_s"].max())  # pyright: ignore[reportArgumentType]
    if period is not None:
        low, high = min(low, period), max(high, 3 * period)
    _gap_axis(ax, low, high)
    first, last = (clock.day(t) for t in (frame["time"].min(), frame["time"].max()))  # pyright: ignore
    pad = max((last - first) * 0.03, 1 / 86_400)
    ax.set_xlim(first - pad, last + pad)
    if period is not None:
        _draw_periods(ax, period)
    clock.date_axis(ax, tz, doubt=spans.doubts(kept))
    grid(ax, "y")
    who = [str(s) for s in (frame["user"][0] if user or not client_ip else None, client_ip or _addresses(frame)) if s]
    beat = f"every {spans.duration(period)}" if period is not None else "no steady rhythm"
    caption(ax, f"{' at '.join(text(w, 40) for w in who) or 'All'}: {frame.height:,} attempts not accepted, {beat}")
    legend(ax, list(handles.values()), list(handles))
    if ax.get_legend() is not None and period is not None:
        ax.get_legend().set_bbox_to_anchor((1.09, 1.02))  # pyright: ignore[reportOptionalMemberAccess]
    return ax


def _gap_axis(ax: Axes, low: float, high: float) -> None:
    """Make the y axis logarithmic, with ticks at round lengths of time."""
    bottom, top = low / 1.8, high * 1.8
    ax.set_yscale("log")
    ax.set_ylim(bottom, top)
    ax.yaxis.set_major_locator(FixedLocator([r for r in ROUND_S if bottom <= r <= top] or [low, high]))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda s, _: spans.duration(s)))


def _draw_periods(ax: Axes, period: float) -> None:
    """Draw a line at one, two and three periods, each named beside it."""
    for k, va in ((1, "top"), (2, "center"), (3, "bottom")):
        ax.axhline(k * period, color=INK, linewidth=0.8, linestyle="-" if k == 1 else (0, (4, 3)), zorder=2)
        said = f"P = {spans.duration(period)}" if k == 1 else f"{k}P"
        beside = {"xycoords": ax.get_yaxis_transform(), "xytext": (4, 0), "textcoords": "offset points"}
        ax.annotate(said, (1, k * period), va=va, fontsize=8, color=MUTED, **beside)  # pyright: ignore[reportArgumentType]


def _addresses(frame: pl.DataFrame) -> str | None:
    addresses = frame["client_ip"].drop_nulls().unique()
    return addresses[0] if len(addresses) == 1 else f"{len(addresses):,} addresses" if len(addresses) else None


def _thinned(gaps: pl.DataFrame) -> pl.DataFrame:
    """Keep one point of those that would lie on each other."""
    if gaps.height <= PIXELS[0]:
        return gaps
    x, y = pl.col("time").to_physical().cast(pl.Float64), pl.col("gap_s").log()
    spots = [
        ((v - v.min()) / (v.max() - v.min()) * n).fill_nan(0).round().cast(pl.Int64)
        for v, n in zip((x, y), PIXELS, strict=True)
    ]
    return gaps.with_columns(spots[0].alias("_x"), spots[1].alias("_y")).unique(["_x", "_y"], maintain_order=True)

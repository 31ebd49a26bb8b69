"""One throttling episode: what went through and what the limit refused, with the limit as a line."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from smtplogs import _spans as spans
from smtplogs._frames import account, attempts, first_of, narrow
from smtplogs.charts import _time as clock
from smtplogs.charts._bins import series
from smtplogs.charts._style import (
    COLOURS,
    INK,
    RECOVERED,
    SHADE,
    canvas,
    caption,
    counts,
    grid,
    legend,
    say_empty,
    styled,
    text,
)  # fmt: skip
from smtplogs.schema import EVENTS, TIME, door

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

KINDS = ("throttling", "relay_throttling")
OWN = {
    "limiter": pl.String, "limit_key": pl.String, "limit_n": pl.UInt32, "limit_window_s": pl.Float64,
    "limit_method": pl.String, "recovered_at": TIME,
}  # fmt: skip
STAGES = {"throttled_auth": ("auth",), "throttled_sending": ("mail", "rcpt", "data"), "quota_exceeded": ("mail",)}
MOST_BARS = 400
"""At a window shorter than 1/400 of what is drawn bars would be hairlines: then a round bin, and no line."""

RELAY_STAGES = ("mail", "rcpt", "data", "auth", "session", "connect")


@door
def throttling_bins(
    events: pl.DataFrame, finding: Frame, *, around: str | None = None, every: str | None = None, tz: str = "UTC"
) -> pl.DataFrame:
    """Count what went through and what was refused around the first throttling finding, per window of the limit.

    Parameters
    ----------
    events
        Event table.
    finding
        Findings of ``throttling`` or ``findings``; the first of the kinds ``throttling`` and ``relay_throttling``
        counts. Pass ``found[2:3]`` for the third.
    around
        How much to show before and after, as ``"10m"``. None: as long as the episode, at least five windows of the
        limit and five minutes, at most until the next login after it.
    every
        Length of a bin. None: the window of the limit where it is known and not too short, else a round one.
    tz
        Zone of the columns `time` and `end`.

    Returns
    -------
    DataFrame
        ``time, end, outcome, n``: attempts of the limited key (address, account or relay) at the step that the limit
        guards, a row for each pair of bin and outcome seen, zeros included; ``limit``: what the limit allows per bin,
        null where the limit or its window is not known or the bin is another one.
    """
    name = spans.zone(tz).key
    zoned = pl.Datetime("us", name)
    nothing = pl.DataFrame(
        schema={"time": zoned, "end": zoned, "outcome": pl.String, "n": pl.UInt64, "limit": pl.Float64}
    )
    one = first_of(finding, KINDS, OWN)
    if one is None:
        return nothing
    first, last = _span(one, around)
    kept = _mine(events, one).filter(pl.col("time").is_between(first, last))
    if kept.is_empty():
        return nothing
    every = every or _every(one, first, last)
    window = one["limit_window_s"]
    comparable = window is not None and timedelta(seconds=window) == timedelta(seconds=spans.seconds(every))
    limit = float(one["limit_n"]) if comparable and one["limit_n"] is not None else None
    kept = kept.with_columns(pl.col("outcome").cast(pl.String))
    outcomes = [o for o in COLOURS if o in set(kept["outcome"])]
    counted = series(kept, spans.edges(first, last, every, tz), "outcome", outcomes, name)
    return counted.with_columns(limit=pl.lit(limit, pl.Float64))


@styled
def plot_throttling(
    events: Frame,
    finding: Frame,
    *,
    around: str | None = None,
    every: str | None = None,
    tz: str = "UTC",
    ax: Axes | None = None,
) -> Axes:
    """Draw a throttling episode, the limit as a line where it is known; the numbers are those of ``throttling_bins``.

    A limit counts over any stretch of its window, the bars over fixed ones: a bar somewhat below or above the line is
    no contradiction.

    Parameters
    ----------
    events, finding, around, every, tz
        As for ``throttling_bins``. The episode is shaded.
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
        If `tz`, `every` or `around` cannot be understood.
    """
    ax = canvas(ax)
    ax.set_xlabel(f"time ({spans.zone(tz).key})")
    ax.set_ylabel("attempts")
    kept = narrow(events, "user", "client_ip", "relay_host", "side", "cause")
    frame = throttling_bins(kept, finding, around=around, every=every, tz=tz)
    one = first_of(finding, KINDS, OWN)
    if one is None or frame.is_empty():
        return say_empty(ax, "no throttling")
    bins = frame.unique("time", maintain_order=True)
    starts, ends = clock.days(bins["time"]), clock.days(bins["end"])
    handles, highest = _draw_bars(ax, frame, starts, ends)
    limit = frame["limit"][0]
    if limit is not None:
        handles["limit"] = ax.axhline(limit, color=INK, linewidth=1.3, linestyle=(0, (5, 2)), zorder=4)
    a, b = clock.day(one["start"]), clock.day(one["end"] or one["start"])
    ax.axvspan(a, max(b, a + (ends[-1] - starts[0]) / 100), color=SHADE, linewidth=0, zorder=0)
    if one["recovered_at"] is not None and clock.day(one["recovered_at"]) <= ends[-1]:
        at = clock.day(one["recovered_at"])
        handles["let through again"] = ax.plot(
            [at], [0], marker="D", color=RECOVERED, markersize=6, linestyle="none", clip_on=False, zorder=5
        )[0]
    ax.set_xlim(starts[0], ends[-1])
    ax.set_ylim(0, max(highest, limit or 0) * 1.12)
    clock.date_axis(ax, tz, doubt=spans.doubts(kept))
    grid(ax, "y")
    counts(ax.yaxis)
    ax.set_ylabel(f"attempts per {spans.duration((bins['end'][0] - bins['time'][0]).total_seconds())}")
    caption(ax, _caption(one))
    legend(ax, list(handles.values()), list(handles))
    return ax


def _draw_bars(ax: Axes, frame: pl.DataFrame, starts: np.ndarray, ends: np.ndarray) -> tuple[dict[str, object], float]:
    """Stack the outcomes; return the handles for the legend and the height of the highest stack."""
    handles: dict[str, object] = {}
    floor = np.zeros(len(starts))
    # what went through stands on the axis here: it is what the limit counts
    names = sorted(frame["outcome"].unique(), key=lambda o: (o == "throttled", list(COLOURS).index(o)))
    for outcome in names:
        heights = frame.filter(pl.col("outcome") == outcome)["n"].to_numpy()
        handles[outcome] = ax.bar(
            starts, heights, width=ends - starts, bottom=floor, align="edge", color=COLOURS[outcome],
            edgecolor="white", linewidth=0.4 if len(starts) < 150 else 0,
        )  # fmt: skip
        floor = floor + heights
    return handles, float(floor.max())


def _caption(one: dict[str, Any]) -> str:
    """Tell who was limited by what, how often, and the limit as far as it is known."""
    window = one["limit_window_s"]
    if one["limit_n"] is None:
        limit = "limit not known"
    else:
        per = f" in {spans.duration(window)}" if window is not None else " at once"
        limit = f"limit {one['limit_n']:,}{per} ({one['limit_method'] or 'method not told'})"
    limiter = text(one["limiter"] or str(one["cause"] or "a limit").replace("_", " "), 40)
    return f"{text(one['subject'], 40)}, {limiter}: {one['n_events'] or 0:,} refused (shaded); {limit}"


def _span(one: dict[str, Any], around: str | None) -> tuple[datetime, datetime]:
    """Return what to draw: the episode and something around it."""
    start, end = one["start"], one["end"] or one["start"]
    if around is not None:
        pad = timedelta(seconds=spans.seconds(around))
    else:
        pad = max(end - start, 5 * timedelta(seconds=one["limit_window_s"] or 0), timedelta(minutes=5))
    return start - pad, end + pad


def _every(one: dict[str, Any], first: datetime, last: datetime) -> str:
    window = one["limit_window_s"]
    if window and window == int(window) and (last - first).total_seconds() / window <= MOST_BARS:
        return f"{int(window)}s"
    return spans.round_bin(first, last)


def _mine(events: pl.DataFrame, one: dict[str, Any]) -> pl.DataFrame:
    """Return the attempts of the limited key at the step that the limit guards."""
    relay = str(one["kind"]) == "relay_throttling"
    key = "relay_host" if relay else one["limit_key"] or ("user" if one["subject_kind"] == "user" else "client_ip")
    rows = attempts(
        events.with_columns(
            pl.lit(None, EVENTS[c].dtype).alias(c) for c in ("side", "cause", key) if c not in events.columns
        ),
        key,
        stage=None,
    )
    subject = pl.lit(str(one["subject"]))
    mine = account(pl.col(key)) == account(subject) if key == "user" else pl.col(key) == subject
    side = pl.col("side").cast(pl.String).fill_null("server") == ("client" if relay else "server")
    stages = RELAY_STAGES if relay else STAGES.get(str(one["cause"]), ())
    step = pl.col("stage").cast(pl.String).is_in(stages) if stages else pl.lit(value=True)
    return rows.filter(mine, side, step | (pl.col("outcome") == "throttled"))

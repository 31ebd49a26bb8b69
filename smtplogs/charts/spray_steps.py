"""The staircase of a spray: account after account in the order of their first try, and where it got in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.collections import LineCollection

from smtplogs import _spans as spans
from smtplogs._frames import NOT_ACCEPTED, account, attempts, first_of, narrow
from smtplogs._parameters import several
from smtplogs.charts import _time as clock
from smtplogs.charts._style import (
    COLOURS,
    INK,
    MUTED,
    canvas,
    caption,
    counts,
    dots,
    grid,
    legend,
    say_empty,
    styled,
    text,
)  # fmt: skip
from smtplogs.schema import door

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

KINDS = ("spray", "stuffing", "brute_force", "distributed", "enumeration", "spray_rise", "botnet_rise", "takeover")
OWN = {"sources": pl.List(pl.String)}
MOST_WORDS = 20


@door
def spray_steps(
    events: pl.DataFrame, finding: Frame | None = None, *, client_ips: Sequence[str] = (), stage: str | None = "auth"
) -> pl.DataFrame:
    """Number the accounts that some addresses tried, in the order of the first try.

    Parameters
    ----------
    events
        Event table.
    finding
        Findings of ``attacks`` or ``findings``; the first attack counts: its addresses (`client_ip`, else
        `sources`, of which a finding names ten at most), from its start to its end.
    client_ips
        The addresses, if not those of a finding.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``number`` (1 for the first), ``user`` (the account: lower case, without a Windows domain), ``first, last`` try, ``n_not_accepted, n_success``,
        ``first_success``.
    """
    kept = attempts(events, "user", "client_ip", stage=stage).drop_nulls(["time", "user"])
    one = first_of(finding, KINDS, OWN) if finding is not None else None
    addresses = list(several("client_ips", client_ips))
    if one is not None:
        addresses = addresses or ([one["client_ip"]] if one["client_ip"] else list(one["sources"] or []))
        kept = kept.filter(pl.col("time") >= one["start"])
        kept = kept.filter(pl.col("time") <= one["end"]) if one["end"] is not None else kept
    bad, good = pl.col("outcome").is_in(NOT_ACCEPTED), pl.col("outcome") == "success"
    return (
        kept.filter(pl.col("client_ip").is_in(addresses))
        .with_columns(account(pl.col("user")).alias("user"))
        .drop_nulls("user")
        .group_by("user")
        .agg(
            pl.col("time").min().alias("first"),
            pl.col("time").max().alias("last"),
            pl.col("count").filter(bad).sum().alias("n_not_accepted"),
            pl.col("count").filter(good).sum().alias("n_success"),
            pl.col("time").filter(good).min().alias("first_success"),
        )
        .sort("first", "user")
        .with_row_index("number", offset=1)
    )


@styled
def plot_spray(
    events: Frame,
    finding: Frame | None = None,
    *,
    client_ips: Sequence[str] = (),
    tz: str = "UTC",
    stage: str | None = "auth",
    ax: Axes | None = None,
) -> Axes:
    """Draw the accounts tried over time, each on a step of its own; the numbers are those of ``spray_steps``.

    An even staircase is a program that goes through a list; a flat line is one account guessed at. Diamonds are
    accounts that it got into.

    Parameters
    ----------
    events, finding, client_ips, stage
        As for ``spray_steps``.
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
    ax.set_ylabel("accounts tried")
    kept = narrow(events, "user", "client_ip")
    frame = spray_steps(kept, finding, client_ips=client_ips, stage=stage)
    if frame.is_empty():
        return say_empty(ax, "no attempts of these addresses" if client_ips else "no attack to draw: name client_ips")
    first, last, number = clock.days(frame["first"]), clock.days(frame["last"]), frame["number"].to_numpy()
    handles = _draw_tries(ax, first, last, number, frame["n_not_accepted"].to_numpy() > 0) | _draw_entries(ax, frame)
    room = max(last.max() - first.min(), 1e-5)
    ax.set_xlim(first.min() - room * 0.03, last.max() + room * 0.05)
    ax.set_ylim(0, number[-1] * 1.08 + 0.5)
    clock.date_axis(ax, tz, doubt=spans.doubts(kept))
    counts(ax.yaxis)
    grid(ax, "y")
    one = first_of(finding, KINDS, OWN) if finding is not None else None
    caption(ax, _caption(frame, one["subject"] if one is not None and not client_ips else ", ".join(client_ips[:3])))
    legend(ax, list(handles.values()), list(handles))
    return ax


def _draw_tries(
    ax: Axes, first: np.ndarray, last: np.ndarray, number: np.ndarray, refused: np.ndarray
) -> dict[str, object]:
    """Draw the steps, and how long each account was tried; return the handles for the legend."""
    ax.step(
        np.append(first, last.max()), np.append(number, number[-1]), where="post", color=MUTED, linewidth=0.8, zorder=1
    )
    again = LineCollection(
        [[(a, n), (b, n)] for a, b, n in zip(first, last, number, strict=True) if b > a],
        colors=COLOURS["failure"], linewidths=1.2, alpha=0.5, rasterized=len(number) > 5_000,
    )  # fmt: skip
    ax.add_collection(again, autolim=False)
    handles: dict[str, object] = {}
    if refused.any():
        handles["first try"] = dots(ax, first[refused], number[refused], COLOURS["failure"], size=14)
    if len(again.get_segments()):
        handles["until last try"] = again
    return handles


def _draw_entries(ax: Axes, frame: pl.DataFrame) -> dict[str, object]:
    """Mark the accounts that they got into, the first of them by name; return the handle for the legend."""
    got = frame.filter(pl.col("n_success") > 0)
    if got.is_empty():
        return {}
    at, n = clock.days(got["first_success"]), got["number"].to_numpy()
    for x, y, user in zip(at[:MOST_WORDS], n, got["user"], strict=False):
        ax.annotate(text(user, 34), (x, y), xytext=(7, -3), textcoords="offset points", fontsize=8, color=INK)
    return {"got in": ax.scatter(at, n, s=46, marker="D", color=COLOURS["success"], edgecolors=INK, zorder=5)}


def _caption(frame: pl.DataFrame, who: str) -> str:
    """Tell who tried how many accounts, how fast, and with what success."""
    pace = ""
    if frame.height > 1:
        seconds = float(np.median(np.diff(clock.days(frame["first"])))) * 86_400
        pace = f", a new one every {spans.duration(seconds) if seconds >= 1 else 'second or faster'} (median)"
    n_entered = (frame["n_success"] > 0).sum()
    return f"{text(who, 60)}: {frame.height:,} account{'s' * (frame.height > 1)} tried{pace}; got into {n_entered:,}"

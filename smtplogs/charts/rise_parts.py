"""What makes up a rise of failures: what is usual at that time, then who adds how much."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._frames import NOT_ACCEPTED, account, attempts, first_of, narrow, plain
from smtplogs.charts._style import (
    COLOURS,
    MUTED,
    OTHERS,
    canvas,
    caption,
    counts,
    fit_height,
    grid,
    note,
    say_empty,
    styled,
    text,
)  # fmt: skip
from smtplogs.schema import door

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes

    from smtplogs.schema import Frame

KINDS = (
    "outage", "partial_fault", "policy_change", "one_client_rise", "spray_rise", "botnet_rise", "unclear_rise",
)  # fmt: skip
OWN = {"explained_by": pl.List(pl.String)}
DIMENSIONS = ("client_ip", "user", "cause", "mechanism", "service", "host", "helo", "tls", "client_name")
WORDS = {"client_ip": "address", "user": "account", "client_name": "name of the client", "tls": "TLS version"}
MOST_DAYS = 5
USUAL, OTHER, TOTAL = "usual at this time", "all others", "total"
ROW_INCHES = 0.3


@door
def rise_parts(
    events: pl.DataFrame, finding: Frame, *, by: str | None = None, limit: int = 8, stage: str | None = "auth"
) -> pl.DataFrame:
    """Split the attempts not accepted during an incident into what is usual then and what each value adds.

    Usual is the mean of the same stretch of the clock on up to five days before, as far as the events reach back.

    Parameters
    ----------
    events
        Event table.
    finding
        Findings of ``incidents`` or ``findings``; the first rise or outage counts.
    by
        Column whose values share the rise. None: the column that the finding explains it by, else `client_ip`.
    limit
        Values named; the rest become "all others".
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``by`` (the column), ``part``: "usual at this time", the values that add most, "all others", "total";
        ``n``: attempts that it adds (may be fractions and, for values that fail less than usual, below 0),
        ``share`` of the rise (null for usual and total), ``n_days`` that usual rests on.
    """
    schema = {"by": pl.String, "part": pl.String, "n": pl.Float64, "share": pl.Float64, "n_days": pl.UInt32}
    one = first_of(finding, KINDS, OWN)
    first = events["time"].min()
    if one is None or one["end"] is None or first is None:
        return pl.DataFrame(schema=schema)
    by = by or _dimension(one, events)
    value = account(pl.col(by)) if by == "user" else pl.col(by).cast(pl.String)
    kept = (
        attempts(events, by, stage=stage)
        .filter(pl.col("outcome").is_in(NOT_ACCEPTED))
        .select("time", value.fill_null("(none)").alias("part"), pl.col("count").cast(pl.Float64))
    )
    days = [k for k in range(1, MOST_DAYS + 1) if one["start"] - timedelta(days=k) >= first]
    inside = [
        kept.filter(pl.col("time").is_between(one["start"] - timedelta(days=k), one["end"] - timedelta(days=k)))
        for k in [0, *days]
    ]
    now, *before = (rows.group_by("part").agg(pl.col("count").sum()) for rows in inside)
    usual = pl.concat([pl.DataFrame(schema=now.schema), *before]).group_by("part").agg(
        pl.col("count").sum() / max(len(days), 1)
    )  # fmt: skip
    more = (
        now.join(usual, on="part", how="full", coalesce=True, suffix="_usual")
        .fill_null(0.0)
        .select("part", (pl.col("count") - pl.col("count_usual")).alias("n"))
        .sort("n", "part", descending=[True, False])
    )
    rise, base = float(more["n"].sum()), float(usual["count"].sum())
    rows = [(USUAL, base, None), *((p, n, n / rise if rise else None) for p, n in more.head(limit).iter_rows())]
    if more.height > limit:
        rest = float(more["n"][limit:].sum())
        rows.append((OTHER, rest, rest / rise if rise else None))
    rows.append((TOTAL, base + rise, None))
    if not more.height:
        return pl.DataFrame(schema=schema)
    return pl.DataFrame([(by, *row, len(days)) for row in rows], schema=schema, orient="row")


@styled
def plot_rise(
    events: Frame,
    finding: Frame,
    *,
    by: str | None = None,
    limit: int = 8,
    stage: str | None = "auth",
    ax: Axes | None = None,
) -> Axes:
    """Draw what makes up a rise as steps from the usual to the total; the numbers are those of ``rise_parts``.

    Parameters
    ----------
    events, finding, by, limit, stage
        As for ``rise_parts``.
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
    ax.set_xlabel("attempts not accepted")
    frame = rise_parts(narrow(events, *DIMENSIONS, *([by] if by else [])), finding, by=by, limit=limit, stage=stage)
    if frame.is_empty():
        return say_empty(ax, "no rise")
    at, top = 0.0, frame["n"][-1]
    for y, (part, n, share) in enumerate(frame.select("part", "n", "share").iter_rows()):
        whole = part in (USUAL, TOTAL) and share is None
        left = 0.0 if whole else at
        colour = MUTED if whole else OTHERS if part == OTHER else COLOURS["failure" if n >= 0 else "success"]
        ax.barh(y, n, left=left, height=0.62, color=colour, linewidth=0)
        end = max(left, left + n)
        at = left + n
        top = max(top, end)
        said = f"{n:,.0f}" if whole or share is None else f"{n:+,.0f} · {round(100 * share) + 0}%"
        note(ax, said, (end, y))
        if part != TOTAL:
            ax.plot([at, at], [y, y + 1], color=MUTED, linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)
    ax.set_yticks(range(frame.height), [_label(p, frame["by"][0]) for p in frame["part"]])
    ax.set_ylim(frame.height - 0.4, -0.6)
    ax.set_xlim(0, max(top, 1) * 1.18)
    counts(ax.xaxis)
    grid(ax, "x")
    days = frame["n_days"][0]
    base = (
        f"the mean of this time on {days} day{'s' * (days > 1)} before"
        if days
        else "not known: the log begins that day"
    )
    caption(ax, f"The rise by {WORDS.get(frame['by'][0], frame['by'][0].replace('_', ' '))}; usual is {base}")
    fit_height(ax, 0.95 + ROW_INCHES * max(frame.height, 4), fresh=fresh)
    return ax


def _label(part: str, by: str) -> str:
    return plain(part) if by == "cause" else text(part, 40)


def _dimension(one: dict[str, Any], events: pl.DataFrame) -> str:
    """Return the column that the finding explains the rise by, if the events have it."""
    told = str((one["explained_by"] or [""])[0]).partition("=")[0]
    column = {"account": "user", "network": "client_ip", "domain": "user"}.get(told, told)
    return column if column in DIMENSIONS and column in events.columns else "client_ip"

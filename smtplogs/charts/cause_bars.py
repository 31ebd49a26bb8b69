"""Why attempts were not accepted: a bar a cause, coloured by outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs._frames import NOT_ACCEPTED, attempts, narrow, plain
from smtplogs.charts._ranked import Row, draw_ranked
from smtplogs.charts._style import canvas, nothing, percent, say_empty, styled
from smtplogs.schema import door

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from smtplogs.schema import Frame


@door
def cause_counts(events: pl.DataFrame, *, stage: str | None = "auth") -> pl.DataFrame:
    """Count the attempts that were not accepted, per cause and outcome.

    Parameters
    ----------
    events
        Event table.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``cause, outcome, n, share`` (of all attempts not accepted), and where the events have these columns
        ``n_users, n_clients`` (distinct); the most frequent cause first, the rows of one cause together.
    """
    kept = attempts(events, "cause", stage=stage).filter(pl.col("outcome").is_in(NOT_ACCEPTED))
    distinct = {"n_users": "user", "n_clients": "client_ip"}
    return (
        kept.group_by(pl.col("cause").cast(pl.String).fill_null("unknown"), pl.col("outcome").cast(pl.String))
        .agg(
            pl.col("count").sum().alias("n"),
            *(pl.col(c).drop_nulls().n_unique().alias(n) for n, c in distinct.items() if c in kept.columns),
        )
        .with_columns((pl.col("n") / pl.col("n").sum()).alias("share"), pl.col("n").sum().over("cause").alias("_total"))
        .sort("_total", "cause", "n", "outcome", descending=[True, False, True, False])
        .drop("_total")
    )


@styled
def plot_causes(events: Frame, *, limit: int = 12, stage: str | None = "auth", ax: Axes | None = None) -> Axes:
    """Draw how many attempts were not accepted, per cause; the numbers are those of ``cause_counts``.

    Parameters
    ----------
    events, stage
        As for ``cause_counts``.
    limit
        Most causes to draw; the rest become one bar.
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
        If `stage` cannot be understood.
    """
    fresh = ax is None
    ax = canvas(ax)
    ax.set_xlabel("attempts not accepted")
    kept = narrow(events, "cause")
    frame = cause_counts(kept, stage=stage)
    if frame.is_empty():
        return say_empty(ax, nothing(attempts(kept, stage=stage), timed=False))
    parts: dict[str, dict[str, int]] = {}
    for cause, outcome, n in frame.select("cause", "outcome", "n").iter_rows():
        parts.setdefault(cause, {})[outcome] = n
    bars = {plain(cause): parts[cause] for cause in list(parts)[:limit]}
    rest = [parts[cause] for cause in list(parts)[limit:]]
    if rest:
        outcomes = {outcome for part in rest for outcome in part}
        bars[f"{len(rest)} other causes"] = {o: sum(part.get(o, 0) for part in rest) for o in outcomes}
    whole = frame["n"].sum()
    rows = [Row(label, p, f"{sum(p.values()):,} · {percent(sum(p.values()), whole)}") for label, p in bars.items()]
    return draw_ranked(ax, rows, fresh=fresh)

"""Which clients failed most: a bar per user and address, coloured by outcome, with the running share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from smtplogs._frames import NOT_ACCEPTED, attempts, narrow
from smtplogs._visible import shorten
from smtplogs.charts._ranked import Row, draw_ranked
from smtplogs.charts._style import canvas, nothing, percent, say_empty, styled
from smtplogs.schema import OUTCOMES, door

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from smtplogs.schema import Frame


@door
def client_counts(events: pl.DataFrame, *, limit: int | None = None, stage: str | None = "auth") -> pl.DataFrame:
    """Rank the clients by attempts that were not accepted: account and address, or account and upstream relay.

    Parameters
    ----------
    events
        Event table.
    limit
        Keep this many; the shares stay those of the whole.
    stage
        SMTP step that counts; None counts refusals and limits of all steps.

    Returns
    -------
    DataFrame
        ``user, client_ip, relay_host, n_not_accepted, share`` (of all attempts not accepted), ``running_share``, a column ``n_<outcome>``
        for each outcome, ``first`` and ``last`` attempt not accepted. Clients that were always accepted are left out.
    """
    kept = attempts(events, "user", "client_ip", stage=stage)
    if "relay_host" not in kept.columns:
        kept = kept.with_columns(pl.lit(None, pl.String).alias("relay_host"))
    failed = pl.col("outcome").is_in(NOT_ACCEPTED)
    ranked = (
        kept.group_by("user", "client_ip", "relay_host")
        .agg(
            pl.col("count").filter(failed).sum().alias("n_not_accepted"),
            *(pl.col("count").filter(pl.col("outcome") == o).sum().alias(f"n_{o}") for o in OUTCOMES if o != "info"),
            pl.col("time").filter(failed).min().alias("first"),
            pl.col("time").filter(failed).max().alias("last"),
        )
        .filter(pl.col("n_not_accepted") > 0)
        .sort(-pl.col("n_not_accepted").cast(pl.Int64), "user", "client_ip", "relay_host", nulls_last=True)
        .with_columns((pl.col("n_not_accepted") / pl.col("n_not_accepted").sum()).alias("share"))
        .with_columns(pl.col("share").cum_sum().alias("running_share"))
    )
    outcomes = [f"n_{o}" for o in OUTCOMES if o != "info"]
    ranked = ranked.select(
        "user", "client_ip", "relay_host", "n_not_accepted", "share", "running_share", *outcomes, "first", "last"
    )
    return ranked if limit is None else ranked.head(limit)


@styled
def plot_clients(events: Frame, *, limit: int = 15, stage: str | None = "auth", ax: Axes | None = None) -> Axes:
    """Draw the clients that failed most; the numbers are those of ``client_counts``.

    Successes are drawn too: a client that fails and succeeds is another case than one that only fails. The figures at
    the right are the attempts not accepted and the running share of all such attempts.

    Parameters
    ----------
    events, stage
        As for ``client_counts``.
    limit
        Most clients to draw; the axis label says how many are left out.
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
    kept = narrow(events, "user", "client_ip", "relay_host")
    everything = client_counts(kept, stage=stage)
    left_out = max(everything.height - limit, 0)
    more = f"; {left_out:,} more clients not drawn" if left_out else ""
    ax.set_xlabel(f"attempts (figures: not accepted · running share of all not accepted{more})")
    if everything.is_empty():
        return say_empty(ax, nothing(attempts(kept, stage=stage), timed=False))
    rows = [
        Row(
            _label(client["user"], client["client_ip"] or client["relay_host"]),
            {outcome: client[f"n_{outcome}"] for outcome in OUTCOMES if outcome != "info"},
            f"{client['n_not_accepted']:,} · {percent(client['running_share'], 1)}",
        )
        for client in everything.head(limit).iter_rows(named=True)
    ]
    return draw_ranked(ax, rows, fresh=fresh)


def _label(user: str | None, address: str | None) -> str:
    return f"{shorten(user, 30) if user else '(no user logged)'}  {shorten(address, 22) if address else '(no address)'}"

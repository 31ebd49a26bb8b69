"""Events as detectors use them: attempts to log in, by account and client; chains of them."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
from polars.exceptions import PolarsError

from smtplogs._frames import account as account  # detectors ask here
from smtplogs._parameters import several
from smtplogs.errors import MissingColumns
from smtplogs.schema import lacking, need

if TYPE_CHECKING:
    from collections.abc import Sequence

NEEDED = ("time", "stage", "outcome", "user", "client_ip")
ALSO_USED = ("cause", "count", "side", "protocol", "source", "line_no")
POLICY_CAUSES = ("oauth_required", "auth_disabled_by_policy", "access_policy_denied", "account_action_required")
"""Refused by a rule, whatever the secret: no guess, and no sign of a lock."""

ORDER = ("time", "source_id", "line_no", "ok", "client_id")
RUN = ["account_id", "run"]
"""What the refusals between two logins of an account have in common."""


@functools.cache
def duration(text: str, parameter: str) -> timedelta:
    """Return a Polars duration string such as ``"15m"`` as a timedelta; a ValueError names the parameter."""
    origin = datetime(1970, 1, 1)  # noqa: DTZ001 - only a difference leaves this function
    try:
        span = pl.select(pl.lit(origin).dt.offset_by(text) - pl.lit(origin)).item()
    except (PolarsError, TypeError):
        span = timedelta(0)
    if span <= timedelta(0):
        raise ValueError(f'{parameter}={text!r} is no duration; write one like "90s", "15m", "6h" or "1d"')
    return span


def client_columns(events: pl.LazyFrame, client: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that, with the account, tell one client from another.

    Raises
    ------
    MissingColumns
        If the events lack one: often an address stands in its place.
    """
    names = several("client", client)
    present = events.collect_schema().names()
    strange = [name for name in names if name not in present]
    if strange:
        raise MissingColumns(
            f"client={list(client)!r} must name columns that tell clients apart, such as client_ip and helo, and the events "
            f"have no {', '.join(strange)}; clients(events, client=...) shows what one client did"
        )
    return names


def login_attempts(
    events: pl.LazyFrame, *, protocols: Sequence[str] = ("smtp",), client: Sequence[str] = ("client_ip",)
) -> pl.DataFrame:
    """Return the attempts that our server judged, or could not judge, in order of account and time.

    Stage auth, side server, a time, and outcome success, failure or deferred; the others say nothing about the secret.

    Returns
    -------
    DataFrame
        ``time, user, account`` (normal form), ``client_ip, n`` (how many times), ``cause, ok`` (accepted), ``bad``
        (credentials rejected; neither: deferred), ``source, line_no`` and numbers that stand for texts, in the order
        of the texts: ``account_id, ip_id, client_id, source_id``.
    """
    need(events, *NEEDED)
    client = client_columns(events, client)
    tries = (
        events.with_columns(lacking(events, ALSO_USED))
        .filter(
            pl.col("stage") == "auth",
            pl.col("side").fill_null("server") == "server",
            pl.col("protocol").fill_null("smtp").cast(pl.String).is_in(several("protocols", protocols)),
            pl.col("outcome").is_in(["success", "failure", "deferred"]),
            pl.col("time").is_not_null(),
            pl.col("count").fill_null(1) > 0,
        )
        .select(
            "time",
            "user",
            account(pl.col("user")).alias("account"),
            "client_ip",
            pl.when(pl.col("client_ip").is_not_null())
            .then(pl.concat_str([pl.col(c).cast(pl.String) for c in client], separator="\x1f", ignore_nulls=True))
            .alias("client"),
            pl.col("count").fill_null(1).cast(pl.Int64).alias("n"),
            "cause",
            (pl.col("outcome") == "success").alias("ok"),
            (pl.col("outcome") == "failure").alias("bad"),
            "source",
            "line_no",
        )
        .collect()
    )
    numbers = {"account_id": "account", "ip_id": "client_ip", "client_id": "client", "source_id": "source"}
    return (
        tries.with_columns(_numbers(tries[text]).alias(number) for number, text in numbers.items())
        .drop("client")
        .sort("account_id", *ORDER)
    )


def _numbers(texts: pl.Series) -> pl.Series:
    """Number the texts in their own order: as fast to sort and group as integers, and the same for any input order."""
    return texts.cast(pl.Enum(texts.unique().drop_nulls().sort())).to_physical().cast(pl.UInt32)


def ordered(rows: pl.DataFrame, group: str, order: Sequence[str], *ties: str) -> pl.DataFrame:
    """Return rows by group, and in this order within it.

    Those of a log mostly stand in their order already: to see that, and to sort by the group alone, takes far less.
    """
    later = pl.lit(value=False)
    for column in reversed(order):
        before = pl.col(column).shift(1)
        later = (pl.col(column) > before) | ((pl.col(column) == before) & later)
    in_order = rows.select((later | (pl.int_range(pl.len()) == 0)).fill_null(value=False).all()).item()
    return rows.sort(group, maintain_order=True) if in_order else rows.sort(group, *order, *ties)


def chained(rows: pl.DataFrame, by: Sequence[str], pause: timedelta) -> pl.DataFrame:
    """Number the chains of refusals (`chain`): rows of one group, in order, without a longer pause between two."""
    new = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in by)
    new = new | (pl.col("time") - pl.col("time").shift(1) > pause).fill_null(False)
    return rows.with_columns((new | (pl.int_range(pl.len()) == 0)).cast(pl.UInt32).cum_sum().alias("chain"))


def dense(rows: pl.DataFrame, failures: int, within: timedelta, counted: pl.Expr | None = None) -> pl.Series:
    """Tell the rows that complete `failures` failures of their chain within that time; `n` counts as so many.

    Rows for which `counted` is false neither count nor are told.
    """
    weight = pl.col("n").clip(upper_bound=failures)
    weight = weight if counted is None else pl.when(counted).then(weight).otherwise(0)
    each = rows.select(pl.int_range(pl.len()).repeat_by(weight).explode().alias("row")).drop_nulls()["row"]
    spelled_out = rows.select("chain", "time")[each].with_columns(each)
    # chains lie one after another, so that no window over them is needed
    earlier = pl.col("chain", "time").shift(failures - 1).name.suffix("_before")
    spelled_out = spelled_out.with_columns(earlier)
    close = (pl.col("chain") == pl.col("chain_before")) & (pl.col("time") - pl.col("time_before") <= within)
    hits = spelled_out.filter(close.fill_null(False))["row"].unique()
    return rows.select(pl.int_range(pl.len()).is_in(hits.implode()).alias("dense")).to_series()


def failed_within(rows: pl.DataFrame, refusals: pl.DataFrame, within: timedelta) -> pl.DataFrame:
    """Add how many failures (`failed`) the chain of each row had within that time up to its `reached`, bounds included."""
    # sums up to both ends of the window: a join of rows with all refusals could grow beyond memory
    rows = _so_far(rows, refusals, pl.col("reached"), "until_end", exact=True)
    rows = _so_far(rows, refusals, pl.col("reached") - within, "until_start", exact=False)
    return rows.with_columns(failed=pl.col("until_end") - pl.col("until_start")).drop("until_end", "until_start")


def _so_far(rows: pl.DataFrame, refusals: pl.DataFrame, moment: pl.Expr, name: str, *, exact: bool) -> pl.DataFrame:
    """Add how many failures the chain of each row had until a moment; `exact`: those of that moment too."""
    here = refusals.join(rows.select("chain").unique(), on="chain", how="semi", maintain_order="left")
    sums = here.filter(~pl.col("said")).select(
        "chain", pl.col("time").alias("moment"), pl.col("n").cum_sum().over("chain").alias(name)
    )
    return (
        rows.with_columns(moment.alias("moment"))
        .sort("moment", maintain_order=True)
        .join_asof(
            sums.sort("moment", maintain_order=True),
            on="moment",
            by="chain",
            strategy="backward",
            allow_exact_matches=exact,
            check_sortedness=False,
        )
        .drop("moment")
        .with_columns(pl.col(name).fill_null(0))
    )

"""What addresses that never logged in did together: sums over the whole log, and lines spread evenly over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._findings import MOST_LINES
from smtplogs.detect._ledger import attempts
from smtplogs.schema import TIME, reference

if TYPE_CHECKING:
    from smtplogs.detect._ledger import Ledger

MOST_NAMES = 10
FAILED = ["failure"]
WRITTEN = (pl.col("source").is_not_null(), pl.col("line_no").is_not_null())
HOUR = pl.col("time").dt.truncate("1h").alias("hour")


class Hours:
    """How many failures of some addresses (`ip_id`) the log has a line of, hour by hour; taken piece by piece."""

    def __init__(self, addresses: pl.DataFrame) -> None:
        """Take the failures of these addresses."""
        self.addresses = addresses
        self._parts = [pl.DataFrame(schema={"hour": TIME, "n": pl.Int64})]

    def add(self, piece: pl.DataFrame) -> None:
        """Take those of one piece of the log."""
        if self.addresses.height:
            rows = piece.filter("bad", *WRITTEN).join(self.addresses, on="ip_id", how="semi")
            self._parts.append(rows.group_by(HOUR).agg(pl.len().cast(pl.Int64).alias("n")))

    def without(self, others: Hours) -> pl.DataFrame:
        """Return ``hour, n`` in order of time, but for what others, some of these addresses, did."""
        less = [part.with_columns(-pl.col("n")) for part in others._parts]
        return (
            pl.concat([*self._parts, *less])
            .group_by("hour")
            .agg(pl.col("n").sum())
            .filter(pl.col("n") > 0)
            .sort("hour")
        )


def crowd_facts(ledger: Ledger, crowd: pl.DataFrame, strangers: Hours) -> dict[str, Any]:
    """Return the figures of the one finding for all of a crowd of addresses (`ip_id`), and the lines behind it.

    `strangers`: what those did of whom the crowd is nearly all.
    """
    refused = ledger.refused.join(crowd, on="ip_id", how="semi").filter(pl.col("n_bad") > 0)
    causes = ledger.causes.join(crowd, on="ip_id", how="semi")
    named = refused.select("account_id").drop_nulls().unique()
    known = ledger.logins.select("account_id").unique()
    apart = Hours(strangers.addresses.join(crowd, on="ip_id", how="anti"))
    if apart.addresses.height:
        theirs = ledger.refused.join(apart.addresses, on="ip_id", how="semi")["client_ip"].cast(pl.String).unique()
        where = pl.col("client_ip").is_in(theirs.implode())
        for piece in attempts(ledger, "source", "line_no", outcomes=FAILED, where=where, numbered=True):
            apart.add(piece)
    return {
        "start": causes["first_bad"].min(),
        "end": causes["last_bad"].max(),
        "n": refused["n_bad"].sum(),
        "n_sources": refused["ip_id"].n_unique(),
        "sources": _most(refused, "client_ip"),
        "n_names": named.height,
        "n_known": named.join(known, on="account_id", how="semi").height,
        "names": _most(refused, "user"),
        "cause": [*_most(causes, "cause"), None][0],
        "n_logins": ledger.logins["n_ok"].sum(),
        "evidence": _spread(ledger, crowd, strangers.without(apart)),
    }


def _most(rows: pl.DataFrame, column: str) -> list[str]:
    """Return the values with the most failures, the most first."""
    sums = rows.drop_nulls(column).group_by(column).agg(pl.col("n_bad").cast(pl.Int64).sum())
    order = column if column == "cause" else pl.col(column).cast(pl.String)
    return sums.sort("n_bad", order, descending=[True, False])[column].cast(pl.String).head(MOST_NAMES).to_list()


def _spread(ledger: Ledger, crowd: pl.DataFrame, hours: pl.DataFrame) -> list[str]:
    """Return the lines of a crowd, evenly spread, the first and the last among them: only their hours are read."""
    n = int(hours["n"].sum())
    if not n:
        return []
    most = min(MOST_LINES, n)
    # as `spread` does: the first row of each of so many equal parts, and the last
    places = sorted({-(-k * (n - 1) // max(most - 1, 1)) for k in range(most)})
    first = hours.with_columns((pl.col("n").cum_sum() - pl.col("n")).alias("first"))
    wanted = pl.DataFrame({"place": places}, schema={"place": pl.Int64}).join_asof(
        first.select("hour", "first"), left_on="place", right_on="first", strategy="backward"
    )
    chosen = []
    inside = pl.col("time").dt.truncate("1h").is_in(wanted["hour"].unique().implode())
    for piece in attempts(ledger, "source", "line_no", outcomes=FAILED, where=inside, numbered=True):
        rows = piece.filter(*WRITTEN).join(crowd, on="ip_id", how="semi")
        rows = rows.sort("time", "line_no", "source_id").with_columns(HOUR)
        rows = rows.join(first.select("hour", "first"), on="hour", maintain_order="left")
        place = pl.col("first") + pl.int_range(pl.len()).over("hour")
        told = rows.with_columns(place.alias("place")).join(wanted.select("place"), on="place", how="semi")
        chosen.append(told.select("place", reference().alias("line")))
    return pl.concat(chosen).sort("place")["line"].unique(maintain_order=True).to_list() if chosen else []

"""What a whole log says of accounts and addresses before single attempts are looked at: sums, and numbers for texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._slices import judged, pieces, sliced
from smtplogs.schema import TIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtplogs.detect._slices import Slices

SPRAYED = 3
"""An address that never logged in and failed on so many accounts is told as an address, not account by account."""

SPRAY_SHARE = 0.2
"""Accounts with a login, of all that an address tried: published sprays reach 0.06, a school behind NAT 0.47."""

OUTCOMES = ("success", "failure", "deferred")
SPLIT = "\x1f"


@dataclass(frozen=True)
class Ledger:
    """The attempts of a log, and their sums by account and address.

    `pairs`: a row an account (null: no name) and address: ``account_id, ip_id, account, client_ip, n_bad`` (failures),
    ``n_ok, n_refused`` (rows), ``said`` (the server spoke of a lock), ``first_bad, last_bad, first_ok, last_ok``.
    `numbers`: of each text the numbers of its categories, in the order of the texts.
    """

    slices: Slices
    where: pl.Expr
    client: tuple[str, ...]
    pairs: pl.DataFrame
    numbers: dict[str, pl.Series]

    def refused(self) -> tuple[Any, ...]:
        """Return when the first and the last attempt was refused, how many were, and what share of them has no name."""
        n = pl.col("n_bad")
        share = n.filter(pl.col("account_id").is_null()).sum() / n.sum()
        sums = pl.col("first_bad").min(), pl.col("last_bad").max(), n.sum(), share.fill_nan(0.0).alias("share")
        return self.pairs.select(sums).row(0)


def ledger_of(events: pl.LazyFrame, *, protocols: Sequence[str], client: Sequence[str]) -> Ledger:
    """Sum up the attempts that our server judged, or could not judge: stage auth, success, failure or deferred."""
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip", *client)
    where = judged(protocols) & pl.col("outcome").is_in(list(OUTCOMES))
    told = Ledger(slices, where, tuple(client), pl.DataFrame(), {})
    pair = ["account", "client_ip"]
    sums: list[pl.DataFrame] = [_nothing()]
    clients = []
    for piece in attempts(told, "account"):
        n = pl.col("n")
        part = piece.group_by(pair).agg(
            n.filter("bad").sum().alias("n_bad"),
            pl.col("ok").sum().cast(pl.Int64).alias("n_ok"),
            (~pl.col("ok")).sum().cast(pl.Int64).alias("n_refused"),
            (pl.col("cause") == "account_locked").fill_null(False).any().alias("said"),
            pl.col("time").filter("bad").min().alias("first_bad"),
            pl.col("time").filter("bad").max().alias("last_bad"),
            pl.col("time").filter("ok").min().alias("first_ok"),
            pl.col("time").filter("ok").max().alias("last_ok"),
        )
        sums.append(part)
        clients.append(piece["client"].unique())
        if len(sums) > 4:
            sums = [_added(sums)]
    pairs = _added(sums)
    numbers = {
        "account": _numbers(pairs["account"]),
        "client_ip": _numbers(pairs["client_ip"]),
        "client": _numbers(pl.concat(clients) if clients else pairs["client_ip"]),
    }
    ids = (
        _number(pairs, numbers, text).alias(name) for text, name in (("account", "account_id"), ("client_ip", "ip_id"))
    )
    return Ledger(slices, where, told.client, pairs.with_columns(list(ids)), numbers)


def attempts(
    ledger: Ledger, *columns: str, where: pl.Expr | None = None, numbered: bool = False
) -> Iterator[pl.DataFrame]:
    """Yield the attempts of each piece: ``time, client_ip, client, n`` (how many times), ``cause, ok, bad`` and columns.

    `client` tells one client of an account from another. `numbered` adds ``account_id, ip_id, client_id`` of the whole
    log and ``source_id``, in the order of the texts within the piece: times part the pieces.
    """
    names = dict.fromkeys(["client_ip", "outcome", "count", "cause", *ledger.client, *columns])
    for piece in pieces(ledger.slices, *names, where=ledger.where if where is None else ledger.where & where):
        if ledger.client == ("client_ip",):
            client = pl.col("client_ip")
        else:
            parts = [pl.col(c).cast(pl.String) for c in ledger.client]
            client = pl.concat_str(parts, separator=SPLIT, ignore_nulls=True).cast(pl.Categorical)
        rows = piece.select(
            "time",
            *dict.fromkeys(["client_ip", *columns]),
            pl.when(pl.col("client_ip").is_not_null()).then(client).alias("client"),
            pl.col("count").fill_null(1).cast(pl.Int64).alias("n"),
            "cause",
            (pl.col("outcome") == "success").alias("ok"),
            (pl.col("outcome") == "failure").alias("bad"),
        )
        if numbered:
            ids = {"account": "account_id", "client_ip": "ip_id", "client": "client_id"}
            known = (
                _number(rows, ledger.numbers, text).alias(name) for text, name in ids.items() if text in rows.columns
            )
            here = {"source": _numbers(rows["source"])}
            rows = rows.with_columns(*known, _number(rows, here, "source").alias("source_id"))
        yield rows


def address_book(ledger: Ledger) -> pl.DataFrame:
    """Return what each address that failed did in the whole log.

    ``ip_id, n_failed, names_failed, names_ok`` (accounts), ``stranger`` (was never seen to log in), ``sprays`` (failed
    on 3 accounts or more and got into less than a fifth of them), ``n_rows`` (attempts).
    """
    named = pl.col("account_id").is_not_null()
    few = pl.col("names_ok") < SPRAY_SHARE * pl.col("names_failed")
    return (
        ledger.pairs.filter(pl.col("ip_id").is_not_null())
        .group_by("ip_id")
        .agg(
            pl.col("n_bad").sum().alias("n_failed"),
            (named & (pl.col("n_bad") > 0)).sum().alias("names_failed"),
            (named & (pl.col("n_ok") > 0)).sum().alias("names_ok"),
            pl.col("n_ok").sum(),
            (pl.col("n_ok") + pl.col("n_refused")).sum().alias("n_rows"),
        )
        .filter(pl.col("n_failed") > 0)
        .with_columns(
            (pl.col("n_ok") == 0).alias("stranger"), ((pl.col("names_failed") >= SPRAYED) & few).alias("sprays")
        )
        .drop("n_ok")
    )


def _nothing() -> pl.DataFrame:
    text, n = pl.Categorical(), pl.Int64()
    return pl.DataFrame(
        schema={"account": text, "client_ip": text, "n_bad": n, "n_ok": n, "n_refused": n, "said": pl.Boolean}
        | dict.fromkeys(("first_bad", "last_bad", "first_ok", "last_ok"), TIME)
    )


def _added(parts: list[pl.DataFrame]) -> pl.DataFrame:
    return (
        pl.concat(parts)
        .group_by("account", "client_ip")
        .agg(
            pl.col("n_bad", "n_ok", "n_refused").sum(),
            pl.col("said").any(),
            pl.col("first_bad").min(),
            pl.col("last_bad").max(),
            pl.col("first_ok").min(),
            pl.col("last_ok").max(),
        )
    )


def _numbers(texts: pl.Series) -> pl.Series:
    """Return, at the place of each category, the number of its text among these texts in their order."""
    distinct = texts.unique().drop_nulls().alias("text")
    codes = pl.DataFrame({"code": distinct.to_physical(), "text": distinct.cast(pl.String)})
    ranks = codes.sort("text").with_row_index("rank").select("code", "rank")
    places = pl.DataFrame(
        {"code": pl.int_range(distinct.len() and ranks["code"].max() + 1, dtype=pl.UInt32, eager=True)}
    )  # pyright: ignore
    return places.join(ranks, on="code", how="left", maintain_order="left")["rank"]


def _number(frame: pl.DataFrame, numbers: dict[str, pl.Series], text: str) -> pl.Series:
    """Return the numbers of a column of texts."""
    return numbers[text].gather(frame[text].to_physical())

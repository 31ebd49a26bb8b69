"""What a whole log says of accounts and addresses before single attempts are looked at: sums, and numbers for texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.detect._attempts import account, client_columns
from smtplogs.detect._slices import judged, pieces, sliced
from smtplogs.detect._sums import Sums, summed
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
PAIR = ["user", "client_ip"]
REFUSED = {"n_bad": pl.UInt32(), "n_put_off": pl.UInt32(), "said": pl.Boolean()}
LOGINS = {"n_ok": pl.UInt32(), "first_ok": TIME, "last_ok": TIME}
CAUSES = {"n_bad": pl.UInt32(), "first_bad": TIME, "last_bad": TIME}


@dataclass(frozen=True)
class Ledger:
    """The attempts of a log that our server judged, or could not judge, and their sums.

    `refused` and `logins`: a row a login as logged (null: no name) and address, ``user, client_ip, account_id, ip_id``
    with ``n_bad`` (failures), ``n_put_off`` (rows), ``said`` (the server spoke of a lock), and with ``n_ok`` (rows),
    ``first_ok, last_ok``. `causes`: of each address and cause ``n_bad, first_bad, last_bad``. `numbers`: at the place
    of each category the number of its text, in the order of the texts.
    """

    slices: Slices
    where: pl.Expr
    client: tuple[str, ...]
    refused: pl.DataFrame = field(default_factory=pl.DataFrame)
    logins: pl.DataFrame = field(default_factory=pl.DataFrame)
    causes: pl.DataFrame = field(default_factory=pl.DataFrame)
    numbers: dict[str, pl.Series] = field(default_factory=dict)

    def span(self) -> tuple[Any, ...]:
        """Return when the first and the last attempt was refused, how many were, and what share of them has no name."""
        n = self.refused.select(
            pl.col("n_bad").cast(pl.Int64).sum(),
            pl.col("n_bad").filter(pl.col("account_id").is_null()).sum().alias("no"),
        )
        first, last = self.causes.select(pl.col("first_bad").min(), pl.col("last_bad").max()).row(0)
        total, nameless = n.row(0)
        return first, last, total, nameless / total if total else 0.0


def ledger_of(events: pl.LazyFrame, *, protocols: Sequence[str], client: Sequence[str]) -> Ledger:
    """Sum up the attempts at stage auth that succeeded, failed or were put off."""
    slices = sliced(events, "time", "stage", "outcome", "user", "client_ip")
    client = client_columns(events, client)
    where = judged(protocols) & pl.col("outcome").is_in(list(OUTCOMES))
    bare = Ledger(slices, where, tuple(client))
    refused, logins, causes, clients = (
        Sums(PAIR, REFUSED),
        Sums(PAIR, LOGINS),
        Sums(["client_ip", "cause"], CAUSES),
        [],
    )
    for piece in attempts(bare, "user"):
        bad = piece.filter(~pl.col("ok")).with_columns(
            pl.when("bad").then("n").otherwise(0).alias("n_bad"),
            (~pl.col("bad")).cast(pl.UInt32).alias("n_put_off"),
            (pl.col("cause") == "account_locked").fill_null(False).alias("said"),
        )
        n, time = pl.col("n_bad").sum(), pl.col("time")
        refused.add(summed(bad, PAIR, n, pl.col("n_put_off").sum(), pl.col("said").any()))
        ends = time.min().alias("first_bad"), time.max().alias("last_bad")
        causes.add(summed(bad.filter("bad"), ["client_ip", "cause"], n, *ends))
        ends = time.min().alias("first_ok"), time.max().alias("last_ok")
        logins.add(summed(piece.filter("ok"), PAIR, pl.len().alias("n_ok"), *ends))
        clients.append(piece["client"].unique())
    tables = refused.all(), logins.all()
    users, ips = (pl.concat([t[c].unique() for t in tables]).unique() for c in PAIR)
    accounts = users.cast(pl.String).to_frame("user").select(account(pl.col("user")).alias("account")).to_series()
    numbers = {
        "user": _placed(users, _ranked(accounts)),
        "client_ip": _placed(ips, _ranked(ips.cast(pl.String))),
    }
    own = pl.concat(clients).unique() if clients and client != ("client_ip",) else ips
    numbers["client"] = _placed(own, _ranked(own.cast(pl.String)))
    ids = {"account_id": "user", "ip_id": "client_ip"}
    known = (t.with_columns(_number(t, numbers, text).alias(name) for name, text in ids.items()) for t in tables)
    refusals, successes = known
    whence = causes.all()
    whence = whence.with_columns(_number(whence, numbers, "client_ip").alias("ip_id"))
    return Ledger(slices, where, bare.client, refusals, successes, whence, numbers)


def attempts(
    ledger: Ledger,
    *columns: str,
    outcomes: Sequence[str] = OUTCOMES,
    where: pl.Expr | None = None,
    numbered: bool = False,
) -> Iterator[pl.DataFrame]:
    """Yield the attempts of each piece: ``time, client_ip, client, n`` (how many times), ``cause, ok, bad`` and columns.

    `client` tells one client of an account from another. `numbered` adds numbers in the order of the texts:
    ``account_id`` (with `user`), ``ip_id, client_id`` of the whole log, ``source_id`` (with `source`) of the piece:
    times part the pieces.
    """
    names = dict.fromkeys(["client_ip", "outcome", "count", "cause", *ledger.client, *columns])
    words = {"stage": ["auth"], "outcome": outcomes}
    where = ledger.where if where is None else ledger.where & where
    for piece in pieces(ledger.slices, *names, words=words, where=where):
        client = pl.col("client_ip")
        if ledger.client != ("client_ip",):
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
            ids = {"user": "account_id", "client_ip": "ip_id", "client": "client_id"}
            known = [_number(rows, ledger.numbers, text).alias(i) for text, i in ids.items() if text in rows.columns]
            if "source" in columns:
                distinct = rows["source"].unique()
                here = {"source": _placed(distinct, _ranked(distinct.cast(pl.String)))}
                known.append(_number(rows, here, "source").alias("source_id"))
            rows = rows.with_columns(known)
        yield rows


def address_book(ledger: Ledger) -> pl.DataFrame:
    """Return what each address that failed did in the whole log.

    ``ip_id, n_failed, names_failed, names_ok`` (accounts), ``stranger`` (was never seen to log in), ``sprays`` (failed
    on 3 accounts or more and got into less than a fifth of them), ``n_rows`` (about how many attempts).
    """
    few = pl.col("names_ok") < SPRAY_SHARE * pl.col("names_failed")
    account_id = pl.col("account_id").drop_nulls().n_unique()
    failed = ledger.refused.filter(pl.col("n_bad") > 0, pl.col("ip_id").is_not_null())
    logins = ledger.logins.filter(pl.col("ip_id").is_not_null())
    n_bad = pl.col("n_bad").cast(pl.Int64).sum()
    return (
        failed.group_by("ip_id")
        .agg(n_bad.alias("n_failed"), account_id.alias("names_failed"))
        .join(logins.group_by("ip_id").agg(pl.col("n_ok").sum(), account_id.alias("names_ok")), on="ip_id", how="left")
        .with_columns(pl.col("n_ok", "names_ok").fill_null(0))
        .with_columns(
            (pl.col("n_ok") == 0).alias("stranger"),
            ((pl.col("names_failed") >= SPRAYED) & few).alias("sprays"),
            (pl.col("n_failed") + pl.col("n_ok")).alias("n_rows"),
        )
        .drop("n_ok")
    )


def _ranked(texts: pl.Series) -> pl.Series:
    """Return the number of each text among them, in their order; null for none."""
    return (texts.rank("dense") - 1).cast(pl.UInt32)


def _placed(distinct: pl.Series, numbers: pl.Series) -> pl.Series:
    """Return the numbers of distinct categories, each at the place of its category."""
    codes = pl.DataFrame({"code": distinct.to_physical(), "number": numbers}).drop_nulls("code")
    places = pl.int_range((codes["code"].max() or 0) + 1, dtype=pl.UInt32, eager=True).alias("code").to_frame()  # pyright: ignore
    return places.join(codes, on="code", how="left", maintain_order="left")["number"]


def _number(frame: pl.DataFrame, numbers: dict[str, pl.Series], text: str) -> pl.Series:
    """Return the numbers of a column of texts."""
    return numbers[text].gather(frame[text].to_physical())

"""OpenSMTPD: a refused login is two lines; its address stands on a third; mails do not say that the client logged in."""

from __future__ import annotations

import polars as pl

from smtplogs.linking._folding import folded
from smtplogs.linking._sessions import lent
from smtplogs.schema import RECORDS

_REPEATED = (535, 421)
"""Codes of the failed command that repeats the result of a login."""


def linked(rows: pl.DataFrame) -> pl.DataFrame:
    """Link the records of sessions.

    `permfail` and the failed command with 535 right after it are one attempt, as are `tempfail` and 421; any other
    failed AUTH command stands alone. A message counts as one with a login where the session had one before.
    """
    rows = lent(rows)
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    attempt = pl.col("stage") == "auth"
    verdict = pl.col("pattern").str.starts_with("auth_refused") | pl.col("pattern").str.starts_with("auth_deferred")
    repeat = pl.col("pattern").str.starts_with("auth_command") & pl.col("reply_code").is_in(list(_REPEATED))
    tried = rows.select("_sid", _row=row, _verdict=verdict, _repeat=repeat, _attempt=attempt).filter("_attempt")
    before = pl.when(pl.col("_verdict").shift().over("_sid")).then(pl.col("_row").shift().over("_sid"))
    tried = tried.with_columns(_into=pl.when("_repeat").then(before))
    into = rows.select(_row=row).join(tried.select("_row", "_into"), on="_row", how="left", maintain_order="left")
    mail = (pl.col("pattern") == "message") & pl.col("user").is_not_null()
    success = {"outcome": "success", "cause": "success", "basis": "context"}
    rows = rows.with_columns(
        _role=pl.when(mail).then(pl.lit("event")).otherwise("_role"),
        **{c: pl.when(mail).then(pl.lit(v, RECORDS[c].dtype)).otherwise(c) for c, v in success.items()},
    )
    return folded(rows, into["_into"], "mechanism", "reply_code", "enhanced_code", "detail")

"""A table of replies judged at once: cause, provider, and whether it passes in truth beside what the code promises."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.replies.catalogue import CODE_CLASSES
from smtplogs.replies.classifying import KEYS, VERDICT, verdicts
from smtplogs.replies.loading import custom_file, rows
from smtplogs.replies.placing import AUTH_CODES, host, provider_by_marks, step
from smtplogs.replies.wording import parted
from smtplogs.schema import RECORDS, door, need

if TYPE_CHECKING:
    from os import PathLike

    from smtplogs.replies.loading import CustomFile

COLUMNS = {
    "code": pl.UInt16,
    "enhanced": pl.String,
    "words": pl.String,
    "cause": RECORDS["cause"].dtype,
    "outcome": RECORDS["outcome"].dtype,
    "basis": RECORDS["basis"].dtype,
    "provider": pl.String,
    "temporary": pl.Boolean,
    "code_class": pl.String,
    "row": pl.String,
}
"""What is added to a table of replies."""

BATCH = 100_000
"""Replies judged in one go: what is looked up at once stays small, however many there are."""


@door
def classify_replies(replies: pl.DataFrame, *, catalogue: str | PathLike[str] | None = None) -> pl.DataFrame:
    """Judge a table of replies: what each means, whose it is, and whether it passes by itself.

    Parameters
    ----------
    replies
        `text` (the reply or reason, wrappers and all; lines of one reply joined by a line break), and as far as known
        `stage` (connect, tls, helo, auth, mail, rcpt, data, session), `side` (server, client), `program` (postfix,
        dovecot, exim ...), `server` (name of the server that spoke). What is missing is told from the words around the
        reply, where they tell; a reply with a code was heard by a client. pandas or Polars.
    catalogue
        TOML file with rows of one's own, which come before ours.

    Returns
    -------
    DataFrame
        The same rows in the same order with `code, enhanced, words` (the reply without its wrappers), `cause, outcome,
        basis`, `provider` (null: not told by server, words or row), `temporary` (whether it passes by itself if nobody
        acts; null: not known) beside `code_class` (what the first digit promises: ok, temporary, permanent), and `row`
        (id in the catalogue; null: nothing fits, and the cause is unknown). A 2xx or 3xx other than 235 is no refusal:
        outcome info, no cause (a 221 may be one, by its words); a null text has neither.

    Raises
    ------
    MissingColumns
        If there is no column `text`.
    BadCatalogue
        If the rows of `catalogue` cannot be used.

    Examples
    --------
    >>> told = classify_replies(pl.DataFrame({"text": ["550 5.4.5 Daily user sending limit exceeded."]}))
    >>> told.select("cause", "provider", "temporary", "code_class").row(0)
    ('quota_exceeded', 'Gmail', True, 'permanent')
    """
    need(replies, "text")
    custom = custom_file(catalogue)
    parts = [_judged(replies.slice(at, BATCH), custom) for at in range(0, max(replies.height, 1), BATCH)]
    return replies.with_columns(pl.concat(parts))


def _judged(replies: pl.DataFrame, custom: CustomFile | None) -> pl.DataFrame:
    """Judge one batch."""
    given = {name: pl.col(name).cast(pl.String) if name in replies.columns else pl.lit(None, pl.String)
             for name in ("text", "stage", "side", "program", "server")}  # fmt: skip
    read = parted(replies.select(given["text"]).to_series())
    # what stands around the reply is looked for only where something does
    around = pl.when(~given["text"].str.contains(r"^[2-5][0-9]{2}[- ]")).then(given["text"])
    told = replies.select(
        *read,
        stage=pl.coalesce(given["stage"], step(around)),
        side=given["side"],
        program=given["program"],
        server=pl.coalesce(given["server"], host(around), pl.lit("")),
    ).with_columns(
        stage=pl.coalesce("stage", pl.when(pl.col("code").is_in(AUTH_CODES)).then(pl.lit("auth"))),
        side=pl.coalesce("side", pl.when(pl.col("code").is_not_null()).then(pl.lit("client"))),
    )
    keys = {"reply_code": "code", "enhanced_code": "enhanced", "detail": "words", "format": "program"}
    evidence = told.select(
        (pl.col(keys.get(name, name)) if keys.get(name, name) in told.columns else pl.lit(None))
        .cast(RECORDS[name].dtype)
        .alias(name)
        for name in KEYS
    )
    decided = told.select("code", "enhanced", "words", "server").hstack(verdicts(evidence, custom))
    hung_up = (pl.col("code") == 221) & pl.col("row").is_not_null()
    silent = pl.lit(replies.select(given["text"]).to_series().is_null())
    positive = silent | ((pl.col("code") < 400) & (pl.col("code") != 235) & ~hung_up).fill_null(value=False)
    decided = decided.with_columns(
        *(pl.when(~positive).then(name).alias(name) for name in ("row", *VERDICT)),
    ).with_columns(
        outcome=pl.when(positive & ~silent).then(pl.lit("info", RECORDS["outcome"].dtype)).otherwise("outcome")
    )
    seen = provider_by_marks(pl.col("words"), pl.col("server"))
    return decided.join(_facts(custom), on="row", how="left", maintain_order="left").select(
        "code",
        "enhanced",
        "words",
        *VERDICT,
        provider=pl.coalesce(seen, "provider"),
        temporary="temporary",
        code_class=_code_class(),
        row="id",
    )


@functools.cache
def _facts(custom: CustomFile | None) -> pl.DataFrame:
    """Return id, provider and whether it passes by itself, by row number."""
    found = [
        {"row": number, "id": row.id, "provider": row.provider, "temporary": row.passes}
        for number, row in enumerate(rows(custom))
    ]
    return pl.DataFrame(
        found, schema={"row": pl.UInt16, "id": pl.String, "provider": pl.String, "temporary": pl.Boolean}
    )


def _code_class() -> pl.Expr:
    """Return what the first digit of `code` promises."""
    return (pl.col("code") // 100).replace_strict(CODE_CLASSES, default=None, return_dtype=pl.String)

"""Secrets in the lines of a dialogue that belong to no AUTH command with a verdict: found, so that they can be cut."""

from __future__ import annotations

import re
from itertools import permutations

import polars as pl

from smtplogs import sasl

_BASE64 = "[A-Za-z0-9+/]"
_MIXED = "|".join(f"{_BASE64}*".join(kinds) for kinds in permutations(("[a-z]", "[A-Z]", "[0-9+/]")))
"""A small letter, a capital and a digit, in any order: the engine cannot look ahead for each of them."""

_LONE = rf"^(?:{re.escape(sasl.CUT)}|{_BASE64}{{8,}}={{1,2}}|{_BASE64}*(?:{_MIXED}){_BASE64}*)$"
"""One word, of capitals, small letters and digits, or padded: base64 or a password, in the place of a command."""

_INITIAL = rf"^(?i)AUTH[ \t=]+(?:{sasl.MECHANISM}[ \t]+)?({re.escape(sasl.CUT)}|{_BASE64}{{8,}}={{0,2}})$"
"""What stands behind an AUTH command."""

_HOOK = r'params="?(?:(?i:AUTH)[ ,]+[A-Za-z0-9_-]+[ ,]+[^", ]|(?i:AUTH )?\[redacted|[A-Za-z0-9+/]{8,}={0,2},?")'
"""A line of Haraka's hooks that holds an AUTH command or what follows one."""

_EMPTY = ("cause", "detail", "user", "mechanism", "vendor_code", "duration_s", "enhanced_code", "reply_code", "text")
"""What a leak tells nothing of."""

PRINTED_TOGETHER = 3
"""So many lines of one speaker in a row are a certificate that s_client prints, no words of a client."""


def leaked(rows: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Return the lines with a secret that no AUTH command with a verdict tells of.

    Parameters
    ----------
    rows
        From `talking.talk`.
    judged
        Records of the AUTH commands with a verdict.

    Returns
    -------
    DataFrame
        Those rows as context (outcome `info`), with the secret in `_secrets` as far as it stands by itself.
    """
    told = pl.concat([judged["_lines"].explode(empty_as_null=True), judged["_ref"]]).drop_nulls().unique()
    talk = rows.filter(pl.col("speaker").is_in(["client", "server"]), ~pl.col("_deaf"))
    run = talk.select("_ref", _run=pl.struct("sid", "speaker").rle_id())
    alone = run.filter(pl.len().over("_run") < PRINTED_TOGETHER)["_ref"]
    rest = rows.filter(pl.col("speaker") != "server", ~pl.col("_ref").is_in(told.implode()))
    said = pl.col("text").str.strip_chars()
    client = (pl.col("speaker") == "client") & said.is_not_null()
    by_itself = pl.col("_ref").is_in(alone.implode())
    secret = pl.coalesce(
        pl.when(client & (pl.col("verb") == "AUTH")).then(said.str.extract(_INITIAL)),
        pl.when(client & by_itself & pl.col("verb").is_null() & said.str.contains(_LONE)).then(said),
    )
    hook = (pl.col("speaker") == "note") & pl.col("line").str.contains(_HOOK).fill_null(value=False)
    found = rest.with_columns(_secret=secret).filter(pl.col("_secret").is_not_null() | hook)
    return found.with_columns(
        *(pl.lit(None, pl.String).alias(c) for c in _EMPTY), code=pl.lit(None, pl.UInt16),
        stage=pl.lit("session"), outcome=pl.lit("info"), basis=pl.lit("line"), _lines=pl.lit([], pl.List(pl.UInt64)),
        _secrets=pl.concat_list(pl.col("_secret")).list.drop_nulls(), _leaks=pl.lit(value=True),
    )  # fmt: skip

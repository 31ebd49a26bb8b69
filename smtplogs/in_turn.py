"""What Dovecot's databases say in turn about one attempt becomes one row, with the most telling cause.

Source: Dovecot src/auth/auth-request.c; measured in the project's loopback lab.
"""

from __future__ import annotations

import polars as pl

from smtplogs.schema import reference
from smtplogs.sources import rotation_of
from smtplogs.unsettled import patched

IN_TURN_S = 60
"""Seconds between the words of two databases about one attempt in a session of a login process."""

_WEIGHT = {
    "backend_unavailable": 0,
    "server_config_error": 0,
    "access_policy_denied": 1,
    "account_disabled": 1,
    "account_locked": 1,
    "password_expired": 1,
    "malformed_response": 2,
    "token_invalid": 2,
    "bad_credentials": 3,
    "unknown_user": 4,
}
"""Of several lines about one attempt the most telling cause wins: error, policy, wrong secret, unknown name."""


_GOES_ON = ("backend_unavailable", "server_config_error", "access_policy_denied", "token_invalid")
"""What a database may have said although another one is asked after it."""


def files(rows: pl.DataFrame) -> pl.Expr:
    """Number the file of each row as rotation numbers them, the oldest of a log first: what one second holds goes by that."""
    names = rows["source"].unique()
    if names.len() < 2:
        return pl.col("line_no")
    order = sorted(names, key=lambda name: ((told := rotation_of(name)).series, told.order, name))
    return pl.col("source").replace_strict(order, range(len(order)), return_dtype=pl.UInt32)


def asked_in_turn(lines: pl.DataFrame) -> pl.DataFrame:
    """Fold what databases said in turn ("... - trying the next passdb") into the line of the last one.

    The most telling word counts: a name that one database knows with another password is no unknown user, though the
    last one says so. Refusals by networks, tokens and errors do not say that the next database is asked.
    """
    pattern = pl.col("pattern")
    nxt = pattern.str.starts_with("auth_next")
    if not lines.select(nxt.any()).item():
        return lines
    asked = (pl.col("stage") == "auth") & pl.col("client_ip").is_not_null() & ~pattern.str.starts_with("login_")
    rows = lines.with_row_index("_row").filter((nxt | (pl.col("_role") == "event")) & asked)
    who = pl.concat_str([pl.col(c).fill_null("") for c in ("host", "client_ip", "user", "session")], separator="\n")
    rows = rows.select(
        "_row", "time", "cause", "outcome", "line_no", _who=who, _next=nxt, _ref=reference(), _weight=_weight(),
        _file=files(rows),
    ).sort("_who", "time", "_file", "line_no", nulls_last=True)  # fmt: skip
    since = pl.col("time") - pl.col("time").shift()
    silent = pl.col("cause").is_in(_GOES_ON).shift() & ~pl.col("cause").is_in(_GOES_ON)
    goes_on = (pl.col("_who") == pl.col("_who").shift()) & (
        (pl.col("_next").shift() & (since <= pl.duration(seconds=3))) | (silent & (since <= pl.duration(seconds=1)))
    )
    rows = rows.with_columns(_attempt=(~goes_on.fill_null(value=False)).cum_sum())
    rows = rows.sort("_attempt", "_weight", "_file", "line_no")
    kept = rows.filter(~pl.col("_next")).unique("_attempt", keep="first", maintain_order=True)
    kept = kept.select("_row", "_attempt", "_ref")
    best = rows.group_by("_attempt", maintain_order=True).agg(
        pl.col("cause", "outcome").first(),
        _refs=pl.col("_ref").filter(~pl.col("_next") | (pl.int_range(pl.len()) == 0)),
    )
    told = kept.join(best, on="_attempt").filter(pl.col("_refs").list.len() > 1).sort("_row")
    values = told.select("cause", "outcome", also=pl.col("_refs").list.set_difference(pl.concat_list("_ref")))
    lines = patched(lines, told["_row"], values) if told.height else lines
    folded = rows.filter(~pl.col("_next")).join(kept, on="_row", how="anti")["_row"]
    return lines.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(folded.implode()))


def attempts_of(lines: pl.DataFrame, databases: list[str], *by: str) -> pl.DataFrame:
    """One row per attempt: databases asked in turn are one story, told by its most telling line.

    Within 2 s, PAM's delay; who has a session asks once more only when the last database has spoken.
    """
    who = pl.concat_str([pl.col(c).fill_null("") for c in by], separator="\n")
    lines = lines.with_columns(_who=who.cast(pl.Categorical).to_physical(), _rank=_turn(databases))
    lines = lines.sort("_who", "time", files(lines), "line_no", nulls_last=True)
    same = pl.col("_who") == pl.col("_who").shift()
    since = pl.col("time") - pl.col("time").shift()
    near = since <= pl.duration(seconds=2)
    if "session" in by:
        # "cram-md5: Password mismatch" is the word of a mechanism: another attempt
        database = pl.col("passdb").str.to_uppercase().ne_missing(pl.col("mechanism"))
        near = near | (database & (since <= pl.duration(seconds=IN_TURN_S)))
    goes_on = lines.select(
        (same & near & (pl.col("_rank") > pl.col("_rank").shift())).fill_null(value=False)
    ).to_series()
    lines = lines.drop("_who", "_rank")
    if not goes_on.any():
        return lines
    lines = lines.with_columns(_attempt=(~goes_on).cum_sum())
    several = lines["_attempt"].filter(goes_on).unique()
    told = pl.col("_attempt").is_in(several.implode())
    single = lines.filter(~told).drop("_attempt")
    lines = lines.filter(told).with_columns(_weight=_weight(), _ref=reference())
    best = lines.sort("_attempt", "_weight", files(lines), "line_no", maintain_order=True)
    refs = best.group_by("_attempt", maintain_order=True).agg(_refs=pl.col("_ref"))
    best = best.unique("_attempt", keep="first", maintain_order=True).join(refs, on="_attempt", maintain_order="left")
    others = pl.col("_refs").list.set_difference(pl.concat_list("_ref"))
    best = best.with_columns(also=others).drop("_attempt", "_weight", "_ref", "_refs")
    return pl.concat([single, best], how="diagonal_relaxed")


def _weight() -> pl.Expr:
    """How telling the cause of a line is: the less the more."""
    return pl.col("cause").cast(pl.String).replace_strict(_WEIGHT, default=5, return_dtype=pl.UInt8)


def _turn(databases: list[str]) -> pl.Expr:
    """When a database is asked: they stand in the order of their first lines."""
    if len(databases) < 2:
        return pl.lit(0)
    return pl.col("passdb").fill_null("").replace_strict(databases, list(range(len(databases))), default=0)

"""Exim: logins that only mails prove, silent refusals, hang-ups, the fate of mails at a relay."""

from __future__ import annotations

import polars as pl

from smtplogs.linking._folding import folded
from smtplogs.linking._sessions import place
from smtplogs.schema import RECORDS, reference

GONE_WITHIN = "1s"
"""A client that hangs up so soon after a refusal without a name was refused because it hung up."""

FATE_WITHIN = "10m"
"""So long after an attempt at a relay the line about the mail's fate tells of that attempt."""

_PROCESS = r"^[0-9A-Za-z]{6}-([0-9A-Za-z]+)-"
"""Of a mail's id, the process that took it in (Exim's specification, 3.4)."""

_ATTEMPT = r"^auth_"
"""Patterns that each stand for one AUTH command."""


def _enum(column: str, value: str | None) -> pl.Expr:
    return pl.lit(value, RECORDS[column].dtype)


def linked(rows: pl.DataFrame) -> pl.DataFrame:
    """Link the records of sessions and messages; rows in order of time, with `_sid` and `_sure`."""
    rows = _encrypted(_hung_up(rows))
    inferred = pl.col("authenticator").is_not_null() & pl.col("mechanism").is_not_null() & (pl.col("basis") == "line")
    rows = rows.with_columns(basis=pl.when(inferred).then(_enum("basis", "context")).otherwise("basis"))
    rows = _at_relays(rows)
    return pl.concat([_first_logins(rows), rows, _silent(rows)], how="diagonal_relaxed")


def _hung_up(rows: pl.DataFrame) -> pl.DataFrame:
    """A 535 without a name, and the client gone within a second: it left while it was asked for its password."""
    # the list of commands ends with AUTH where no QUIT came (seen with 4.96, whatever else it logs of the end)
    end = (pl.col("pattern") == "session_lost") | (
        (pl.col("pattern") == "no_mail") & pl.col("stats").str.ends_with("AUTH")
    )
    if rows.filter(end & pl.col("time").is_not_null()).is_empty():
        return rows
    by = ["_place", "client_ip", "_peer"]
    peer = pl.concat_str(
        [pl.col(c).cast(pl.String).fill_null("") for c in ("client_port", "helo", "pid")], separator=" "
    )
    keyed = rows.with_columns(_place=place().fill_null(""), _peer=peer, _row=pl.int_range(pl.len(), dtype=pl.UInt32))
    nameless = keyed.filter(
        pl.col("pattern").str.starts_with("auth_failed") & pl.col("user").is_null() & pl.col("time").is_not_null()
    )
    ends = keyed.filter(end).drop_nulls("time").select(*by, "time", _end=reference())
    gone = nameless.select(*by, "time", "_row").join_asof(
        ends.sort("time", maintain_order=True),
        on="time",
        by=by,
        strategy="forward",
        tolerance=GONE_WITHIN,
        check_sortedness=False,
    )
    # only the last of several refusals can be the hang-up
    gone = gone.drop_nulls("_end").unique("_end", keep="last", maintain_order=True)
    if gone.is_empty():
        return rows
    told = keyed.select("_row").join(gone.select("_row", "_end"), on="_row", how="left", maintain_order="left")["_end"]
    left = pl.lit(told.is_not_null())
    aborted = {"outcome": "aborted", "cause": "aborted", "basis": "context"}
    return rows.with_columns(
        also=pl.when(left).then(pl.concat_list(pl.col("also").fill_null([]), pl.lit(told))).otherwise("also"),
        **{c: pl.when(left).then(_enum(c, v)).otherwise(c) for c, v in aborted.items()},
    )


def _encrypted(rows: pl.DataFrame) -> pl.DataFrame:
    """The line of a session without a mail tells its TLS, and by its list of commands whether AUTH came after it."""
    auth, starttls = (pl.col("stats").str.find(f"(?:^|[,|]){word}") for word in ("AUTH", "STARTTLS"))
    told = (
        pl.col("pattern").is_in(["no_mail", "no_mail_login"])
        & pl.col("_sure")
        & pl.col("tls").is_not_null()
        & ~pl.col("stats").str.contains("...", literal=True)
        & (starttls.is_null() | (starttls < auth))
    )
    ends = rows.filter(told.fill_null(value=False)).select("_sid", _tls="tls", _cipher="cipher")
    if ends.is_empty():
        return rows
    rows = rows.join(ends.unique("_sid", keep="last"), on="_sid", how="left", maintain_order="left")
    attempt = (pl.col("stage") == "auth") & (pl.col("side") == "server") & pl.col("tls").is_null()
    given = {c: pl.when(attempt).then(f"_{c}").otherwise(c) for c in ("tls", "cipher")}
    return rows.with_columns(**given).drop("_tls", "_cipher")


def _first_logins(rows: pl.DataFrame) -> pl.DataFrame:
    """One AUTH success per login that only mails (or refusals after it) prove: the first of each session and name.

    Where nothing but who it was ties the lines, mails that several processes took are of as many sessions: the middle of a
    mail's id is the process. What was refused belongs to the mail after it, or to the last.
    """
    proof = (pl.col("stage").is_in(["mail", "rcpt", "data"])) & pl.col("authenticator").is_not_null()
    proof = proof & (pl.col("_role") == "event")
    said = rows.filter((pl.col("pattern") == "no_mail_login") & pl.col("_sure")).select("_sid").unique()
    process = pl.when(~pl.col("_sure")).then(pl.col("queue_id").str.extract(_PROCESS))
    proofs = rows.filter(proof).with_columns(_process=process)
    proofs = proofs.with_columns(
        pl.col("_process").backward_fill().over("_sid").fill_null(pl.col("_process").forward_fill().over("_sid"))
    )
    first = proofs.unique(["_sid", "_process", "user", "server_ip"], keep="first", maintain_order=True).drop("_process")
    first = first.join(said, on="_sid", how="anti", maintain_order="left")
    blank = ("queue_id", "detail", "reply_code", "enhanced_code", "delivery", "also", "sender", "n_recipients")
    login = {"stage": "auth", "outcome": "success", "cause": "success", "basis": "context"}
    return first.with_columns(
        *(pl.lit(None, RECORDS[c].dtype).alias(c) for c in blank),
        *(_enum(c, v).alias(c) for c, v in login.items()),
        count=pl.lit(1, pl.UInt32),
    )


def _silent(rows: pl.DataFrame) -> pl.DataFrame:
    """AUTH commands that only the list of commands tells (`C=`): refused by the state of the session, unlogged.

    Only where an id ties the lines, and where the list is whole (Exim keeps the last 20 commands).
    """
    ends = rows.filter(
        pl.col("pattern").is_in(["no_mail", "no_mail_login"])
        & pl.col("_sure")
        & ~pl.col("stats").str.contains("...", literal=True)
    )
    ends = ends.with_columns(
        _commands=pl.col("stats").str.replace_all("|", ",", literal=True).str.split(",").list.count_matches("AUTH")
    )
    ends = ends.filter(pl.col("_commands") > 0).unique("_sid", keep="last", maintain_order=True)
    if ends.is_empty():
        return rows.clear()
    logged = (
        rows.filter(pl.col("pattern").str.contains(_ATTEMPT), pl.col("side") == "server")
        .group_by("_sid")
        .agg(_logged=pl.col("count").sum().cast(pl.Int64))
    )
    ends = ends.join(logged, on="_sid", how="left", maintain_order="left")
    good = (pl.col("pattern") == "no_mail_login").cast(pl.Int64)
    ends = ends.with_columns(_left=pl.col("_commands").cast(pl.Int64) - pl.col("_logged").fill_null(0) - good)
    ends = ends.filter(pl.col("_left") > 0)
    blank = ("user", "authenticator", "mechanism", "also")
    verdict = {"stage": "auth", "outcome": "refused", "cause": "unknown", "basis": "counter"}
    return ends.with_columns(
        *(pl.lit(None, RECORDS[c].dtype).alias(c) for c in blank),
        *(_enum(c, v).alias(c) for c, v in verdict.items()),
        count=pl.col("_left").cast(pl.UInt32),
        detail=pl.col("stats"),
        _role=pl.lit("event"),
    ).drop("_commands", "_logged", "_left")


def _at_relays(rows: pl.DataFrame) -> pl.DataFrame:
    """The fate of a mail (`==`, `**`) that repeats or follows from an attempt at a relay is that attempt."""
    fate = (pl.col("side") == "client") & (pl.col("stage") == "auth") & pl.col("delivery").is_not_null()
    if not rows.select(fate.fill_null(value=False).any()).item():
        return rows
    numbered = rows.with_columns(_row=pl.int_range(pl.len(), dtype=pl.Int64)).filter(
        (pl.col("side") == "client") & (pl.col("stage") == "auth") & pl.col("time").is_not_null()
    )
    # of several recipients the first line stands for all, unless there is one about the attempt itself
    attempts = numbered.filter(pl.col("delivery").is_null())
    fates = numbered.filter(pl.col("delivery").is_not_null())
    follows = pl.col("pattern") == "relay_auth_required"
    found = []
    for wanted, by in (
        (~follows, ["queue_id", "server_ip", "detail"]),
        (follows & (pl.col("cause") == "bad_credentials"), ["queue_id"]),
    ):
        asked = fates.filter(wanted).select("_row", "time", *by)
        if asked.height:
            told = attempts.select("time", *by, _into="_row")
            found.append(
                asked.join_asof(
                    told, on="time", by=by, strategy="backward", tolerance=FATE_WITHIN, check_sortedness=False
                ).select("_row", "_into")
            )
    into = pl.concat(found).drop_nulls() if found else fates.select("_row", _into="_row").clear()
    alone = fates.join(into, on="_row", how="anti", maintain_order="left")
    first = pl.col("_row").first().over("queue_id", "pattern", "detail", "time")
    alone = alone.select("_row", _into=pl.when(pl.col("_row") != first).then(first)).drop_nulls()
    into = pl.concat([into, alone])
    whole = rows.select(_row=pl.int_range(pl.len(), dtype=pl.Int64))
    where = whole.join(into, on="_row", how="left", maintain_order="left")["_into"]
    return folded(rows, where, "delivery", "server_port")

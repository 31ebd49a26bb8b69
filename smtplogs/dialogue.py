"""What client and server said -> records: one row per AUTH command, and one per reply that refuses something else.

The reducer is one pass of window functions over turns sorted by session: the command that a reply answers, TLS, the
mechanisms offered, the AUTH exchange and its verdict. Responses of clients are read for the user and then dropped.
Sources: RFC 5321, RFC 3207, RFC 4954; measured against Haraka, curl, swaks, smtplib and nodemailer.
"""

from __future__ import annotations

import re

import polars as pl

from smtplogs import sasl
from smtplogs.leaking import leaked
from smtplogs.normalising import STAGE_OF_STEP
from smtplogs.talking import ONCE, talk

_PROMPTS = {"334 VXNlcm5hbWU6": "LOGIN", "334 dXNlcm5hbWU6": "LOGIN", "334 UGFzc3dvcmQ6": "LOGIN"}
"""Prompts of LOGIN, `Username:` and `Password:` in base64: they tell the mechanism where the command is not shown."""

_ERROR_CHALLENGE = r"^334 eyJ[A-Za-z0-9+/=]+$"
"""The answer to a bad token, a JSON object (RFC 7628); many clients leave then."""

_STAGE = {
    **STAGE_OF_STEP, "LHLO": "helo", "X-ANONYMOUSTLS": "tls", "MAIL": "mail", "RCPT": "rcpt", "X-EXPS": "session",
}  # fmt: skip


def records(turns: pl.DataFrame, *, transcript: bool = False) -> pl.DataFrame:
    """Make records of whole sessions.

    Parameters
    ----------
    turns
        Columns of `turns.spoken`, `sid`, `time` and `time_quality`; `file_no`, where they come from several files.
    transcript
        The text was cut out by a person: an AUTH command without an answer ends it.

    Returns
    -------
    DataFrame
        Record columns, with `_secrets` (texts to be cut from `detail` and `raw`), `_leaks` (a secret stands in its
        lines), `_ref` and `_lines` (its line and the other lines of the event, as `file_no * LINES + line_no`). Stage,
        side, codes and words are set; cause and outcome are mostly left to `replies.classify`.
    """
    rows = talk(turns)
    attempts = _attempts(rows)
    judged = _judged(rows, attempts, transcript=transcript)
    others = _others(rows, judged)
    found = pl.concat(
        [judged, *others, _never_tried(rows, transcript=transcript), _accepted(rows, judged)], how="diagonal_relaxed"
    )
    leaks = _as_records(leaked(rows, judged), "leak")
    return pl.concat([found, _session_rows(rows, found), leaks], how="diagonal_relaxed")


def _attempts(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row per AUTH command: mechanism, user, secrets, its lines, the row of its verdict."""
    exchange = rows.filter(pl.col("_inside") & (pl.col("_attempt") > 0))
    client, server = pl.col("speaker") == "client", pl.col("speaker") == "server"
    command = (pl.col("verb") == "AUTH") & client
    final = server & (pl.col("code") != 334) & pl.col("code").is_not_null()
    said = command & pl.col("text").is_not_null()
    groups = exchange.group_by("sid", "_attempt", maintain_order=True).agg(
        pl.col("text").filter(said).first().alias("_command"),
        pl.col("text").filter(client & pl.col("verb").is_null()).alias("_responses"),
        pl.col("_row").filter(final).first().alias("_final"),
        pl.col("_row").filter(pl.col("verdict") == "attempt").first().alias("_note"),
        pl.col("_row").last().alias("_last"),
        pl.col("_ref").alias("_all_lines"),
        *(pl.col(c).drop_nulls().first().alias(f"_{c}") for c in ("user", "vendor_code", "duration_s", "mechanism")),
        pl.col("text").filter(server & (pl.col("code") == 334)).first().alias("_prompt"),
        (server & pl.col("text").str.contains(_ERROR_CHALLENGE)).any().alias("_refused"),
    )
    # a log of commands alone tells of none what became of it
    heard = (pl.col("speaker") == "server").any()
    closed = rows.group_by("sid").agg(closed=heard & (pl.col("ends").any() | (pl.col("verb") == "QUIT").any()))
    groups = groups.join(closed, on="sid", how="left", maintain_order="left")
    # a hidden client: what follows the prompts is one exchange, known by its verdict
    hidden = rows.filter(pl.col("_deaf") & server & (pl.col("step") == "AUTH") & (pl.col("code") != 334))
    prompts = rows.filter(pl.col("_deaf") & (pl.col("code") == 334)).group_by("sid").agg(
        _prompt=pl.col("text").first()
    )  # fmt: skip
    unseen = hidden.select(
        "sid", "_row", _final="_row", _attempt=pl.col("_row") + 1,
        _user="user", _vendor_code="vendor_code", _duration_s="duration_s", _mechanism="mechanism",
    ).drop("_row").join(prompts, on="sid", how="left")  # fmt: skip
    return _given(pl.concat([groups, unseen], how="diagonal_relaxed"))


def _given(attempts: pl.DataFrame) -> pl.DataFrame:
    """Read mechanism and user out of what the client sent."""
    parts = attempts["_command"].str.extract_groups(sasl.COMMAND).struct.unnest()
    mechanism = parts.to_series(0).str.to_uppercase()
    initial = parts.to_series(1)
    loose = attempts["_command"].str.extract(r"^(?i)AUTH[ \t=]+(.+)$")
    mechanisms = mechanism.fill_null(attempts["_mechanism"].str.to_uppercase())
    prompted = attempts["_prompt"].str.strip_chars().replace_strict(_PROMPTS, default=None, return_dtype=pl.String)
    mechanisms = mechanisms.fill_null(prompted)
    users: list[str | None] = []
    secrets: list[list[str]] = []
    leaks: list[bool] = []
    sent = zip(mechanisms, mechanism, initial, loose, attempts["_responses"], strict=True)
    for name, stated, first, words, rest in sent:
        # MailEnable repeats the command before each response
        answers = () if rest is None else tuple(re.sub(r"^(?i:AUTH)[ \t]+", "", text) for text in rest)
        opening = (first,) if first and first != "=" else () if stated else (words,) if words else ()
        told = sasl.given(name, (*opening, *answers))
        users.append(told.user)
        secrets.append(list(told.secrets))
        leaks.append(told.leaks)
    return attempts.with_columns(
        _mechanism=mechanisms,
        _user=pl.coalesce("_user", pl.Series(users, dtype=pl.String)),
        _secrets=pl.Series(secrets, dtype=pl.List(pl.String)),
        _leaks=pl.Series(leaks, dtype=pl.Boolean),
    )


def _judged(rows: pl.DataFrame, attempts: pl.DataFrame, *, transcript: bool) -> pl.DataFrame:
    """Return the record of each AUTH command: at its final reply, else at a note, else where the session broke off."""
    ended = pl.col("closed").fill_null(value=False) | transcript
    at = pl.coalesce("_final", "_note", pl.when(ended).then("_last"))
    attempts = attempts.with_columns(_row=at).filter(pl.col("_row").is_not_null())
    keyed = attempts.select(
        "_row",
        "_final",
        "_note",
        "_user",
        "_vendor_code",
        "_duration_s",
        "_mechanism",
        "_secrets",
        "_leaks",
        "_all_lines",
        "_refused",
    )
    found = rows.join(keyed, on="_row", how="inner", maintain_order="left")
    final, noted = pl.col("_final").is_not_null(), pl.col("_note").is_not_null()
    good = pl.col("code").is_in([235])
    token = pl.coalesce("_mechanism", "mechanism").is_in(["XOAUTH2", "OAUTHBEARER"])
    refused = ~final & ~noted & (pl.col("_refused") & token).fill_null(value=False)
    lost = ~final & ~noted & ~refused
    found = found.with_columns(
        stage=pl.lit("auth"),
        outcome=pl.when(final & good).then(pl.lit("success")).when(lost).then(pl.lit("aborted"))
        .when(refused).then(pl.lit("failure")).otherwise("outcome"),
        cause=pl.when(final).then(None).when(refused).then(pl.lit("token_invalid")).when(lost)
        .then(pl.when(pl.col("ends")).then(pl.lit("connection_lost")).otherwise(pl.lit("aborted"))).otherwise("cause"),
        basis=pl.when(lost | refused).then(pl.lit("context")).otherwise("basis"),
        code=pl.when(noted & ~final).then(pl.coalesce("code", pl.col("reply_code").cast(pl.UInt16, strict=False)))
        .otherwise("code"),
        detail=pl.when(final).then("text").when(lost | refused).then(None).otherwise(pl.coalesce("detail", "text")),
        user=pl.coalesce("_user", "user"),
        mechanism=pl.coalesce("_mechanism", "mechanism"),
        vendor_code=pl.coalesce("_vendor_code", "vendor_code"),
        duration_s=pl.coalesce("_duration_s", "duration_s"),
        _lines=pl.col("_all_lines").fill_null([]).list.set_union(pl.col("_lines")),
    )  # fmt: skip
    return _as_records(found, "judged")


def _others(rows: pl.DataFrame, judged: pl.DataFrame) -> list[pl.DataFrame]:
    """Return replies that refuse another command than AUTH, and notes that are events of their own."""
    # what a client showed in a session may be repeated by any reply of it
    hidden = judged.group_by("sid").agg(_secrets=pl.col("_secrets").list.explode()) if judged.height else None
    taken = judged["_row"]
    left = rows.filter(~pl.col("_row").is_in(taken.implode()))
    bad = left.filter((pl.col("speaker") == "server") & (pl.col("code") >= 400) & ~pl.col("step").is_in(
        ["X-EXPS", "QUIT", "HELP", "NOOP", "VRFY", "EXPN"]).fill_null(value=False))  # fmt: skip
    # an error printed once more, by an exception: a server answers AUTH once
    known = judged.select("sid", code="reply_code", step=pl.lit("AUTH")).filter(pl.col("code").is_not_null())
    bad = bad.join(known, on=["sid", "code", "step"], how="anti", maintain_order="left")
    stage = pl.col("step").replace_strict(_STAGE, default="session", return_dtype=pl.String)
    bad = bad.with_columns(
        stage=pl.when(pl.col("step").is_null()).then(pl.lit("connect"))
        .when(pl.col("step") == "AUTH").then(pl.lit("session")).otherwise(stage),
        detail="text", outcome=pl.lit(None, pl.String), cause=pl.lit(None, pl.String),
    )  # fmt: skip
    loose = left.filter((pl.col("verdict") == "line") | ((pl.col("verdict") == "attempt") & (pl.col("_attempt") == 0)))
    told = pl.concat([judged["sid"], loose["sid"], bad["sid"]]).unique()
    left_over = left.filter((pl.col("verdict") == "session") & ~pl.col("sid").is_in(told.implode()))
    left_over = left_over.unique("sid", keep="last", maintain_order=True)
    notes = pl.concat([loose, left_over]).with_columns(
        detail=pl.coalesce("detail", "text"), code=pl.col("reply_code").cast(pl.UInt16, strict=False)
    )
    parts = [_as_records(bad, "reply"), _as_records(notes, "note")]
    if hidden is None:
        return parts
    return [
        part.drop("_secrets", strict=False).join(hidden, on="sid", how="left", maintain_order="left") for part in parts
    ]


def _never_tried(rows: pl.DataFrame, *, transcript: bool) -> pl.DataFrame:
    """Return clients that meant to log in and could not: AUTH not offered, or in no form they know.

    Only where the client itself logs, so that it is known to want to: it asked for the capabilities, named no
    mechanism, sent no mail and quit. A probe by hand looks alike. A server that offers nothing is worth a row only in a
    transcript: where a server sends, most of the others want no login. Source: Exchange SmtpSend to a PLAIN-only smart host.
    """
    client = pl.col("speaker") == "client"
    quits = rows.filter(pl.col("side") == "client").group_by("sid", maintain_order=True).agg(
        pl.col("_row").filter(client & (pl.col("verb") == "QUIT")).last(),
        pl.col("verb").is_in(["AUTH", "MAIL"]).any().alias("_went"),
        ((pl.col("verb") == "STARTTLS").any() & pl.col("tls").is_null().all()).alias("_no_tls"),
        ((pl.col("verdict") == "line") & pl.col("stage").is_in(["tls", "auth"])).any().alias("_told"),
    )  # fmt: skip
    quits = quits.filter(~pl.col("_went") & ~pl.col("_told") & ~pl.col("_no_tls") & pl.col("_row").is_not_null())
    at = rows.join(quits.select("_row"), on="_row", how="semi", maintain_order="left")
    wanted = pl.col("_offers").is_not_null() if transcript else pl.col("_offers").fill_null("") != ""
    at = at.filter(wanted).with_columns(
        stage=pl.lit("auth"), outcome=pl.lit("refused"), basis=pl.lit("context"),
        cause=pl.when(pl.col("_offers") == "").then(pl.lit("auth_not_offered")).otherwise(
            pl.lit("mechanism_unsupported")),
        detail=pl.when(pl.col("_offers") == "")
        .then(pl.when(pl.col("_starttls") & pl.col("tls").is_null())
              .then(pl.lit("the server offers no AUTH before STARTTLS, which the client did not use"))
              .otherwise(pl.lit("the server offers no AUTH")))
        .otherwise(pl.format("the client quit without AUTH; offered: {}", "_offers")),
    )  # fmt: skip
    return _as_records(at, "never_tried")


def _accepted(rows: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """Return the mails accepted in sessions with a login."""
    server = pl.col("speaker") == "server"
    logins = judged.filter(pl.col("outcome") == "success").select("sid", _since="_row", _who="user", _how="mechanism")
    done = rows.with_columns(
        sender=pl.when(pl.col("verb") == "MAIL")
        .then(pl.col("text").str.extract(r"^(?i)MAIL FROM:[ \t]*<?([^> \t]*)"))
        .forward_fill().over("sid"),
        _mails=(pl.col("verb") == "MAIL").fill_null(value=False).cum_sum().over("sid"),
    ).with_columns(
        n_recipients=(server & (pl.col("step") == "RCPT") & pl.col("code").is_in([250, 251]))
        .sum().over("sid", "_mails").cast(pl.UInt32),
    )  # fmt: skip
    done = done.filter(server & pl.col("step").is_in(["DATA", "BDAT"]) & (pl.col("code") == 250))
    done = done.unique(["sid", "_mails"], keep="last", maintain_order=True)
    done = done.sort("_row").join_asof(
        logins.sort("_since"), left_on="_row", right_on="_since", by="sid", allow_exact_matches=False, coalesce=False,
        check_sortedness=False,
    ).filter(pl.col("_since").is_not_null()).with_columns(
        stage=pl.lit("mail"), outcome=pl.lit("success"), cause=pl.lit("success"), basis=pl.lit("context"),
        user="_who", mechanism="_how", detail="text",
        queue_id=pl.col("text").str.extract(r"(?i)(?:queued as|queued mail for delivery.*id|id[ =])[ <]*([0-9A-Za-z.-]{6,})"),
    )  # fmt: skip
    return _as_records(done, "mail", "sender", "n_recipients", "queue_id")


def _session_rows(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Return one context row per session that has an event, at its last line."""
    last = rows.join(found.select("sid").unique(), on="sid", how="semi", maintain_order="left")
    last = last.unique("sid", keep="last", maintain_order=True).with_columns(
        stage=pl.lit("session"), outcome=pl.lit("info"), cause=pl.lit(None, pl.String), basis=pl.lit("line"),
        detail=pl.lit(None, pl.String), user=pl.lit(None, pl.String), mechanism=pl.lit(None, pl.String),
        vendor_code=pl.lit(None, pl.String), duration_s=pl.lit(None, pl.String), line=pl.lit(None, pl.String),
        enhanced_code=pl.lit(None, pl.String), text=pl.lit(None, pl.String), code=pl.lit(None, pl.UInt16),
        _lines=pl.lit([], pl.List(pl.UInt64)),
    )  # fmt: skip
    return _as_records(last, "session")


def _as_records(rows: pl.DataFrame, kind: str, *more: str) -> pl.DataFrame:
    """Return the rows as records: what each says, and what is in force there (TLS, offers, names)."""
    client = pl.col("side") == "client"
    plain = (
        pl.col("tls").is_null()
        & (pl.col("stage") != "connect")
        & (pl.col("_starttls").fill_null(value=False) | pl.col("server_port").is_not_null())
    )
    secrets = pl.col("_secrets") if "_secrets" in rows.columns else pl.lit(None, pl.List(pl.String))
    leaks = pl.col("_leaks") if "_leaks" in rows.columns else pl.lit(value=False)
    return rows.select(
        "sid", "_row", "_ref", "line_no", "time", "time_quality", *(c for c in ONCE if c != "token"), *more,
        "side", "stage", "outcome", "cause", "basis", "user", "mechanism", "vendor_code", "duration_s", "cipher",
        session="token",
        pattern=pl.lit(kind),
        detail=pl.col("detail").str.replace(r"^[2-5][0-9]{2}[ -]+(?:[245]\.[0-9]{1,3}\.[0-9]{1,3}[ ]+)?", ""),
        reply_code="code",
        enhanced_code=pl.coalesce(
            "enhanced_code", pl.when(pl.col("code").is_not_null()).then(pl.coalesce("text", "detail"))
            .str.extract(r"^[2-5][0-9]{2}[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[ \n]|$)")),
        helo=pl.when(~client).then("helo"),
        # the ports of submission and relay begin in clear text; a log without port and STARTTLS cannot tell
        tls=pl.when(plain & (pl.col("protocol").fill_null("smtp") == "smtp")).then(pl.lit("none"))
        .when((pl.col("stage") == "tls") & (pl.col("outcome") == "aborted").fill_null(value=False)).then(None)
        .otherwise("tls"),
        auth_offered=pl.col("_offers").str.split(" ").list.eval(pl.element().filter(pl.element() != "")),
        raw="line",
        _secrets=secrets, _leaks=leaks, _lines="_lines",
    )  # fmt: skip

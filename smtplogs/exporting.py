"""Events in the words of the Elastic Common Schema, for those who keep their logs there."""

from __future__ import annotations

import polars as pl

from smtplogs.schema import EVENTS, door, lacking, need

_BAN_LOGS = ("fail2ban", "crowdsec", "mailcow_netfilter")
"""Formats whose events are bans of addresses and their ends."""

_NO_LOGIN = ("relay_denied", "auth_required", "throttled_sending", "throttled_connection", "quota_exceeded")
"""Causes that concern mail, whatever the step they were told at."""

_OUTCOME = {
    "success": "success",
    "failure": "failure",
    "aborted": "failure",
    "refused": "failure",
    "throttled": "failure",
    "deferred": "unknown",
}
_RENAMED = {
    "time": "@timestamp",
    "cause": "event.reason",
    "client_ip": "source.ip",
    "client_port": "source.port",
    "helo": "source.domain",
    "server_ip": "destination.ip",
    "server_port": "destination.port",
    "relay_host": "destination.domain",
    "user": "user.name",
    "protocol": "network.protocol",
    "cipher": "tls.cipher",
    "vendor_code": "error.code",
    "session": "transaction.id",
    "host": "host.name",
    "program": "process.name",
    "pid": "process.pid",
    "source": "log.file.path",
    "raw": "event.original",
    "sender": "email.from.address",
    "stage": "smtp.stage",
    "mechanism": "smtp.auth.mechanism",
    "enhanced_code": "smtp.response.enhanced",
    "detail": "smtp.response.text",
    "basis": "smtp.basis",
    "time_quality": "smtp.time_quality",
    "count": "smtp.count",
    "line_no": "smtp.line_no",
}
"""Columns that only change their names. `smtp.*` is ours: the schema has no field set for SMTP."""


@door
def to_ecs(events: pl.DataFrame) -> pl.DataFrame:
    """Return events under the names of the Elastic Common Schema (ECS).

    Each field of the schema is a column, named with dots.

    Parameters
    ----------
    events
        The event table; columns that it lacks are null in the answer.

    Returns
    -------
    DataFrame
        A row per event, in their order: `@timestamp` (UTC), `event.kind` (event), `event.category` and `event.type`
        (lists of one word), `event.action`, `event.outcome` (success, failure; unknown where nothing was judged; null
        for context rows), `event.code` (reply code), `event.duration` (ns), `event.dataset`, `network.direction`,
        `tls.established` (false only if proven), `tls.version`, `tls.version_protocol`, `user.email` and `user.domain`
        (of names with an `@`), `related.ip`, `related.user`, and the columns that only change their names; what ECS has
        no field for stands under `smtp.*`. Logins are `authentication`, bans and their ends `intrusion_detection`,
        refused relaying and limits on sending `email`.

    Raises
    ------
    MissingColumns
        If the frame is not an event table.

    Notes
    -----
    Field names and allowed words: ECS 9.x, `event.category` with its expected `event.type`.
    """
    need(events, "time", "stage", "outcome", "cause")
    full = events.with_columns(lacking(events, EVENTS))
    outcome, stage = pl.col("outcome").cast(pl.String), pl.col("stage").cast(pl.String)
    cause = pl.col("cause").cast(pl.String)
    ban = pl.col("format").is_in(_BAN_LOGS).fill_null(value=False)
    mail = (cause.is_in(_NO_LOGIN) | stage.is_in(["mail", "rcpt", "data"]) & (outcome != "success")).fill_null(
        value=False
    )
    tls = pl.col("tls")
    version = tls.str.extract(r"^(?:TLS|SSL)v([0-9.]+)$")
    at = pl.col("user").str.contains("@", literal=True)
    return full.select(
        *(pl.col(ours).alias(theirs) for ours, theirs in _RENAMED.items()),
        pl.lit("event").alias("event.kind"),
        pl.concat_list(_one_of(ban, mail, "intrusion_detection", "email", "authentication")).alias("event.category"),
        pl.concat_list(
            pl.when(ban & (outcome == "throttled"))
            .then(pl.lit("denied"))
            .when(ban)
            .then(pl.lit("info"))
            .when(~mail & (outcome == "success"))
            .then(pl.lit("start"))
            .otherwise(pl.lit("info"))
        ).alias("event.type"),
        _one_of(ban, mail, "address-ban", "smtp-refusal", "smtp-auth").alias("event.action"),
        outcome.replace_strict(_OUTCOME, default=None, return_dtype=pl.String).alias("event.outcome"),
        pl.col("reply_code").cast(pl.String).alias("event.code"),
        (pl.col("duration_s") * 1e9).round().cast(pl.Int64, strict=False).alias("event.duration"),
        pl.format("smtplogs.{}", "format").alias("event.dataset"),
        pl.col("side")
        .cast(pl.String)
        .replace_strict({"server": "inbound", "client": "outbound"}, default=None, return_dtype=pl.String)
        .alias("network.direction"),
        (tls != "none").alias("tls.established"),
        version.alias("tls.version"),
        pl.when(version.is_not_null()).then(tls.str.slice(0, 3).str.to_lowercase()).alias("tls.version_protocol"),
        pl.when(at).then("user").alias("user.email"),
        pl.col("user").str.extract(r"@([^@]+)$").alias("user.domain"),
        pl.concat_list("client_ip", "server_ip").list.drop_nulls().alias("related.ip"),
        pl.concat_list("user").list.drop_nulls().alias("related.user"),
    )


def _one_of(ban: pl.Expr, mail: pl.Expr, of_ban: str, of_mail: str, of_login: str) -> pl.Expr:
    """Return one of three words by what a row is about: a ban, mail, else a login."""
    return pl.when(ban).then(pl.lit(of_ban)).when(mail).then(pl.lit(of_mail)).otherwise(pl.lit(of_login))

"""What programs printed of their logins, as smtplogs reads it, held against what the relays answered; rules say what is untold."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import polars as pl

from live.judging import SECRETS, Deviation, fitting, unmatched
from live.programs import USER
from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

SILENT_OF_SUCCESS = ("dma", "ssmtp", "nullmailer")
"""Their logs tell of logins that failed alone."""

FURTHER = {
    "badcert": ("tls", "tls_handshake_failed"),
    "brokentls": ("tls", "tls_handshake_failed"),
    "down": ("connect", "service_unavailable"),
    "busy": ("connect", "throttled_connection"),
    "wantsauth": ("mail", "auth_required"),
    "norelay": ("rcpt", "relay_denied"),
    "notowned": ("mail", "sender_not_owned"),
}
"""Relay -> stage and cause of the row beside the login."""

UNTOLD = {
    ("mutt", "brokentls"): "nothing is written of it",
    ("neomutt", "badcert"): "it asks on the terminal, and there is none",
    ("neomutt", "down"): "a line of it alone is no transcript",
    ("net_smtp", "busy"): "a line of it alone is no transcript",
    ("net_smtp", "down"): "it wrote nothing of a session",
    ("net_smtp_perl", "busy"): "a line of it alone is no transcript",
    ("net_smtp_perl", "down"): "it wrote nothing of a session",
    ("net_smtp_perl", "badcert"): "it goes on in the broken connection",
    ("net_smtp_perl", "brokentls"): "it goes on in the broken connection",
    ("ruby", "down"): "it wrote nothing of a session",
    ("s-nail", "down"): "a line of it alone is no transcript",
    ("ssmtp_v", "busy"): "a line of it alone is no transcript",
    ("ssmtp_v", "down"): "it wrote nothing of a session",
    ("ssmtp_v", "badcert"): "it looks at no certificate",
    ("ssmtp_v", "brokentls"): "it says that it cannot open the connection",
    ("ssmtp", "badcert"): "it looks at no certificate",
    ("ssmtp", "brokentls"): "it says that it cannot open the connection",
    ("ssmtp", "busy"): "it says only that the reply is not valid",
    ("ssmtp", "wantsauth"): "replies to other commands stand alone",
    ("ssmtp", "norelay"): "replies to other commands stand alone",
    ("ssmtp", "notowned"): "replies to other commands stand alone",
    ("dma", "badcert"): "it looks at no certificate",
    ("nullmailer", "badcert"): "it waits for ever",
    ("nullmailer", "busy"): "replies may answer any command",
    ("nullmailer", "norelay"): "replies may answer any command",
    ("nullmailer", "notowned"): "replies may answer any command",
    ("roundcube", "badcert"): "that is in logs/errors.log",
    ("roundcube", "brokentls"): "that is in logs/errors.log",
    ("roundcube", "down"): "that is in logs/errors.log",
    ("esmtp", "busy"): "a line of it alone is no transcript",
    ("esmtp", "down"): "it wrote nothing of a session",
}
"""Program and relay -> why the further row is not there."""

UNHEARD = {
    ("nullmailer", "needtls"): "530 counts as the answer to MAIL",
    ("nullmailer", "gone421"): "421 may answer any command",
    ("nullmailer", "closing"): "no reply at all",
    ("dma", "closing"): "nothing is written of it",
    ("dma", "xoauth2"): "it takes the challenge for a prompt, and hangs up",
    ("ssmtp", "xoauth2"): "it takes the challenge for a refusal",
    ("ssmtp", "needtls"): "told, by other words",
}
"""Program and relay -> why the login may be untold."""


def deviations(folder: Path) -> list[Deviation]:
    """Return all that was read otherwise than the relays saw it; Symfony's exceptions are no transcript, and left out."""
    truth = json.loads((folder / "truth.json").read_text())
    sent = defaultdict(list)
    for command in truth["commands"]:
        sent[command["scenario"], command["address"]].append(command)
    found = []
    for file in sorted(folder.glob("*-*.log")):
        program, _, relay = file.stem.rpartition("-")
        if program != "symfony":
            found += _read(file, program, relay, sent[program.removesuffix("_v"), relay])
    return found


def _read(file: Path, program: str, relay: str, sent: list[dict[str, Any]]) -> list[Deviation]:
    events, coverage, _ = reading.read([file], full=True)
    rows = events.filter(pl.col("outcome") != "info")
    logins = rows.filter(pl.col("stage") == "auth")
    wanted = [_fitting(relay, c) for c in sent]
    if program in SILENT_OF_SUCCESS:
        wanted = [w for w in wanted if w != {"success"}]
    outcomes = Counter[str](
        dict(logins.group_by(pl.col("outcome").cast(pl.String)).agg(pl.col("count").sum()).iter_rows())
    )
    given = outcomes.copy()
    spare = (
        len(wanted) - 1 if program in ("javamail", "jakarta") and relay == "needtls" else 0
    )  # it tries again, and says so once
    if not sent:
        del given["refused"]  # it wanted to log in, and could not
    if relay == "gone421" or (program, relay) in UNTOLD:
        del given["aborted"]  # one more command, into a connection that is gone
    found = []
    lacking = len(unmatched(wanted, outcomes)) > spare
    if (lacking or given.total() > len(wanted)) and (program, relay) not in UNHEARD:
        found.append(Deviation(file.stem, "logins", str([sorted(w) for w in wanted]), str(dict(outcomes))))
    success = sum("success" in _fitting(relay, c) for c in sent)
    if outcomes["success"] > success:
        found.append(Deviation(file.stem, "successes", str(success), str(outcomes["success"])))
    users = set(logins["user"].drop_nulls()) - {USER}
    if users:
        found.append(Deviation(file.stem, "user", USER, str(users)))
    if relay in FURTHER and (program, relay) not in UNTOLD:
        further = set(rows.select(pl.col("stage", "cause").cast(pl.String)).rows())
        if not any(stage == FURTHER[relay][0] for stage, _ in further):
            found.append(Deviation(file.stem, "beside the login", str(FURTHER[relay]), str(further)))
    shown = events.write_json() + coverage.write_json()
    found += [Deviation(file.stem, "a secret", "none", word) for word in SECRETS if word in shown]
    # nodemailer's last line is the script's own; PHP prints what came in TLS after it had failed
    if coverage["not_understood"].sum() and program != "nodemailer" and relay != "badcert":
        found.append(Deviation(file.stem, "lines not understood", "none", str(coverage["examples"].to_list())))
    return found


def _fitting(relay: str, command: dict[str, Any]) -> frozenset[str]:
    """Return the outcomes that fit an answer."""
    if relay == "weak":
        return frozenset({"failure"})
    if relay == "gone421":
        return frozenset({"throttled", "deferred"})
    if relay == "xoauth2" and command["reply"] is None:
        return frozenset({"failure", "aborted"})  # the server said no in its challenge, and the client left
    if relay == "nomech" and command["mechanism"] == "GSSAPI":
        return frozenset({"aborted", "failure"})
    return fitting(("clients", "many"), {**command, "user": None})

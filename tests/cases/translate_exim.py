"""Written cases about Exim, Sendmail and OpenSMTPD -> the columns and words of smtplogs. Run by hand.

    python tests/cases/translate_exim.py SHARED/cases/exim-sendmail-cases.jsonl SHARED/cases/exim-sendmail-scenarios.jsonl

writes `exim-sendmail.jsonl` (as `translate.py` does, whose rules and makers it shares) and `exim-sendmail-scenarios.jsonl`
(whole files, and what must be counted in them: as given) beside itself.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from pathlib import Path
from typing import Any

from translate import LOCKOUT, Nobody, without_typed_passwords

HERE = Path(__file__).parent

WRONG: dict[int, str] = {
    133: "a third part of A= without @ is taken as part of the login: it may hold a colon, the sender may not be told",
    306: "the login holds ` S=12 id=`: undecidable, marked optional; we stop at the first size that a key follows",
    309: "as 306",
    313: "as 306",
    131: "`V4NET.0.0.5` is the suite's placeholder and no address; marked optional",
    449: "a line without stamp and host: an event needs a time",
}
"""Index -> why the case is wrong, or asks for what the design decided otherwise: left out of the passing set."""

NAMES = {
    "success": ("success", "success", None),
    "bad_credentials": ("failure", "bad_credentials", ["assumed", "line", "context"]),
    "unknown_user": ("failure", "unknown_user", None),
    "rejected": ("aborted", "malformed_response", None),  # an empty name: the words say so
    "temp_failure": ("deferred", ["backend_unavailable", "server_config_error"], None),
    "config_error": ("deferred", "server_config_error", None),
    "malformed": ("aborted", "malformed_response", None),
    "cancelled": ("aborted", "aborted", None),
    "mech_unsupported": ("refused", "mechanism_unsupported", None),
    "not_advertised": ("refused", "auth_not_offered", None),
    "bad_sequence": ("refused", "bad_sequence", None),
    "policy_denied": ("failure", "access_policy_denied", None),
    "policy_deferred": ("throttled", "throttled_auth", None),
    "auth_required": ("refused", "auth_required", None),
    "relay_denied": ("refused", "relay_denied", None),
    "tls_required": ("refused", "tls_required", None),
    "tls_failed": ("aborted", ["tls_handshake_failed", "connection_lost", "timeout"], None),
}
SHARPER = (
    ("account suspended", "failure", "account_disabled"),
    ("STARTTLS required before AUTH", "refused", "tls_required"),
    ("too many auth failures", "throttled", "throttled_auth"),
    ("Relaying temporarily denied", "deferred", "relay_denied"),
    ("Remote host closed connection in response to AUTH", "deferred", "connection_lost"),
)
"""Words for which our vocabulary has a better answer than the dictionary's."""

DROPPED = ("too many nonmail", "too many syntax", "too many unrecognized")
LIMITS = (
    ("too many connections", "connect", "throttled_connection"),
    ("Connection rate limit", "connect", "throttled_connection"),
    ("Too many open connections", "connect", "throttled_connection"),
    ("Host is ratelimited", "connect", "throttled_connection"),
    ("possible SMTP attack", "session", "throttled_auth"),
    ("Sender rate", "mail", "throttled_sending"),
    ("has exceeded the max", "mail", "throttled_sending"),
)
NO_DETAIL = ("Unable to authenticate at present: ", "Internal error: ")


def translate(case: dict[str, Any]) -> dict[str, Any] | None:
    """Return the columns that the record of a case must have, or None."""
    said = case["expect"]
    if said is None:
        return None
    line, event, word = case["line"], said["event"], said.get("outcome")
    want: dict[str, Any] = {"role": "event", "format": case["format"], "time": time_of(said)}
    want["host"] = said.get("log_host") if said.get("log_host") != "info" else "info"
    if "pid" in said or "Ci=" not in line:
        want["pid"] = said.get("pid")
    want |= {c: said.get(k) for k, c in (("client_ip", "client_ip"), ("client_port", "client_port"), ("helo", "helo"))}
    want["client_name"] = said.get("client_hostname")
    want |= {"queue_id": said.get("message_id"), "authenticator": said.get("authenticator")}
    want["mechanism"] = (said.get("mechanism") or said.get("mechanism_inferred") or "").upper() or None
    if "session_key" in said:
        want["session"] = said["session_key"].removeprefix("Ci:")
    want["user"] = said.get("username_decoded", said.get("username")) or None
    if word == "rejected" or (said.get("needs_join") and "(set_id=" in line):  # the password; the half of a name
        want.pop("user")
    outbound = said["direction"] == "outbound"
    want["side"] = "client" if outbound else "server"
    place = ("remote_ip", "remote_port") if outbound else ("listener_ip", "listener_port")
    want |= {"server_ip": said.get(place[0]), "server_port": said.get(place[1])}
    if "remote_host" in said:
        want["relay_host"] = said["remote_host"]
    if "sender" in said and event == "message":
        want["sender"] = said["sender"]
    if "sasl_code" in said:
        want["vendor_code"] = str(said["sasl_code"])
    if "smtp_code" in said and not (event == "delivery" and word == "success"):
        want["reply_code"] = said["smtp_code"]
    elif "smtp_code" not in said:
        want["reply_code"] = None
    if "enhanced_code" in said:
        want["enhanced_code"] = said["enhanced_code"]
    if (event == "session" and word is None) or word == "warned":
        return want | {"role": "context"}
    want |= judged(said, line)
    if "reason" in said and event != "throttle" and case["format"] == "exim" and not said.get("needs_join"):
        detail = said["reason"]
        for words in (*NO_DETAIL, f"{said.get('enhanced_code')} "):
            detail = detail.removeprefix(words)
        if event == "tls_error":
            detail = re.sub(r"^([^:]*)(?=:|$)", r"(\1)", detail)
        if "Remote host closed" not in line:
            want["detail"] = detail
    if word == "rejected":
        want.pop("detail", None)
    want["count"] = said.get("count", 1) if event == "auth" else 1
    return without_typed_passwords(want, {"event": "auth"})


def judged(said: dict[str, Any], line: str) -> dict[str, Any]:
    """Return stage, outcome, cause and basis by the dictionary."""
    word, event, reason = said["outcome"], said["event"], said.get("reason", "")
    if event == "throttle":
        if reason.startswith(DROPPED):
            return LOCKOUT
        stage, cause = next((s, c) for words, s, c in LIMITS if words in line)
        return {"stage": stage, "outcome": "throttled", "cause": cause}
    outcome, cause, basis = NAMES[word]
    for words, sharper_outcome, sharper in SHARPER:
        if words in line:
            outcome, cause, basis = sharper_outcome, sharper, None
    want: dict[str, Any] = {"outcome": outcome, "cause": cause}
    if basis:
        want["basis"] = basis
    if event in {"auth", "session"}:
        want["stage"] = "auth"
    elif event == "tls_error":
        want["stage"] = "tls"
    elif event == "message" or (event == "delivery" and word == "success"):
        want["stage"] = "mail"
    elif event == "refused" and (step := re.search(r"rejected (RCPT|MAIL)|check_(rcpt|mail)|\"(MAIL) FROM", line)):
        want["stage"] = next(filter(None, step.groups())).lower()
    return want


def time_of(said: dict[str, Any]) -> str | None:
    """Return the stamp as ISO; one without a year as `--MM-DDTHH:MM:SS`."""
    text = said.get("time")
    if text is None:
        return None
    if text[0].isalpha():
        moment = dt.datetime.strptime(f"2000 {text}", "%Y %b %d %H:%M:%S")  # noqa: DTZ007
        return f"--{moment:%m-%dT%H:%M:%S}"
    return text.replace(" ", "T") + said.get("offset", "")


def rewrite(cases: Path, scenarios: Path) -> None:
    """Translate the cases; copy the scenarios."""
    nobody = Nobody()
    out = []
    for index, text in enumerate(cases.read_text().splitlines()):
        case = json.loads(text)
        if case["evidence"].startswith("public"):
            case |= {"line": nobody(case["line"]), "expect": nobody(case["expect"])}
        made = {k: case[k] for k in ("source", "line")} | {"expect": translate(case)}
        if index in WRONG:
            made["wrong"] = WRONG[index]
        out.append(json.dumps(made, ensure_ascii=False))
    (HERE / "exim-sendmail.jsonl").write_text("\n".join(out) + "\n")
    kept = ("name", "format", "source", "files", "expect", "why")
    told = [json.loads(text) for text in scenarios.read_text().splitlines()]
    rows = [json.dumps({k: row[k] for k in kept}, ensure_ascii=False) for row in told]
    (HERE / "exim-sendmail-scenarios.jsonl").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    rewrite(*map(Path, sys.argv[1:3]))

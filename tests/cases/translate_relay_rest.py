"""Written cases of the relay formats that are no dialogue -> our columns and words. Run by hand.

    python tests/cases/translate_relay_rest.py SHARED/cases/relay-cases.jsonl

writes `relay-rest.jsonl` (a case as `translate_relay` writes them, and `format`, what `read` is told, where that is not
auto) and `relay-replies.jsonl`: a reply as a program shows it, its cause and code. Formats
whose cases stand in other files are left out. Where we mean something else than the report, the case says so (`differs`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import translate_relay
from translate import Nobody

HERE = Path(__file__).parent
ELSEWHERE = (
    *translate_relay.OURS, "nginx-mail", "docker-json", "mailu-", "mailcow-", "zimbra-", "courier-", "cyrus-", "oracle-",
    "assp", "vpopmail", "msmtp-", "mox-",
)  # fmt: skip
"""Formats whose cases stand in `relay-dialogues.jsonl` and `relay-lines.jsonl`."""

OUTCOMES = {
    "throttle": "throttled",
    "relay_denied": "refused",
    "authz_denied": "refused",
    "tls_failure": "aborted",
    "auth_failure_or_required": "failure",
}
COLUMNS = {"mail_from": "sender", "duration_s": "duration_s"}
STAGES = {"DATA": "data", "RCPT": "rcpt", "AUTH": "auth"}

READ_AS = {"generic-jsonl-01": "export", "generic-csv-01": "dash", "generic-csv-02": "dash"}
"""Cases of layouts that nothing proves."""

DIFFERS: dict[str, tuple[dict[str, Any], str]] = {
    "kumo-acct-01": (
        {"basis": "assumed"},
        "the record says that the login failed, not why",
    ),
    "kerio-01": (
        {"cause": "bad_credentials", "basis": "assumed"},
        "a refusal without a reason is read as the catalogue's default, as it is everywhere",
    ),
    "stalwart-03": ({"reply_code": None}, "the line does not hold 455: the report derived it"),
    "stalwart-04": ({"cause": "bad_credentials", "basis": "assumed"}, "as kerio-01"),
    "directadmin-01": (
        {"cause": "bad_credentials", "basis": "assumed", "protocol": "http"},
        "as kerio-01; and the panel's login is no SMTP",
    ),
    "pmta-01": ({"cause": "throttled_connection"}, "said in reply to EHLO, before any mail: a limit on connections"),
    "domino-02": ({"user": "[redacted:user]"}, "8 or more characters of three classes: it may be a password"),
    "esa-01": ({"session": "ICID 30"}, "as the log writes it"),
    "postal-01": ({"outcome": "failure", "cause": "unknown"}, "535 and 530 in the same words"),
    "rspamd-01": ({"stage": "data"}, "limits are applied at the end of a message"),

    "generic-csv-02": ({"user": "[redacted:user]"}, "as domino-02"),
    "rep-03": ({"cause": "oauth_required"}, "a password is refused because OAuth is wanted: what to do differs"),
    "rep-04": ({"cause": "oauth_required"}, "as rep-03"),
}  # fmt: skip


def translate(said: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that an event of a case must have."""
    event = said["event"]
    stage = said.get("stage")
    known = said | {"event": event if event in translate_relay.OUTCOMES else "auth_failure"}
    want = translate_relay.translate({k: v for k, v in known.items() if k != "stage"}, case)
    if event in OUTCOMES:
        want["outcome"] = OUTCOMES[event]
    if stage:
        want["stage"] = STAGES[stage]
    want |= {ours: said[word] for word, ours in COLUMNS.items() if word in said}
    if (local := said.get("ts_local")) and local.startswith("0000-"):
        want["time"] = "--" + local[5:]
    return want | DIFFERS.get(case["id"], ({}, ""))[0]


def main() -> None:
    """Translate the file named on the command line."""
    nobody = Nobody()
    rest, replies = [], []
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        case = json.loads(line)
        said = case["expect"]
        if case["format"].startswith(ELSEWHERE):
            continue
        if case["format"] == "reply-text":
            codes = {"reply_code": said["smtp_code"], "enhanced_code": said.get("enhanced_code")}
            row = {"id": case["id"], "text": nobody(case["record"]), "cause": said["cause"], **codes}
            row |= DIFFERS.get(case["id"], ({}, ""))[0]
            replies.append(json.dumps(row, ensure_ascii=False))
            continue
        events = [] if said is None else said.get("events", [said])
        row = {
            "id": case["id"],
            "source": case["source"],
            "format": READ_AS.get(case["id"], "auto"),
            "text": nobody(case["record"]),
            "expect": [{k: nobody(v) for k, v in translate(event, case).items()} for event in events],
        }
        if why := DIFFERS.get(case["id"], ({}, ""))[1]:
            row["differs"] = why
        rest.append(json.dumps(row, ensure_ascii=False))
    (HERE / "relay-rest.jsonl").write_text("\n".join(rest) + "\n", encoding="utf-8")
    (HERE / "relay-replies.jsonl").write_text("\n".join(replies) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

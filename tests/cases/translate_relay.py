"""Written cases of relay formats, in the words of the report they came with -> our columns and words. Run by hand.

    python tests/cases/translate_relay.py SHARED/cases/relay-cases.jsonl

writes `relay-dialogues.jsonl` (formats that are dialogues or tables) and `relay-lines.jsonl` (single lines): one object a
line with `id`, `source`, `format`, `text` (lines as they stand in a file) and `expect`: the events, each as columns of the
event table (a list stands for one of several words). Addresses and names of strangers are replaced by ones that belong to nobody,
the same way inside of base64. `DIFFERS` holds where we mean something else than the report, and why.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

from translate import Nobody

HERE = Path(__file__).parent
OURS = (
    "exchange-", "entra-", "haraka", "hmailserver", "mailenable-", "mdaemon-", "transcript-",
)  # fmt: skip
LINES = (
    "nginx-",
    "docker-",
    "mailu-",
    "mailcow-",
    "zimbra-",
    "cyrus-",
    "mox-",
    "msmtp-log",
    "courier-",
    "vpopmail",
    "assp",
    "oracle-",
)

OUTCOMES = {
    "auth_success": "success",
    "auth_failure": "failure",
    "auth_tempfail": "deferred",
    "auth_unavailable": "refused",
    "auth_required": "refused",
    "connect_failure": "deferred",
    "lockout": "throttled",
    "ban": ["throttled", "refused"],
    "throttle": "throttled",
    "tls_failure": "aborted",
    "relay_denied": "refused",
}
COLUMNS = {
    "user": "user", "mech": "mechanism", "src_ip": "client_ip", "src_port": "client_port", "dst_ip": "server_ip",
    "dst_port": "server_port", "helo": "helo", "smtp_code": "reply_code", "enhanced_code": "enhanced_code",
    "session_id": "session", "error_code": "vendor_code", "protocol": "protocol", "count": "count", "cause": "cause",
    "delay_s": "duration_s", "duration_s": "duration_s", "mail_from": "sender", "dst_host": "relay_host",
}  # fmt: skip

DIFFERS: dict[str, dict[str, Any]] = {
    "hmail-01": {"tls": None},  # no port and no STARTTLS offered: TLS from the first byte cannot be ruled out
    "nginx-mail-03": {"tls": None},  # as well; and the code that the client saw is not on the line
    "zimbra-audit-03": {"vendor_code": "52e"},  # as logged: the words beside it say whose code it is
    "assp-01": {"count": 1},  # one ban, after eight errors: rate_value
    "assp-02": {"outcome": "deferred", "cause": "unknown"},  # Postfix's words: an outage, or a delay after failures
}
"""Columns in which we differ on purpose."""

PROTOCOLS = {"soap": "http"}


def translate(said: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that an event of a case must have."""
    want: dict[str, Any] = {ours: said[word] for word, ours in COLUMNS.items() if word in said}
    want["outcome"] = OUTCOMES[said["event"]]
    if said.get("inferred") and said["event"] == "auth_required":
        want.pop("reply_code", None)  # not on the line
    if "protocol" in want:
        want["protocol"] = PROTOCOLS.get(want["protocol"], want["protocol"])
    if case["format"].startswith("nginx-") or case["format"] == "docker-json":
        want["session"] = want["session"].replace("#*", "#" + want["session"].split("#")[0] + ": *")  # as logged
    if said.get("ts_local", "").startswith("0000-"):
        said = said | {"ts_local": "2026-" + said["ts_local"].removeprefix("0000-")}
    client = said.get("direction") == "outbound" or case["format"].startswith("transcript-")
    want["side"] = "client" if client else "server"
    if client:
        want["client_ip"] = None
        want.pop("client_port", None)
        want.pop("helo", None)
    if said.get("stage"):
        want["stage"] = {"AUTH": "auth", "RCPT": "rcpt"}[said["stage"]]
    if case["format"] in ("mailcow-netfilter",):
        want["stage"] = "session"
    tls = said.get("tls_version") or ("none" if said.get("tls") is False else None)
    if tls:
        want["tls"] = tls
    elif said.get("tls"):
        want["tls"] = ["yes", "TLSv1.2", "TLSv1.3"]
    offered = said.get("auth_offered_tls") if said.get("tls") else said.get("auth_offered_plain")
    if offered is not None:
        want["auth_offered"] = offered
    if said.get("ts"):
        want["time"] = said["ts"]
    elif said.get("ts_local"):
        want["time"] = said["ts_local"] + "Z"
    elif case["format"].startswith("transcript-") and "nodemailer" not in case["format"]:
        want["time"] = None
    return want | DIFFERS.get(case["id"], {})


BLOB = re.compile(r"(?<![A-Za-z0-9+/])dGVzd[A-Za-z0-9+/]*={0,2}")


def reencoded(blob: str, nobody: Nobody) -> str:
    """Replace the stranger in a base64 text as well."""
    return base64.b64encode(nobody(base64.b64decode(blob).decode()).encode()).decode()


def main() -> None:
    """Translate the file named on the command line."""
    strangers = {"relay-dialogues": Nobody(), "relay-lines": Nobody()}
    out: dict[str, list[str]] = {"relay-dialogues": [], "relay-lines": []}
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        case = json.loads(line.replace("terriw@dizi.dc", "ann@example.net").replace("toto.tata", "ann.berg"))
        if not case["format"].startswith(OURS + LINES):
            continue
        file = "relay-dialogues" if case["format"].startswith(OURS) else "relay-lines"
        nobody, said = strangers[file], case["expect"]
        events = [] if said is None else said.get("events", [said])
        row = {
            "id": case["id"],
            "source": case["source"],
            "format": re.sub(r"^transcript-", "", case["format"]),
            "text": BLOB.sub(lambda m, who=nobody: reencoded(m[0], who), nobody(case["record"])),
            "expect": [{k: nobody(v) for k, v in translate(event, case).items()} for event in events],
        }
        out[file].append(json.dumps(row, ensure_ascii=False))
    for file, rows in out.items():
        (HERE / f"{file}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Written cases of relay formats, in the words of the report they came with -> our columns and words. Run by hand.

    python tests/cases/translate_relay.py SHARED/cases/relay-cases.jsonl

writes `relay-dialogues.jsonl`: one object a line with `id`, `source`, `format`, `text` (lines as they stand in a file)
and `expect`: the events, each as columns of the event table (a list stands for one of several words). Only formats that
are dialogues or tables are taken. Addresses and names of strangers are replaced by ones that belong to nobody,
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

OUTCOMES = {
    "auth_success": "success",
    "auth_failure": "failure",
    "auth_tempfail": "deferred",
    "auth_unavailable": "refused",
    "auth_required": "refused",
    "connect_failure": "deferred",
    "lockout": "throttled",
    "ban": ["throttled", "refused"],
}
COLUMNS = {
    "user": "user", "mech": "mechanism", "src_ip": "client_ip", "src_port": "client_port", "dst_ip": "server_ip",
    "dst_port": "server_port", "helo": "helo", "smtp_code": "reply_code", "enhanced_code": "enhanced_code",
    "session_id": "session", "error_code": "vendor_code", "protocol": "protocol", "count": "count", "cause": "cause",
    "delay_s": "duration_s",
}  # fmt: skip

DIFFERS: dict[str, dict[str, Any]] = {
    "hmail-01": {"tls": None},  # no port and no STARTTLS offered: TLS from the first byte cannot be ruled out
}
"""Columns in which we differ on purpose."""


def translate(said: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return the columns that an event of a case must have."""
    want: dict[str, Any] = {ours: said[word] for word, ours in COLUMNS.items() if word in said}
    want["outcome"] = OUTCOMES[said["event"]]
    client = said.get("direction") == "outbound" or case["format"].startswith("transcript-")
    want["side"] = "client" if client else "server"
    if client:
        want["client_ip"] = None
        want.pop("client_port", None)
        want.pop("helo", None)
    if said.get("stage"):
        want["stage"] = {"AUTH": "auth", "RCPT": "rcpt"}[said["stage"]]
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
    nobody = Nobody()
    out = []
    for line in Path(sys.argv[1]).read_text("utf-8").splitlines():
        case = json.loads(line)
        if not case["format"].startswith(OURS):
            continue
        said = case["expect"]
        events = [] if said is None else said.get("events", [said])
        row = {
            "id": case["id"],
            "source": case["source"],
            "format": re.sub(r"^transcript-", "", case["format"]),
            "text": BLOB.sub(lambda m: reencoded(m[0], nobody), nobody(case["record"])),
            "expect": [{k: nobody(v) for k, v in translate(event, case).items()} for event in events],
        }
        out.append(json.dumps(row, ensure_ascii=False))
    (HERE / "relay-dialogues.jsonl").write_text("\n".join(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Written cases, in the words of the reports they came with -> the columns and words of smtplogs. Run by hand.

    python tests/cases/translate.py SHARED/cases/postfix-dovecot-cases.jsonl \
        SHARED/lab/postfix-dovecot/cases.jsonl SHARED/lab/postfix-dovecot/envelope-cases.jsonl

writes `postfix-dovecot.jsonl`, `lab.jsonl` and `envelopes.jsonl` beside itself: one object a line with `source`, `line`,
`program` (where the line is only the message) and `expect`: null (no event may come of it) or columns of its record.
A list stands for one of several words. The dictionary is the one of the design, section 3. Addresses and names of
strangers in lines from public test suites are replaced by ones that belong to nobody.
"""

from __future__ import annotations

import ipaddress
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

WRONG: dict[tuple[str, int], str] = {
    (
        "postfix-dovecot",
        68,
    ): "a server behind a Dovecot proxy that refuses a wrong password gives these very words, and the "
    "client is told AUTHENTICATIONFAILED (measured with 2.3 and 2.4, tests/test_seen_live.py): no temporary failure",
}
"""(file, index) -> why the case is wrong: it is left out of the passing set."""

RETAGGED = {
    273: "the suite's collector calls every process smtpd; only smtp(8) writes `host ... said:`",
    274: "as 273",
    279: "as 273",
    281: "as 273",
    282: "as 273",
    283: "as 273",
}
"""Public cases whose syslog tag is not the program that writes the line: read as postfix/smtp."""

NAMES = {
    "success": ("success", "success", None),
    "bad_credentials": ("failure", "bad_credentials", None),
    "failed_unspecified": ("failure", "bad_credentials", "assumed"),
    "unknown_user": ("failure", "unknown_user", None),
    "account_disabled": ("failure", ["account_disabled", "password_expired"], None),
    "policy_denied": ("failure", "access_policy_denied", None),
    "temp_failure": ("deferred", ["backend_unavailable", "server_config_error"], None),
    "mech_unsupported": ("refused", "mechanism_unsupported", None),
    "not_allowed": ("refused", ["auth_not_offered", "tls_required", "bad_sequence", "unknown"], None),
    "auth_required": ("refused", "auth_required", None),
    "relay_denied": ("refused", "relay_denied", None),
    "malformed": ("aborted", "malformed_response", None),
    "cancelled": ("aborted", "aborted", None),
    "tls_failed": ("aborted", "tls_handshake_failed", None),
}
"""Word of a case -> outcome, cause, basis where it is fixed. `throttled` depends on the stage."""

SHARPER = (
    ("TLS is required, but was not offered", "tls_unavailable"),
    ("user not found from userdb", "unknown_user"),
)
"""Words for which our vocabulary has a better cause than the dictionary's."""

STAGES = {
    "CONNECT": "connect",
    "EHLO": "helo",
    "HELO": "helo",
    "STARTTLS": "tls",
    "AUTH": "auth",
    "MAIL": "mail",
    "RCPT": "rcpt",
    "DATA": "data",
    "END-OF-MESSAGE": "data",
}
THROTTLES = {
    "AUTH command rate": ("auth", "throttled_auth"),
    "Connection rate": ("connect", "throttled_connection"),
    "Connection concurrency": ("connect", "throttled_connection"),
    "too many connections": ("connect", "throttled_connection"),
    "all server ports busy": ("connect", "throttled_connection"),
    "Message delivery request rate": ("mail", "throttled_sending"),
    "Recipient address rate": ("rcpt", "throttled_sending"),
    "New TLS session rate": (None, "throttled_connection"),
    "STARTTLS": ("tls", "throttled_connection"),
}
IN_REPLY_TO = {"MAIL FROM": "mail", "RCPT TO": "rcpt", "end of DATA": "data", "DATA": "data", "EHLO": "helo"}
LOCKOUT = {"stage": "session", "outcome": "throttled", "cause": "too_many_errors"}
BEYOND = (
    (r"(?:^| )too many errors after [A-Z]", {"role": "event", **LOCKOUT}),
    (r"SSL_accept error from ", {"role": "event", "stage": "tls", "outcome": "aborted"}),
    (r" said: 421 ", {"role": "event", "side": "client", "outcome": "deferred", "cause": "service_unavailable"}),
)
"""The cases ask for AUTH events only (null: none). Our table also holds lockouts, broken TLS and closed relays."""

CONTEXT = {"session_start", "session_end", "session_abort", "stat", "auth_debug_in", "auth_debug_out"}
STALE_USER = ("Connection lost", "Can't connect", "Invalid base64", "Invalid authentication mechanism")
PASSWORD = re.compile(r"\(((?:SHA1 of )?given password): [^)]*\)")


def translate(case: dict[str, Any]) -> dict[str, Any] | None:
    """Return the columns that the record of a case must have, or None."""
    said = case["expect"]
    if said is None:
        return next((want for words, want in BEYOND if re.search(words, case["line"])), None)
    event, line = said["event"], case["line"]
    want: dict[str, Any] = {"role": "event", **envelope(said, case)}
    warned = "reject_warning:" in line
    cyrus = event == "auth_detail" and said.get("outcome") is None
    many = event == "session_abort" and said["why"] == "too many errors"
    # that line stands before the one of the delivery, which is the event
    offer = event == "relay" and "warning: " in line and " AUTH mechanism" in line
    if (event in CONTEXT and not many) or cyrus or warned or offer or said.get("suspended"):
        want["role"] = "context"
    elif event == "auth_detail" and "trying the next passdb" in line:
        want["role"] = ["event", "context"]
    want |= relay(said, line) if event == "relay" else peer(said)
    want |= codes(said, line)
    if warned:
        want = {column: want[column] for column in want if column not in {"user", "mechanism"}}
    elif event == "reject" and (method := re.search(r"> sasl_method=([^ ]+)", line)):
        want["mechanism"] = method[1]  # left out of the cases, though the line has it since 3.10
    if want["role"] != "context":
        want |= {"side": "client" if said.get("direction") == "outbound" else "server"}
        want |= LOCKOUT if many else judged(said, line)
        want["count"] = said.get("attempts", said.get("repeat", 1))
    want |= rest(said, case)
    if said.get("suspended"):  # an old failure told again: who said what is on the line of that failure
        want = {c: want[c] for c in ("role", "program", "service", "host", "time", "pid", "queue_id")}
    return without_typed_passwords(want, said)


def envelope(said: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return what stands before the message, and the process."""
    postfix = said.get("service", "").startswith("postfix")
    want: dict[str, Any] = {}
    if postfix:
        tag = f"{said['service']}/{said['daemon']}"
        want["program"] = tag
        want["service"] = said["service"].partition("/")[2] or None
    elif said.get("service") or said["daemon"].startswith(("auth", "imap", "pop3", "submission", "dovecot")):
        want["protocol"] = {"imap": "imap", "pop3": "pop3"}.get(said.get("protocol", ""), "smtp")
    if "program" not in case:
        want["host"] = said.get("host")
        want["time"] = time_of(said, case)
        if postfix:
            want["pid"] = said.get("pid")
    return want


def time_of(said: dict[str, Any], case: dict[str, Any]) -> str | None:
    """Return the stamp; a container's stamp is exact, and stands where it agrees with the inner one but for the zone."""
    if "kubernetes CRI" in case["source"] or "docker logs -t" in case["source"]:
        return case["line"].split(" ", 1)[0]
    return said.get("time")


def peer(said: dict[str, Any]) -> dict[str, Any]:
    """Return who was at the other end, and as whom."""
    want: dict[str, Any] = {
        column: said.get(column) for column in ("client_ip", "client_port", "client_name", "helo", "queue_id")
    }
    if said["event"] in {"auth", "auth_detail", "auth_summary", "reject"}:
        stale = said["event"] == "auth" and said.get("reason", "").startswith(STALE_USER)
        want["user"] = None if stale else said.get("username")
        want["mechanism"] = said.get("mechanism")
    if said["event"] in {"auth", "auth_summary"} and said.get("protocol"):
        want["server_ip"] = said.get("server_ip")
        want["tls"] = "yes" if said.get("tls") == "TLS" else None
    return want


def relay(said: dict[str, Any], line: str) -> dict[str, Any]:
    """Return the relay that our server talked to."""
    want: dict[str, Any] = {"client_ip": None, "client_name": None, "queue_id": said.get("queue_id")}
    want["server_ip"] = said.get("server_ip", said.get("client_ip"))
    want["relay_host"] = said.get("server_host", said.get("client_name"))
    if "client_port" in said:
        want["server_port"] = said["client_port"]
    if said.get("relay", "none") != "none":
        host, ip, port = re.fullmatch(r"(.*)\[(.*)\]:([0-9]+)", said["relay"]).groups()  # type: ignore[union-attr]
        want |= {"relay_host": host, "server_ip": ip, "server_port": int(port)}
    want["delivery"] = said.get("status")
    want["dsn"] = said.get("enhanced_code")
    return want


def codes(said: dict[str, Any], line: str) -> dict[str, Any]:
    """Return the reply codes that the line itself carries."""
    if "code_is" in said:
        return {"reply_code": None, "enhanced_code": None}
    code = said.get("smtp_code")
    enhanced = said.get("remote_enhanced_code") if said["event"] == "relay" else said.get("enhanced_code")
    carried = code is None or re.search(rf"(?<![0-9]){code}(?![0-9])", line) is not None
    return {
        "reply_code": code if carried else None,
        "enhanced_code": enhanced if enhanced and enhanced in line else None,
    }


def judged(said: dict[str, Any], line: str) -> dict[str, Any]:
    """Return stage, outcome, cause and basis by the dictionary."""
    word, event, reason = said["outcome"], said["event"], said.get("reason", "")
    stage = stage_of(said, line)
    if event == "throttle":
        stage, cause = THROTTLES[said["limit"]]
        outcome, basis = "throttled", None
    elif word == "throttled":
        outcome, basis = "throttled", None
        cause = {"auth": "throttled_auth", "connect": "throttled_connection"}.get(stage or "", "throttled_sending")
        if "oncurrent connections" in line:
            cause = [cause, "throttled_connection"]
    else:
        outcome, cause, basis = NAMES[word]
        cause = next((sharper for words, sharper in SHARPER if words in line), cause)
        if word == "policy_denied" and ("not owned by" in reason or "send as this sender" in reason):
            outcome, cause = "refused", "sender_not_owned"
        if event == "auth" and reason.startswith("Connection lost"):
            cause, basis = "unknown", "assumed"
    want = {"stage": stage, "outcome": outcome, "cause": cause, "basis": basis}
    return {column: value for column, value in want.items() if value is not None}


def stage_of(said: dict[str, Any], line: str) -> str | None:
    """Return the SMTP step, where the line names it."""
    event = said["event"]
    if event in {"auth", "auth_detail", "auth_summary"}:
        return "mail" if "client=" in line else "auth"
    if event == "reject":
        return STAGES.get(said["stage"], "session")
    if event == "relay":
        if "SASL" in line or "AUTH mechanism" in line:
            return "auth"
        if "refused to talk to me" in line:
            return "connect"
        asked = re.search(r"\(in reply to ([A-Za-z ]+?)(?: command)?\)", line)
        return IN_REPLY_TO.get(asked[1]) if asked else None
    return None


def rest(said: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Return what only some lines have."""
    want: dict[str, Any] = {}
    if "reason" in said:
        want["detail"] = PASSWORD.sub(r"(\1: [redacted])", said["reason"])
    if "dovecot_session" in said:
        want["session"] = said["dovecot_session"]
    if "passdb" in said:
        want["passdb"] = said["passdb"]
    if "value" in said:
        want["rate_value"] = float(said["value"])
    if "limit_service" in said:
        want["limit_service"] = said["limit_service"]
    if said["event"] == "session_end":
        want["stats"] = re.search(r"disconnect from [^ ]+ (.*)$", case["line"])[1]  # type: ignore[index]
    return want


def without_typed_passwords(want: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Put the pseudonym where a failing login has a name that looks like a password."""
    user = want.get("user")
    proven = said["event"] != "auth" and said.get("outcome") in {"bad_credentials", "account_disabled"}
    failing = want.get("outcome") not in {None, "success"} and want["role"] != "context"
    kinds = sum(bool(re.search(c, user or "")) for c in ("[a-z]", "[A-Z]", "[0-9]", "[^a-zA-Z0-9]"))
    if user is None or not failing or proven or "@" in user or len(user) < 8 or kinds < 3:
        return want
    cut = {c: v.replace(user, "[redacted:user]") for c, v in want.items() if c in {"user", "detail"} and v}
    return want | cut


# --- lines of strangers ---

PROVIDERS = ("google.com", "gmail.com", "office365.com", "outlook.com", "spamhaus.org", "spamcop.net", "aka.ms")
NOBODY = ("example.com", "example.org", "example.net", "localdomain", "domain.tld", "dom.tld")
ENDINGS = "com|net|org|de|ru|fr|uk|it|au|tr|dk|eu|biz|name|co"


class Nobody:
    """Replaces addresses and domains, the same one always by the same."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.domains: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """Return the text, or a dict of texts, without strangers."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {k: self(v) for k, v in value.items()}
        return value

    def _text(self, text: str) -> str:
        text = re.sub(rf"(?<![\w.-])(?:[A-Za-z0-9-]+\.)+(?:{ENDINGS})(?![\w-]|\.[A-Za-z0-9])", self._domain, text)
        text = re.sub(r"(?<![\w.-])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w-]|\.[0-9])", self._address, text)
        return re.sub(r"(?<![\w.-])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:.-])", self._address, text)

    def _domain(self, match: re.Match[str]) -> str:
        name = match[0]
        if name.lower().endswith((*PROVIDERS, *NOBODY)):
            return name
        return self.domains.setdefault(name, f"d{len(self.domains) + 1}.example")

    def _address(self, match: re.Match[str]) -> str:
        try:
            address = ipaddress.ip_address(match[0])
        except ValueError:
            return match[0]
        if address.is_loopback or address.is_unspecified or str(address).startswith(DOCUMENTED):
            return match[0]
        n = len(self.addresses) + 1
        nets = ("192.0.2", "198.51.100", "203.0.113")
        made = f"2001:db8::{n:x}" if address.version == 6 else f"{nets[n // 200 % 3]}.{n % 200 + 20}"
        return self.addresses.setdefault(str(address), made)


DOCUMENTED = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")


def rewrite(path: Path, name: str) -> None:
    """Translate one file of cases."""
    nobody = Nobody()
    out = []
    for index, text in enumerate(path.read_text().splitlines()):
        case = json.loads(text)
        if name == "postfix-dovecot":
            if index in RETAGGED:
                case["program"] = "postfix/smtp"
                if case["expect"]:
                    case["expect"]["daemon"] = "smtp"
            case |= {"line": nobody(case["line"]), "expect": nobody(case["expect"])}
        made = {k: case[k] for k in ("source", "line", "program") if k in case} | {"expect": translate(case)}
        if (name, index) in WRONG:
            made["wrong"] = WRONG[name, index]
        out.append(json.dumps(made, ensure_ascii=False))
    (HERE / f"{name}.jsonl").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    for given, made in zip(sys.argv[1:], ("postfix-dovecot", "lab", "envelopes"), strict=True):
        rewrite(Path(given), made)

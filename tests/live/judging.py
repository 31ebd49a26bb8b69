"""The answer of smtplogs held against the truth of a recording: what each client saw, and what the log made of it.

Each scenario has an address of its own, so every row of that address belongs to it. What a server writes nothing of is
left out of the truth (`visible`), what it writes less or more of than its reply is allowed for (`fitting`); each such
rule says why.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from live.client import PASSWORD, WRONG, b64
from live.relaying import HOSTS
from live.scenarios import GOOD
from matched import unmatched
from smtplogs import reading

if TYPE_CHECKING:
    from pathlib import Path

SILENT = frozenset({"refused", "aborted"})
"""What a command without a reply, or refused by the state of the session, can be known as."""

VERDICTS = (
    (("235", "a OK", "+OK"), frozenset({"success"})),
    (("454", "451", "435"), frozenset({"deferred", "throttled"})),
    (("450", "421"), frozenset({"throttled"})),
    (("a NO [PRIVACYREQUIRED]",), frozenset({"refused"})),
    (("a NO [UNAVAILABLE]", "-ERR [SYS"), frozenset({"deferred", "throttled"})),
    (("a NO [CONTACTADMIN]",), frozenset({"failure", "deferred"})),
    (("a NO [LIMIT]",), frozenset({"throttled"})),
    (("a NO", "-ERR"), frozenset({"failure"})),
    (("501", "500", "502", "503", "504", "521", "523", "530", "534", "538"), SILENT),
    (("334",), SILENT),  # the client left
)
"""Reply -> outcomes that fit it."""

REASONS = (
    ("you are blocked", frozenset({"failure"})),
    ("TLS first", frozenset({"failure"})),
    ("come back later", frozenset({"throttled"})),
    ("Invalid base64", frozenset({"aborted"})),
    ("Invalid authentication mechanism", frozenset({"refused"})),
    ("bad protocol / cancel", frozenset({"aborted"})),
    ("no mechanism available", frozenset({"refused"})),
    ("account suspended", frozenset({"failure"})),
    ("too many logins", frozenset({"throttled"})),
    ("Authentication rejected", frozenset({"refused"})),
    ("Too many errors, bye", frozenset({"failure", "throttled"})),  # chasquid, instead of the third 535
    ("STARTTLS is required first", frozenset({"refused"})),
)
"""What a reply says of its reason, before its code is looked at."""

UNTOLD = {"bare", "saslauthd"}
"""Variants of Exim without `+smtp_protocol_error`."""

MAILED = {
    "acl_has_tls",
    "two_mails",
    "system_good",
    "system_mixed",
    "names",
    "starttls_after",
    "bad_then_starttls",
    "pipelined",
    "upper",
    "scram",
    "digest",
    "blank",
    "plain_ok",
    "three_then_in",
    "relay",
    "swaks_good",
    "unlocked",
}
"""Scenarios with a mail after the login: all that Exim tells of a success without `+smtp_no_mail`."""

CAUSES = {
    "unknown_user": {"unknown_user", "bad_credentials"},
    "locked_gone": {"unknown_user", "bad_credentials"},
    "locked_nets": {"access_policy_denied", "bad_credentials"},
    "locked": {"account_disabled"},
    "plain_bad": {"bad_credentials"},
    "login_bad": {"bad_credentials"},
    "python_bad": {"bad_credentials"},
    "many_wrong": {"bad_credentials", "throttled_auth"},
    "backend_stopped": {"backend_unavailable", "unknown_user"},
    "backend_stopped_tls": {"backend_unavailable"},
    "rate_limit": {"success", "throttled_auth"},
    "bad_base64": {"malformed_response"},
    "imap_no_tls": {"tls_required"},
    "dovecot_submission_no_tls": {"tls_required"},
    "before_starttls": {"tls_required", "auth_not_offered", "success"},
}
"""Scenario -> causes that may be told; the first word is the best, the others where the server does not tell apart."""

TOLD = {
    ("postfix", "verbose"): {"unknown_user": "unknown_user", "locked_gone": "unknown_user", "locked_nets": "access_policy_denied"},
    ("postfix", "debug"): {"unknown_user": "unknown_user", "locked_gone": "unknown_user", "locked_nets": "access_policy_denied"},
    ("sendmail", "level9"): {"unknown_user": "unknown_user", "locked_gone": "unknown_user"},
    ("sendmail", "level14"): {"unknown_user": "unknown_user", "locked_gone": "unknown_user"},
}  # fmt: skip
"""Where the log does tell, the cause must be this one."""

NAMED_AS = {
    "alice@example.com*master@example.com": ("alice@example.com", "master@example.com"),
    "alice@example.com*nomaster@example.com": ("alice@example.com", "nomaster@example.com"),
    "100%s@example.com": ("100%!s(MISSING)@example.com",),
    "ALICE@EXAMPLE.COM": ("alice@example.com",),
    "ALICE@example.com": ("alice@example.com",),
    "al\nice\t@example.com": ("al?nice?t@example.com", "al\\001nice\\001t@example.com", "al\\nice#011@example.com"),
}
"""A name that was typed -> what the servers make of it."""

QUIET = {("services", "quiet"), ("databases", "quiet")}
"""Where the log tells no causes of failures."""

UNCLEAR = {
    (("cyrus", "sasldb"), "backend_stopped"),
    (("eximauth", "cyrus"), "backend_stopped"),
    (("eximauth", "dovecot"), "before_starttls"),
    (("courier", "quiet"), "bad_base64"),
    (("courier", "told"), "bad_base64"),
    (("smaller", "chasquid"), "bad_base64"),
    (("smaller", "chasquid"), "login_bad"),
    (("smaller", "haraka_protocol"), "bad_base64"),
    (("smaller", "haraka_json"), "bad_base64"),
}
"""Where the log tells no cause: a password file that is gone knows nobody; a list of commands has no words; Courier says of bad
base64 what it says of a wrong password."""

HANDSHAKES = {
    "old_tls": {"tls_too_old"},
    "plain_on_wrapper": {"wrong_host_or_port", "tls_handshake_failed"},
    "tls_on_plain": {"wrong_host_or_port", "tls_handshake_failed"},
}
"""Scenarios without a command -> causes of their row at stage tls."""

SECRETS = (PASSWORD, WRONG, b64(PASSWORD), b64(WRONG), b64(f"\0{GOOD[0]}\0{PASSWORD}"), b64(f"\0{GOOD[0]}\0{WRONG}"))
"""Passwords that the clients sent, as they are and as base64."""


@dataclass(frozen=True)
class Deviation:
    """One thing that the log was read as and that was not so."""

    scenario: str
    what: str
    wanted: str
    found: str


@dataclass
class Recording:
    """A folder with the logs of one server and the truth."""

    folder: Path
    truth: dict[str, Any]
    events: pl.DataFrame

    @property
    def setup(self) -> tuple[str, str]:
        """Software and variant."""
        return self.truth["software"], self.truth["variant"]


def load(folder: Path) -> Recording:
    """Read a recording with smtplogs."""
    truth = json.loads((folder / "truth.json").read_text())
    return Recording(folder, truth, reading.read(sorted(folder.glob("*.log")), host="mx1"))


def visible(setup: tuple[str, str], scenario: str, command: dict[str, Any], later: list[dict[str, Any]]) -> bool:
    """Tell whether the server writes anything of a command."""
    software, variant = setup
    reply = command["reply"] or ""
    if command.get("outcome"):
        return command["outcome"] != "silent"
    if software == "fronts" and variant.startswith("nginx"):
        # nginx writes nothing of commands that it refuses by the state of the session; what comes after the login is Postfix's
        return (not reply.startswith(("500", "501", "503")) and bool(reply)) or scenario in (
            "abort",
            "bad_base64",
            "in_then_again",
        )
    if software in POSTFIX:
        if reply.startswith("421"):
            return False  # too many errors: smtpd hangs up before it counts the command
        # Dovecot's login processes sum up failures only where the connection ends without a login
        quiet = variant == "quiet" and command["protocol"] != "smtp" and "pam" not in scenario  # PAM tells
        return not (
            quiet and reply.startswith(("a NO", "-ERR")) and any(fitting(setup, c) == {"success"} for c in later)
        )
    if software in EXIM:
        if reply.startswith("235") and variant not in ("all", "dovecot"):
            return scenario in MAILED and not (scenario == "starttls_after" and command["tls"] is None)
        if reply.startswith("235") and variant == "dovecot":
            # +smtp_no_mail is silent where there was MAIL
            return scenario not in ("mail_refused", "gone_in_data") and (scenario, command["tls"]) != (
                "starttls_after",
                None,
            )
        if reply.startswith(("503 you", "503 TLS", "503 too many")):
            return True  # by the ACL
        if variant == "dovecot" and scenario in ("in_mail", "digest", "scram"):
            return not reply.startswith(("503", "504"))  # told by the list of commands, and there is none after MAIL
        if scenario in ("gone_while_judged", "base64_mechanism"):
            return variant not in UNTOLD
        return variant not in UNTOLD or not reply.startswith(("503", "504", "501 5.5.2 AUTH", "501 syntax"))
    if software == "courier" and command["protocol"] == "smtp":
        # a login is told by the mails after it, a hang-up and an AUTH without an answer by nothing
        return reply != "" and (not reply.startswith("235") or scenario in MAILED)
    if software == "smaller" and variant == "haraka":
        return (reply.startswith("535") and scenario != "abort") or (
            reply == "504 Invalid AUTH string" and scenario == "bad_base64"
        )  # at INFO it writes of wrong passwords alone
    if software == "smaller":
        return True
    if scenario == "gone_while_judged":
        return True
    if software == "opensmtpd":
        return reply != "" and "Pipelining not supported" not in reply
    # Sendmail writes of refused commands only a broken initial response
    return not (reply == "" or reply.startswith(("503", "504", "501"))) or "cannot BASE64 decode" in reply


def fitting(setup: tuple[str, str], command: dict[str, Any]) -> frozenset[str]:
    """Return the outcomes that fit what a client was told."""
    reply, user = command["reply"], command["user"]
    if command.get("outcome"):
        return frozenset(command["outcome"].split("|"))
    if reply is None:
        # Exim answers 535 to a client that has gone, and does not say that it had
        judged = setup[0] in EXIM or command.get("scenario") == "gone_while_judged"
        return SILENT | {"failure"} if judged else SILENT
    for words, outcome in REASONS:
        if words in reply:
            return outcome
    for starts, outcomes in VERDICTS:
        if reply.startswith(starts):
            return outcomes
    odd = user is not None and (user == "" or any(c not in ALLOWED for c in user))
    odd = odd or command.get("scenario") in ("strange_plain", "auth_extra", "bad_base64")
    # Dovecot (auth_username_chars) and SASL libraries refuse to look such names up, with the same 535
    return frozenset({"failure", "aborted"}) if odd else frozenset({"failure"})


POSTFIX = ("postfix", "services", "cyrus", "databases", "outages", "fronts")

EXIM = ("exim", "eximauth")

NAMELESS = {("smaller", "haraka"), ("smaller", "aiosmtpd")}
"""Haraka at INFO names nobody, aiosmtpd never does."""

FRONTS_WORD = "XCLIENT"
"""Postfix's word for a login that the server before it judged."""

ALLOWED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@"
"""Dovecot's `auth_username_chars`."""


def deviations(recording: Recording) -> list[Deviation]:
    """Return all that is not as the clients saw it."""
    sent = defaultdict(list)
    for command in recording.truth["commands"]:
        sent[command["scenario"]].append(command)
    rows = defaultdict(list)
    for row in recording.events.filter(pl.col("side") == "server").iter_rows(named=True):
        if row["outcome"] != "info":
            rows[row["client_ip"]].append(row)
    found: list[Deviation] = []
    for name, facts in recording.truth["scenarios"].items():
        mine = rows[facts["address"]]
        found += _attempts(recording.setup, name, sent[name], [r for r in mine if r["stage"] == "auth"])
        if name != "tls_on_plain" or _hello_logged(recording, facts["address"]):
            tls = [r for r in mine if r["stage"] == "tls"]
            found += _handshakes(recording.setup, name, tls, HANDSHAKES.get(name, set(facts.get("tls", ()))))
    return found + _relays(recording) + _read(recording)


def _attempts(
    setup: tuple[str, str], name: str, sent: list[dict[str, Any]], rows: list[dict[str, Any]]
) -> list[Deviation]:
    """Each command once, with a fitting outcome, the right name and cause."""
    seen = [c for i, c in enumerate(sent) if visible(setup, name, c, sent[i + 1 :])]
    wanted = [fitting(setup, c) for c in seen]
    outcomes = Counter[str]()
    for row in rows:
        outcomes[row["outcome"]] += row["count"]
    found = []
    shown = str(dict(outcomes))
    if outcomes.total() != len(wanted):
        found.append(Deviation(name, "number of attempts", str(len(wanted)), shown))
    missing = unmatched(wanted, outcomes)
    if missing:
        found.append(Deviation(name, "outcome", str([sorted(m) for m in missing]), shown))
    if not sent:
        return found
    said = [
        name
        for c in sent
        if c["user"]
        for name in (c["user"], f"{c['user']}@example.com", *NAMED_AS.get(c["user"], ()))
    ]
    if name in ("strange_plain", "auth_extra"):  # names in broken answers
        said += ["alice@example.com", "x", "y"]
    wrong = {r["user"] for r in rows if r["user"] is not None and not any(_same(r["user"], u) for u in said)}
    # the last name that a client gave in the middle of LOGIN is not in the truth of a hung-up session
    if wrong and name != "hang_up":
        found.append(Deviation(name, "user", str(sorted(set(said))), str(sorted(wrong))))
    nameless = [
        r["line_no"]
        for r in rows
        if r["outcome"] == "failure"
        and r["user"] is None
        and not {c["user"] for c in sent} & {"", None}
        and setup not in NAMELESS
        and r["cause"] != "access_policy_denied"  # an ACL says no before there is a name
    ]
    if nameless and name != "hang_up":
        found.append(Deviation(name, "user of a failure", "a name", f"none at lines {nameless}"))
    mechanisms = {r["mechanism"] for r in rows} - {None, "[redacted]", FRONTS_WORD, *(c["mechanism"] for c in sent)}
    if mechanisms:
        found.append(Deviation(name, "mechanism", str({c["mechanism"] for c in sent}), str(mechanisms)))
    clocks = [c["at"] for c in sent]
    late = [r["line_no"] for r in rows if not min(clocks) - 2 <= r["time"].timestamp() <= max(clocks) + 60]
    if late:
        found.append(Deviation(name, "time", f"near {clocks}", f"not at lines {late}"))
    wanted = [frozenset(c["cause"].split("|")) for c in seen if c.get("cause")]
    given = Counter[str]()
    for row in rows:
        given[row["cause"]] += row["count"]
    if setup not in QUIET and (lacking := unmatched(wanted, given)):
        found.append(Deviation(name, "causes", str([sorted(w) for w in lacking]), str(dict(given))))
    causes = {r["cause"] for r in rows if r["outcome"] != "success" or name == "rate_limit"}
    best = TOLD.get(setup, {}).get(name)
    if (setup, name) not in UNCLEAR and not causes <= ({best} if best else CAUSES.get(name, causes)):
        found.append(Deviation(name, "cause", best or str(sorted(CAUSES[name])), str(sorted(causes))))
    return found


def _same(logged: str, typed: str) -> bool:
    """Tell whether a logged name is the typed one: cut at 64, escaped, or hidden since it may be a password."""
    octal = "".join(c if ord(c) < 128 else "".join(f"\\{b:03o}" for b in c.encode()) for c in typed)
    cut = len(logged) > 40 and typed.startswith(logged)  # Courier's line ends somewhere
    return logged in {typed, octal, typed[:64]} or cut or logged.startswith("[redacted:user]#")


def _handshakes(setup: tuple[str, str], name: str, rows: list[dict[str, Any]], told: set[str]) -> list[Deviation]:
    """A handshake that failed is one row of one of the causes `told`; where it did not fail there is none."""
    # a client that goes without closing TLS is no handshake that failed
    causes = [r["cause"] for r in rows if r["outcome"] != "throttled" and r["cause"] != "connection_lost"]
    if not told:
        return [Deviation(name, "handshake", "none failed", str(causes))] if causes else []
    if (setup[0] in EXIM or setup[0] in ("courier", "smaller")) and name == "old_tls" and not causes:
        return []  # GnuTLS as Debian builds it still speaks TLS 1.0
    if setup[0] == "smaller" and name == "plain_on_wrapper" and not causes:
        return []  # Haraka writes nothing of it
    good = len(causes) == 1 and causes[0] in told
    return [] if good else [Deviation(name, "handshake", str(sorted(told)), str(causes))]


def _hello_logged(recording: Recording, address: str) -> bool:
    """Tell whether the first bytes of a TLS hello on a plain port are in the log.

    Postfix prints them if they came before its greeting went out; a hello that comes later is a "non-SMTP command", which is
    context, since it may also follow a STARTTLS that was refused. Exim prints them only with `+smtp_syntax_error`; OpenSMTPD and
    Sendmail never.
    """
    lines = (line for log in recording.folder.glob("*.log") for line in log.read_text(errors="replace").splitlines())
    return any(address in line and r"\026\003" in line and "non-SMTP command" not in line for line in lines)


def _relays(recording: Recording) -> list[Deviation]:
    """What smarthosts answered our server stands at side client, once per answer."""
    client = recording.events.filter(pl.col("side") == "client", pl.col("stage") == "auth", pl.col("outcome") != "info")
    found = defaultdict(Counter[str])
    for address, outcome, count in client.select("server_ip", "outcome", "count").iter_rows():
        found[address][outcome] += count
    out = []
    for relay, address in recording.truth["relay_addresses"].items():
        # a success at a relay is told by Exim alone (A= of the delivery)
        said = [r["reply"] for r in recording.truth["relays"] if r["relay"] == relay]
        wanted = [fitting(recording.setup, {"reply": r, "user": None}) for r in said if r]
        if recording.setup[0] == "relaying":
            wanted = [frozenset(HOSTS[relay].outcome.split("|")) for r in said if r]
        if recording.setup[0] not in EXIM and recording.setup[1] != "exim":
            wanted = [w for w in wanted if w != {"success"}]
        if recording.setup[0] == "opensmtpd" and relay == "relaynoauth":
            wanted = [frozenset({"refused"})]  # it asks for AUTH, and says that there was none
        if recording.setup == ("relaying", "exim"):
            # a login is told by its delivery, and there was none; after TLS broke it tries once more in clear
            wanted = [w for w in wanted if w != {"success"} or relay == "good"]
            wanted = [frozenset({"failure"}) if w == {""} else w for w in wanted]
        if "" in said and recording.setup[1] == "exim":
            wanted.append(frozenset({"deferred"}))  # Postfix says only that the connection was lost
        if found[address].total() != len(wanted) or unmatched(wanted, found[address]):
            out.append(Deviation(relay, "at a smarthost", str([sorted(w) for w in wanted]), str(dict(found[address]))))
    return out


def _read(recording: Recording) -> list[Deviation]:
    """Every line is accounted for and none is not understood."""
    coverage = reading.coverage(sorted(recording.folder.glob("*.log")))
    lost = coverage.filter(pl.col("not_understood") > 0).select("program", "examples").rows()
    return [Deviation("all", "lines not understood", "none", str(lost))] if lost else []


def confusions(recording: Recording) -> list[str]:
    """Return scenarios in which more successes, or more failures, were read than the clients saw."""
    replies = defaultdict(Counter[str])
    for command in recording.truth["commands"]:
        for outcome in fitting(recording.setup, command):
            replies[command["scenario"]][outcome] += 1
    out = []
    for name, facts in recording.truth["scenarios"].items():
        mine = recording.events.filter(
            pl.col("client_ip") == facts["address"], pl.col("stage") == "auth", pl.col("side") == "server"
        )
        for outcome in ("success", "failure"):
            if mine.filter(pl.col("outcome") == outcome)["count"].sum() > replies[name][outcome]:
                out.append(f"{name}: {outcome}")
    return out

"""A simulated session as the lines that Postfix with Dovecot, or Exim, writes about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from smtplogs.simulating.people import BEGIN
from smtplogs.simulating.wording import OUR_ADDRESS, WORDINGS, sent_by_exim, sent_by_postfix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from smtplogs.simulating.people import Mail
    from smtplogs.simulating.server import Session

ACCEPTED = "ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8"
REFUSED = "ehlo=2 starttls=1 auth=0/1 quit=1 commands=4/5"
REASONS = {"535": "(reason unavailable)", "454": "Connection lost to authentication server"}
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
X = "X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no"


def postfix(sessions: Iterable[Session], mails: Iterable[Mail] = (), *, dovecot: bool = False) -> list[str]:
    """Return the lines of Postfix 3.9 or later as submission server, and with `dovecot` those of its auth process."""
    lines: list[str] = []
    for s in sessions:
        peer, tag = f"unknown[{s.ip}]", f"postfix/submission/smtpd[{1000 + s.number % 7000}]"
        mistake = WORDINGS[s.fault] if s.verdict == "mistake" and s.fault else None
        if mistake:
            tag = tag.replace("submission/smtpd", mistake.service)
        says = [(tag, f"connect from {peer}")]
        if mistake:
            says += [(tag, text.format(peer=peer, helo=_device(s))) for text in mistake.postfix]
        elif s.verdict == "ok":
            says.append((tag, f"{s.number:08X}: client={peer}, sasl_method={s.mechanism}, sasl_username={s.user}"))
        elif s.verdict == "limited":
            limit = f"AUTH command rate limit exceeded: {s.reached} from {peer} for service submission"
            says.append((tag, f"warning: {limit}"))
        else:
            if dovecot and s.verdict == "535" and s.fault != "rule" and s.user.isprintable():
                says.append(_dovecot(s))
            name = s.user.replace("\n", "?")  # as Postfix prints control signs
            failed = f"SASL {s.mechanism} authentication failed: {REASONS[s.verdict]}, sasl_username={name}"
            says.append((tag, f"warning: {peer}: {failed}"))
        if not mistake:
            says.append((tag, f"disconnect from {peer} {ACCEPTED if s.verdict == 'ok' else REFUSED}"))
        stamp = _iso(s.at)
        lines += [f"{stamp} mx1 {who}: {text}" for who, text in says]
    relayed = [f"{_iso(at)} mx1 {text}" for mail in mails for at, text in sent_by_postfix(mail)]
    return sorted([*lines, *relayed], key=itemgetter(slice(26))) if relayed else lines


def _dovecot(s: Session) -> tuple[str, str]:
    """Return what Dovecot 2.3 with auth_verbose says of a refused login, or of a database that does not answer."""
    if s.fault:
        return "dovecot", f"auth-worker(203): Error: sql({s.user},{s.ip}): Password query failed: not connected"
    why = "Password mismatch" if s.known else "unknown user"
    return "dovecot", f"auth-worker(203): sql({s.user},{s.ip}): {why}"


def exim(sessions: Iterable[Session], mails: Iterable[Mail] = ()) -> tuple[list[str], list[str]]:
    """Return the lines of Exim 4.97 or later: those of the main log, and of the reject log.

    Its settings: ``log_timezone``, and the log selectors ``incoming_port`` and ``incoming_interface``.
    """
    main: list[str] = []
    reject: list[str] = []
    for s in sessions:
        at = _moment(s)
        stamp = f"{at:%Y-%m-%d %H:%M:%S} +0000"
        mistake = WORDINGS[s.fault] if s.verdict == "mistake" and s.fault else None
        helo = _device(s) if mistake else f"pc-{s.number % 97}"
        port = mistake.port if mistake else 587
        address = f"[{s.ip}]:{1024 + s.number * 7919 % 64_000} I=[{OUR_ADDRESS}]:{port}"
        who = f"H=({helo}) {address}"
        if mistake:
            told = mistake.exim.format(who=who, address=address, named=f"({helo}) {address}", helo=helo)
            main.append(f"{stamp} {told}")
            reject += main[-1:] if mistake.reject else []
            continue
        name = f"{s.mechanism.lower()}_server"
        if s.verdict == "ok":
            mail = _message_id(at, s.number)
            size = 900 + s.number * 613 % 40_000
            told = f"{mail} <= {s.user} {who} P=esmtpsa {X} A={name}:{s.user} S={size}"
            sent = f"{mail} => client{s.number % 900}@example.net R=dnslookup T=remote_smtp H=mx.example.net [192.0.2.250] {X}"
            main += [f"{stamp} {told}", f'{stamp} {sent} C="250 2.0.0 Ok: queued"', f"{stamp} {mail} Completed"]
            continue
        user = s.user.replace("\n", "\\n")
        if s.verdict == "limited":
            line = f"{stamp} {who} temporarily rejected AUTH {s.mechanism}: ratelimited auth"
        elif s.verdict == "454":
            line = f"{stamp} {name} authenticator failed for {who}: 435 Unable to authenticate at present (set_id={user}): "
            line += "authentication socket read error or premature eof"
        else:
            line = f"{stamp} {name} authenticator failed for {who}: 535 Incorrect authentication data (set_id={user})"
        main.append(line)
        reject.append(line)
    relayed = []
    for mail in mails:
        begun = BEGIN + timedelta(seconds=mail.tries[0][0])
        for at, text in sent_by_exim(mail, _message_id(begun, 500_000 + mail.number)):
            relayed.append(f"{BEGIN + timedelta(seconds=at):%Y-%m-%d %H:%M:%S} +0000 {text}")
    return (sorted([*main, *relayed], key=itemgetter(slice(19))) if relayed else main), reject


def _device(s: Session) -> str:
    number = s.ip.rsplit(".", 1)[-1]
    return f"device-{number}" if number.isdigit() else "localhost"


def _iso(at: float) -> str:
    return (BEGIN + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "+00:00"


def _moment(s: Session) -> datetime:
    return BEGIN + timedelta(seconds=s.at)


def _message_id(at: datetime, number: int) -> str:
    """Return an id as Exim makes it: seconds, process, fraction."""
    return f"1{_base62(int(at.timestamp()), 6)[1:]}-{_base62(1000 + number, 11)}-{_base62(number * 7 % 9999, 4)}"


def _base62(number: int, width: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = DIGITS[digit] + text
    return text.rjust(width, "0")[-width:]

"""Plain words: numbers, lengths of time, moments in one zone, names of kinds and severities."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_STRETCH = re.compile(
    r"(?<!\d)(?P<begin>\d{4}-\d\d-\d\d \d\d:\d\d(?::\d\d)?)(?: to (?P<end>(?:\d{4}-\d\d-\d\d )?\d\d:\d\d(?::\d\d)?))? UTC\b"
)

OUTCOMES = {
    "success": "the login was accepted",
    "failure": "the credentials were rejected",
    "deferred": "the server could not judge the credentials",
    "aborted": "the client gave up, or sent what is no login",
    "refused": "the command is not allowed here, or not yet",
    "throttled": "a limit said no",
}
"""What the outcome words mean, for readers who have not met them."""

KINDS = {
    "lockout": "Lockout",
    "failure_streak": "Run of failures",
    "ip_ban": "Banned address",
    "stale_credential": "Outdated password in use",
    "rotation": "Change of password",
    "never_worked": "Client that never logged in",
    "port_25": "Client on port 25",
    "no_tls": "Client without TLS",
    "tls_mode": "Wrong TLS mode",
    "old_tls": "TLS too old",
    "cert_not_trusted": "Certificate not trusted",
    "mechanism": "Login mechanism not offered",
    "local_part_only": "Incomplete user name",
    "blank_or_break": "Blank or line break in the user name",
    "bad_base64": "Malformed login",
    "password_not_allowed": "Passwords not allowed",
    "wrong_kind": "Credentials of another kind",
    "helo": "Greeting refused",
    "retry_storm": "Retry storm",
    "login_per_message": "Login for every mail",
    "no_login": "Client that does not log in",
    "scanner": "Scanners",
    "plain_text_login": "Login in plain text",
    "weak_mechanism": "Weak login mechanism",
    "old_tls_login": "Login over old TLS",
    "port_25_login": "Login on port 25",
    "password_login": "Passwords where tokens are known",
    "secret_in_log": "Secret in a log",
    "relay_refusal": "Refused by a relay",
}

TRIGGERS = {
    "self_inflicted": "a client of the account itself",
    "attacker_induced": "an address that attacks",
    "unknown_source": "a source not known before",
}

BLANK = "–"


def number(value: float | None) -> str:
    """Return a whole number with thousands apart."""
    return BLANK if value is None else f"{value:,.0f}"


def share(part: float, whole: float) -> str:
    """Return a share in percent; never 0 % or 100 % of what is not none or all."""
    if not whole:
        return BLANK
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "under 1 %"
    return "over 99 %" if 99 < percent < 100 else f"{percent:.0f} %"


def many(n: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun: "1 file", "2 files"."""
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def several(names: list[str], most: int = 3) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def size(n_bytes: int | None) -> str:
    """Return a number of bytes in the unit that reads best."""
    if n_bytes is None:
        return BLANK
    value, unit = float(n_bytes), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:,.0f} {unit}" if unit == "bytes" else f"{value:,.1f} {unit}"


def kind(word: str | None) -> str:
    """Return what a kind of finding is called."""
    if not word:
        return "Finding"
    return KINDS.get(word, word.replace("_", " ").capitalize())


def moment(when: datetime | None, tz: str, *, offset: bool = False) -> str:
    """Return a moment to the second in the zone; with its offset from UTC if asked for."""
    if when is None:
        return BLANK
    local = when.astimezone(ZoneInfo(tz))
    return local.isoformat(sep=" ", timespec="seconds") if offset else f"{local:%Y-%m-%d %H:%M:%S}"


def period(start: datetime | None, end: datetime | None, tz: str) -> str:
    """Return a stretch of time to the minute, the date once if it is one day."""
    if start is None:
        return BLANK
    a = start.astimezone(ZoneInfo(tz))
    if end is None:
        return f"since {a:%Y-%m-%d %H:%M}, end not seen"
    b = end.astimezone(ZoneInfo(tz))
    if f"{a:%Y-%m-%d %H:%M}" == f"{b:%Y-%m-%d %H:%M}":
        return f"{a:%Y-%m-%d %H:%M}"
    return f"{a:%Y-%m-%d %H:%M} to {b:%H:%M}" if a.date() == b.date() else f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}"


def localised(text: str, tz: str) -> str:
    """Return a sentence of a finding with its times, which are in UTC, in the zone that the reader asked for.

    Findings are the same in every zone, and their sentences name UTC; a page that shows all else in local time would
    make its reader reckon.
    """
    return text if tz == "UTC" else _STRETCH.sub(lambda found: _moved(found, ZoneInfo(tz)), text)


def _moved(found: re.Match[str], place: ZoneInfo) -> str:
    """Return one stretch of time, "2026-03-02 23:50 to 00:10 UTC", on the clock of a place, the date once if it is one day."""
    begin, end = found["begin"], found["end"]
    try:
        a = datetime.fromisoformat(begin).replace(tzinfo=UTC).astimezone(place)
        b = datetime.fromisoformat(end if not end or "-" in end else f"{begin[:10]} {end}") if end else None
    except (ValueError, OverflowError):  # no date after all: text of a log
        return found[0]
    seconds = "%Y-%m-%d %H:%M:%S" if begin.count(":") == 2 else "%Y-%m-%d %H:%M"
    said = f"{a:{seconds}}"
    if b is None:
        return said
    until = f"{b.replace(tzinfo=UTC).astimezone(place):{seconds}}"
    return f"{said} to {until[11:] if until[:10] == said[:10] else until}"


def sentence(text: str | None) -> str:
    """Return the text with a full stop at its end, and its first letter as it is."""
    text = (text or "").strip()
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def inner(sentence: str) -> str:
    """Return a sentence as it reads within another: "It happened" becomes "it happened", "IMAP" stays."""
    return sentence[:1].lower() + sentence[1:] if sentence[1:2].islower() or sentence[1:2] == " " else sentence

"""Mistakes in clients' settings as findings: figures and sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtplogs.detect._findings import not_assessable
from smtplogs.detect._misconfig_words import TIES, WORDS, WORDS_OF_CAUSE
from smtplogs.detect._sentences import client_name, counted, length, listed, moment, name, times
from smtplogs.detect._signs import NAME_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def client_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one client with one mistake."""
    words = WORDS_OF_CAUSE.get(story["cause"]) or WORDS[story["kind"]]
    by_name = story["kind"] in NAME_KINDS
    user = (story["meant"] or story["user"]) if by_name else story["known_user"]
    place = name(story["client_ip"])
    parts = {"place": place, "user": f"“{name(story['user'])}”", "meant": name(story["meant"]), "seen": _seen(story)}
    software = f" (likely {story['likely']})" if story["likely"] else ""
    fixed = story["fixed_at"]
    tail = f"; logins from there succeed since {moment(fixed)}" if fixed else ""
    faint = story["weak"] or story["tie"] == "rhythm"
    return {
        "kind": story["kind"],
        "severity": "info" if fixed or faint else "warning",
        "subject_kind": "client",
        "subject": client_name(story["user"], story["client_ip"]) if by_name else story["client_ip"],
        "user": user,
        "client_ip": story["client_ip"],
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n"],
        "title": f"The client at {place}{software} {words.says.format(**parts)}: {_often(story)} "
        f"from {moment(story['start'])} to {moment(story['end'])}{tail}.",
        "cause": words.cause if story["cause"] in (None, "unknown", "success") else story["cause"],
        "advice": words.advice.format(**parts),
        "confidence": "low" if faint else "high" if story["tie"] in ("address", "own", "user") else "medium",
        "because": _reasons(story),
        "refuted_by": "A look at the settings of that client, or logins of it in the same time that this log does not "
        "hold.",
        "tie": story["tie"],
        "n_sessions": story["n_sessions"],
        "sources": story["sources"],
        "meant": story["meant"],
        "seen": _seen(story).strip(" ()") or None,
        "services": story["services"],
        "works_elsewhere": story["works"],
        "fixed_at": fixed,
        "period_s": story["period_s"] if story["regular"] else None,
        "n_per_day": story["n_per_day"],
        "likely": story["likely"],
        "answers": list(words.answers),
    }


def _seen(story: Mapping[str, Any]) -> str:
    seen = {"mechanism": story["mechanisms"], "helo": story["helos"], "wrong_kind": story["relays"]}
    values = seen.get(story["kind"]) or []
    return f" ({listed(values)})" if values else ""


def _often(story: Mapping[str, Any]) -> str:
    often = times(story["n"])
    if story["regular"]:
        often += f", every {length(timedelta(seconds=story['period_s']))}"
    return often


def _reasons(story: Mapping[str, Any]) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    place = name(story["client_ip"])
    who = f" ({listed(story['works'], story['n_works'])})" if story["works"] else ""
    tie = TIES[story["tie"]].format(place=place, who=who, known=name(story["meant"] or story["user"]))
    reasons = [f"{counted(story['n_sessions'], 'session')} with this sign, and no login in them.", tie]
    if story["services"]:
        reasons.append(f"Seen on {listed(story['services'])}.")
    if story["silent"]:
        reasons.append("The server wrote no line about it: only the counters at the end of the session tell.")
    if story["weak"]:
        reasons.append("It looked what is offered and left; a monitoring probe does the same.")
    if story["kind"] in NAME_KINDS and len(story["sources"]) > 1:
        reasons.append(f"It came from {counted(len(story['sources']), 'address', 'addresses')}.")
    return reasons


def storm_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one client that repeats what no retry can cure."""
    place, user = name(story["client_ip"]), story["user"]
    on = f" as {name(user)}" if user else ""
    pace = {
        "fixed": f"every {length(timedelta(seconds=story['period_s'] or 0))}",
        "growing": "with growing pauses",
        "irregular": "at uneven times",
    }[story["pace"]]
    fixed = story["fixed_at"]
    tail = f"; it logs in since {moment(fixed)}" if fixed else ""
    rate = "30 or more within an hour" if story["fast"] else "200 or more within a day"
    return {
        "kind": "retry_storm",
        "severity": "info" if fixed else "warning",
        "subject_kind": "client",
        "subject": client_name(user, story["client_ip"]),
        "user": user,
        "client_ip": story["client_ip"],
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n"],
        "title": f"The client at {place} repeated{on} what no retry can cure {times(story['n'])}, {pace}, from "
        f"{moment(story['start'])} to {moment(story['end'])}{tail}.",
        "cause": story["cause"],
        "advice": f"Stop the client at {place} first, repair what it is refused for, and let it give up after a few "
        "tries: it can trip locks and bans.",
        "confidence": "high",
        "because": [
            f"{rate.capitalize().replace('30', str(story['per_hour'])).replace('200', str(story['per_day']))}, all "
            "refused for good: waiting does not help with that cause.",
            f"Clients log in from {place}, or it is in a network of yours.",
        ],
        "refuted_by": "A change of settings between the tries, each a new attempt of a person.",
        "n_sessions": story["n_ticks"],
        "sources": [story["client_ip"]],
        "fixed_at": fixed,
        "pace": story["pace"],
        "period_s": story["period_s"] if story["pace"] == "fixed" else None,
        "n_per_day": story["n_per_day"],
        "answers": ["lockout", "throttling"],
    }


def hourly_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one client that logs in for every mail."""
    place, user = name(story["client_ip"]), name(story["user"])
    limited = story["n_limited"]
    met = f"; a limit refused it {times(limited)}" if limited else ""
    return {
        "kind": "login_per_message",
        "severity": "warning" if limited else "info",
        "subject_kind": "client",
        "subject": client_name(story["user"], story["client_ip"]),
        "user": story["user"],
        "client_ip": story["client_ip"],
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n_logins"],
        "title": f"The client at {place} logs in as {user} anew for every mail, up to {story['most']:,} times an "
        f"hour{met}.",
        "cause": "throttled_auth" if limited else "success",
        "advice": f"Let the client at {place} keep its connection, or hand its mails to a local relay that does.",
        "confidence": "high" if limited else "medium",
        "because": [
            f"{counted(story['n_logins'], 'login')} for {counted(story['n_mails'], 'mail')} in its busy hours."
        ],
        "refuted_by": "Several programs behind that address, each with a mail of its own.",
        "n_sessions": story["n_logins"],
        "sources": [story["client_ip"]],
        "n_limited": limited,
        "answers": ["throttling"],
    }


def certificate_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for a certificate that many clients began to refuse at once."""
    server = _server(story)
    return _server_fault(story) | {
        "kind": "cert_not_trusted",
        "title": f"From {moment(story['start'])} on {counted(len(story['sources']), 'known client')} refused the "
        f"certificate of {server}: the fault is on the server.",
        "cause": "tls_handshake_failed",
        "advice": f"Renew the certificate of {server}, or complete its chain, and look at its dates and names.",
        "because": [
            f"{listed(story['sources'])} had logged in before and began to complain within a day.",
            f"Their words: {name(story['detail'])}.",
        ],
        "refuted_by": "The certificate that the server showed at that time, valid and complete.",
        "answers": ["certificate"],
    }


def lost_mechanism_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for a mechanism that many clients began to miss at once."""
    mechanism = name(story["mechanism"])
    return _server_fault(story) | {
        "kind": "mechanism",
        "title": f"From {moment(story['start'])} on {counted(len(story['sources']), 'known client')} asked for "
        f"{mechanism}, which {_server(story)} did not offer: its settings were changed.",
        "cause": "mechanism_unsupported",
        "advice": f"Offer {mechanism} again (Dovecot: auth_mechanisms, Postfix: smtpd_sasl_mechanism_filter, Exim: an "
        "authenticator), or set these clients to what is offered.",
        "because": [
            f"{listed(story['sources'])} had logged in before and began to ask for it within a day; hardly one did before."
        ],
        "refuted_by": f"A login with {mechanism} in this time, or the same settings of the server before.",
        "answers": ["mechanism"],
    }


def _server(story: Mapping[str, Any]) -> str:
    return name(story["host"]) if story["host"] else "the server"


def _server_fault(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the findings have in common where many clients that logged in before meet one fault of the server."""
    return {
        "severity": "serious",
        "subject_kind": "server",
        "subject": story["host"] or "server",
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n"],
        "confidence": "high",
        "n_sessions": story["n"],
        "sources": story["sources"],
    }


def passwords_off_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for a domain in which passwords stopped working while tokens go on."""
    domain = name(story["domain"])
    return {
        "kind": "password_not_allowed",
        "severity": "serious",
        "subject_kind": "service",
        "subject": story["domain"],
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n"],
        "title": f"Since {moment(story['start'])} no password logs in to {domain}, while tokens go on: "
        f"{counted(story['n_accounts'], 'account')} refused {times(story['n'])}.",
        "cause": "oauth_required",
        "advice": f"Move the clients of {domain} that still use passwords to OAuth 2.0, or allow passwords again.",
        "confidence": "medium",
        "because": [
            f"The last password login was at {moment(story['last_ok'])}; {listed(story['names'], story['n_accounts'])} "
            "had logged in with a password before.",
            f"{counted(story['n_tokens_after'], 'login')} with a token came after it.",
        ],
        "refuted_by": f"A password login to {domain} after that time.",
        "n_sessions": story["n"],
        "sources": [],
        "answers": ["oauth", "app_password"],
    }


def scanners_row(start: datetime, end: datetime, n: int, addresses: list[str], kinds: list[str]) -> dict[str, Any]:
    """Return the one row for addresses that show such signs, and that nothing ties to us."""
    return {
        "kind": "scanner",
        "severity": "info",
        "subject_kind": "campaign",
        "subject": "addresses that are no clients of ours",
        "start": start,
        "end": end,
        "n_events": n,
        "title": f"{counted(len(addresses), 'address', 'addresses')} showed signs of wrong settings "
        f"{times(n)}, but nothing ties {'it' if len(addresses) == 1 else 'them'} to your users: scanners and bots.",
        "cause": None,
        "advice": "Leave them alone, or to a ban per address. Name your own networks (networks of misconfigured-clients) "
        "if a client of yours is among them.",
        "confidence": "medium",
        "because": [
            "No login came from these addresses or from near them, and they kept no steady rhythm.",
            f"Signs: {listed(kinds, most=15)}.",
        ],
        "refuted_by": "One of these addresses being a device of yours.",
        "n_sessions": None,
        "sources": addresses[:10],
        "n_scanners": len(addresses),
    }


def no_logins_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that our clients cannot be told from strangers, for the log shows no login."""
    return not_assessable(
        "scanner",
        "all clients",
        start,
        end,
        n,
        title=f"Which of the clients behind {counted(n, 'sign')} of wrong settings are yours cannot be told: the "
        "log shows no login.",
        advice="Read a longer log, with logins in it, or name your own networks (networks of misconfigured-clients).",
        because=["A client is told from a scanner by logins from its address, its account or its network."],
        refuted_by="Logins in this log.",
    )

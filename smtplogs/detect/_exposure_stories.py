"""Weak logins and secrets in a log as findings: figures and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtplogs.detect._sentences import counted, listed, moment, name, times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

TRENDS = ("falling", "steady", "rising")

KINDS = {
    "plain_text_login": (
        "without encryption",
        "Switch on TLS in the clients of {user}, then let the server refuse AUTH without it (smtpd_tls_auth_only).",
        "Anybody on the way can read the password.",
    ),
    "old_tls_login": (
        "over TLS older than 1.2",
        "Update the clients of {user}, or put a relay of your own with modern TLS before them.",
        "RFC 8996 withdraws TLS 1.0 and 1.1.",
    ),
    "weak_mechanism": (
        "with an outdated mechanism",
        "Let the clients of {user} use PLAIN or LOGIN over TLS, SCRAM or OAuth.",
        "These mechanisms rest on MD5 or pass on hashes, and make the server keep the password readable.",
    ),
    "port_25_login": (
        "on port 25",
        "Move the clients of {user} to port 587 or 465, then switch AUTH off on port 25, where bots try most.",
        "RFC 6409 and RFC 8314 give submission ports of its own.",
    ),
}
"""Kind -> (how it logs in, advice, why it matters)."""


def weak_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one account that logs in weakly."""
    how, advice, why = KINDS[story["kind"]]
    user = name(story["user"])
    seen = f" ({listed(story['variants'])})" if story["variants"] else ""
    share = story["n"] / story["n_all"] if story["n_all"] else None
    part = f", {share:.0%} of its logins," if share is not None and share < 1 else ""
    return _row(story["kind"], story["public"], story["first"], story["last"], story["n"]) | {
        "subject_kind": "user",
        "subject": story["user"] or "(no name)",
        "user": story["user"],
        "client_ip": story["sources"][0] if story["sources"] else None,
        "title": f"{user} logs in {how}{seen}: {times(story['n'])}{part} from {_places(story)}, last at "
        f"{moment(story['last'])}.",
        "advice": advice.format(user=user),
        "because": [why, f"{counted(story['n'], 'login')} that the log proves; {_trend(story['trend'])}."],
        "login_share": share,
        "trend": story["trend"],
        "sources": story["sources"],
        "n_sources": story["n_sources"],
        "variants": story["variants"],
    }


def _row(kind: str, public: bool, first: datetime, last: datetime, n: int) -> dict[str, Any]:
    """Return what all findings about logins have."""
    return {
        "kind": kind,
        "severity": "warning" if kind == "plain_text_login" and public else "info",
        "start": first,
        "end": last,
        "n_events": n,
        "cause": "success",
        "confidence": "high",
        "refuted_by": "TLS that ends at a proxy in front of this server."
        if kind in ("plain_text_login", "old_tls_login")
        else "A log that names services and mechanisms otherwise.",
        "first": first,
        "last": last,
        "n_logins": n,
    }


def _places(story: Mapping[str, Any]) -> str:
    if story["n_sources"] == 1:
        return name(story["sources"][0])
    return f"{counted(story['n_sources'], 'address', 'addresses')} ({listed(story['sources'], story['n_sources'])})"


def _trend(trend: str) -> str:
    words = {"falling": "it gets less", "steady": "it goes on", "rising": "it gets more"}
    return words[trend]


def others_row(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one finding for the accounts that get no row of their own."""
    how, advice, why = KINDS[group["kind"]]
    users, n_users = group["users"], group["n_users"]
    accounts = counted(n_users, "further account")
    return _row(group["kind"], group["public"], group["first"], group["last"], group["n"]) | {
        "subject_kind": "campaign",
        "subject": "further accounts",
        "title": f"{accounts} ({listed(users, n_users)}) {'logs' if n_users == 1 else 'log'} in {how}: "
        f"{times(group['n'])}.",
        "advice": advice.format(user="these accounts"),
        "because": [why, "Each of them has fewer logins of this kind than those told one by one."],
        "n_users": n_users,
        "users": users,
    }


def passwords_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for a domain that knows tokens and still takes passwords."""
    domain = name(story["domain"])
    accounts = counted(story["n_users"], "account")
    share = story["n"] / story["n_all"]
    return _row("password_login", False, story["first"], story["last"], story["n"]) | {
        "subject_kind": "service",
        "subject": story["domain"],
        "title": f"{accounts} of {domain} still {'logs' if story['n_users'] == 1 else 'log'} in with a password "
        f"({share:.0%} of the logins), though the domain knows tokens.",
        "advice": f"Move the clients of {listed(story['users'], story['n_users'])} to OAuth 2.0 before passwords are "
        "switched off.",
        "because": ["Logins with XOAUTH2 or OAUTHBEARER succeed in the same domain."],
        "login_share": share,
        "variants": story["variants"],
        "users": story["users"],
        "n_users": story["n_users"],
    }


def secret_row(story: Mapping[str, Any], end: datetime | None) -> dict[str, Any]:
    """Return the finding for secrets of one kind in one file; the value is nowhere in it."""
    source, kind = name(story["source"]), story["redacted"]
    typed = kind == "password as user name"
    what = f"{counted(story['n'], 'line')} of {source} {'holds' if story['n'] == 1 else 'hold'}"
    return {
        "kind": "secret_in_log",
        "severity": "info" if typed else "warning",
        "subject_kind": "server",
        "subject": f"{story['source']} ({kind})",
        "start": story["first"] or end,
        "end": story["last"] or end,
        "n_events": story["n"],
        "title": f"{what} a user name that looks like a password."
        if typed
        else f"{what} a secret ({kind}); the lines are named here, the secret is not.",
        "cause": None,
        "advice": "If it is a real password, change it; else leave it."
        if typed
        else "Change the secrets, restrict who "
        "reads the log and its copies, and switch off what writes them (smtpd -v, auth_verbose_passwords, auth_debug).",
        "confidence": "low" if typed else "high",
        "because": ["People type the password into the field of the name; guessing bots send such names too."]
        if typed
        else ["The secret was cut out when the line was read; the file still holds it."],
        "refuted_by": "A look at the line in the file.",
        "first": story["first"],
        "last": story["last"],
        "variants": [kind],
    }

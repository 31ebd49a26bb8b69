"""A streak, and what strangers did together, as findings: figures and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtplogs.detect._lock_stories import unnamed
from smtplogs.detect._sentences import counted, listed, moment, name, part, stretch, times

if TYPE_CHECKING:
    from collections.abc import Mapping

DOUBTS = {
    "outage": "A lock was considered and dropped: of {n_others_active} accounts active in those minutes "
    "{n_others_refused} were refused without failures before them, as in an outage.",
    "let_in": "A lock was considered and dropped: {passed} somebody got in within a minute of as many failures, {met} an "
    "established client was refused after them, as by typing mistakes.",
    "fault": "A lock was considered and dropped: the failures before it came from established clients of the account, a "
    "few from each, as after a change of password or a fault behind the server.",
    "rotation": "A lock was considered and dropped: the client that failed first had been trusted until then and went "
    "on failing after the account worked again, as after a change of password.",
    "typing": "A lock was considered and dropped: the client got in so soon that a typing mistake fits as well.",
}


def streak_row(streak: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one streak; `streak` has the columns of find_streaks, and how soon it was over."""
    by_user = streak["kind"] == "user"
    subject = streak["user"] if by_user else streak["main"]
    recovered = streak["recovered_at"]
    return {
        "kind": "failure_streak",
        "severity": _severity(streak),
        "subject_kind": streak["kind"],
        "subject": subject,
        "user": streak["user"] if by_user else None,
        "client_ip": streak["main"],
        "start": streak["start"],
        "end": streak["end"],
        "n_events": streak["n"],
        "title": f"{name(subject)} {_refused(streak)} {stretch(streak['start'], streak['end'])}{_after(streak)}.",
        "cause": streak["cause"],
        "advice": _advice(streak),
        "confidence": "high",
        "because": _reasons(streak),
        "refuted_by": f"Logins of {name(subject)} in between that this log does not hold.",
        "recovered_at": recovered,
        "recovered_from": ("same_address" if streak["same"] else "other_address") if by_user and recovered else None,
        "trigger": streak["main"],
        "trigger_share": streak["n_main"] / streak["n"],
        "trusted_refused": streak["established"],
        "n_streaks": streak["n_streaks"],
        "n_sources": streak["n_sources"],
        "sources": streak["sources"],
        "n_names": streak["n_names"],
        "names": streak["names"],
    }


def _refused(streak: Mapping[str, Any]) -> str:
    """Say how often, and from where or on whom."""
    often = f"was refused {times(streak['n'])}"
    if streak["kind"] == "address":
        known = "never seen to log in, " if streak["main_stranger"] else ""
        if not streak["n_names"]:
            return f"({known}accounts not logged) {often}"
        what = f"{counted(streak['n_names'], 'account')}: {listed(streak['names'], streak['n_names'])}"
        return f"({known}{what}) {often}"
    if not streak["main"]:
        return often
    known = " (never seen to log in)" if streak["main_stranger"] else ""
    others = streak["n_sources"] - 1
    crowd = f" and {counted(others, 'other address', 'other addresses')}" if others else ""
    return f"{often} from {name(streak['main'])}{known}{crowd}"


def _after(streak: Mapping[str, Any]) -> str:
    """Tell how a run of failures ended."""
    if streak["kind"] == "address":
        return ""
    lost = streak["lost"]
    if lost:
        clients = "its established client" if len(lost) == 1 else f"{len(lost)} of its established clients"
        return f"; {clients} ({listed(lost)}) had not logged in again when the log ends"
    if streak["recovered_at"] is None:
        return "; the log shows no login after it"
    source = "from there" if streak["same"] else "from elsewhere"
    return f"; the next login, {source}, succeeded at {moment(streak['recovered_at'])}"


def _severity(streak: Mapping[str, Any]) -> str:
    """Return how grave a run of failures is."""
    if streak["lost"]:
        return "serious"
    if streak["kind"] == "address":
        return "info" if streak["main_stranger"] else "warning"
    if streak["all_strangers"]:
        noise = streak["known"] or streak["n_sources"] > 1 or streak["cause"] == "unknown_user"
        return "info" if noise else "warning"
    return "info" if streak["soon"] else "warning"


def _advice(streak: Mapping[str, Any]) -> str:
    """Return what to do about a run of failures."""
    source = name(streak["main"])
    if streak["attack"]:
        return f"If {source} is none of yours, block it; failures of strangers are the daily noise of a server."
    if streak["kind"] == "address":
        return f"Find out whose client at {source} has a wrong password; a log with user names would tell."
    if streak["all_strangers"]:
        return f"If {source} does not belong to the owner of {name(streak['user'])}, block it; else repair the client there."
    if streak["lost"]:
        return f"See whether the account is locked; if not, enter the password anew in the client at {listed(streak['lost'])}."
    if streak["soon"]:
        return "Nothing needs to be done if the owner remembers mistyping."
    return (
        f"Ask the owner of {name(streak['user'])} what runs at {source}, and give it the present password or stop it."
    )


def _reasons(streak: Mapping[str, Any]) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    reasons = [
        f"{counted(streak['n'], 'refused attempt')}, {part(streak['n_main'], streak['n'])} {name(streak['main'])}."
    ]
    if streak["n_streaks"] > 1:
        reasons.append(f"It happened {times(streak['n_streaks'])}, less than a day apart.")
    if streak["established"]:
        known = counted(len(streak["established"]), "established client")
        reasons.append(f"Among the refused: {known} ({listed(streak['established'])}).")
    if streak["doubt"]:
        counts = {"passed": times(streak["n_let_in"] or 0), "met": times(streak["n_refused_alike"] or 0)}
        reasons.append(DOUBTS[streak["doubt"]].format_map({**streak, **counts}))
    elif streak["kind"] == "user":
        reasons.append("No lock can be shown: no established client was refused after it and came back unchanged.")
    if streak["unnamed_share"]:
        reasons.append(unnamed(streak["unnamed_share"]))
    return reasons


def campaign_row(campaign: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one finding for all addresses that failed and were never seen to log in."""
    silent = campaign["n_logins"] == 0
    names = (
        counted(campaign["n_names"], "account name") if campaign["n_names"] else "accounts that the log does not name"
    )
    reasons = [
        "None of these addresses is seen to log in to any account.",
        f"{campaign['n_known']:,} of the accounts tried logged in from elsewhere.",
    ]
    if silent:
        reasons.append("The log shows no login at all: the server, or the log itself, may be at fault.")
    if campaign["unnamed_share"]:
        reasons.append(unnamed(campaign["unnamed_share"]))
    return {
        "kind": "failure_streak",
        "severity": "warning" if silent else "info",
        "subject_kind": "campaign",
        "subject": "addresses that never logged in",
        "start": campaign["start"],
        "end": campaign["end"],
        "n_events": campaign["n"],
        "title": f"{campaign['n_sources']:,} addresses that never logged in tried {names} and were refused "
        f"{times(campaign['n'])} {stretch(campaign['start'], campaign['end'])}.",
        "cause": campaign["cause"],
        "advice": "Leave them to a ban per address (fail2ban and the like): no established client was seen locked out "
        "by them.",
        "confidence": "high",
        "because": reasons,
        "refuted_by": "Logins of these addresses outside this log: new or rarely used clients look the same.",
        "n_sources": campaign["n_sources"],
        "sources": campaign["sources"],
        "n_names": campaign["n_names"],
        "names": campaign["names"],
    }


def outage_row(outage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one finding for streaks of many accounts that fall into the same minutes."""
    when = stretch(outage["start"], outage["end"])
    # most who met it gave up before theirs was a streak
    hit = counted(max(outage["n_hit"] or 0, outage["n_names"]), "account")
    accounts = counted(outage["n_names"], "account")
    often = f"were refused {times(outage['n'])} {when}, all in the same minutes"
    if hit != accounts:
        often = f"were refused in the same minutes, those of {accounts} {times(outage['n'])} {when}"
    return {
        "kind": "failure_streak",
        "severity": "serious",
        "subject_kind": "server",
        "subject": "many accounts",
        "start": outage["start"],
        "end": outage["end"],
        "n_events": outage["n"],
        "title": f"Established clients of {hit} {often}: an outage behind the server rather than wrong passwords or locks.",
        "cause": outage["cause"],
        "advice": "Look at what the server asks for passwords (Dovecot, LDAP, database) at that time.",
        "confidence": "medium",
        "because": [
            f"The clients of {accounts} ({listed(outage['names'], outage['n_names'])}) had logged in shortly before.",
            "In these minutes a fifth or more of all accounts at work met refusals without failures before them.",
        ],
        "refuted_by": "A change of rule or of passwords for all these accounts at that time.",
        "n_sources": outage["n_sources"],
        "n_names": outage["n_names"],
        "names": outage["names"],
    }

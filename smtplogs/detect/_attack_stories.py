"""An attack, and what a published rule would have done, as findings: figures and sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtplogs.detect._findings import WHO_NAMES_LOGINS, not_assessable
from smtplogs.detect._sentences import counted, length, listed, name, stretch, times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import polars as pl

    from smtplogs.detect._presets import Preset

REFUTED = "Logins of these addresses outside this log: wrongly set up, new or rarely used clients look the same."
NOISE = "Leave it to a ban per address (fail2ban and the like); failures of strangers are the daily noise of a server."
KNOWN_AIM = 5
KNOWN_LIST, KNOWN_SHARE = 20, 0.5
"""So many accounts that exist, and so much of all that is tried, tell a list that somebody knows, however slowly it is worked
through: strangers of every day guess names, and hit few (as for stuffing). Own choice."""

ONE_EACH = (
    "A ban per address never fires at this: ask for long passwords or a second factor on these accounts, count failures "
    "per account, and look at each login from a new address."
)
SLOW = (
    "It never failed as fast as rules by the minute ask for: patience, or a ban that is soon over, keeps it below them."
)
HARD_PER_DAY = 10
"""Failures a day on one account that exists: Entra would lock it."""

GUESSING = "Guessing shows in the names that are tried."


def _common(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all findings of this detector have, out of the facts."""
    own = ("n_sources", "sources", "n_names", "names", "n_known_names", "unknown_share", "hits", "share_of_failures")
    return {key: facts[key] for key in own} | {
        "start": facts["start"],
        "end": facts["end"],
        "n_events": facts["n"],
        "cause": "unknown_user" if (facts["unknown_share"] or 0) >= 0.5 else "bad_credentials",
        "refuted_by": REFUTED,
        "confidence": "medium" if not facts["n_ok"] else "high",
        "because": _reasons(facts),
        "helo": facts.get("helo"),
        "mechanism": facts.get("mechanism"),
        "active_hours": facts.get("active_hours"),
        "tries_per_name": facts.get("tries_per_name"),
    }


def _reasons(facts: Mapping[str, Any]) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    never = "None of them is" if facts["n_sources"] != 1 else "The address is never"
    reasons = [f"{counted(facts['n_sources'], 'address', 'addresses')} tried {counted(facts['n_names'], 'account')}."]
    if facts["hits"]:
        reasons.append(f"Got in: {listed(facts['hits'])}.")
    else:
        reasons.append(f"{never} seen to log in.")
    known = facts["n_known_names"]
    if facts["n_names"] == 1:
        reasons.append(f"The account {'logs in' if known else 'is never seen to log in'} from elsewhere.")
    else:
        reasons.append(f"{known:,} of these accounts {'logs' if known == 1 else 'log'} in from elsewhere.")
    if facts["unknown_share"] is not None:
        reasons.append(f"{facts['unknown_share']:.0%} of the failures are on names that do not exist.")
    reasons.append(f"That is {facts['share_of_failures']:.0%} of all failed logins in this log.")
    if facts.get("slow"):
        reasons.append(SLOW)
    if not facts["n_ok"]:
        reasons.append("The log shows no login at all, so that strangers cannot be told from our own.")
    return reasons


def _severity(facts: Mapping[str, Any], *, aimed: bool) -> str:
    return "serious" if facts["hits"] else "warning" if aimed else "info"


def _advice(facts: Mapping[str, Any], ip: str | None, *, aimed: bool) -> str:
    """Return what to do: by whether they got in, and whether they aim at accounts that exist."""
    if facts["hits"]:
        return f"Change the password of {listed(facts['hits'])} now and look at what was sent since; then block the source."
    if ip and facts.get("slow"):
        return (
            f"Block {ip} if it is none of yours, or let bans grow with each repetition: it goes on after every pause."
        )
    if ip and aimed:
        return f"Block {ip} if it is none of yours, and make sure that failures are counted per address."
    return NOISE


def source_row(kind: str, ip: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one address that guesses."""
    aimed = facts["n_known_names"] >= (1 if kind == "brute_force" else KNOWN_AIM)
    one = facts["n_names"] == 1
    tried = (
        name(facts["names"][0])
        if one
        else f"{counted(facts['n_names'], 'account')} ({listed(facts['names'], facts['n_names'])})"
    )
    how = {
        "brute_force": f"guessed at {tried}",
        "spray": f"tried few passwords on {tried}" if facts["tries_per_name"] else f"guessed at {tried}",
        "enumeration": f"tested which names exist: {tried}",
    }[kind]
    got = f" and got into {listed(facts['hits'])}" if facts["hits"] else ""
    return _common(facts) | {
        "kind": kind,
        "severity": _severity(facts, aimed=aimed),
        "subject_kind": "address",
        "subject": ip,
        "user": facts["names"][0] if one else None,
        "client_ip": ip,
        "title": f"{name(ip)} {how}: refused {times(facts['n'])} {stretch(facts['start'], facts['end'])}{got}.",
        "advice": _advice(facts, name(ip), aimed=aimed),
    }


def network_row(kind: str, net: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one network whose addresses guess by turns."""
    tried = f"{counted(facts['n_names'], 'account')} ({listed(facts['names'], facts['n_names'])})"
    return _common(facts) | {
        "kind": kind,
        "severity": "warning",
        "subject_kind": "network",
        "subject": net,
        "user": None,
        "client_ip": None,
        "title": f"{counted(facts['n_sources'], 'address', 'addresses')} of {net} guessed at {tried}: refused "
        f"{times(facts['n'])} {stretch(facts['start'], facts['end'])}.",
        "advice": f"Block {net} if it is none of yours: a ban per address never fires at so few tries of each.",
    }


def account_row(kind: str, account: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one account that many addresses guess at."""
    aimed = bool(facts["n_known_names"])
    return _common(facts) | {
        "kind": kind,
        "severity": _severity(facts, aimed=aimed),
        "subject_kind": "user",
        "subject": account,
        "user": account,
        "client_ip": None,
        "title": f"{counted(facts['n_sources'], 'address', 'addresses')} guessed at {name(account)}: refused "
        f"{times(facts['n'])} {stretch(facts['start'], facts['end'])}.",
        "advice": _advice(facts, None, aimed=aimed),
    }


def crowd_row(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one finding for all that is not told one by one."""
    aimed = facts["n_known_names"] >= KNOWN_AIM
    how = {"brute_force": "guessed at", "spray": "tried few passwords on", "enumeration": "tested which names exist:"}[
        kind
    ]
    return _common(facts) | {
        "kind": kind,
        "severity": _severity(facts, aimed=aimed),
        "subject_kind": "campaign",
        "subject": f"other addresses ({kind})",
        "user": None,
        "client_ip": None,
        "title": f"{counted(facts['n_sources'], 'more address', 'addresses not told one by one')} {how} {counted(facts['n_names'], 'account')}: "
        f"refused {times(facts['n'])} {stretch(facts['start'], facts['end'])}.",
        "advice": _advice(facts, None, aimed=aimed),
    }


def campaign_row(facts: Mapping[str, Any], *, once: bool = False) -> dict[str, Any]:
    """Return the finding for addresses that work through one list of names; `once`: with a try or two each."""
    listed_ours = facts["n_known_names"] >= KNOWN_LIST and facts["n_known_names"] >= KNOWN_SHARE * facts["n_names"]
    aimed = facts["worst_per_day"] >= HARD_PER_DAY or listed_ours
    alone = facts["names"][0] if facts["n_names"] == 1 else None
    did = f"guessed at {name(alone)}" if alone else f"share one list of {counted(facts['n_names'], 'name')}"
    row = _common(facts) | {
        "kind": "distributed",
        "severity": _severity(facts, aimed=aimed),
        "subject_kind": "campaign",
        "subject": f"{facts['n_sources']} addresses around {facts['sources'][0]}",
        "user": alone,
        "client_ip": None,
        "title": f"{facts['n_sources']:,} addresses{' that try once or twice each' if once else ''} {did}: refused "
        f"{times(facts['n'])} {stretch(facts['start'], facts['end'])}.",
        "advice": ONE_EACH if once and not facts["hits"] else _advice(facts, None, aimed=aimed),
    }
    marks = [
        f"{words} {name(facts[key])}"
        for key, words in (("helo", "HELO name"), ("mechanism", "mechanism"))
        if facts.get(key)
    ]
    link = (
        "Each tried once or twice, nearly always an account that exists; guessers who do not know them try other names."
        if once
        else "They are linked by three shared names or more, a third of what they tried."
    )
    row["because"] = [*row["because"], link]
    if listed_ours:
        row["because"].append("Most of these names are accounts that log in: somebody knows them.")
    if marks:
        row["because"].append(f"Most of them use the {' and the '.join(marks)}.")
    return row


def stuffing_row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for many accounts that are tried once or twice each, from many addresses."""
    aimed = facts["n_known_names"] >= KNOWN_AIM
    return _common(facts) | {
        "kind": "stuffing",
        "severity": _severity(facts, aimed=aimed),
        "subject_kind": "campaign",
        "subject": f"{facts['n_sources']} addresses with stolen lists",
        "user": None,
        "client_ip": None,
        "title": f"{facts['n_sources']:,} addresses tried {counted(facts['n_names'], 'account')} once or twice each, as "
        f"from a stolen list: refused {times(facts['n'])} {stretch(facts['start'], facts['end'])}.",
        "advice": _advice(facts, None, aimed=aimed) if not aimed or facts["hits"] else
        "Ask the owners whether they use the same password elsewhere; look for logins of these accounts from new addresses.",
    }  # fmt: skip


def rule_row(preset: Preset, hit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one of our own sources that a rule would have hit."""
    key = hit["key"].replace("\x1f", " from ")
    bans = preset.ban_s is not None
    users = listed(hit["users_hit"] or hit["users_there"])
    does = f"cut off {counted(hit['n_logins_hit'], 'login')} of {users}" if bans else f"alerted on {users}"
    if bans and not hit["users_hit"]:
        does = f"banned it without cutting off a login, though {users} logs in from there at other times"
    return _rule(preset) | {
        "severity": "warning" if bans and hit["users_hit"] else "info",
        "subject_kind": "user"
        if preset.key in {"account", "pair"}
        else "network"
        if preset.key == "network"
        else "address",
        "subject": key,
        "user": hit["users_there"][0] if len(hit["users_there"]) == 1 else None,
        "client_ip": hit["key"] if preset.key == "client_ip" else None,
        "start": hit["start"],
        "end": hit["last"],
        "n_events": hit["n_fired"],
        "title": f"The rule {preset.name} would have fired {times(hit['n_fired'])} on {name(key)} and {does}.",
        "advice": f"Before you switch that rule on, spare {name(key)} or repair the client there that fails.",
        "n_fired": hit["n_fired"],
        "users_hit": hit["users_hit"],
        "users_there": hit["users_there"],
        "n_logins_hit": hit["n_logins_hit"],
        "n_sources": 1,
        "sources": [key],
    }


def strangers_row(preset: Preset, hits: pl.DataFrame) -> dict[str, Any]:
    """Return the one finding for all that a rule would have hit without hitting a user."""
    keys = [k.replace("\x1f", " from ") for k in hits.sort("n_fired", "key", descending=[True, False])["key"].to_list()]
    what = {"client_ip": "address", "network": "network", "account": "account", "pair": "account and address"}[
        preset.key
    ]
    many = f"{what}es" if what == "address" else f"{what}s"
    return _rule(preset) | {
        "severity": "info",
        "subject_kind": "campaign",
        "subject": f"strangers hit by {preset.name}",
        "start": hits["start"].min(),
        "end": hits["last"].max(),
        "n_events": hits["n_fired"].sum(),
        "title": f"The rule {preset.name} would have fired on {counted(len(keys), what, many)} that nobody logs in from: "
        f"{listed(keys, len(keys))}.",
        "advice": "Nothing speaks against the rule here.",
        "n_fired": hits["n_fired"].sum(),
        "users_hit": [],
        "users_there": [],
        "n_logins_hit": 0,
        "n_sources": len(keys),
        "sources": keys[:10],
    }


def _rule(preset: Preset) -> dict[str, Any]:
    """Return what a finding says of the published rule itself."""
    window = length(timedelta(seconds=preset.window_s))
    models = {
        "sliding": f"{preset.count} failures within {window}",
        "reset": f"{preset.count} failures without a pause of {window}",
        "leaky": f"a bucket of {preset.count} that loses one each {window}",
        "names": f"{preset.count} accounts within {window}",
        "unknown_names": f"{preset.count} names that do not exist within {window}",
        "slow": f"{preset.count} failures with {window} between them on the median",
        "then_success": f"{preset.count} failures and then a login within {window}",
    }
    does = f"bans for {length(timedelta(seconds=preset.ban_s))}" if preset.ban_s else "only alerts"
    return {
        "kind": "rule_hit",
        "preset": preset.name,
        "confidence": "high",
        "because": [f"Rule: {models[preset.model]}; {does}.", f"Source: {preset.source}."],
        "refuted_by": "Attempts that this log does not hold, or a site that changed the defaults.",
    }


def no_names_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that guessing cannot be told apart, for no failure carries a name."""
    return not_assessable(
        "spray",
        "all accounts",
        start,
        end,
        n,
        title="Who guesses at which accounts cannot be told: none of "
        f"{counted(n, 'failed login')} carries a user name.",
        advice=WHO_NAMES_LOGINS,
        because=[GUESSING],
        refuted_by="Failed logins with a user name in this log.",
    )


def no_unknown_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that the log does not tell names that do not exist from wrong passwords."""
    return not_assessable(
        "enumeration",
        "all accounts",
        start,
        end,
        n,
        title="Whether strangers test which names exist cannot be told: the log does not say which do not.",
        advice="Read Dovecot's log as well (auth_verbose=yes): it tells an unknown user from a wrong password.",
        because=[GUESSING],
        refuted_by="Failures with the cause unknown_user.",
    )

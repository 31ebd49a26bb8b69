"""A lock as a finding: its figures, and the sentences about who, from where, since when, why."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtplogs.detect._findings import WHO_NAMES_LOGINS, finding_id, not_assessable
from smtplogs.detect._policies import nearest_policy
from smtplogs.detect._sentences import counted, length, listed, moment, name, part, stretch, times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from smtplogs.detect._locks import Rules

ADVICE = {
    "self_inflicted": "Repair or stop the client at {source}, which has a wrong or old password, before you unlock "
    "{user}.",
    "attacker_induced": "Block {source} or count failures per address instead of per account, then unlock {user}.",
    "unknown_source": "Find out what is at {source}: repair it if it is yours, block it if not; then unlock {user}.",
}


def lock_row(lock: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
    """Return the finding for one lock; `lock` has the columns of find_locks, judged_triggers and of its account."""
    start, end, user = lock["onset_before"], lock["end_before"], name(lock["user"])
    advice = ADVICE[lock["trigger_kind"]] if lock["trigger"] else "Look up in the directory what locked {user}."
    repeated = lock["lock_number"] > 1
    return {
        "kind": "lockout",
        "severity": "serious" if lock["n_clients"] else "warning",
        "subject_kind": "user",
        "subject": lock["user"],
        "user": lock["user"],
        "client_ip": lock["trigger"],
        "start": start,
        "end": end,
        "n_events": lock["n_chain"],
        "title": f"{user} was locked out {_when(start, end)}: {_came_first(lock)}",
        "cause": "account_locked",
        "advice": advice.format(source=name(lock["trigger"]), user=user),
        "confidence": _confidence(lock, rules),
        "because": _reasons(lock, rules),
        "refuted_by": f"A login of {user} on any server {_between(start, lock['end_after'])}, or a change of its "
        "password just then.",
        "part_of": finding_id("lockouts", "user", lock["user"], lock["first_onset"]) if repeated else None,
        "onset_after": lock["onset_after"],
        "onset_before": start,
        "end_after": lock["end_after"],
        "end_before": end,
        "recovered_at": end,
        "trigger": lock["trigger"],
        "trigger_kind": lock["trigger_kind"],
        "trigger_share": lock["n_trigger"] / lock["n_before"] if lock["n_before"] else None,
        "n_failures_before": lock["n_before"],
        "n_trusted_refused": lock["n_refused"],
        "trusted_refused": lock["clients"],
        "threshold_estimate": lock["threshold"],
        "duration_at_least_s": lock["known_s"],
        "duration_estimate_s": lock["most_s"],
        "policy": nearest_policy(lock["threshold"], lock["least_s"], lock["most_s"]),
        "lock_number": lock["lock_number"],
        "n_sources": lock["n_sources"],
    }


def _when(start: datetime, end: datetime | None) -> str:
    return stretch(start, end) if end else f"from {moment(start)} and had not logged in again when the log ends"


def _between(first: datetime, last: datetime) -> str:
    if first == last:
        return f"at {moment(first, seconds=True)}"
    return f"between {moment(first, seconds=True)} and {moment(last, seconds=True)}"


def _came_first(lock: Mapping[str, Any]) -> str:
    """Tell whose failures came before the lock."""
    failed = counted(lock["n_before"], "failure")
    if not lock["trigger"]:
        return f"the server says so; the log shows {failed} in the time before."
    others = lock["n_sources"] - 1
    crowd = f" and {counted(others, 'other address', 'other addresses')}" if others else ""
    return f"{failed} from {name(lock['trigger'])} ({_who(lock)}){crowd} came first."


def _who(lock: Mapping[str, Any]) -> str:
    """Tell what is known of the address that triggered it."""
    if lock["logged_in_before"]:
        return "had logged in before"
    if lock["logged_in_after"]:
        return "logged in only later"
    if lock["regular"]:
        return f"never logged in before, tries every {length(timedelta(seconds=lock['period_s']))}"
    if lock["names_failed"] > 1:
        return f"never logged in before, failed on {lock['names_failed']:,} accounts"
    return "never logged in before"


def _confidence(lock: Mapping[str, Any], rules: Rules) -> str:
    if lock["by_text"] or lock["n_clients"] > 1:
        return "high"
    if lock["turned"] or lock["crossed"] or lock["unnamed_share"] > 0.5:
        return "low"
    return "high" if lock["n_refused"] > 1 and not _long(lock, rules) else "medium"


def _long(lock: Mapping[str, Any], rules: Rules) -> bool:
    """Tell whether a single client was refused for longer than locks usually last."""
    return lock["n_clients"] == 1 and lock["known_s"] > rules.lasting.total_seconds()


def _reasons(lock: Mapping[str, Any], rules: Rules) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    reasons = []
    if lock["by_text"]:
        reasons.append("The server itself says that the account is locked.")
    if lock["n_before"]:
        reasons.append(
            f"{counted(lock['n_before'], 'failure')} within {length(rules.within)} came before, "
            f"{part(lock['n_trigger'], lock['n_before'])} {name(lock['trigger'])}."
        )
    if lock["n_clients"]:
        reasons.append(
            f"{counted(lock['n_clients'], 'established client')} ({listed(lock['clients'])}), whose password worked "
            f"before and after, {'was' if lock['n_clients'] == 1 else 'were'} refused {times(lock['n_refused'])}."
        )
    if lock["n_clients"] and lock["n_others_active"]:
        reasons.append(
            f"Of {counted(lock['n_others_active'], 'account')} active in those minutes {lock['n_others_refused']:,} met "
            "refusals without failures before them; an outage hits many."
        )
    if _long(lock, rules) and not lock["by_text"]:
        reasons.append("That is longer than locks usually last: several in a row, or a password changed twice.")
    if lock["crossed"]:
        reasons.append("Others logged in to the account between its refusals: an old password fits too.")
    if lock["turned"]:
        reasons.append("The client that failed first had been trusted until then: a change of password fits too.")
    if lock["unnamed_share"]:
        reasons.append(unnamed(lock["unnamed_share"]))
    return reasons


def unnamed(share: float) -> str:
    """Say what share of the failed logins has no name."""
    said = "Less than 1%" if share < 0.01 else f"{share:.0%}"
    return f"{said} of the failed logins in this log carry no user name."


def not_assessable_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that locks cannot be told, for no failure carries a name."""
    return not_assessable(
        "lockout",
        "all accounts",
        start,
        end,
        n,
        title=f"Whether accounts were locked cannot be told: none of {counted(n, 'failed login')} carries a user name.",
        advice=WHO_NAMES_LOGINS,
        because=[unnamed(1.0), "A lock belongs to an account: without names only addresses can be followed."],
        refuted_by="Failed logins with a user name in this log.",
    )

"""A client with an old secret, one that never worked, a change of a secret: as findings with figures and sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtplogs.detect._findings import WHO_NAMES_LOGINS, not_assessable
from smtplogs.detect._lock_stories import unnamed
from smtplogs.detect._sentences import client_name, counted, length, listed, moment, name, times
from smtplogs.detect._turned import MANY_AT_ONCE
from smtplogs.detect._turned_shapes import LASTING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

STATES = ("still_failing", "repaired", "stopped")

LONG_ENOUGH = timedelta(days=7)
"""A client whose archive is shorter before its first failure is "not seen", not "never": it may have worked before."""

OFTEN, LONG = 50, timedelta(days=3)
"""So many tries a day, for so long, are worth a look whoever makes them: five times what Entra locks at, as for guessers."""

SCHEDULE = {
    "clock": "The tries stay at fixed times of the clock: look for a cron job, a timer or a scheduled task.",
    "pause": "The tries drift against the clock: look for a program that waits between two tries, not for a cron job.",
}


def stale_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one client that is refused since a change."""
    user, place = name(story["user"]), _place(story)
    many = story["n_at_once"] >= MANY_AT_ONCE
    doubted = many or (story["beset"] and not _borne_out(story))
    return _common(story) | {
        "kind": "stale_credential",
        "severity": "warning" if story["state"] == "still_failing" and not doubted else "info",
        "title": _title(story),
        "advice": _advice(story),
        "confidence": "low" if doubted else _confidence(story),
        "because": _reasons(story, many),
        "refuted_by": f"A login of {user} from {place} between {moment(story['start'])} and {moment(story['end'])}"
        + (" by the program that fails." if story["shape"] == "mixed" else "."),
    }


def _borne_out(story: Mapping[str, Any]) -> bool:
    """Tell whether a client that failed among others turned with one of them and then never got in for days.

    Whom the failures of others lock out gets in between two locks, as those do who use the account from elsewhere.
    """
    lasts = story["end"] - story["start"] >= LASTING
    return lasts and story["n_elsewhere"] > 0 and (story["n_turned"] or 0) > 1


def never_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one client that tries in a rhythm and was never seen to log in."""
    user, place = name(story["user"]), name(story["client_ip"])
    ours = story["near"] or story["own"] or story["named"]
    insists = story["n_per_day"] >= OFTEN and story["end"] - story["start"] >= LONG
    never = "never logged in" if story["seen_before"] >= LONG_ENOUGH else "was not seen to log in"
    reasons = [_beat(story), *_schedule(story)]
    if story["n_account"]:
        reasons.append(f"{user} itself works: {counted(story['n_account'], 'login')} from other addresses.")
    if story["named"]:
        reasons.append(f"The address is {name(story['named'])}, a name in a domain of yours.")
    elif ours:
        why = "is one of your own networks" if story["own"] else "has other clients that log in"
        reasons.append(f"The network of {place} {why}.")
    else:
        if not story["n_account"]:
            reasons.append(f"Others log in with names of that domain; {user} is not seen to log in from anywhere.")
        reasons.append("Nothing else ties the address to you: a patient guesser looks the same.")
    if story["seen_before"] < LONG_ENOUGH:
        reasons.append(f"The log begins only {length(story['seen_before'])} before: it may have worked earlier.")
    return _common(story) | {
        "kind": "never_worked",
        "severity": "warning" if (ours or insists) and story["state"] == "still_failing" else "info",
        "title": f"A client at {place}{_software(story)} tries {user} {_often(story)} and {never}: refused "
        f"{times(story['n_bad'])} {_since(story)}.",
        "advice": f"Enter name and password of {user} anew in the client at {place}, or stop it."
        if ours
        else f"Ask the owner of {user} whether something of theirs is at {place}; if not, block the address.",
        "confidence": "medium" if ours else "low",
        "because": reasons,
        "refuted_by": f"A login of {user} from {place} before {moment(story['start'])}.",
    }


def _common(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all findings of this detector have, out of the story of a client."""
    never = story["shape"] == "never"
    return {
        "subject_kind": "client",
        "subject": client_name(story["user"], story["client_ip"] or story["network"]),
        "user": story["user"],
        "client_ip": story["client_ip"],
        "clients": story["addresses"],
        "n_clients": None if story["addresses"] is None else len(story["addresses"]),
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n_bad"],
        "cause": story["cause"],
        "state": story["state"],
        "last_ok": story["last_ok"],
        "repaired_at": story["next_ok"],
        "account_last_ok": story["account_last"],
        "n_elsewhere": story["n_elsewhere"],
        "period_s": story["period_s"] if story["regular"] else None,
        "regular_share": story["regular_share"],
        "n_ticks": story["n_ticks"],
        "n_missed": story["n_missed"],
        "schedule": story["schedule"],
        "n_per_day": story["n_per_day"],
        "failure_share": story["failure_share"],
        "trips_limits": story["trips_limits"],
        "fix_order": story["fix_order"],
        "changed_after": None if never else story["changed_after"],
        "changed_before": None if never else story["changed_before"],
        "likely": story["likely"],
    }


def _place(story: Mapping[str, Any]) -> str:
    """Return where a client is: its address, or the network in which its address changes."""
    if story["network"] is None:
        return name(story["client_ip"])
    return f"changing addresses of {story['network']}"


def _title(story: Mapping[str, Any]) -> str:
    """Tell the story of a client in a sentence."""
    user, place = name(story["user"]), _place(story)
    if story["shape"] == "mixed":
        return (
            f"One program at {place} keeps trying {user} with a wrong password {_often(story)}, while another there "
            f"logs in: refused {times(story['n_bad'])} {_since(story)}."
        )
    head = f"A client or application at {place}{_software(story)} still uses an old password of {user}"
    if story["state"] == "repaired":
        head = f"A client or application at {place}{_software(story)} used an old password of {user}"
        tail = f"; it logs in again since {moment(story['next_ok'])}"
    elif story["state"] == "stopped":
        tail = f"; it stopped at {moment(story['end'])}"
    else:
        tail = ""
    return (
        f"{head}: it worked until {moment(story['last_ok'])}, was refused {times(story['n_bad'])} {_since(story)}, "
        f"{_often(story)}{tail}."
    )


def _since(story: Mapping[str, Any]) -> str:
    if story["state"] == "still_failing":
        return f"since {moment(story['start'])}"
    return f"from {moment(story['start'])} to {moment(story['end'])}"


def _often(story: Mapping[str, Any]) -> str:
    if story["regular"]:
        return f"every {length(timedelta(seconds=story['period_s']))}"
    return f"about {story['n_per_day']:,.0f} times a day"


def _software(story: Mapping[str, Any]) -> str:
    return f" (likely {story['likely']})" if story["likely"] else ""


def _advice(story: Mapping[str, Any]) -> str:
    """Return what to do about a client, by whether it goes on and whose it is."""
    user, place = name(story["user"]), _place(story)
    if story["state"] == "repaired":
        return "Nothing needs to be done; it was repaired."
    if story["shape"] == "mixed":
        return f"Find the second program at {place} that uses {user}, and give it the present password or stop it."
    what = f"{story['likely']} " if story["likely"] else ""
    order = ""
    if story["fix_order"]:
        order = f" (number {story['fix_order']} in the order of clients to fix)" if story["fix_order"] < 100 else ""
    return f"Enter the present password of {user} in the client {what}at {place}, or stop it{order}."


def _confidence(story: Mapping[str, Any]) -> str:
    if story["unnamed_share"] > 0.5:
        return "low"
    if story["shape"] == "stale" and story["regular"] and story["n_elsewhere"]:
        return "high"
    return "medium"


def _reasons(story: Mapping[str, Any], many: bool) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    user = name(story["user"])
    reasons = [f"It had logged in {times(story['n_ok'])} before its first failure."]
    if story["shape"] == "mixed":
        reasons = [f"Logins and failures of {user} come from the same address in turn."]
    if story["network"]:
        reasons.append(
            f"Its address changes, as that of a phone: refused from {counted(len(story['addresses']), 'address', 'addresses')} of "
            f"{story['network']}, from which {user} had logged in before."
        )
    reasons += [_beat(story), *_schedule(story)]
    if story["n_elsewhere"] and story["shape"] == "stale":
        reasons.append(f"{user} logged in {times(story['n_elsewhere'])} from elsewhere meanwhile: the account works.")
    elif story["shape"] == "stale":
        reasons.append("No other client of the account is seen to log in meanwhile: the account itself may be closed.")
    if story["changed_after"] and story["shape"] == "stale":
        seen = story["n_turned"] or 1
        reasons.append(
            f"The password changed between {moment(story['changed_after'])} and {moment(story['changed_before'])}, as "
            f"{counted(seen, 'client')} of the account {'bears' if seen == 1 else 'bear'} witness."
        )
    if story["trips_limits"]:
        reasons.append("At times it fails 5 times in 15 minutes: enough for common locks and bans.")
    if story["beset"]:
        reasons.append(
            "Others failed on the account before most of its failures, but a lock would have let it in now and then."
            if _borne_out(story)
            else "Others failed on the account before most of its failures: a lock explains them as well."
        )
    if many:
        reasons.append(
            f"Clients of {story['n_at_once']} accounts turned at about the same time: a change of rule fits better."
        )
    if story["unnamed_share"]:
        reasons.append(unnamed(story["unnamed_share"]))
    return reasons


def _beat(story: Mapping[str, Any]) -> str:
    """Tell how steady the rhythm is."""
    if not story["regular"]:
        return f"{counted(story['n_bad'], 'refused attempt')} without a steady rhythm."
    missed = f", {counted(int(story['n_missed']), 'try', 'tries')} left out" if story["n_missed"] else ""
    return (
        f"{counted(story['n_ticks'], 'try', 'tries')}, {story['regular_share']:.0%} of the gaps keep the period of "
        f"{length(timedelta(seconds=story['period_s']))}{missed}."
    )


def _schedule(story: Mapping[str, Any]) -> list[str]:
    return [SCHEDULE[story["schedule"]]] if story["schedule"] else []


def rotation_row(change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one change of an account's secret."""
    user, after, before = name(change["user"]), change["changed_after"], change["changed_before"]
    left = [ip for ip in change["turned"] if ip not in change["repaired"]]
    n = len(change["turned"])
    which = "the client" if n == 1 else f"all {n} clients"
    if n > len(left) > 0:
        which = f"{len(left)} of the {n} clients"
    one = n == 1 or len(left) == 1
    verb = ("still fails" if one else "still fail") if left else ("works again" if one else "work again")
    follow = f"{which} that failed then {verb}"
    many = change["n_at_once"] >= MANY_AT_ONCE
    return {
        "kind": "rotation",
        "severity": "info",
        "subject_kind": "user",
        "subject": change["user"],
        "user": change["user"],
        "start": after,
        "end": before,
        "n_events": change["n_bad"],
        "title": f"The password of {user} was changed between {moment(after)} and {moment(before)}; {follow}.",
        "cause": "bad_credentials",
        "advice": f"Update the {'client' if len(left) == 1 else 'clients'} at {listed(left)}."
        if left
        else "Nothing needs to be done.",
        "confidence": "low" if many else "high" if n > 1 else "medium",
        "because": [
            f"{counted(n, 'client')} ({listed(change['turned'])}) logged in before, and failed after it.",
            "The account logs in from elsewhere after it."
            if change["account_last"] and change["account_last"] > before
            else "No login of the account is seen after it.",
        ],
        "refuted_by": f"A login of one of these clients, with an unchanged password, after {moment(before)}.",
        "changed_after": after,
        "changed_before": before,
        "clients": change["turned"],
        "repaired": change["repaired"],
        "n_clients": n,
        "account_last_ok": change["account_last"],
    }


def not_assessable_row(start: datetime, end: datetime, n: int, *, others: bool) -> dict[str, Any]:
    """Return the row that says that old passwords cannot be told, for no failure carries a name; `others`: but some got one."""
    return not_assessable(
        "stale_credential",
        "all accounts",
        start,
        end,
        n,
        title=f"Whether {'another' if others else 'a'} client uses an old password cannot be told: none of "
        f"{counted(n, 'failed login')} carries a user name.",
        advice=WHO_NAMES_LOGINS,
        because=[unnamed(1.0), "An old password belongs to an account and a client: one of the two is missing."],
        refuted_by="Failed logins with a user name in this log.",
    )

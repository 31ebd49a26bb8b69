"""What is said of an episode in which a limit refused: who, how badly, why, and what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtplogs.detect._limits import LIMITS
from smtplogs.detect._sentences import counted, length, listed, name, stretch, times

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtplogs.detect._limits import Limit

PAUSE, BY_HAND = timedelta(minutes=5), 10
"""Fewer refusals than this of an address that is in again within that time may be a person who mistyped: Dovecot slows
down who fails twice within half a minute, and forgets it as soon. Told as *info*. Own choice."""


def row(e: Mapping[str, Any], limit: Limit) -> dict[str, Any]:
    """Return the finding for one episode."""
    relay = e["side"] == "client"
    key, who = name(e["key"]), e["users"]
    fairness = "fair" if e["n_ok"] >= 3 else "abusive" if not who and not e["n_ok"] else "unclear"
    if relay:
        fairness = "fair" if e["n_all"] else "unclear"
    collateral = who if e["key_kind"] == "client_ip" and len(who) > 1 else []
    recovered = e["recovered_at"]
    total = e["n_refused"] + e["n_accepted"]
    behind = counted(len(who), "account")
    words = e["limiter"].replace("_", " ")
    subject = "relay" if relay else "user" if e["key_kind"] == "user" else "address"
    quota = e["cause"] == "quota_exceeded"
    after = (
        f"; let through again after {length(recovered - e['last'])}"
        if recovered
        else "; not seen to be let through again"
    )
    paused = recovered is not None and recovered - e["last"] <= PAUSE and e["n_refused"] < BY_HAND
    person = e["cause"] == "throttled_auth" and limit.method is None and paused
    harmless = not relay and (fairness == "abusive" or person)
    severity = "serious" if relay and quota else "info" if harmless else "warning"
    return {
        "kind": "relay_throttling" if relay else "throttling",
        "severity": severity,
        "subject_kind": subject,
        "subject": e["key"],
        "user": who[0] if len(who) == 1 else e["key"] if subject == "user" else None,
        "client_ip": e["key"] if e["key_kind"] == "client_ip" else None,
        "relay_host": e["key"] if relay else None,
        "start": e["first"],
        "end": e["last"],
        "n_events": e["n_refused"],
        "title": f"{key} {'held our server back' if relay else 'was held back by a limit'} ({words}) "
        f"{times(e['n_refused'])} {stretch(e['first'], e['last'])}{after}.",
        "cause": e["cause"],
        "advice": _advice(relay=relay, fairness=fairness, collateral=collateral, key=key, reaction=e["reaction"]),
        "confidence": "high" if limit.method == "printed" or e["cause"] in LIMITS else "medium",
        "because": _reasons(e, limit, behind, collateral),
        "refuted_by": "A fault of the backend that speaks with the words of a limit.",
        "limiter": words,
        "limit_key": e["key_kind"],
        "n_refused": e["n_refused"],
        "n_accepted": e["n_accepted"],
        "refused_share": e["n_refused"] / total,
        "n_users": len(who),
        "collateral": collateral[:20],
        "recovered_at": recovered,
        "recovery_s": (recovered - e["last"]).total_seconds() if recovered else None,
        "reaction": e["reaction"],
        "retry_s": e["retry_s"],
        "limit_n": limit.n,
        "limit_window_s": limit.window_s,
        "limit_method": limit.method,
        "limit_episodes": limit.n_episodes if limit.method else None,
        "fairness": fairness,
        "n_deferred_mails": e["n_mails"] if relay else None,
    }


def _advice(*, relay: bool, fairness: str, collateral: list[str], key: str, reaction: str) -> str:
    if relay:
        return f"Send more slowly to {key} (fewer connections, one login for many mails), or ask it for a higher limit."
    if fairness == "abusive":
        return f"Leave the limit as it is: nobody logs in from {key}."
    if collateral:
        return f"Raise the limit for {key}, which {len(collateral)} accounts share, or find the one that uses it up."
    if reaction == "fixed":
        return f"Let the client at {key} keep its connection for several mails and wait longer after a refusal."
    return f"Compare the limit with what {key} needs; raise it for that client if the use is fair."


def _reasons(e: Mapping[str, Any], limit: Limit, behind: str, collateral: list[str]) -> list[str]:
    reasons = [f"{counted(e['n_refused'], 'refusal')} and {e['n_accepted']:,} let through in that time."]
    if limit.method:
        how = "printed by the server" if limit.method == "printed" else f"inferred from {limit.n_episodes} episodes"
        per = f"in {limit.window_s:g} s" if limit.window_s else "at a time"
        reasons.append(f"The limit is {limit.n:,} {per}, {how}.")
    elif e["side"] != "client" or limit.n_episodes:
        reasons.append("The limit itself is not printed, and too few episodes agree to infer it.")
    if e["side"] == "server" and e["key_kind"] == "client_ip":
        reasons.append(f"{behind} log in from behind it{': ' + listed(collateral) if collateral else ''}.")
    if e["retry_s"] is not None:
        pace = {"fixed": "at a steady pace", "backing_off": "more and more slowly", "none": "hardly"}[e["reaction"]]
        reasons.append(f"The client came back {pace}, {length(timedelta(seconds=e['retry_s']))} between tries.")
    return reasons

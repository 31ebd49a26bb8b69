"""An incident as a finding: its figures, and the sentences about who was hit and what explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtplogs.detect._findings import not_assessable
from smtplogs.detect._incident_facts import NORMAL
from smtplogs.detect._sentences import counted, name, stretch, times

if TYPE_CHECKING:
    from datetime import datetime

    from smtplogs.detect._incident_facts import Facts

SERIOUS = ("outage", "partial_fault", "policy_change")
AIMED = {"one_client_rise": 1, "spray_rise": 5, "botnet_rise": 5}
"""Strangers that try fewer accounts of ours than this are the daily noise of a server, as in ``attacks``."""

UNNAMED_NOISE = 100
"""Where failures carry no names it cannot be told whether accounts of ours are tried: of strangers fewer refusals than this are
the daily noise too. So many NIST allows on one account (SP 800-63B) before it must be shut. Of many addresses fewer than
all failures of an ordinary day are."""

FEW_REFUSED = 30
"""Fewer refusals that nothing explains, while logins are as usual, are chance: as for one client that mistypes."""

ADVICE = {
    "outage": "Look at what the server asks for passwords (Dovecot, LDAP, database) at that time; users need do nothing.",
    "no_auth": "Look at whether the server offers AUTH and TLS as before (its settings, certificate, socket of the password "
    "check): clients got no further.",
    "partial_fault": "Look for one of several servers, database replicas or processes that failed in these minutes.",
    "policy_change": "Look up which rule was changed just before, and tell the users of {shared} how to log in from now on.",
    "network_loss": "Ask the network, DNS and the sites concerned what happened; the mail server refused nobody.",
    "log_hole": "Find out whether logging stopped (rsyslog, disk, rotation) or the server did; do not read it as quiet.",
    "one_client_rise": "{repair} the client at {ip}: it alone explains the rise, and no other client is hit.",
    "spray_rise": "Block {ip} if it is none of yours; nothing is broken on the server.",
    "spray_gateway": "Do not block {ip}: accounts of yours log in from there. Look in that gateway's own log for who "
    "tried; nothing is broken on the server.",
    "botnet_rise": "Leave it to bans per address and to strong passwords; nothing is broken on the server.",
    "unclear_rise": "Look at the lines below: no single client, rule or fault explains the rise.",
}

REFUTED = {
    "outage": "Logins of several accounts in these minutes, on this server or another.",
    "partial_fault": "A change of passwords of all these accounts just then.",
    "policy_change": "Logins with {shared} in these minutes.",
    "network_loss": "A holiday, or a planned pause of the clients concerned.",
    "log_hole": "Lines of this server from that time in another file.",
    "one_client_rise": "Established clients of other accounts that were refused in these minutes.",
    "spray_rise": "An office or web mail behind that address.",
    "botnet_rise": "Logins of these addresses outside this log.",
    "unclear_rise": "A single cause behind the lines below.",
}


DIMENSION_WORDS = {"client_ip": "address", "helo": "the greeting", "tls": "TLS", "host": "server"}


def incident_row(facts: Facts, kind: str) -> dict[str, Any]:
    """Return the finding for one episode."""
    explained = [f"{d}={name(v)}: {share:.0%}" for d, v, share in facts.explained_by]
    words = {
        "ip": name(facts.top_ip),
        "shared": f"{facts.shared[0]} {name(facts.shared[1])}" if facts.shared else "that kind",
        "repair": "Repair or stop" if facts.top_ip_good_before else "Find and set up anew, or block,",
    }
    one = kind == "one_client_rise"
    advice = "no_auth" if kind == "outage" and _unasked(facts) else kind
    advice = "spray_gateway" if kind == "spray_rise" and facts.top_ip_good_before else advice
    subject_kind, subject = _subject(facts, kind)
    drop = kind in {"network_loss", "log_hole"}
    return {
        "kind": kind,
        "severity": _severity(facts, kind),
        "subject_kind": subject_kind,
        "subject": subject,
        "user": facts.top_user if one else None,
        "client_ip": facts.top_ip if kind in {"one_client_rise", "spray_rise"} else None,
        "start": facts.start,
        "end": facts.end,
        "n_events": facts.n_bad,
        "title": f"{_what(facts, kind)} {stretch(facts.start, facts.end)}{_who(facts, kind)}.",
        "cause": None if drop else facts.cause,
        "advice": ADVICE[advice].format_map(words),
        "confidence": _confidence(facts, kind),
        "because": _reasons(facts, kind),
        "refuted_by": REFUTED[kind].format_map(words),
        "n_ok": facts.n_ok,
        "success_share": facts.success_share,
        "usual_failures": facts.usual_bad,
        "n_established": facts.n_active,
        "n_established_hit": facts.n_hit,
        "n_failing_only": facts.n_failing_only,
        "top_client_ip": facts.top_ip,
        "top_client_share": facts.top_ip_share,
        "top_user": facts.top_user,
        "top_user_share": facts.top_user_share,
        "stranger_share": facts.stranger_share,
        "deferred_share": facts.deferred_share,
        "shown_as": _shown_as(facts) if kind in SERIOUS else None,
        "recovered_at": facts.recovered_at,
        "shared": "=".join(facts.shared) if facts.shared else None,
        "explained_by": explained,
        "explained_share": min(sum(share for *_, share in facts.explained_by), 1.0),
        "n_sources": facts.n_sources,
        "sources": facts.sources,
        "n_names": facts.n_names,
    }


def _severity(facts: Facts, kind: str) -> str:
    if kind in SERIOUS:
        return "serious"
    small = kind in {"network_loss", "log_hole"} and (not facts.abrupt or facts.as_many or bool(facts.one_missing))
    few = kind == "unclear_rise" and facts.n_bad < FEW_REFUSED and (facts.success_share or 0) >= NORMAL
    return "info" if small or few or facts.typed or _noise(facts, kind) else "warning"


def _noise(facts: Facts, kind: str) -> bool:
    """Tell whether strangers made the rise, and hardly tried an account that exists."""
    strange = kind == "botnet_rise" or facts.top_ip_stranger
    most = max(UNNAMED_NOISE, facts.bad_a_day) if kind == "botnet_rise" else UNNAMED_NOISE
    few = not facts.unnamed or facts.n_bad < most
    return kind in AIMED and strange and few and _aimed(facts, kind) < AIMED[kind]


def _aimed(facts: Facts, kind: str) -> int:
    return facts.n_aimed if kind == "botnet_rise" else facts.n_aimed_by_top


def _subject(facts: Facts, kind: str) -> tuple[str, str]:
    """Return kind and name of what the finding is about."""
    if kind in {"one_client_rise", "spray_rise"}:
        return "address", facts.top_ip or "(no address)"
    if kind == "botnet_rise":
        return "campaign", "many strangers"
    if kind == "network_loss":
        networks = [v for d, v, _ in facts.explained_by if d in {"network", "client_ip"}]
        return ("network", networks[0]) if networks else ("server", "logins")
    if kind == "policy_change" and facts.shared:
        return "service", "=".join(facts.shared)
    return "server", "logins"


def _shown_as(facts: Facts) -> str:
    return "temporary" if facts.deferred_share >= 0.9 else "refusal" if facts.deferred_share <= 0.1 else "mixed"


def _what(facts: Facts, kind: str) -> str:
    """Tell what happened, for the title."""
    refused = f"refused {times(facts.n_bad)}"
    if kind == "outage":
        words = {
            "refusal": " as if the passwords were wrong",
            "temporary": " with a temporary error (454 or the like)",
            "mixed": ", some as if the passwords were wrong,",
        }
        how = " before any password was asked" if _unasked(facts) else words[_shown_as(facts)]
        return f"Nobody could log in: clients were {refused}{how}"
    if kind == "partial_fault":
        return f"Logins failed for a part of the established clients, which were {refused}"
    if kind == "policy_change":
        shared = " ".join(facts.shared) if facts.shared else "one kind"
        return f"Clients with {name(shared)} were shut out: {refused}"
    if kind == "network_loss":
        return f"Logins fell to {_share(facts)} of what is usual, without failures,"
    if kind == "log_hole":
        return "The log falls silent"
    if kind == "one_client_rise":
        share = f"{facts.top_ip_share:.0%}"
        known = "which used to log in" if facts.top_ip_good_before else "which never logged in before"
        return f"Not an outage: {share} of a rise of failures is one client, {name(facts.top_ip)}, {known}; {refused} in all"
    if kind == "spray_rise":
        return f"Not an outage: {facts.top_ip_share:.0%} of a rise of failures is one address, {name(facts.top_ip)}; {refused}"
    if kind == "botnet_rise":
        return f"Not an outage: {counted(facts.n_sources, 'address', 'addresses')}, mostly strangers, were {refused}"
    return f"Failures rose: {refused}"


def _unasked(facts: Facts) -> bool:
    """Tell whether hardly any refusal was a judgement, or a failure to judge: AUTH or TLS was not to be had."""
    return facts.judged_share + facts.deferred_share <= 0.1


def _share(facts: Facts) -> str:
    return "an unknown share" if facts.success_share is None else f"{facts.success_share:.0%}"


def _who(facts: Facts, kind: str) -> str:
    """Tell whom it hit or what it tried, for the title."""
    if kind in SERIOUS:
        return f"; {facts.n_hit:,} of {counted(facts.n_active, 'established client')} at work met it"
    if kind == "one_client_rise" and facts.top_user:
        return f", trying {name(facts.top_user)}"
    if kind == "spray_rise":
        return f", trying {counted(facts.n_names, 'account')}"
    return ""


def _confidence(facts: Facts, kind: str) -> str:
    if kind == "unclear_rise" or (kind == "network_loss" and not facts.explained_by):
        return "low"
    if facts.thin or facts.success_share is None or kind in {"network_loss", "log_hole"}:
        return "medium"
    return "high"


def _dimension(facts: Facts, dimension: str, value: str) -> str:
    """Return in words what a part of a rise or drop has in common."""
    if dimension != "cause":
        return f"{DIMENSION_WORDS.get(dimension, dimension)} {name(value)}"
    if value == "unknown":
        return "attempts that could not be judged" if facts.deferred_share >= 0.9 else "refusals of no known cause"
    return f"the cause {name(value).replace('_', ' ')}"


def _reasons(facts: Facts, kind: str) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    reasons = []
    if facts.explained_by:
        change = "drop" if kind in {"network_loss", "log_hole"} else "rise"
        parts = [f"{_dimension(facts, d, v)}: {share:.0%}" for d, v, share in facts.explained_by]
        reasons.append(f"The {change} is explained by {'; '.join(parts)}.")
    elif facts.n_bad:
        reasons.append(
            f"No single client, network, rule or server explains the rise: {counted(facts.n_sources, 'address', 'addresses')} share it."
        )
    if facts.success_share is not None:
        reasons.append(
            f"{counted(facts.n_ok, 'login')} in this time, {facts.success_share:.0%} of the {facts.usual_ok:,.0f} that are usual."
        )
    if facts.n_active:
        reasons.append(
            f"Of {counted(facts.n_active, 'established client')} at work {facts.n_hit:,} were refused, "
            f"{facts.n_failing_only:,} of them every time."
        )
    if facts.n_bad and facts.stranger_share >= 0.5:
        reasons.append(f"{facts.stranger_share:.0%} of the failures are from addresses that never logged in.")
    if _noise(facts, kind):
        aimed = _aimed(facts, kind) or "None"
        reasons.append(
            f"Most failures carry no name, and there are fewer than {UNNAMED_NOISE}, or than on an ordinary day: the daily noise."
            if facts.unnamed
            else f"{aimed} of the accounts that strangers tried log in from elsewhere: the daily noise."
        )
    if facts.one_missing:
        reasons.append(
            f"Most of the missing logins are of one account, {name(facts.one_missing)}: a job that did not run."
        )
    elif facts.as_many:
        reasons.append("As many accounts as usual logged in, less often: jobs that send at other hours look the same.")
    if facts.typed:
        reasons.append("That client got in at last: a person who mistypes looks the same.")
    if kind == "log_hole":
        reasons.append(
            f"{facts.hole_share:.0%} of the missing logins are missing where no line of any kind was written."
        )
    if kind in {"network_loss", "log_hole"} and not facts.abrupt:
        reasons.append("The hour before was quiet already, as on a holiday or at dawn.")
    if facts.thin:
        reasons.append("No earlier comparable day in the log: what is usual is taken from the hours around it.")
    return reasons


def too_short_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that less than an hour of log has no usual rate."""
    return _not_assessable(
        start, end, n, "Whether failures rose cannot be told: the log is shorter than an hour.",
        "Read the logs of the days before as well.",
    )  # fmt: skip


def without_logins_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that an outage cannot be told where no login is logged."""
    return _not_assessable(
        start, end, n, "Whether failures were an outage cannot be told: the log shows no login that worked.",
        "Read a log that shows logins too (Postfix from 3.0 on, Dovecot's login lines).",
    )  # fmt: skip


def _not_assessable(start: datetime, end: datetime, n: int, title: str, advice: str) -> dict[str, Any]:
    """Return the row that says that incidents cannot be told."""
    return not_assessable(
        "outage",
        "logins",
        start,
        end,
        n,
        title=title,
        advice=advice,
        because=["An incident is a change against what is usual, and is told apart by the logins that go on."],
        refuted_by="More of the same log.",
    )

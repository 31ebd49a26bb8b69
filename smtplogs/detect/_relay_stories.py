"""A relay that refuses our server, as a finding; what the known relays want as user name."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from smtplogs.detect._findings import not_assessable
from smtplogs.detect._sentences import counted, length, listed, moment, name, times

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

STATES = ("ongoing", "recovered", "unknown")

OURS = ("credential", "policy", "protocol", "rights")
"""Families of causes that stay until somebody repairs them."""

SEVERAL = 3
WHILE = timedelta(minutes=10)

AWAY = timedelta(hours=1)
"""A relay that cannot be reached for so long, without a mail in between, is worth a look though it came back. Own choice."""

WANTED = (
    ("SendGrid", r"(?:^|\.)sendgrid\.net$", "the word apikey", r"^apikey$"),
    (
        "Amazon SES",
        r"^email-smtp\..*amazonaws\.com$",
        "an SMTP user of 20 signs that begins with AKIA",
        r"^AKIA[A-Z0-9]{16}$",
    ),
    ("SparkPost", r"(?:^|\.)sparkpostmail\.com$", "the word SMTP_Injection", r"^SMTP_Injection$"),
    ("Mailgun", r"(?:^|\.)mailgun\.org$", "an address in the sending domain, as postmaster@mg...", r"@"),
    (
        "Postmark",
        r"(?:^|\.)postmarkapp\.com$",
        "the server token (a UUID), as user name and as password",
        r"^[0-9a-f-]{36}$",
    ),
    ("Mailjet", r"(?:^|\.)mailjet\.com$", "the API key (32 hexadecimal digits)", r"^[0-9a-f]{32}$"),
    ("Brevo", r"(?:^|\.)(?:brevo|sendinblue)\.com$", "the SMTP login, as ...@smtp-brevo.com", r"@"),
    ("Resend", r"(?:^|\.)resend\.com$", "the word resend", r"^resend$"),
    ("Microsoft 365", r"(?:^|\.)office365\.com$", "the full address of a mailbox that may use SMTP AUTH", r"@"),
    ("Google", r"^smtp(?:-relay)?\.g(?:oogle)?mail\.com$", "the full address, with an app password or a token", r"@"),
)
"""Relay -> its host names, the user name that it gives out in words, its form. Providers' documentation, not re-checked."""


def refusal_row(story: Mapping[str, Any]) -> dict[str, Any]:
    """Return the finding for one server, relay and cause."""
    relay, server = name(story["relay_host"]), name(story["host"]) if story["host"] else "our server"
    wants, wrong = _wanted(story)
    state = "recovered" if story["recovered_at"] else "ongoing" if story["assessable"] else "unknown"
    ours = story["family"] in OURS
    repeated = story["n"] >= SEVERAL and (story["at_login"] or story["end"] - story["start"] >= WHILE)
    between = story["n_sent_between"] > 0
    away = story["cause"] == "service_unavailable" and story["end"] - story["start"] >= AWAY
    return {
        "kind": "relay_refusal",
        "severity": _severity(ours, repeated, state, between, story["at_login"], away=away),
        "subject_kind": "relay",
        "subject": f"{story['host'] or 'server'} at {story['relay_host']} ({story['cause']})",
        "relay_host": story["relay_host"],
        "user": story["logins"][0] if len(story["logins"]) == 1 else None,
        "start": story["start"],
        "end": story["end"],
        "n_events": story["n"],
        "title": f"The relay {relay} refuses {server} {_since(story, state)}: {_cause(story)}, {times(story['n'])}"
        f"{_mails(story)}{_sent(story, state)}.",
        "cause": story["cause"],
        "advice": _advice(story, relay, server, wants, wrong),
        "confidence": "high" if story["at_login"] or (repeated and not between) else "medium" if repeated else "low",
        "because": _reasons(story, wants, wrong),
        "refuted_by": f"Mail that {relay} took in that time and that this log does not hold.",
        "server": story["host"],
        "relay_state": state,
        "n_mails": story["n_mails"],
        "n_deferred": story["n_deferred"],
        "n_bounced": story["n_bounced"],
        "n_suspended": story["n_suspended"] if story["assessable"] else None,
        "last_sent": story["last_sent"],
        "recovered_at": story["recovered_at"],
        "n_sent_between": story["n_sent_between"] if story["assessable"] else None,
        "reply": story["detail"],
        "reply_code": story["reply_code"],
        "enhanced_code": story["enhanced_code"],
        "meaning": story["meaning"],
        "wants": wants,
        "logins": story["logins"],
        "wrong_kind": wrong,
        "period_s": story["period_s"] if story["regular"] else None,
    }


def _severity(ours: bool, repeated: bool, state: str, between: bool, at_login: bool, *, away: bool) -> str:
    if not ours:
        return "warning" if repeated and (state == "ongoing" or away) and not between else "info"
    if repeated and state != "recovered" and not between:
        return "serious"
    return "warning" if repeated or at_login else "info"


def _since(story: Mapping[str, Any], state: str) -> str:
    if state == "recovered":
        return f"from {moment(story['start'])} to {moment(story['end'])}"
    if story["start"] == story["end"]:
        return f"at {moment(story['start'])}"
    return f"since {moment(story['start'])}"


def _cause(story: Mapping[str, Any]) -> str:
    return str(story["cause"]).replace("_", " ")


def _mails(story: Mapping[str, Any]) -> str:
    """Tell how many mails were put off or came back."""
    parts = []
    if story["n_deferred"]:
        parts.append(f"{counted(story['n_deferred'], 'mail')} put off")
    if story["n_bounced"]:
        parts.append(f"{counted(story['n_bounced'], 'mail')} returned")
    return f", {' and '.join(parts)}" if parts else ""


def _sent(story: Mapping[str, Any], state: str) -> str:
    """Tell whether the relay takes mail again, or when it last did."""
    if state == "recovered":
        return f"; it takes mail again since {moment(story['recovered_at'])}"
    if not story["assessable"]:
        return ""
    if story["n_sent_between"]:
        return f"; it took {counted(story['n_sent_between'], 'other mail')} meanwhile"
    return f"; the last mail went out at {moment(story['last_sent'])}" if story["last_sent"] else "; no mail went out"


def _wanted(story: Mapping[str, Any]) -> tuple[str | None, bool | None]:
    """Return the form of user name that the relay gives out, and whether a refused login has another one."""
    relay = (story["relay_host"] or "").lower()
    for _, host, words, form in WANTED:
        if re.search(host, relay):
            logins = story["logins"]
            return words, not all(re.search(form, login) for login in logins) if logins else None
    return None, None


def _advice(story: Mapping[str, Any], relay: str, server: str, wants: str | None, wrong: bool | None) -> str:
    """Return what to do, by the cause."""
    if story["recovered_at"]:
        return "Nothing needs to be done at the relay; see whether returned mails must be sent again."
    fix = (story["fix"] or "Read the reply of the relay.").rstrip(".")
    told = f"On {server}, for the relay {relay}: {fix[0].lower() + fix[1:]}"
    if wants and story["family"] in ("credential", "policy"):
        told += f"; as user name it wants {wants}"
    flush = "; then send what waits (Postfix: postqueue -f, Exim: exim -qff)" if story["n_deferred"] else ""
    return f"{told}{flush}."


def _reasons(story: Mapping[str, Any], wants: str | None, wrong: bool | None) -> list[str]:
    """Return the reasons for the confidence, a sentence each."""
    reasons = [story["meaning"] or "The cause is not known."]
    if story["detail"]:
        code = " ".join(str(c) for c in (story["reply_code"], story["enhanced_code"]) if c)
        reasons.append(f"The relay said: {(code + ' ') if code else ''}{name(story['detail'])}")
    if story["at_login"] and story["n_deferred"] and story["family"] == "credential":
        reasons.append("The refusal of the login is final, yet the mail waits: Postfix and Exim put it off by design.")
    if story["regular"]:
        reasons.append(f"The attempts keep a period of {length(timedelta(seconds=story['period_s']))}.")
    if story["n_suspended"] and story["assessable"]:
        reasons.append(
            f"The queue manager put off {counted(story['n_suspended'], 'delivery', 'deliveries')} meanwhile without "
            "asking, for this or another relay."
        )
    if wrong:
        reasons.append(f"The login {listed(story['logins'])} is of another kind: the relay wants {wants}.")
    if not story["assessable"]:
        reasons.append("Without the traffic table it is not known which mails the relay took.")
    return reasons


def not_assessable_row(start: datetime, end: datetime, n: int) -> dict[str, Any]:
    """Return the row that says that recovery cannot be told, for the traffic table was not given."""
    return not_assessable(
        "relay_refusal",
        "all relays",
        start,
        end,
        n,
        title="Whether the relays take mail again cannot be told: the traffic table was not given.",
        advice="Read the logs with full=True and pass traffic=, or use the command line, which does.",
        because=["Deliveries that went well are counted in the traffic table only."],
        refuted_by="The traffic table of the same logs.",
    )

"""Why a row of the catalogue fits a reply, why another fits less, and what to beware of: in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from smtplogs.replies.catalogue import code_class
from smtplogs.replies.meanings import cause_table
from smtplogs.replies.placing import providers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from smtplogs.replies.catalogue import Row

_QUEUED = (
    "On a relay this reply does not bounce the mail: Postfix and Exim as clients keep it and try again for days, so that "
    "the queue grows while the credentials stay wrong."
)
"""What a refused login of our own mail server means, whatever its first digit says."""

_LAYERS = ("", "a row of an installed package comes before ours", "a row of your own comes before ours")


def confidence(row: Row, *, first: bool, guessed: bool) -> str:
    """High: its own words leave no choice. Medium: codes, or words whose step is not known. Low: a bare refusal."""
    if row.basis == "assumed" or row.cause == "unknown" or not (first or guessed):
        return "low"
    return "high" if row.spoken and not guessed else "medium"


def why(row: Row, literal: str | None) -> str:
    """Name what the row was recognised by."""
    marks = [
        (f"the text {literal!r}", literal is not None),
        ("the shape of the text", bool(row.pattern) and literal is None),
        (f"code {' or '.join(map(str, row.code))}", bool(row.code)),
        (f"status {' or '.join(row.enhanced)}", bool(row.enhanced)),
        (f"the software's code {' or '.join(row.vendor_code)}", bool(row.vendor_code)),
        (f"level {' or '.join(row.level)}", bool(row.level)),
        (f"on {' or '.join(row.service)}", bool(row.service)),
        (f"at {' or '.join(row.stage)}", bool(row.stage)),
    ]
    return ", ".join(mark for mark, holds in marks if holds)


def why_not(row: Row, literal: str | None, best: tuple[Row, str | None], evidence: Mapping[str, Any]) -> str:
    """Say why another row comes before this one."""
    winner, found = best
    if row.layer < winner.layer:
        return _LAYERS[winner.layer]
    if evidence["stage"] is None and row.stage and winner.stage and not set(row.stage) & set(winner.stage):
        return at_a_step(row)
    if evidence["service"] is None and row.service != winner.service and row.cause != winner.cause:
        return "which of the two depends on the port, which is not known"
    if row.evidence < winner.evidence:
        return f"{_marks(winner)} say more than {_marks(row)}"
    if row.priority < winner.priority or len(literal or "") < len(found or ""):
        return f"{found!r} is more exact than {literal!r}" if literal and found else "its words are more general"
    return "the first holds at a narrower place, or stands earlier in the catalogue"


def at_a_step(row: Row) -> str:
    """Say that a row holds at steps of which none is known to be the one."""
    return f"holds at {' or '.join(row.stage)}; the step is not known"


def _marks(row: Row) -> str:
    """Name the kinds of evidence that a row asks for."""
    marks = [
        ("the software's own code", bool(row.vendor_code)),
        ("words", bool(row.text or row.pattern)),
        ("the status code", bool(row.enhanced)),
        ("the code", bool(row.code)),
        ("the level", bool(row.level)),
        ("the port", bool(row.service)),
    ]
    return " and ".join(mark for mark, holds in marks if holds)


def _stays_in_queue(row: Row, evidence: Mapping[str, Any]) -> bool:
    """Tell whether a login of our own server was refused for good: its mail waits then."""
    family = cause_table()[row.cause]["family"]
    return (
        evidence["side"] == "client"
        and evidence["stage"] == "auth"
        and family in ("credential", "policy")
        and code_class(evidence["reply_code"]) == "permanent"
    )


def _digit_and_truth(promised: str | None, passes: bool | None) -> str:
    """Say where the first digit of the code promises what is not so."""
    if promised == "temporary" and passes is False:
        return "The 4 promises that it passes; it does not."
    if promised == "permanent" and passes is True:
        return "The 5 says that it is for good; it passes by itself."
    return ""


def warnings(row: Row, evidence: Mapping[str, Any], promised: str | None, *, relayed: bool) -> list[str]:
    """Return what to beware of: the row's own warning, a queue that grows, a first digit that promises too much."""
    queued = _QUEUED if relayed and _stays_in_queue(row, evidence) else ""
    return [warning for warning in (row.beware, queued, _digit_and_truth(promised, row.passes)) if warning]


def wanted_by_provider(provider: str | None, family: str) -> str | None:
    """Say what a provider takes as name and secret, and its trap; None where the cause is not about logins."""
    entry = next((entry for entry in providers() if entry["name"] == provider), None)
    if entry is None or family not in ("credential", "policy", "protocol"):
        return None
    named = (("user name", "user"), ("secret", "secret"), ("port", "ports"))
    wants = "; ".join(f"{label}: {entry[name]}" for label, name in named if entry[name])
    sentences = (f"{wants[0].upper()}{wants[1:]}." if wants else None, entry["beware"])
    return " ".join(filter(None, sentences)) or None

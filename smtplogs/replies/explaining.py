"""What a reply or reason may mean: the rows of the catalogue that fit, what may hide behind them, and why, in words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.replies.catalogue import code_class
from smtplogs.replies.classifying import KEYS, named
from smtplogs.replies.loading import own, rows
from smtplogs.replies.matching import EVIDENCE, candidates
from smtplogs.replies.meanings import cause_table
from smtplogs.replies.placing import AUTH_CODES, host, provider_by_marks, providers, step
from smtplogs.replies.wording import parse_reply
from smtplogs.schema import BASES, CAUSES, OUTCOMES, RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from smtplogs.replies.catalogue import Row

COLUMNS = {
    "rank": pl.UInt32,
    "cause": pl.Enum(CAUSES),
    "outcome": pl.Enum(OUTCOMES),
    "basis": pl.Enum(BASES),
    "confidence": pl.Enum(("high", "medium", "low")),
    "why": pl.String,
    "why_not": pl.String,
    "explain": pl.String,
    "check": pl.String,
    "fix": pl.String,
    "who": pl.String,
    "temporary": pl.Boolean,
    "code_class": pl.String,
    "beware": pl.String,
    "provider": pl.String,
    "provider_wants": pl.String,
    "sign": pl.String,
    "decided_by": pl.List(pl.String),
    "references": pl.List(pl.String),
    "row": pl.String,
    "source": pl.String,
}

_QUEUED = (
    "On a relay this reply does not bounce the mail: Postfix and Exim as clients keep it and try again for days, so that "
    "the queue grows while the credentials stay wrong."
)
"""What a refused login of our own mail server means, whatever its first digit says."""

_LAYERS = ("", "a row of an installed package comes before ours", "a row of your own comes before ours")


def explain(
    text: str | None = None,
    *,
    code: int | None = None,
    enhanced: str | None = None,
    vendor_code: str | None = None,
    level: str | None = None,
    side: str | None = None,
    stage: str | None = None,
    program: str | None = None,
    service: str | None = None,
    server: str | None = None,
    catalogue: str | PathLike[str] | None = None,
) -> pl.DataFrame:
    """Explain a reply, or the reason in a log line.

    Parameters
    ----------
    text
        The reply as it stands in a log, a transcript or a traceback (wrappers and all), or a reason. Codes in it count
        unless given; so do the step and the server that the words around it name.
    code, enhanced, vendor_code, level
        Reply code, enhanced status code, the software's own code, word of level.
    side, stage, program, service
        `server` or `client`; SMTP step; software (`postfix`, a tag such as `postfix/smtpd` ...); kind of listener
        (`submission` or `wrapper`). Each that is left out excludes nothing, except that a reply with a code was heard
        by a client.
    server
        Name of the server that gave the reply.
    catalogue
        TOML file with rows of one's own, which come before ours.

    Returns
    -------
    polars.DataFrame
        One row per candidate, best first: `rank, cause, outcome, basis, confidence`, `why` it fits and, after the first,
        `why_not` rather; `explain, check, fix, who`; `temporary` (whether it passes by itself) beside `code_class` (what
        the first digit promises); `beware` (where the usual advice goes wrong); `provider` and `provider_wants` (its form of name and secret, its traps); `sign`
        and `decided_by` (how behaviour would tell, and the detectors that look for it); `references`, `row` (id in the
        catalogue; null for a cause that only may hide behind the words), `source`. If nothing fits, the first has
        cause `unknown` and no id.

    Raises
    ------
    BadCatalogue
        If the file of one's own rows cannot be used.

    Examples
    --------
    >>> explain("454 4.7.1 <a@example.net>: Relay access denied")["cause"].first()
    'relay_denied'
    """
    reply = parse_reply(text or "")
    told = pl.DataFrame({"text": [text or ""]}).select(step=step(pl.col("text")), host=host(pl.col("text"))).row(0)
    number = code or reply.code
    given = {
        "side": side or ("client" if number else None),
        "stage": stage or told[0] or ("auth" if number in AUTH_CODES else None),
        "program": _family(program),
        "service": service,
        "reply_code": number,
        "enhanced_code": enhanced or reply.enhanced,
        "vendor_code": vendor_code,
        "level": level,
        "detail": reply.text,
    }
    return explained(given, server=server or told[1], catalogue=catalogue)


def explain_record(record: dict[str, Any], *, catalogue: str | PathLike[str] | None = None) -> pl.DataFrame:
    """Explain a record of a log line (a dict of record columns) as `explain` does."""
    known = {name: [record.get(name)] for name in KEYS}
    evidence = named(pl.DataFrame(known, schema={name: RECORDS[name].dtype for name in KEYS})).row(0, named=True)
    return explained(evidence, server=record.get("relay_host"), catalogue=catalogue)


def step_of(text: str) -> str | None:
    """Return the SMTP step that the words of a traceback or relay log name."""
    return pl.DataFrame({"text": [text]}).select(step(pl.col("text"))).item()


def explained(
    given: dict[str, Any], *, server: str | None = None, catalogue: str | PathLike[str] | None = None
) -> pl.DataFrame:
    """Explain one piece of evidence (the columns of EVIDENCE) as `explain` does."""
    mine = own(catalogue)
    known = rows(mine)
    hits = candidates(pl.DataFrame([given], schema=EVIDENCE), mine, guess=True).select("row", "literal").rows()
    found = [(known[number], literal) for number, literal in hits]
    if given["service"] is None:  # a row that asks for a port is a guess then, and comes after those that ask for none
        found.sort(key=lambda hit: bool(hit[0].service) and hit[0].layer == 0)
    promised = code_class(given["reply_code"])
    marks = {"text": given["detail"] or "", "server": server or ""}
    seen = pl.DataFrame(marks).select(provider_by_marks(pl.col("text"), pl.col("server"))).item()
    answers = [_answer(row, literal, found[0], given, seen, promised, server is not None) for row, literal in found]
    if not answers or answers[0]["confidence"] is None:
        if answers:
            answers[0]["why_not"] = _at_a_step(found[0][0])
        answers.insert(0, _nothing(promised, seen, bare=bool(answers)))
    behind = found[0][0].behind if found else ()
    first = found[0][0].cause if found else None
    told = {answer["cause"] for answer in answers if answer["cause"] != first}
    answers += [_hidden(cause, promised, seen) for cause in behind if cause not in told]
    if promised == "ok" and first != "success" and not (given["reply_code"] == 221 and found):
        answers = [_positive(promised)]
    for rank, answer in enumerate(answers, 1):
        answer["rank"] = rank
        answer["confidence"] = answer["confidence"] or "low"
    return pl.DataFrame(answers, schema=COLUMNS)


def _answer(
    row: Row, literal: str | None, best: tuple[Row, str | None], given: dict[str, Any], seen: str | None, promised: str | None,
    relayed: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the answer of a row that fits; confidence None if it only fits by guessing the step."""
    cause = cause_table()[row.cause]
    first = row is best[0]
    guessed = bool(row.stage) and given["stage"] is None
    named = row.provider.split(", ") if row.provider else []
    whose = seen or (named[0] if len(named) == 1 else None)
    wants = _wants(whose, cause["family"])
    warnings = [row.beware, _QUEUED if relayed and _left_in_queue(row, given) else "", _digit(promised, row.passes)]
    return _common(row.cause) | {
        "outcome": row.outcome or cause["outcome"],
        "basis": row.basis,
        "confidence": None if guessed and not row.spoken else _confidence(row, first=first, guessed=guessed),
        "why": _why(row, literal),
        "why_not": None if first else _why_not(row, literal, best, given),
        "explain": row.explain,
        "check": row.check or cause["first_check"],
        "fix": row.fix or cause["fix"],
        "temporary": row.passes,
        "code_class": promised or row.code_class,
        "beware": " ".join(filter(None, warnings)) or None,
        "provider": whose or row.provider,
        "provider_wants": wants,
        "row": row.id,
        "source": row.source,
    }


def _common(cause: str) -> dict[str, Any]:
    entry = cause_table()[cause]
    return {"cause": cause, **{name: entry[name] for name in ("who", "sign", "decided_by", "references")}}


def _hidden(cause: str, promised: str | None, seen: str | None) -> dict[str, Any]:
    """Return a cause that may hide behind the words of the best row."""
    entry = cause_table()[cause]
    return _common(cause) | {
        "outcome": entry["outcome"],
        "basis": "assumed",
        "confidence": "low",
        "why": "the same words are said for this too",
        "why_not": "nothing in the text speaks for it; only behaviour can tell",
        "explain": entry["meaning"],
        "check": entry["first_check"],
        "fix": entry["fix"],
        "temporary": entry["waiting_helps"],
        "code_class": promised,
        "provider": seen,
    }


def _nothing(promised: str | None, seen: str | None, *, bare: bool) -> dict[str, Any]:
    """Return the answer where no row fits, or rows fit only if a step is guessed."""
    unknown = cause_table()["unknown"]
    why = "nothing in the catalogue fits"
    if bare:
        why = "without words of its own the code means this or that, by the SMTP step; name the step (AUTH, STARTTLS, MAIL)"
    return _common("unknown") | {
        "confidence": "low",
        "why": why,
        "explain": unknown["meaning"] if not bare else "A bare code at a step that is not known.",
        "check": unknown["first_check"] if not bare else "The command that was answered.",
        "fix": unknown["fix"]
        if not bare
        else "By the step, see below; with `--stage auth` (or tls, mail ...) it is told in full.",
        "code_class": promised,
        "provider": seen,
    }


def _positive(promised: str | None) -> dict[str, Any]:
    """Return the answer for a 2xx or 3xx: no refusal."""
    return {
        "outcome": "info",
        "confidence": "high",
        "why": "the first digit of the code",
        "explain": "No refusal: the server agrees, or asks for the next part (334: base64 of `Username:` or `Password:`, or a challenge; a prompt, not a secret).",
        "check": "What comes after it.",
        "fix": "Nothing to repair.",
        "who": "nobody",
        "code_class": promised,
    }


def _confidence(row: Row, *, first: bool, guessed: bool) -> str:
    """High: its own words leave no choice. Medium: codes, or words whose step is not known. Low: a bare refusal."""
    if row.basis == "assumed" or row.cause == "unknown" or not (first or guessed):
        return "low"
    return "high" if row.spoken and not guessed else "medium"


def _why(row: Row, literal: str | None) -> str:
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


def _why_not(row: Row, literal: str | None, best: tuple[Row, str | None], given: dict[str, Any]) -> str:
    """Say why another row comes before this one."""
    winner, found = best
    if row.layer < winner.layer:
        return _LAYERS[winner.layer]
    if given["stage"] is None and row.stage and winner.stage and not set(row.stage) & set(winner.stage):
        return _at_a_step(row)
    if given["service"] is None and row.service != winner.service and row.cause != winner.cause:
        return "which of the two depends on the port, which is not known"
    if row.evidence < winner.evidence:
        return f"{_marks(winner)} say more than {_marks(row)}"
    if row.priority < winner.priority or len(literal or "") < len(found or ""):
        return f"{found!r} is more exact than {literal!r}" if literal and found else "its words are more general"
    return "the first holds at a narrower place, or stands earlier in the catalogue"


def _at_a_step(row: Row) -> str:
    return f"holds at {' or '.join(row.stage)}; the step is not known"


def _marks(row: Row) -> str:
    marks = [
        ("the software's own code", bool(row.vendor_code)),
        ("words", bool(row.text or row.pattern)),
        ("the status code", bool(row.enhanced)),
        ("the code", bool(row.code)),
        ("the level", bool(row.level)),
        ("the port", bool(row.service)),
    ]
    return " and ".join(mark for mark, holds in marks if holds)


def _left_in_queue(row: Row, given: dict[str, Any]) -> bool:
    """A login of our own server that was refused for good."""
    family = cause_table()[row.cause]["family"]
    return (
        given["side"] == "client"
        and given["stage"] == "auth"
        and family in ("credential", "policy")
        and code_class(given["reply_code"]) == "permanent"
    )


def _digit(promised: str | None, passes: bool | None) -> str:
    """Say where the first digit and the truth part."""
    if promised == "temporary" and passes is False:
        return "The 4 promises that it passes; it does not."
    if promised == "permanent" and passes is True:
        return "The 5 says that it is for good; it passes by itself."
    return ""


def _wants(provider: str | None, family: str) -> str | None:
    """Say what a provider takes as name and secret, and its trap, where the cause is about logins."""
    entry = next((entry for entry in providers() if entry["name"] == provider), None)
    if entry is None:
        return None
    named = (("user name", "user"), ("secret", "secret"), ("port", "ports"))
    wants = "; ".join(f"{label}: {entry[name]}" for label, name in named if entry[name])
    told: Iterator[str | None] = iter((f"{wants[0].upper()}{wants[1:]}." if wants else None, entry["beware"]))
    return " ".join(filter(None, told)) or None if family in ("credential", "policy", "protocol") else None


def _family(program: str | None) -> str | None:
    """Return the word of a tag or name that the catalogue knows as a family of software, else its first word."""
    if program is None:
        return None
    known = {name for row in rows() for name in row.program}
    words = re.split(r"[^a-z0-9]+", program.lower())
    return next((word for word in words if word in known), words[0] or None)

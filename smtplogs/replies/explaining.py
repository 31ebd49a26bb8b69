"""What a reply or reason may mean: the rows of the catalogue that fit, and the causes that may hide behind the best."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs.replies.catalogue import code_class
from smtplogs.replies.classifying import KEYS, named
from smtplogs.replies.loading import custom_file, rows
from smtplogs.replies.matching import EVIDENCE, candidates
from smtplogs.replies.meanings import cause_table
from smtplogs.replies.placing import AUTH_CODES, host, provider_by_marks, step
from smtplogs.replies.reasoning import at_a_step, confidence, wanted_by_provider, warnings, why, why_not
from smtplogs.replies.wording import parse_reply
from smtplogs.schema import BASES, CAUSES, OUTCOMES, RECORDS

if TYPE_CHECKING:
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
    "meaning": pl.String,
    "first_check": pl.String,
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
"""What `explain` returns."""


@dataclass(frozen=True)
class _Question:
    """One piece of evidence, and what is known about the reply as a whole.

    Attributes
    ----------
    evidence
        The columns of EVIDENCE.
    best
        The row that fits best and the text it was recognised by, which the others are compared with.
    provider
        Whose server or words they are; None if neither tells.
    code_class
        What the first digit of the code promises.
    relayed
        A server is named: the reply came from a relay.
    """

    evidence: dict[str, Any]
    best: tuple[Row, str | None] | None
    provider: str | None
    code_class: str | None
    relayed: bool


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
        `why_not`; `meaning, first_check, fix, who`; `temporary` (whether it passes by itself) beside `code_class` (what
        the first digit promises); `beware` (where the usual advice goes wrong); `provider` and `provider_wants` (its form
        of name and secret, its traps); `sign` and `decided_by` (how behaviour would tell, and the detectors that look for
        it); `references`, `row` (id in the catalogue; null for a cause that may only hide behind the words), `source`. If
        nothing fits, the first has cause `unknown` and no id.

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
    custom = custom_file(catalogue)
    known = rows(custom)
    hits = candidates(pl.DataFrame([given], schema=EVIDENCE), custom, guess=True).select("row", "literal").rows()
    found = [(known[number], literal) for number, literal in hits]
    if given["service"] is None:  # a row that asks for a port is a guess then, and comes after those that ask for none
        found.sort(key=lambda hit: bool(hit[0].service) and hit[0].layer == 0)
    promised = code_class(given["reply_code"])
    marks = {"text": given["detail"] or "", "server": server or ""}
    provider = pl.DataFrame(marks).select(provider_by_marks(pl.col("text"), pl.col("server"))).item()
    question = _Question(given, found[0] if found else None, provider, promised, relayed=server is not None)
    answers = [_answer(row, literal, question) for row, literal in found]
    if not answers or answers[0]["confidence"] is None:
        if answers:
            answers[0]["why_not"] = at_a_step(found[0][0])
        answers.insert(0, _nothing_fits(question))
    behind = found[0][0].behind if found else ()
    first = found[0][0].cause if found else None
    told = {answer["cause"] for answer in answers if answer["cause"] != first}
    answers += [_hidden(cause, question) for cause in behind if cause not in told]
    if promised == "ok" and first != "success" and not (given["reply_code"] == 221 and found):
        answers = [_positive(promised)]
    for rank, answer in enumerate(answers, 1):
        answer["rank"] = rank
        answer["confidence"] = answer["confidence"] or "low"
    return pl.DataFrame(answers, schema=COLUMNS)


def _answer(row: Row, literal: str | None, question: _Question) -> dict[str, Any]:
    """Return the answer of a row that fits; confidence None if it fits only by guessing the step."""
    cause = cause_table()[row.cause]
    best = question.best or (row, literal)
    first = row is best[0]
    guessed = bool(row.stage) and question.evidence["stage"] is None
    named = row.provider.split(", ") if row.provider else []
    provider = question.provider or (named[0] if len(named) == 1 else None)
    return _common(row.cause) | {
        "outcome": row.outcome or cause["outcome"],
        "basis": row.basis,
        "confidence": None if guessed and not row.spoken else confidence(row, first=first, guessed=guessed),
        "why": why(row, literal),
        "why_not": None if first else why_not(row, literal, best, question.evidence),
        "meaning": row.explain,
        "first_check": row.check or cause["first_check"],
        "fix": row.fix or cause["fix"],
        "temporary": row.passes,
        "code_class": question.code_class or row.code_class,
        "beware": " ".join(warnings(row, question.evidence, question.code_class, relayed=question.relayed)) or None,
        "provider": provider or row.provider,
        "provider_wants": wanted_by_provider(provider, cause["family"]),
        "row": row.id,
        "source": row.source,
    }


def _common(cause: str) -> dict[str, Any]:
    """Return what every answer takes from the table of causes as it stands."""
    entry = cause_table()[cause]
    return {"cause": cause, **{name: entry[name] for name in ("who", "sign", "decided_by", "references")}}


def _hidden(cause: str, question: _Question) -> dict[str, Any]:
    """Return a cause that may hide behind the words of the best row."""
    entry = cause_table()[cause]
    return _common(cause) | {
        "outcome": entry["outcome"],
        "basis": "assumed",
        "confidence": "low",
        "why": "the same words are said for this too",
        "why_not": "nothing in the text speaks for it; only behaviour can tell",
        "meaning": entry["meaning"],
        "first_check": entry["first_check"],
        "fix": entry["fix"],
        "temporary": entry["waiting_helps"],
        "code_class": question.code_class,
        "provider": question.provider,
    }


def _nothing_fits(question: _Question) -> dict[str, Any]:
    """Return the answer where no row fits, or where rows fit only if a step is guessed."""
    unknown = cause_table()["unknown"]
    words = {
        "why": "nothing in the catalogue fits",
        "meaning": unknown["meaning"],
        "first_check": unknown["first_check"],
        "fix": unknown["fix"],
    }
    if question.best is not None:
        words = {
            "why": "without words of its own the code means this or that, by the SMTP step; name the step (AUTH, STARTTLS, MAIL)",
            "meaning": "A bare code at a step that is not known.",
            "first_check": "The command that was answered.",
            "fix": "By the step, see below; with `--stage auth` (or tls, mail ...) it is told in full.",
        }
    own = {"confidence": "low", "code_class": question.code_class, "provider": question.provider}
    return _common("unknown") | words | own


def _positive(promised: str | None) -> dict[str, Any]:
    """Return the answer for a 2xx or 3xx: no refusal."""
    return {
        "outcome": "info",
        "confidence": "high",
        "why": "the first digit of the code",
        "meaning": "No refusal: the server agrees, or asks for the next part (334: base64 of `Username:` or `Password:`, or a challenge; a prompt, not a secret).",
        "first_check": "What comes after it.",
        "fix": "Nothing to repair.",
        "who": "nobody",
        "code_class": promised,
    }


def _family(program: str | None) -> str | None:
    """Return the word of a tag or name that the catalogue knows as a family of software, else its first word."""
    if program is None:
        return None
    known = {name for row in rows() for name in row.program}
    words = re.split(r"[^a-z0-9]+", program.lower())
    return next((word for word in words if word in known), words[0] or None)

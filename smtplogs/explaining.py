"""What is pasted explained: who takes a log line and what it makes of it; what a reply, a reason or a traceback means."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypedDict

import polars as pl

from smtplogs import (
    declaring,
    framing,
    matching,
    parsing,
    pasted,
    planning,
    recognising,
    redacting,
    replies,
    stamps,
    unwrapping,
)
from smtplogs.accounting import Tally
from smtplogs.detect import DETECTORS
from smtplogs.logformats import EVERY, Dialogue, Lines
from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from smtplogs.logformats import Table


class How(TypedDict):
    """What the caller of `explain` knows about a text, and rows of their own."""

    stage: str | None
    side: str | None
    catalogue: str | None


_SHOWN = [
    c for c in RECORDS if c not in ("raw", "line_no", "source", "key", "also", "auth_offered", "pattern", "format")
]
_SCHEMA = {
    "line_no": pl.UInt64,
    "text": pl.String,
    "verdict": pl.String,
    "format": pl.String,
    "pattern": pl.String,
    "outcome": pl.String,
    "cause": pl.String,
    "basis": pl.String,
    "confidence": pl.String,
    "meaning": pl.String,
    "why": pl.String,
    "why_not": pl.String,
    "first_check": pl.String,
    "fix": pl.String,
    "who": pl.String,
    "beware": pl.String,
    "temporary": pl.Boolean,
    "code_class": pl.String,
    "provider": pl.String,
    "provider_wants": pl.String,
    "sign": pl.String,
    "decided_by": pl.List(pl.String),
    "references": pl.List(pl.String),
    "fields": pl.String,
    "written_by": pl.String,
    "row": pl.String,
}


MAX_LINES = 200
"""Lines that are explained at once: each is tried on every pattern by itself."""

MAX_SESSION = 20_000
"""Lines of a session or table that is explained as a whole."""

_REPLY = re.compile(r"\s*(?:[2-5][0-9]{2}(?:[ -]|$)|$)")
"""A line of a reply, or none: nothing but such lines is what a server answered, no session."""

_OF_AUTH = (432, 454, 504, 530, 534, 535, 538)
"""Codes that answer AUTH, never a connection (RFC 4954)."""

_MARKS = ('""', "''", "``", "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}")

_BY_WORDS = ("the text", "the shape of the text")
"""How rows say that they know the words, not only the codes."""

FIRST, LESS, HIDDEN = "a reply", "less likely", "could also be"
"""Verdicts: what a reply means; what its codes or other words would mean; what the same words may hide."""


def explain(
    text: str, *, stage: str | None = None, side: str | None = None, catalogue: str | PathLike[str] | None = None
) -> pl.DataFrame:
    """Explain log lines, what a server answered, or the traceback of a program.

    Parameters
    ----------
    text
        One or more log lines (at most 200), wrapped by docker or the journal or not; a reply such as
        ``535 5.7.8 Error: authentication failed``, of one line or several; a reason (``unknown user``); a traceback or
        debug output of a mail library, in which the server's reply is looked for; a whole session (at most 20,000
        lines): a transcript of openssl s_client, swaks, curl -v, telnet, smtplib, nodemailer or msmtp, lines of an
        Exchange protocol log ..., of which each login and refusal is told with what led to it.
    stage, side
        SMTP step (`auth`, `tls`, `mail` ...) and side (`server`, `client`) of a reply or reason. None: what the words
        around it tell; the same words mean different things at different steps.
    catalogue
        TOML file with rows of your own for the reply catalogue; they come before ours.

    Returns
    -------
    DataFrame
        A row per candidate, the likeliest first:

        * `line_no`, `text` (secrets cut), `verdict` (taken, context only, dismissed, looked at, not understood; a reply,
          less likely, could also be; diagnosis: of a session), `format`, `pattern`;
        * `outcome`, `cause`, `basis`, `confidence` (high: the words leave no choice; medium: codes, or the step is not
          known; low: a bare refusal), `why` this, `why_not` rather this than the first;
        * `meaning`, `first_check`, `fix`, `who` must act, `beware` (where the usual advice goes wrong), `temporary` (whether
          it passes by itself) beside `code_class` (what the first digit promises), `provider`, `provider_wants`,
          `references`;
        * `sign` (how behaviour would tell) and `decided_by` (the detectors that look for it), where words alone do not;
        * `fields` (JSON: every column that the line fills), `written_by` (source of the software that writes it) and
          `row` (id in the catalogue).

    Notes
    -----
    A line by itself shows less than the same line among its neighbours: TLS, HELO and the meaning of counters come
    from the other lines of its session.

    Raises
    ------
    ValueError
        If there are too many lines, or the catalogue cannot be used.
    """
    how: How = {
        "stage": stage,
        "side": side,
        "catalogue": None if catalogue is None else replies.checked(catalogue),
    }
    text = unwrapping.plain(_unquoted(text))
    if (whole := _whole(text)) is not None and (rows := list(_diagnosed(text, whole, how))):
        return pl.DataFrame(rows, schema=_SCHEMA)
    rows = [row for piece in pasted.pieces(text, MAX_LINES) for row in _explained(piece, how)]
    if any(row.get("cause") for row in rows):  # prose around a refusal comes behind it
        rows.sort(key=lambda row: row["verdict"] == "not understood" and row.get("format") is None)
    return pl.DataFrame(rows, schema=_SCHEMA)


def _unquoted(text: str) -> str:
    """Take off the quotation marks in which a text was copied."""
    bare = text.strip()
    return bare[1:-1] if len(bare) > 2 and bare[0] + bare[-1] in _MARKS and bare[0] not in bare[1:-1] else text


def _whole(text: str) -> Dialogue | Table | None:
    """Return the format of a text that is one session or table."""
    head = [line.removesuffix("\r") for line in text.split("\n")]
    if len(head) > MAX_SESSION:
        return None
    format_ = recognising.recognise(head, declaring.installed()).format
    bare = isinstance(format_, Dialogue) and format_.last_resort and all(map(_REPLY.match, head))
    return None if bare else format_


def _diagnosed(text: str, format_: Dialogue | Table, how: How) -> Iterator[dict[str, object]]:
    """Explain each event of a session; none if a refusal is quoted in it that is no event."""
    events = declaring.events_of(format_, text, how["catalogue"])
    if (
        events.height
        and events.select(((pl.col("stage") == "connect") & pl.col("reply_code").is_in(_OF_AUTH)).any()).item()
    ):
        return  # a piece without the commands: the replies by themselves tell more
    for row in events.to_dicts():
        first, *others = _taken(
            int(row["line_no"]), str(row["raw"] or ""), row | {"_role": "event", "pattern": None}, how
        )
        told = first.get("why") if first.get("row") else row["detail"] if row["basis"] == "context" else None
        why = "; ".join(str(t) for t in (_story(row), told) if t)
        yield first | {"verdict": "diagnosis", "why": why}
        yield from others
    if events.is_empty() and not pasted.answers_in(text):
        why = f"{format_.title}: no AUTH command and no refusal in it"
        yield _row(1, "", "context only", format=format_.name, why=why)


def _story(row: dict[str, Any]) -> str:
    """Tell in a sentence what led to an event."""
    offered = row["auth_offered"]
    tls = {"none": "in clear text", "yes": "under TLS", None: None}.get(row["tls"], f"under {row['tls']}")
    code = " ".join(str(row[c]) for c in ("reply_code", "enhanced_code") if row[c] is not None)
    parts = (
        f"AUTH {row['mechanism'] or ''}".strip() if row["stage"] == "auth" else f"at {row['stage']}",
        f"as {row['user']}" if row["user"] else None,
        tls,
        None if offered is None else f"offered before: {', '.join(offered) or 'no mechanism'}",
        f"answered {code}" if code else None,
    )
    return "; ".join(p for p in parts if p)


def _explained(piece: pasted.Piece, how: How) -> list[dict[str, object]]:
    number, line, trace = piece
    if trace:
        return _as_trace(number, line, how)
    batch = pl.DataFrame({"line_no": [number], "line": [line]}, schema=parsing.LINES)
    wrapper = unwrapping.detect([line])
    if wrapper is not None and wrapper.peel is not None:
        batch, _ = unwrapping.unwrap(batch, wrapper, last=True)
    batch, _ = unwrapping.repeats(batch)
    if batch.is_empty():
        return []
    shown = redacting.without_secrets(batch, "line")["line"][0]
    framed = framing.unframed(batch)
    if framed.is_empty():
        return _as_reply(number, line, redacting.without_suspects(shown), how)
    plan = planning.Plan("", None, None, traffic=True, catalogue=how["catalogue"])
    parsed = parsing.records(batch, plan, Tally())
    taken = pl.concat(parsed.parts, how="diagonal") if parsed.height else pl.DataFrame()
    message, program = framed["message"][0], framed["program"][0] or ""
    # a line that became an event has already lost a password typed as user name
    shown = (taken["raw"][0] if taken.height else None) or redacting.without_suspects(shown)
    rows = [row for told in _timed(taken, parsed.stamps).to_dicts() for row in _taken(number, shown, told, how)]
    names = {(r.get("format"), r.get("pattern")) for r in rows}
    others = _looked_at(number, shown, program, message, taken=bool(rows))
    rows += [r for r in others if (r["format"], r["pattern"]) not in names]
    if any(r["verdict"] != "looked at" for r in rows):
        return rows
    known = matching.claimed(program, traffic=True)
    if known is None:
        tag = redacting.without_secrets(pl.DataFrame({"tag": [program]}), "tag")["tag"][0]
        rows.insert(0, _row(number, shown, "dismissed", why=f"no format claims lines of {tag!r}"))
        return [*(_as_reply(number, message, shown, how) if _quotes_a_reply(message) else ()), *rows]
    why = "the words of these patterns are there, but none fits" if rows else "no pattern of this program comes near"
    return [_row(number, shown, "not understood", format=known.name, why=why), *rows]


def _quotes_a_reply(message: str) -> bool:
    """Tell whether a line of a program that is not known holds a refusal: by its two codes, or by its words."""
    reply = replies.parse_reply(message)
    if (reply.code or 0) < 400:
        return False
    return reply.enhanced is not None or replies.explain(message)["why"][0].startswith(_BY_WORDS)


def _timed(taken: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """Read the stamp without guessing a year: one line has no neighbours to tell it."""
    if taken.is_empty():
        return taken
    times, carry = stamps.resolve(written, stamps.anchor(year=2000))
    if carry.year_evidence != stamps.STATED:
        return taken
    return taken.hstack(times.select(pl.all().gather(taken["_stamp"])))


def _taken(number: int, shown: str, row: dict[str, object], how: How) -> Iterator[dict[str, object]]:
    """Yield what a pattern made of the line, in the words of the catalogue, and what else may stand behind them."""
    role = "context only" if row["_role"] == "context" else "taken"
    cause = str(row["cause"]) if row.get("cause") else None
    fields = {k: str(row[k]) for k in _SHOWN if row.get(k) is not None and k not in ("outcome", "cause", "basis")}
    names = ("outcome", "cause", "basis", "format", "pattern")
    known = {k: None if row.get(k) is None else str(row[k]) for k in names}
    proof = {
        "fields": json.dumps(fields, ensure_ascii=False),
        "written_by": _written_by(str(row["format"]), str(row["pattern"])),
    }
    candidates = replies.explain_record(row, catalogue=how["catalogue"]).to_dicts() if cause else []
    if candidates and candidates[0]["cause"] != cause:
        candidates = []
    if cause and not candidates:  # the pattern itself names the cause, or the line's neighbours do
        meaning = next(c for c in replies.causes().to_dicts() if c["cause"] == cause)
        same = ("first_check", "fix", "who", "references", "meaning")
        why = "the pattern that takes the line names the cause"
        yield _row(number, shown, role, **{**known, **proof, "why": why, "temporary": meaning["waiting_helps"]},
                   **{name: meaning[name] for name in same})  # fmt: skip
        return
    first = _told(candidates[0]) if candidates else {}
    yield _row(number, shown, role, **{**first, **known, **proof})
    yield from (_row(number, shown, verdict, **rest) for verdict, rest in _others(candidates))


def _told(answer: dict[str, Any]) -> dict[str, object]:
    """Return an answer of the catalogue under the names of our columns; detectors only where words do not decide."""
    kept = {name: answer[name] for name in _SCHEMA if name in answer}
    if answer["confidence"] == "high":
        kept |= {"sign": None, "decided_by": None}
    elif kept["decided_by"] is not None:
        there = {detector.__name__ for detector in DETECTORS}
        kept["decided_by"] = [name for name in answer["decided_by"] if name in there]
    return kept


def _others(candidates: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the candidates after the first, each cause once."""
    seen = {candidates[0]["cause"]} if candidates else set()
    for answer in candidates[1:]:
        if answer["cause"] not in seen:
            seen.add(answer["cause"])
            yield (HIDDEN if answer["row"] is None else LESS), _told(answer)


def _looked_at(number: int, shown: str, program: str, message: str, *, taken: bool) -> Iterator[dict[str, object]]:
    """Patterns whose words stand in the message, and whether they fit; of those that dismiss, the first that fits."""
    text = pl.Series([message])
    for format_, p in matching.patterns_for(program, traffic=True):
        fits = bool(text.str.contains(p.regex)[0])
        if not any(words in message for words in p.literals) and not (fits and p.role == "dismiss"):
            continue
        if fits and p.role == "dismiss" and not taken:
            taken = True
            yield _row(number, shown, "dismissed", format=format_.name, pattern=p.name, written_by=p.written_by,
                       why="this kind of line says nothing about logins")  # fmt: skip
        else:
            why = (
                "it would fit too, but another pattern comes first" if fits else "its words are there, its shape is not"
            )
            yield _row(number, shown, "looked at", format=format_.name, pattern=p.name, why=why)


def _as_reply(number: int, line: str, shown: str, how: How) -> list[dict[str, object]]:
    """Explain a reply, or a reason whose words the catalogue knows."""
    candidates = replies.explain(line, **how).to_dicts()
    reply = replies.parse_reply(line)
    best = candidates[0]
    if (
        reply.code is None
        and reply.enhanced is None
        and (best["row"] is None or not best["why"].startswith(_BY_WORDS) or not any(map(str.isalpha, line)))
    ):
        why = "no envelope known to smtplogs (syslog, journal, Dovecot's own log ...) fits, and it is no SMTP reply"
        return [_row(number, shown, "not understood", why=why)]
    return [_row(number, shown, FIRST, **_told(best))] + [
        _row(number, shown, verdict, **rest) for verdict, rest in _others(candidates)
    ]


def _as_trace(number: int, trace: str, how: How) -> list[dict[str, object]]:
    """Explain every refusal that a traceback or transcript quotes."""
    lines = pasted.masked(trace.split("\n"))
    shown = "\n".join(redacting.without_secrets(pl.DataFrame({"line": lines}), "line")["line"].to_list())
    shown = redacting.without_suspects(shown)
    found = pasted.answers_in(trace)
    if not found:
        why = "a traceback or transcript that quotes no refusal of a server and no sentence of a mail library we know"
        return [_row(number, shown, "not understood", why=why)]
    told = replies.step_of(trace) if len(found) == 1 and how["stage"] is None else None
    where: How = {
        "stage": how["stage"] or told,
        "side": how["side"] or "client",
        "catalogue": how["catalogue"],
    }
    return [row for answer in found for row in _as_reply(number, answer, shown, where)]


def _written_by(format_: str, name: str) -> str:
    for f in EVERY:
        if f.name == format_:
            return next(p.written_by for p in f.patterns if p.name == name) if isinstance(f, Lines) else f.written_by
    return "declared"


def _row(number: int, shown: str, verdict: str, **columns: object) -> dict[str, object]:
    return {"line_no": number, "text": shown, "verdict": verdict} | columns

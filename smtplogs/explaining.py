"""One line or session explained: which patterns looked at it, which took it, what they made of it, what it means."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import declaring, parsing, recognising, redacting, replies, stamps, unwrapping
from smtplogs.logformats import EVERY, Dialogue, Lines
from smtplogs.schema import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from smtplogs.logformats import Table

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
    "meaning": pl.String,
    "first_check": pl.String,
    "fix": pl.String,
    "who": pl.String,
    "why": pl.String,
    "fields": pl.String,
    "written_by": pl.String,
}


MAX_LINES = 200
"""Lines that are explained at once: each is tried on every pattern by itself."""

MAX_SESSION = 20_000
"""Lines of a session or table that is explained as a whole."""

_REPLY = re.compile(r"\s*(?:[2-5][0-9]{2}(?:[ -]|$)|$)")
"""A line of a reply, or none: nothing but such lines is what a server answered, no session."""

_GOES_ON = re.compile(r"\s*([2-5][0-9]{2})-")
"""A line of a reply after which another follows."""


def explain(text: str) -> pl.DataFrame:
    """Explain log lines, or what a server answered.

    Parameters
    ----------
    text
        One or more log lines (at most 200), wrapped by docker or the journal or not; or a reply such as
        ``535 5.7.8 Error: authentication failed``, of one line or several; or a whole session: a transcript of
        openssl s_client, swaks, curl -v, telnet, smtplib, nodemailer or msmtp, lines of an Exchange protocol log ...
        (at most 20,000 lines).

    Returns
    -------
    DataFrame
        A row per candidate: `line_no`, `text` (secrets cut), `verdict` (taken, context only, dismissed, looked at, not
        understood, a reply; of a session `diagnosis`, a row per event), `format`, `pattern`, `outcome`, `cause`, `basis`, what the cause means
        (`meaning`, `first_check`, `fix`, `who`), `why`, `fields` (JSON: every column that the line fills) and
        `written_by` (source of the software that writes it).

    Notes
    -----
    A line by itself shows less than the same line among its neighbours: TLS, HELO and the meaning of counters come
    from the other lines of its session.

    Raises
    ------
    ValueError
        If there are too many lines.
    """
    if (whole := _whole(text)) is not None:
        return pl.DataFrame(list(_diagnosed(text, whole)), schema=_SCHEMA)
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > MAX_LINES:
        raise ValueError(f"{len(lines):,} lines are too many to explain (at most {MAX_LINES}); use read and coverage")
    rows = [row for number, line in _replies_joined(lines) for row in _explained(number, line)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _whole(text: str) -> Dialogue | Table | None:
    """Return the format of a text that is one session or table."""
    head = [line.removesuffix("\r") for line in text.split("\n")]
    if len(head) > MAX_SESSION:
        return None
    format_ = recognising.recognise(head, declaring.installed()).format
    bare = isinstance(format_, Dialogue) and format_.last_resort and all(map(_REPLY.match, head))
    return None if bare else format_


def _diagnosed(text: str, format_: Dialogue | Table) -> Iterator[dict[str, object]]:
    """Explain each event of a session."""
    events = declaring.events_of(format_, text)
    for row in events.to_dicts():
        told = _taken(int(row["line_no"]), str(row["raw"] or ""), row | {"_role": "event", "pattern": None})
        yield told | {"verdict": "diagnosis", "why": _story(row)}
    if events.is_empty():
        why = f"{format_.title}: no AUTH command and no refusal in it"
        yield _row(1, "", "context only", format=format_.name, why=why)


def _story(row: dict[str, object]) -> str:
    """Tell in a sentence what led to an event."""
    offered = row["auth_offered"]
    tls = {"none": "in clear text", "yes": "under TLS", None: None}.get(row["tls"], f"under {row['tls']}")  # type: ignore[arg-type]
    code = " ".join(str(row[c]) for c in ("reply_code", "enhanced_code") if row[c] is not None)
    parts = (
        f"AUTH {row['mechanism'] or ''}".strip() if row["stage"] == "auth" else f"at {row['stage']}",
        f"as {row['user']}" if row["user"] else None,
        tls,
        None if offered is None else f"offered before: {', '.join(offered) or 'no mechanism'}",  # type: ignore[arg-type]
        f"answered {code}" if code else None,
    )
    return "; ".join(p for p in parts if p)


def _replies_joined(lines: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join the lines of one reply: all but its last have a hyphen behind the code."""
    held: list[str] = []
    first, code = 0, ""
    for number, line in lines:
        if held and not line.lstrip().startswith(code):
            yield first, "\n".join(held)
            held = []
        if not held:
            first = number
        held.append(line)
        if goes_on := _GOES_ON.match(line):
            code = goes_on[1]
        else:
            yield first, "\n".join(held)
            held = []
    if held:
        yield first, "\n".join(held)


def _explained(number: int, line: str) -> list[dict[str, object]]:
    batch = pl.DataFrame({"line_no": [number], "line": [line]}, schema=parsing.LINES)
    wrapper = unwrapping.detect([line])
    if wrapper is not None and wrapper.peel is not None:
        batch, _ = unwrapping.unwrap(batch, wrapper, last=True)
    batch, _ = unwrapping.repeats(batch)
    if batch.is_empty():
        return []
    shown = redacting.without_secrets(batch, "line")["line"][0]
    framed = parsing.unframed(batch, parsing.Tally())
    if framed.is_empty():
        return _as_reply(number, line, redacting.without_suspects(shown))
    taken = parsing.records(batch, parsing.Plan("", None, None, traffic=True), parsing.Tally()).events
    message, program = framed["message"][0], framed["program"][0] or ""
    # a line that became an event has already lost a password typed as user name
    shown = (taken["raw"][0] if taken.height else None) or redacting.without_suspects(shown)
    rows = [_taken(number, shown, row) for row in _timed(taken).to_dicts()]
    names = {(r["format"], r["pattern"]) for r in rows}
    others = _looked_at(number, shown, program, message, taken=bool(rows))
    rows += [r for r in others if (r["format"], r["pattern"]) not in names]
    if any(r["verdict"] != "looked at" for r in rows):
        return rows
    known = parsing.claimed(program, traffic=True)
    if known is None:
        tag = redacting.without_secrets(pl.DataFrame({"tag": [program]}), "tag")["tag"][0]
        return [_row(number, shown, "dismissed", why=f"no format claims lines of {tag!r}"), *rows]
    why = "the words of these patterns are there, but none fits" if rows else "no pattern of this program comes near"
    return [_row(number, shown, "not understood", format=known.name, why=why), *rows]


def _timed(taken: pl.DataFrame) -> pl.DataFrame:
    """Read the stamp without guessing a year: one line has no neighbours to tell it."""
    if taken.is_empty():
        return taken
    timed, carry = stamps.resolve(taken, stamps.anchor(year=2000))
    return timed if carry.year_evidence == stamps.STATED else timed.drop("time", "time_quality")


def _taken(number: int, shown: str, row: dict[str, object]) -> dict[str, object]:
    role = "context only" if row["_role"] == "context" else "taken"
    cause = str(row["cause"]) if row.get("cause") else None
    known = replies.causes().filter(pl.col("cause").cast(pl.String).eq_missing(pl.lit(cause))).to_dicts()
    fields = {k: str(row[k]) for k in _SHOWN if row.get(k) is not None and k not in ("outcome", "cause", "basis")}
    meaning = {k: known[0].get(k) for k in ("meaning", "first_check", "fix", "who")} if known else {}
    names = ("outcome", "cause", "basis", "format", "pattern")
    return _row(
        number,
        shown,
        role,
        **{k: None if row.get(k) is None else str(row[k]) for k in names},
        **meaning,
        fields=json.dumps(fields, ensure_ascii=False),
        written_by=_written_by(str(row["format"]), str(row["pattern"])),
    )


def _looked_at(number: int, shown: str, program: str, message: str, *, taken: bool) -> Iterator[dict[str, object]]:
    """Patterns whose words stand in the message, and whether they fit; of those that dismiss, the first that fits."""
    text = pl.Series([message])
    for format_, p in parsing.patterns_for(program, traffic=True):
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


def _as_reply(number: int, line: str, shown: str) -> list[dict[str, object]]:
    reply = replies.parse_reply(line)
    if reply.code is None and reply.enhanced is None:
        why = "no envelope known to smtplogs (syslog, journal, Dovecot's own log ...) fits, and it is no SMTP reply"
        return [_row(number, shown, "not understood", why=why)]
    who = {c["cause"]: c["who"] for c in replies.causes().select("cause", "who").to_dicts()}
    return [
        _row(
            number,
            shown,
            "a reply",
            cause=row["cause"],
            outcome=row["outcome"],
            meaning=row["explain"],
            first_check=row["check"],
            fix=row["fix"],
            who=who.get(row["cause"]),
            why=row["why"],
        )
        for row in replies.explain(line).to_dicts()
    ]


def _written_by(format_: str, name: str) -> str:
    for f in EVERY:
        if f.name == format_:
            return next(p.written_by for p in f.patterns if p.name == name) if isinstance(f, Lines) else f.written_by
    return "declared"


def _row(number: int, shown: str, verdict: str, **columns: object) -> dict[str, object]:
    return {"line_no": number, "text": shown, "verdict": verdict} | columns

"""What people paste: log lines, replies over several lines, tracebacks and transcripts, cut into what belongs together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from smtplogs import framing, parsing, recognising, replies, unwrapping

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Piece(NamedTuple):
    """Lines that belong together, with the number of the first; `trace` if they are a traceback or a transcript."""

    number: int
    text: str
    trace: bool = False


_TRACE = re.compile(
    r"Traceback \(most recent call last\)|^[ \t]+at [^ ].*[):]\d*$|^[ \t]+File \"|^Caused by: |^[ \t]+raise |^#\d+ \S"
    r"|(?:Exception|Error)\b(?: \[|[:(]| \()|CLIENT -> SERVER|SERVER -> CLIENT|SMTP ERROR|^(?:send|reply): b?'"
    r"|^<[-~*]|^=== ",
    re.MULTILINE,
)
"""What only tracebacks, debug output of mail libraries and transcripts have."""

_GOES_ON = re.compile(r"\s*([2-5][0-9]{2})-")
_GOES_ON_INSIDE = re.compile(r".*?(?:^|[\s:(\"'])([2-5][0-9]{2})-(?:[245]\.[0-9]+\.[0-9]+\b|$)")
"""A line of a reply after which another follows; in a trace, words may stand before it."""

_FROM_SERVER = re.compile(r"^\s*(?:[\d: .-]*SERVER -> CLIENT:|S:|<[-~* ]|reply:|[2-5][0-9]{2}[ -])")
_PROMPT = re.compile(r"(?:^|[^0-9])334(?:[^0-9]|$)")
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{4,}={0,2}(?=(?:\\r\\n)?['\"]?\s*$)")


def pieces(text: str, most: int) -> list[Piece]:
    """Cut a text into log lines, replies and traces; blank lines part nothing and count as lines.

    Raises
    ------
    ValueError
        If there are more than `most` lines.
    """
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if len(lines) > most:
        raise ValueError(f"{len(lines):,} lines are too many to explain (at most {most}); use read and coverage")
    if len(lines) < 2 or not _TRACE.search(text):
        return [Piece(*piece) for piece in _replies_joined(lines, _GOES_ON)]
    found: list[Piece] = []
    run: list[tuple[int, str]] = []
    for number, line in [*lines, (0, "")]:
        if line and not in_log(line):
            run.append((number, line))
            continue
        if len(run) > 1 and _TRACE.search("\n".join(told for _, told in run)):
            found.append(Piece(run[0][0], "\n".join(told for _, told in run), trace=True))
        else:
            found += (Piece(*piece) for piece in _replies_joined(run, _GOES_ON))
        run = []
        if line:
            found.append(Piece(number, line))
    return found


def answers_in(trace: str) -> list[str]:
    """Return the refusals that a trace quotes, each once; without any, the sentences of libraries that are known."""
    parts = [line for _, line in _replies_joined(list(enumerate(trace.split("\n"))), _GOES_ON_INSIDE)]
    read = [(replies.parse_reply(part), part) for part in parts]
    refused = {r: part for r, part in read if (r.code or 0) >= 400 or (r.code is None and r.enhanced is not None)}
    if refused:
        return list(refused.values())
    known: dict[str | None, str] = {}
    for part in reversed(parts):
        best = replies.explain(part, side="client").row(0, named=True)
        if best["row"] is not None and best["why"].startswith("the text"):
            known.setdefault(best["row"], part)
    return list(known.values())


def masked(lines: Sequence[str]) -> list[str]:
    """Cut what the client of a transcript sent after a prompt: a name or a secret in base64."""
    shown, asked = [], False
    for line in lines:
        if _FROM_SERVER.match(line):
            asked = bool(_PROMPT.search(line))
            shown.append(line)
        else:
            shown.append(_TOKEN.sub("[redacted]", line) if asked else line)
            asked = False
    return shown


def in_log(line: str) -> bool:
    """Tell whether the line is one of a log: an envelope known to us is around it, and the words are none of a trace's.

    `2026-03-02 09:00:00 SMTP ERROR: ...` of a mail library looks like a host and its program.
    """
    if unwrapping.detect([line]) is not None:
        return True
    batch = pl.DataFrame({"line_no": [1], "line": [line]}, schema=parsing.LINES)
    if framing.unframed(batch).is_empty():
        return False
    return recognising.share_of_lines(batch) > 0 or not _TRACE.search(line)


def _replies_joined(lines: list[tuple[int, str]], goes_on: re.Pattern[str]) -> Iterator[tuple[int, str]]:
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
        further = _GOES_ON.match(line) or goes_on.match(line)
        if further and (len(held) == 1 or further[1] == code):
            code = further[1]
        else:
            yield first, "\n".join(held)
            held = []
    if held:
        yield first, "\n".join(held)

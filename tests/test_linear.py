"""Time grows with the bytes and no faster: which engine matches what, and counted work on lines made to slow it down."""

from __future__ import annotations

import ast
import re
import sys
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from small_logs import PEER, line
from smtplogs import logformats
from smtplogs.logformats import EVERY, Dialogue, Lines, Table
from smtplogs.logformats._envelopes import ENVELOPES
from smtplogs.logformats._hot_envelopes import HOT_ENVELOPES
from smtplogs.replies import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

PACKAGE = Path(sl.__file__).parent

PYTHON_RE = {
    "_frames.py": (1, "our own words for a title"),
    "_report/markdown.py": (5, "texts of a report, each cut to some hundred characters"),
    "_report/words.py": (1, "sentences of findings, ours"),
    "_report/triage.py": (1, "names of files that the caller gave"),
    "_spans.py": (1, "a parameter"),
    "_visible.py": (4, "what is shown; cells and titles"),
    "borders.py": (2, "turns of sessions cut by the end of a file, one AUTH command each"),
    "cells.py": (1, "a path of ours"),
    "documents.py": (4, "JSON that is no line: each place is looked at once"),
    "cli/functions.py": (2, "our own docstrings"),
    "cutting.py": (1, "a regex of ours"),
    "detect/_relay_stories.py": (2, "relays of findings"),
    "dialogue.py": (1, "responses inside of an AUTH exchange; anchored"),
    "explaining/_sessions.py": (1, "text that somebody pasted"),
    "filling.py": (1, "our own notebook"),
    "framing.py": (1, "regexes of ours"),
    "logformats/__init__.py": (1, "names of programs in patterns of ours"),
    "logformats/_declared.py": (1, "the name of a declared format"),
    "logformats/_lines.py": (1, "regexes of ours, at import"),
    "logformats/_terms.py": (1, "regexes of ours, at import"),
    "matching.py": (4, "syslog tags: each distinct one once; words of ours"),
    "pasted.py": (6, "text that somebody pasted"),
    "probing/arguments.py": (2, "a parameter"),
    "probing/shapes.py": (3, "a parameter"),
    "probing/wire.py": (2, "replies of the server that is asked, 64 kB at most"),
    "pseudonyms.py": (6, "distinct names, on `share` alone"),
    "recognising.py": (2, "regexes of our formats, put into one"),
    "redacting.py": (3, "the few lines that nothing took and that name somebody"),
    "replies/catalogue.py": (2, "rows of the catalogue, when it is loaded"),
    "replies/explaining.py": (1, "a name of a program"),
    "sasl.py": (1, "one response of an AUTH exchange"),
    "sharing.py": (9, "distinct texts, on `share` alone"),
    "sources/_expanding.py": (1, "the first bytes of a file"),
    "sources/_rotation.py": (4, "names of files"),
    "stamps/_kinds.py": (2, "a parameter and one line of a file"),
    "tables.py": (1, "what is printed"),
    "tabling.py": (3, "one AUTH command of a table's row"),
    "translating.py": (1, "names that Exim wrote with escapes, each distinct one once"),
    "unwrapping/_shown_journal.py": (
        4,
        "lines of an entry, each looked at once; anchored, but for the time in a cursor",
    ),
    "unwrapping/_journal.py": (1, "names of fields of a journal export; anchored by fullmatch"),
    "verifying.py": (1, "lines that are looked up again"),
}
"""Room -> how often it uses Python's `re` (which can backtrack) on other than constants, and on what."""

MAKES = {"compile", "match", "search", "fullmatch", "sub", "subn", "findall", "finditer", "split"}


@cache
def uses(path: Path) -> list[ast.Call]:
    """Return the calls of `re` in a room; `re.escape` matches nothing."""
    return [
        node for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re" and node.func.attr in MAKES
    ]  # fmt: skip


def test_pythons_own_regexes_are_used_where_it_is_said_why() -> None:
    found = {str(p.relative_to(PACKAGE)): len(uses(p)) for p in sorted(PACKAGE.rglob("*.py")) if uses(p)}

    assert found == {name: n for name, (n, _) in PYTHON_RE.items()}


def literals() -> Iterator[tuple[str, str]]:
    """Yield the regexes that stand as text in calls of `re`: (place, regex)."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for call in uses(path):
            first = call.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield f"{path.relative_to(PACKAGE)}:{call.lineno}", first.value


def nested(parsed: Any, inside: bool = False) -> bool:
    """Tell whether something without bound repeats inside of something without bound: what backtracks for ever."""
    for kind, value in parsed:
        name = str(kind)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, body = value
            endless = most > 10_000
            # (?:x|yz)* of single steps cannot be cut in two ways; (x*)* can
            if (endless and inside) or nested(body, inside or endless):
                return True
            del least
        elif name == "SUBPATTERN":
            if nested(value[-1], inside):
                return True
        elif name == "BRANCH":
            if any(nested(branch, inside) for branch in value[1]):
                return True
        elif name in ("ASSERT", "ASSERT_NOT") and nested(value[1], inside):
            return True
    return False


SEPARATED = {
    "cells.py": "steps of a path, each behind its own dot: no text can be cut in two ways",
    "pseudonyms.py": "labels, each behind its own dot",
}
"""Repeats in repeats that a fixed character parts."""


@pytest.mark.parametrize(("place", "regex"), list(literals()))
def test_no_regex_of_python_repeats_repeats(place: str, regex: str) -> None:
    parsed = re._parser.parse(regex, re.VERBOSE if "\n" in regex else 0)  # type: ignore[attr-defined]

    assert not nested(parsed) or place.partition(":")[0] in SEPARATED, regex


def test_the_check_for_repeated_repeats_can_fail() -> None:
    bad, good = (re._parser.parse(text) for text in ("(a+b?)+$", "(?:ab)+c*"))  # type: ignore[attr-defined]

    assert nested(bad)
    assert not nested(good)


# --- what meets every line is matched by an engine that does not backtrack


def test_the_engine_refuses_what_it_could_only_do_by_backtracking() -> None:
    for regex in (r"(a)\1", "(?=a)", "(?<!a)b"):
        with pytest.raises(pl.exceptions.ComputeError):
            pl.Series(["x"]).str.contains(regex)


def engine_regexes() -> dict[str, str]:
    """Return every regex that lines meet: envelopes, patterns, turns, shapes of tables, the reply catalogue."""
    found: dict[str, str] = {f"envelope {e.name}": e.regex for e in ENVELOPES}
    found |= {f"hot envelope {name}": e.regex for name, e in HOT_ENVELOPES.items()}
    for format_ in EVERY:
        if isinstance(format_, Lines):
            found |= {f"{format_.name} {p.name}": p.regex for p in format_.patterns}
        elif isinstance(format_, Dialogue):
            found |= {f"{format_.name} {t.name}": t.regex for t in format_.turns}
        else:
            assert isinstance(format_, Table)
            found |= {
                f"{format_.name} {n}": p if isinstance(p, str) else p.regex for n, p in enumerate(format_.patterns)
            }
    return found | {f"reply {row.id}": row.pattern for row in rows() if row.pattern}


def test_every_regex_that_meets_lines_is_one_of_that_engine() -> None:
    found = engine_regexes()
    text = pl.Series(["x"])
    for regex in found.values():
        text.str.contains(regex)

    assert len(found) > 500
    assert {f.name for f in logformats.EVERY if not any(n.startswith(f"{f.name} ") for n in found)} <= {
        f.name for f in EVERY if isinstance(f, Table) and f.layout != "regex"
    }


# --- counted work

FILLERS = (
    "]: ", "[", "(", ")", "=", " ", ", sasl_username=", '"', "<", ">", "\\", ": ", "AUTH PLAIN ", "://", "aA1+", "%", "\\033",
)  # fmt: skip

LONG: dict[str, Callable[[str], list[str]]] = {
    "postfix user": lambda x: [line("10:00:00", f"warning: {PEER}: SASL PLAIN authentication failed: x, sasl_username=a{x}")],
    "postfix helo": lambda x: [
        line("10:00:00", f"NOQUEUE: reject: RCPT from {PEER}: 554 5.7.1 <b@example.org>: Relay access denied; from=<a@example.com> "
             f"to=<b@example.org> proto=ESMTP helo=<{x}>")
    ],
    "postfix reply": lambda x: [
        line("10:00:00", f"4AA: to=<a@example.org>, relay=r.example.net[198.51.100.25]:587, delay=1, delays=0/0/0/1, dsn=5.7.8, "
             f"status=bounced (host r.example.net[198.51.100.25] said: 535 5.7.8 {x})", "postfix/smtp[9]")
    ],
    "postfix unknown": lambda x: [line("10:00:00", f"what authentication failed is {x}")],
    "dovecot user": lambda x: [line("10:00:00", f"auth: passwd-file({x},203.0.113.9): unknown user", "dovecot")],
    "dovecot login": lambda x: [
        line("10:00:00", f"imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<{x}>, method=PLAIN, rip=203.0.113.9, "
             "lip=192.0.2.25", "dovecot")
    ],
    "exim user": lambda x: [
        f"2026-11-03 10:00:00 login authenticator failed for (pc) [203.0.113.9]: 535 Incorrect authentication data (set_id={x})"
    ],
    "exim helo": lambda x: [
        f"2026-11-03 10:00:00 login authenticator failed for ({x}) [203.0.113.9]: 535 Incorrect authentication data (set_id=a)"
    ],
    "sendmail user": lambda x: [
        line("10:00:00", f"x8F1: AUTH failure (LOGIN): authentication failure (-13) SASL(-13): authentication failure: {x}, "
             "relay=[203.0.113.9]", "sendmail[9]")
    ],
    "opensmtpd": lambda x: [
        line("10:00:00", f"1e336778c1baec60 smtp authentication user={x} result=permfail", "smtpd[4]"),
        line("10:00:00", f'1e336778c1baec60 smtp failed-command command="{x}" result="500 5.5.1 Invalid command"', "smtpd[4]"),
    ],
    "telnet": lambda x: [
        "Trying 192.0.2.25...", "Connected to mail.example.com.", "Escape character is '^]'.", "220 mail.example.com ESMTP",
        f"EHLO {x}", "250 AUTH PLAIN", f"AUTH PLAIN {x}", f"535 5.7.8 {x}", "QUIT", "221 bye",
    ],
    "entra": lambda x: ['{"value":' + x.replace("\\", "")],
}  # fmt: skip
"""What strangers may fill, in one line each."""


def counted(path: Path) -> int:
    """Return how many functions are called while a file is read: Python's and those of its extensions, in all threads."""
    n = 0

    def count(_: FrameType, event: str, __: Any) -> None:
        nonlocal n
        n += event in ("call", "c_call")

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        sl.read(path, progress=False)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]
    return n


@pytest.mark.parametrize("shape", LONG)
def test_a_line_twice_as_long_costs_at_most_twice_as_much(tmp_path: Path, shape: str) -> None:
    """Matching is the engine's; what Python does with a line must not grow faster than the line, whatever is in it."""
    costs = []
    for size in (4_000, 8_000):
        lines = [text for filler in FILLERS for text in LONG[shape](filler * (size // len(filler)))]
        path = tmp_path / "mail.log"
        path.write_text("\n".join(lines) + "\n")
        sl.read(path)  # what is done once and kept
        costs.append(counted(path))

    assert costs[1] < 2.1 * costs[0]
    assert costs[0] > 100


@pytest.mark.parametrize("shape", LONG)
def test_twice_as_many_lines_cost_at_most_twice_as_much(tmp_path: Path, shape: str) -> None:
    costs = []
    for n in (150, 300):
        lines = [text for i in range(n) for text in LONG[shape](f"{FILLERS[i % len(FILLERS)]}u{i}")]
        path = tmp_path / "mail.log"
        path.write_text("\n".join(lines) + "\n")
        sl.read(path)
        costs.append(counted(path))

    assert costs[1] < 2.2 * costs[0]


@pytest.mark.parametrize("text", ["[", '{"a":', '[{"a":1},', '"', "\\", '{"value":[', "]"])
def test_json_without_end_is_looked_at_once(tmp_path: Path, text: str) -> None:
    costs = []
    for size in (40_000, 80_000):
        path = tmp_path / "signins.json"
        path.write_text('{"value":[' + text * (size // len(text)))
        sl.read(path, format="entra")
        costs.append(counted(path))

    assert costs[1] < 2.2 * costs[0]

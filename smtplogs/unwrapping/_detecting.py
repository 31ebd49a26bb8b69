r"""Which wrapper the lines of a file are in, told by its first lines.

A wrapped file is unwrapped to lines as the program wrote them. What the wrapper knew stays: its stamp in `outer`, the
line as it stands in the file in `written`. journald knows everything, so its entries are rebuilt as lines under an ISO
stamp. Text of a field can never make a new line or forge a tag: line breaks become the two characters ``\n``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.unwrapping._broken import broken, mended
from smtplogs.unwrapping._colours import COLOUR, ESCAPE
from smtplogs.unwrapping._named_columns import named_columns
from smtplogs.unwrapping._pasted import PASTED, SPOKEN
from smtplogs.unwrapping._peeling import unwrap
from smtplogs.unwrapping._posted import CODE_BLOCK, WHOLE, is_code_block
from smtplogs.unwrapping._texts import CLOCK, PRI, STAMP
from smtplogs.unwrapping._wrapper import ANY, Wrapper
from smtplogs.unwrapping._wrappers import COLOURED, WRAPPERS

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_NESTED = 8
"""Wrappers that are taken off one after the other: an answer to an answer is quoted so often, a hostile text more often."""

SHORT = 60_000
"""Characters of a text that people wrote, at most."""

AMONG_WORDS = ("pasted", "relayed", "day_first", "month_first", "bare", "compose")
"""Wrappers in which people show a few lines among their own words."""

_STAMPED = rf"^{PRI}\[?{STAMP}"
_LOGGED = (
    rf"{CLOCK}(?:[.,][0-9]{{1,9}})?(?:Z|[+-][0-9:]{{4,5}})?(?: [AP]M)? [0-9A-Za-z_.:%@/-]+ [^ \[\]:(]+\[[0-9]+\]: "
)
"""The header of a line, wherever it stands."""


def detect(head: Sequence[str]) -> Wrapper | None:
    """Return the wrapper that most of the first non-empty lines are in, None if there is none.

    Colours come off wherever there are any, and broken lines of a short text are joined; what is left may be in another
    wrapper (`inside`).
    """
    return _detected(head, MAX_NESTED)


def _detected(head: Sequence[str], levels: int) -> Wrapper | None:
    """Detect, and look into what was found as many levels deep as is left."""
    if _coloured(head):
        return _with_inside(COLOURED, head, levels)
    if (told := next((wrapper for fits, wrapper in WHOLE if fits(head)), None)) is not None:
        return _with_inside(told, head, levels)
    if (peel := broken(head)) is not None:
        joined = Wrapper("broken", "lines that a mail program broke in two", "", peel, keep_all=True, holds=ANY)
        return _with_inside(joined, head, levels)
    found = _most(head)
    if found is None and sum(map(len, head)) <= SHORT and is_code_block(head):
        return _with_inside(CODE_BLOCK, head, levels)
    if found is None and (peel := named_columns(head)) is not None:
        return Wrapper("csv_columns", "lines stored as CSV, a column for each part", "", peel, keep_all=True)
    return found if found is None else _with_inside(found, head, levels)


def _coloured(head: Sequence[str]) -> bool:
    return any(ESCAPE in line for line in head) and pl.Series(list(head)).str.contains(COLOUR).any()


def _with_inside(wrapper: Wrapper, head: Sequence[str], levels: int) -> Wrapper:
    """Return a wrapper with the one that is seen in its lines when it has come off."""
    if not wrapper.holds or levels <= 1:
        return wrapper
    batch = pl.DataFrame({"line": list(head)}, schema={"line": pl.String}).with_row_index("line_no")
    lines, _ = unwrap(batch, wrapper, last=True)
    inner = lines["line"].to_list()
    inside = _detected(inner, levels - 1) if wrapper.nests else _most(inner)
    return wrapper if inside is None or not wrapper.may_hold(inside) else replace(wrapper, inside=inside)


def _most(head: Sequence[str]) -> Wrapper | None:
    """Return the wrapper that most lines look like, the first of `WRAPPERS` where two are even.

    Where people write around a few lines of a log, these alone are asked; but not in a log, whose lines have stamps:
    there, what others sent (the header of a mail in Exim's reject log) would make lines.
    """
    lines = pl.DataFrame({"line": [line for line in head if line.strip()]}, schema={"line": pl.String})
    found = _most_of(lines)
    if found is not None or sum(map(len, head)) > SHORT or lines["line"].str.contains(_STAMPED).any():
        return found
    logged = lines.filter(pl.col("line").str.contains(rf"{_LOGGED}|{PASTED}"))
    if logged.is_empty():
        logged = lines.filter(pl.col("line").str.contains(SPOKEN))
    few = _most_of(logged) if 0 < logged.height < lines.height else None
    return few if few is not None and few.name in AMONG_WORDS else None


def _most_of(lines: pl.DataFrame) -> Wrapper | None:
    looks = [pl.col("line").str.contains(wrapper.looks).sum().alias(wrapper.name) for wrapper in WRAPPERS]
    hits = lines.select(looks).row(0)
    n = max(hits)
    found = WRAPPERS[hits.index(n)]
    if found.header and n and not lines["line"].str.contains(found.looks)[0]:
        lines = lines.slice(1)
    return found if n > found.least * lines.height and lines.height >= found.min_lines else None


def plain(text: str) -> str:
    """Return what somebody pasted without the signs of a quotation, of a web page or forum, and colours; broken lines joined.

    Lines keep their numbers.
    """
    text = mended(text)
    lines = text.split("\n")
    wrapper = detect(lines)
    if wrapper is not None and wrapper.name in ("journal_verbose", "journal_pretty") and wrapper.entries is not None:
        rows = pl.concat([frame.select("line_no", "line") for frame in wrapper.entries([text.encode()])])
        at = dict(rows.iter_rows())
        return "\n".join(at.get(number, "") for number in range(1, len(lines) + 1))
    if wrapper is None or wrapper.name not in ("quoted", "escaped", "coloured", "posted", "code_block"):
        return text
    batch = pl.DataFrame({"line": lines}, schema={"line": pl.String}).with_row_index("line_no")
    return "\n".join(unwrap(batch, wrapper, last=True)[0]["line"])

"""A JSON document that is one text rather than a record a line: read piece by piece, handed on as lines."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_NAMED = re.compile(r'"(?:value|data|items|records|events|results|logs)"\s*:\s*')
"""Keys under which an export holds its records."""

_DEEP = 1 << 12
_BETWEEN = re.compile(r"[\s,]*")
_COLON = re.compile(r"\s*:\s*")
_LIST = re.compile(r"\[(?=\s*[\]{])")
_DECODER = json.JSONDecoder()

AT_ONCE = 20_000
"""Records of a document that are handed on together."""

MOST = 16 << 20
"""Characters of one record, and of what stands before the records: a broken document is read so far beyond the break."""

_ROWS = {"line_no": pl.UInt64, "line": pl.String}


def is_document(head: Sequence[str]) -> bool:
    """Tell whether a text is one JSON document rather than an object a line."""
    first = next((line for line in head if line.strip()), "").lstrip("\ufeff \t")
    if first.startswith("["):
        rest = "\n".join(head)[:_DEEP].lstrip("\ufeff \t\r\n")[1:].lstrip()
        return rest[:1] in ("{", "]")
    if not first.startswith("{"):
        return False
    return not first.rstrip().endswith("}") or _start(first) is not None


def elements(text: str) -> tuple[pl.DataFrame, str | None]:
    """Return the objects of a JSON array, or of the array in an object, a row each; and what broke, if anything did.

    Elements before a break are kept: `line_no` (where one begins) and `line` (the object in one line).
    """
    document = Document(iter([text]))
    return pl.concat([pl.DataFrame(schema=_ROWS), *document.batches()]), document.error


@dataclass
class Document:
    """A JSON document read piece by piece: no more of it is held than one piece, one record and one batch.

    A document without a list is one record. Several documents may follow each other.

    Attributes
    ----------
    pieces
        The text.
    error
        What broke; known after the last batch.
    """

    pieces: Iterator[str]
    error: str | None = None

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield records as `elements` returns them, in order."""
        rows: list[tuple[int, str]] = []
        for row in self._records():
            rows.append(row)
            if len(rows) == AT_ONCE:
                yield pl.DataFrame(rows, schema=_ROWS, orient="row")
                rows = []
        yield pl.DataFrame(rows, schema=_ROWS, orient="row")

    def _records(self) -> Iterator[tuple[int, str]]:
        """Yield line and text of each record."""
        text = next(self.pieces, "").removeprefix("\ufeff")
        number, at, place = 1, 0, _OUTSIDE
        wrapped = False
        while True:
            blank = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
            number, at, begun = number + text.count("\n", at, blank), blank, blank
            try:
                if place == _OUTSIDE and (start := _start(text, at)) is not None:
                    wrapped = text[at] == "{"
                    place, at = _INSIDE, start
                elif place == _INSIDE and text[at : at + 1] == "]":
                    place, at = (_BEHIND if wrapped else _OUTSIDE), at + 1
                elif place == _BEHIND and text[at : at + 1] == "}":
                    place, at = _OUTSIDE, at + 1
                elif place == _BEHIND:
                    at = _member(text, at)[1]
                else:
                    value, at = _DECODER.raw_decode(text, at)
                    yield number, json.dumps(value, ensure_ascii=False)
            except (ValueError, RecursionError):
                more = next(self.pieces, None) if len(text) - at < MOST else None
                if more is None:
                    if place != _OUTSIDE or at < len(text):
                        self.error = f"JSON broken at line {number}"
                    return
                text, at = text[at:] + more, 0
            else:
                number += text.count("\n", begun, at)


_OUTSIDE, _INSIDE, _BEHIND = range(3)
"""Before a document, in its list of records, behind that list."""


def _member(text: str, at: int) -> tuple[str, int]:
    """Return the key of a member of an object and where the member ends; ValueError if it does not end here."""
    key, at = _DECODER.raw_decode(text, at)
    colon = _COLON.match(text, at)
    if colon is None or not isinstance(key, str):
        raise ValueError("no member")
    return key, _DECODER.raw_decode(text, colon.end())[1]


def _start(text: str, at: int = 0) -> int | None:
    """Return where the records of a document begin: behind the bracket of a list of its own, or of the list in it."""
    at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
    if opened := _LIST.match(text, at):
        return opened.end()
    if text[at : at + 1] != "{":
        return None
    at += 1
    try:
        while True:
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]
            if (named := _NAMED.match(text, at)) and (opened := _LIST.match(text, named.end())):
                return opened.end()
            at = _member(text, at)[1]
    except (ValueError, RecursionError):  # not there, or not in this piece
        return None

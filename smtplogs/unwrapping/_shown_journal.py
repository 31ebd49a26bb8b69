"""Entries of the journal as people look at them are rebuilt as lines: `journalctl -o verbose` and `-o json-pretty`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from smtplogs.unwrapping._journal import EXPORTED, Bytes, rebuilt_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import polars as pl

VERBOSE = r"^(?:[A-Z][a-z]{2} )?[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{1,6})? [A-Z0-9+:-]+ \[s=[0-9a-f]+;|^ {4}[A-Z_][A-Z0-9_]*="
"""A line of `journalctl -o verbose`: the head of an entry, or a field of it."""

PRETTY = r'^[ \t]+"[A-Z_][A-Z0-9_]*" ?: ?(?:"|\[|null)'
"""A field of an entry of `journalctl -o json-pretty`."""

_HEAD = re.compile(r"(?:[A-Z][a-z]{2} )?([0-9-]{10}) ([0-9:]{8}(?:\.[0-9]{1,6})?) ([A-Z0-9+:-]+) \[s=([0-9a-f;=a-z]*)")
_MICROS = re.compile(r";t=([0-9a-f]{10,16});")
_FIELD = re.compile(r" {4}([A-Z_][A-Z0-9_]*)=(.*)")
_MEMBER = re.compile(r'[ \t]+"([A-Z_][A-Z0-9_]*)" ?: ?(.*?),?')
_NAMES = {name.decode(): told for name, told in EXPORTED.items()}


def verbose_lines(chunks: Iterable[bytes], *, rows: int = 50_000) -> Iterator[pl.DataFrame]:
    """Read `journalctl -o verbose` from the bytes of a file; yields what `export_lines` does.

    The time is the one in the cursor, in UTC; where that was cut away, the one written, whose zone counts only if it is UTC.
    """
    yield from _batches(_verbose(Bytes(chunks)), rows)


def pretty_lines(chunks: Iterable[bytes], *, rows: int = 50_000) -> Iterator[pl.DataFrame]:
    """Read `journalctl -o json-pretty` from the bytes of a file; yields what `export_lines` does."""
    yield from _batches(_pretty(Bytes(chunks)), rows)


def _batches(entries: Iterator[dict[str, str | int]], rows: int) -> Iterator[pl.DataFrame]:
    """Put so many entries together to a frame of lines."""
    held: list[dict[str, str | int]] = []
    for entry in entries:
        held.append(entry)
        if len(held) == rows:
            yield rebuilt_entries(held)
            held = []
    if held:
        yield rebuilt_entries(held)


def _verbose(source: Bytes) -> Iterator[dict[str, str | int]]:
    """Yield the entries of `-o verbose`: a line with stamp and cursor, then fields."""
    entry: dict[str, str | int] = {}
    while True:
        number, raw = source.line_no, source.line()
        line = "" if raw is None else raw.decode("utf-8", "replace").rstrip("\r")
        head = _HEAD.match(line)
        if (head or raw is None) and "message" in entry:
            yield entry
        if raw is None:
            return
        if head:
            day, clock, zone, cursor = head.groups()
            entry = {"stamp": f"{day}T{clock}{'Z' if zone == 'UTC' else ''}"}
            if micros := _MICROS.search(cursor):
                entry["time"] = str(int(micros[1], 16))
        elif (field := _FIELD.fullmatch(line)) and (name := _NAMES.get(field[1])) and name not in entry:
            entry[name] = field[2].rstrip()
            if name == "message":
                entry["line_no"] = number


def _pretty(source: Bytes) -> Iterator[dict[str, str | int]]:
    """Yield the entries of `-o json-pretty`: a member a line."""
    entry: dict[str, str | int] = {}
    while True:
        number, raw = source.line_no, source.line()
        line = "" if raw is None else raw.decode("utf-8", "replace").rstrip()
        if raw is None or line in ("{", "}", "},"):
            if "message" in entry:
                yield entry
            if raw is None:
                return
            entry = {}
            continue
        field = _MEMBER.fullmatch(line)
        name = _NAMES.get(field[1]) if field else None
        if field and name and name not in entry and (text := _text(field[2])) is not None:
            entry[name] = text
            if name == "message":
                entry["line_no"] = number


def _text(value: str) -> str | None:
    """Return the text of a field; of several values the first, of byte values all."""
    try:
        read = json.loads(value)
        if isinstance(read, list):
            read = read[0] if isinstance(read[0], str) else bytes(read).decode("utf-8", "replace")
    except (ValueError, TypeError, IndexError, RecursionError):
        return None
    return read if isinstance(read, str) else None

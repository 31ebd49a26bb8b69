"""Bytes -> numbered lines: Polars splits them."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.sources._pieces import as_utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

PEEK = 1 << 16
"""Bytes from which the format of a file is told."""


@dataclass(frozen=True)
class Chunk:
    """Whole lines; only the last line of a file may lack its newline.

    Attributes
    ----------
    parts
        The lines as bytes, as they stand in the expanded file (of UTF-16: as UTF-8; a byte order mark is taken off):
        whole lines each.
    first_line
        Number of the first, counted from 1.
    n_lines
        How many.
    """

    parts: Sequence[bytes]
    first_line: int
    n_lines: int

    @property
    def data(self) -> bytes:
        """All its bytes."""
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)


def lines_of(chunk: Chunk) -> pl.LazyFrame:
    """Return the lines of a chunk: `line_no` (UInt64, in the expanded file) and `line` (String).

    A carriage return before the newline is taken off; bytes that are no UTF-8 become U+FFFD.
    """
    number = pl.col("line_no").cast(pl.UInt64) + pl.lit(chunk.first_line, pl.UInt64)
    return scanned(chunk.parts).select(number, "line")


def first_lines(data: bytes, n_bytes: int) -> list[str]:
    """Return the lines in the first bytes, less a last one that is cut by `n_bytes`, unless it is the only one."""
    if not data:
        return []
    lines = b"".join(as_utf8(iter([data[:n_bytes]]))).decode("utf-8", "replace").split("\n")
    if len(lines) > 1 and (len(data) > n_bytes or not lines[-1]):
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def scanned(parts: Sequence[bytes]) -> pl.LazyFrame:
    """Let Polars split bytes at newlines; numbered from 0."""
    # Polars takes one byte order mark off, for the start of a file; the feeder did that, so this one is text
    texts = [codecs.BOM_UTF8 + part if part.startswith(codecs.BOM_UTF8) else part for part in parts]
    return pl.scan_csv(
        texts,
        has_header=False,
        separator="\n",  # no line holds it, so that a line is one field
        quote_char=None,
        schema={"line": pl.String},
        empty_string_is_null=False,
        encoding="utf8-lossy",
        row_index_name="line_no",
    )


def counted(parts: Sequence[bytes]) -> int:
    """Count lines: a sixth of the cost of bytes.count, and by construction the number of rows of `scanned`."""
    return scanned(parts).select(pl.len()).collect().item()

"""Small files as a whole, and the lines of many of them, one file behind the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import polars as pl

from smtplogs.sources._feeding import Reading
from smtplogs.sources._lines import PEEK, Chunk, first_lines, lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smtplogs.sources._source import Source

FILE = "_file"
"""Column with the number of the file, where lines of several files lie in one frame."""


@dataclass(frozen=True)
class Whole:
    """A small file as a whole: its bytes, their SHA-256 if asked for, and how many lines they are."""

    source: Source
    data: bytes
    sha256: str | None
    n_lines: int

    @property
    def in_head(self) -> int:
        """How many lines `peek` shows."""
        return self.n_lines if len(self.data) <= PEEK else max(1, self.data.count(b"\n", 0, PEEK))

    @property
    def is_utf8(self) -> bool:
        """Whether all of it is text as it stands."""
        if self.data.isascii():
            return True
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True

    def peek(self) -> list[str]:
        """Return what `Reading.peek` does."""
        return first_lines(self.data, PEEK)


def whole(source: Source, most: int, *, hash: bool = False) -> Whole | None:  # noqa: A002
    """Read a file that can be taken as a whole, as most small ones can; None: read it by `open_source`."""
    with Reading(source, hash=hash) as reading:
        data = reading.whole(most)
    if data is None:
        return None
    return Whole(source, data, reading.sha256, data.count(b"\n") + (data[-1:] not in (b"", b"\n")))


def lines_of_all(files: Sequence[Whole]) -> pl.DataFrame | None:
    """Return the lines of several files, one file behind the other.

    Returns
    -------
    DataFrame or None
        `line_no` (UInt64: `before` its file and its number there), `line` (String), FILE (UInt32, counted from 0).
        None if the lines cannot be told apart as they were counted.
    """
    data = b"".join(b for f in files for b in ((f.data,) if f.data[-1:] in (b"", b"\n") else (f.data, b"\n")))
    lines = lines_of(Chunk([data], 1, 0)).collect()
    numbers = pl.int_range(len(files), dtype=pl.UInt32, eager=True).alias(FILE)
    of = numbers.repeat_by(pl.Series([f.n_lines for f in files], dtype=pl.UInt32)).explode(empty_as_null=False)
    if of.len() != lines.height:
        return None
    return lines.hstack([of]).with_columns(line_no=pl.col("line_no") + pl.col(FILE))


def before(files: Sequence[Whole]) -> list[int]:
    """Return what the numbers of `lines_of_all` are ahead of those in each file; no file goes on where another ends."""
    return list(accumulate((f.n_lines + 1 for f in files[:-1]), initial=0))

"""Texts that mix transcripts of several kinds, or transcripts and log lines: cut into stretches of one format each.

Only a short text, one that a person put together, is looked at so; a file of any other kind is in one format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import framing, parsing, recognising, unwrapping
from smtplogs.logformats import DIALOGUES, Dialogue

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 60_000
"""Bytes of a text that may be a mixture: it is seen as a whole before it is read."""

MARKS = 2
"""Lines with the marks of a kind of transcript that prove it."""

_TRANSCRIPTS = tuple(f for f in DIALOGUES if f.least == 0 and not f.last_resort)


@dataclass(frozen=True, eq=False)
class Mixture:
    """The transcripts in a text.

    Attributes
    ----------
    parts
        Format, and its lines (`line_no`, `line`) in order; all other lines of the text are a log's.
    """

    parts: tuple[tuple[Dialogue, pl.DataFrame], ...]

    def others(self, lines: pl.LazyFrame) -> pl.LazyFrame:
        """Return the lines that are in no transcript."""
        taken = pl.concat([part["line_no"] for _, part in self.parts])
        return lines.filter(~pl.col("line_no").is_in(taken.implode()))


def mixture(head: Sequence[str]) -> Mixture | None:
    """Tell whether a text holds transcripts of several kinds, or transcripts beside log lines.

    Parameters
    ----------
    head
        The first lines of a file, which are all of a short one.

    Returns
    -------
    Mixture or None
        None: the text is of one kind (or too long).
    """
    if sum(len(line.encode()) + 1 for line in head) > LONGEST:
        return None
    lines = pl.DataFrame({"line_no": range(1, len(head) + 1), "line": list(head)}, schema=parsing.LINES)
    wrapper = unwrapping.detect(list(head))
    if wrapper is unwrapping.COLOURED:
        lines = unwrapping.without_colours(lines)
        wrapper = None
    marked = {f: lines["line"].str.contains(f.looks) for f in _TRANSCRIPTS}
    kinds = [f for f, marks in marked.items() if int(marks.sum()) >= MARKS]
    if not kinds or wrapper is not None:
        return None
    logged = _logged(lines)
    if len(kinds) + int(logged.any()) < 2:
        return None
    kind = pl.coalesce([pl.when(pl.lit(marked[f])).then(pl.lit(i, pl.UInt8)) for i, f in enumerate(kinds)])
    blank = ~pl.col("line").str.contains(r"\S")
    free = lines.with_columns(kind=kind, paragraph=blank.cum_sum()).filter(~logged).filter(~blank)
    owner = free.select(_owner()).to_series()
    free = free.select("line_no", "line")
    return Mixture(tuple((f, free.filter(owner == i)) for i, f in enumerate(kinds)))


def _owner() -> pl.Expr:
    """Return the kind that a line belongs to: that of the mark before it, or of the next one in its own paragraph."""
    at = pl.when(pl.col("kind").is_not_null()).then("paragraph")
    before, after = pl.col("kind").forward_fill(), pl.col("kind").backward_fill()
    begins = (pl.col("paragraph") == at.backward_fill()) & (pl.col("paragraph") != at.forward_fill())
    return pl.when(begins.fill_null(value=False)).then(after).otherwise(before).fill_null(after)


def _logged(lines: pl.DataFrame) -> pl.Series:
    """Return which lines stand under a tag that a format of single lines claims."""
    framed = framing.unframed(lines)
    return lines["line_no"].is_in(recognising.claimed(framed.filter(pl.col("stamp") != "")).implode())

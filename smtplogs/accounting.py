"""What became of the kept lines of a file: sums by program and role, and examples of what nobody understood."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from smtplogs import redacting
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EXAMPLES = 5
"""How many lines not understood are kept as examples per program."""

ROLE_WORD = {"event": "records", "context": "context", "dismiss": "dismissed"}
"""Role of a pattern -> column of the coverage table that counts its lines."""


@dataclass
class Tally:
    """What became of the kept lines of one file: the sums behind the coverage table.

    Attributes
    ----------
    counts
        (program, format, role) -> lines; role is records, context, dismissed or not_understood.
    examples
        program -> some lines that nothing took, redacted, as `line_no: text`.
    missed
        All of them (`program`, `line_no`, `line`, redacted), where the plan says so.
    leaks
        Lines without a stamp that hold a secret (`line_no`, `raw`, `redacted`): told for that alone.
    unread
        Numbers of the lines that nothing took, of one batch.
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    missed: list[pl.DataFrame] = field(default_factory=list)
    keep_missed: bool = False
    leaks: list[pl.DataFrame] = field(default_factory=list)
    unread: list[pl.Series] = field(default_factory=list)

    def add(self, program: str | None, format_: str | None, role: str, n: int) -> None:
        """Count lines of a program under a role."""
        self.counts[program or "", format_ or "", role] += n

    def add_all(self, lines: pl.DataFrame, format_: str | None, role: str) -> None:
        """Count lines of several programs under a role."""
        for program, n in lines["program"].value_counts().iter_rows():
            self.add(program, format_, role, n)

    def miss(self, program: str | None, format_: str | None, lines: pl.DataFrame) -> None:
        """Count lines that nothing took and keep a few, redacted."""
        self.add(program, format_, "not_understood", lines.height)
        self.unread.append(lines["line_no"])
        self._keep_missed(program, lines)
        kept = self.examples.setdefault(program or "", [])
        if len(kept) < MAX_EXAMPLES:
            some = redacting.without_secrets(lines.head(MAX_EXAMPLES - len(kept)).select("line_no", "line"), "line")
            kept += [_example(n, text) for n, text in some.select("line_no", "line").iter_rows()]

    def _keep_missed(self, program: str | None, lines: pl.DataFrame) -> None:
        if self.keep_missed and lines.height:
            shown = redacting.without_secrets(lines.select("line_no", "line"), "line")
            shown = shown.with_columns(redacting.lines_without_suspects(shown["line"]).alias("line"))
            self.missed.append(shown.select(pl.lit(program, pl.String).alias("program"), "line_no", "line"))

    def leak(self, lines: pl.DataFrame) -> None:
        """Keep the lines that hold a secret, without it."""
        raw = pl.coalesce(c for c in ("written", "line") if c in lines.columns)
        found = redacting.leaks(lines.select("line_no", raw=raw), "raw", missed=True)
        if found.height:
            self.leaks.append(found)

    def update(self, other: Tally) -> None:
        """Add the sums of another tally."""
        self.counts.update(other.counts)
        self.missed += other.missed
        self.leaks += other.leaks
        for program, lines in other.examples.items():
            kept = self.examples.setdefault(program, [])
            kept += lines[: MAX_EXAMPLES - len(kept)]


def _example(line_no: int, text: str) -> str:
    return f"{line_no}: {redacting.without_suspects(text)[:500]}"


class Tallies(Tally):
    """The tallies of several files whose lines share a batch: `of` has one for each.

    Parameters
    ----------
    before
        How many lines stand before each file in the numbers of the batch; lines carry the number of their file in FILE.
    keep_missed
        As in `Tally`; the lines of all files are in `missed` of this one, under the numbers of the batch.
    """

    def __init__(self, before: Sequence[int], *, keep_missed: bool = False) -> None:
        super().__init__(keep_missed=keep_missed)
        self.of = [Tally() for _ in before]
        self._before = before

    def add(self, program: str | None, format_: str | None, role: str, n: int, file: int | None = None) -> None:
        """Count lines of a program under a role, those of one file."""
        if file is not None:
            self.of[file].add(program, format_, role, n)

    def add_all(self, lines: pl.DataFrame, format_: str | None, role: str) -> None:
        """Count lines of several programs and files under a role."""
        for program, file, n in lines.group_by("program", FILE).len().iter_rows():
            self.add(program, format_, role, n, file)

    def miss(self, program: str | None, format_: str | None, lines: pl.DataFrame) -> None:
        """Count lines that nothing took, file by file, and keep a few of each, redacted."""
        self.unread.append(lines["line_no"])
        self._keep_missed(program, lines)
        few = lines.select(FILE, "line_no", "line").group_by(FILE, maintain_order=True).head(MAX_EXAMPLES)
        few = redacting.without_secrets(few, "line")
        for file, n in lines.group_by(FILE).len().iter_rows():
            self.add(program, format_, "not_understood", n, file)
        for file, line_no, text in few.select(FILE, "line_no", "line").iter_rows():
            kept = self.of[file].examples.setdefault(program or "", [])
            if len(kept) < MAX_EXAMPLES:
                kept.append(_example(line_no - self._before[file], text))

"""What a wrapper is: how its lines look, how it comes off, and what may be in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl

ANY = ("any",)
"""Value of `Wrapper.holds`: the lines may be in whatever other wrapper."""


@dataclass(frozen=True, eq=False)
class Wrapper:
    """What a container runtime, the journal, a log store or a person puts around a line.

    Attributes
    ----------
    name, title
        Word for the coverage table; what it is, for people.
    looks
        Regex that fits its lines; empty: not told by single lines.
    peel
        Takes the column `line`; gives `inner` (null: not of this wrapper), `outer`, where lines are cut in pieces
        `stream` and `open` (more follows), where they lost their heads `shown`, where they were counted `count`. None: read by `entries`, from bytes.
    literals
        What the prefilter must keep besides the formats' own literals.
    keep_all
        The text is escaped or cut, so no prefilter can be trusted before it is unwrapped.
    entries
        Reads a file whose entries go over several lines from its bytes: yields what `unwrap` gives.
    header
        The first line may be one of names.
    least, min_lines
        More than this share of the first lines look so, and they are at least so many.
    holds
        Names of the wrappers that the lines may still be in when this one has come off, or `ANY`; empty: none.
    nests
        What is in it is judged as a text of its own: it may be in the same wrapper again, coloured, or broken.
    inside
        The wrapper that the lines of this text are in when this one has come off: set by `detect`.
    """

    name: str
    title: str
    looks: str
    peel: Callable[[pl.DataFrame], pl.DataFrame] | None
    literals: tuple[str, ...] = ()
    keep_all: bool = False
    entries: Callable[[Iterable[bytes]], Iterator[pl.DataFrame]] | None = None
    header: bool = False
    least: float = 0.5
    min_lines: int = 1
    holds: tuple[str, ...] = ()
    nests: bool = False
    inside: Wrapper | None = None

    def may_hold(self, other: Wrapper) -> bool:
        """Tell whether the lines in this wrapper may be in the other one as well."""
        return (self.holds == ANY or other.name in self.holds) and (self.nests or other.name != self.name)

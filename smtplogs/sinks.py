"""Sinks: where the rows of files go, piece by piece, while the files are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import polars as pl

from smtplogs._coded import packed
from smtplogs.unsettled import stacked

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sink(Protocol):
    """Takes what a file gives, bit by bit, so that no file is ever held as a whole."""

    def take(self, kind: str, frame: pl.DataFrame) -> None:
        """Take rows of a kind: events, loose, traffic, missed, or turns (sessions of a dialogue that another file may end)."""
        ...

    def begin(self) -> None:
        """Another file begins."""
        ...

    def restart(self) -> None:
        """Forget what the file gave so far: it is read again."""
        ...


@dataclass
class Gathered:
    """A sink that keeps all frames in memory."""

    frames: dict[str, list[pl.DataFrame]] = field(default_factory=dict)
    _before: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Another file begins: what is there stays."""
        self._before = {kind: len(frames) for kind, frames in self.frames.items()}

    def take(self, kind: str, frame: pl.DataFrame) -> None:
        """Keep the frame, with its lines copied out of the text that was read: a few of them would hold all of it."""
        if "raw" in frame.columns:
            frame = frame.with_columns(packed(frame["raw"]))
        self.frames.setdefault(kind, []).append(frame)

    def restart(self) -> None:
        """Forget the frames of the file."""
        for kind, frames in self.frames.items():
            del frames[self._before.get(kind, 0) :]

    def taken_out(self, kind: str) -> pl.DataFrame:
        """Return all rows of a kind; they are large, and held once only."""
        return stacked(*self.frames_of(kind))

    def frames_of(self, kind: str) -> list[pl.DataFrame]:
        """Return the frames of a kind; they are no longer held here."""
        return self.frames.pop(kind, [])

    def leave_out(self, names: Iterable[str]) -> None:
        """Forget the rows of some files."""
        kept = ~pl.col("source").is_in(list(names))
        self.frames = {kind: [f.filter(kept) for f in frames] for kind, frames in self.frames.items()}

    def in_order_of(self, names: Iterable[str]) -> None:
        """Bring what other files may finish into the order of the files: the oldest first."""
        rank = {name: n for n, name in enumerate(names)}
        place = pl.col("source").replace_strict(list(rank), list(rank.values()), return_dtype=pl.UInt32)
        for kind in ("loose", "turns"):
            ends = [rank[f["source"][i]] for f in self.frames.get(kind, ()) if f.height for i in (0, -1)]
            if any(a > b for a, b in pairwise(ends)):  # each frame is in order
                self.frames[kind] = [self.taken_out(kind).sort(place, maintain_order=True)]

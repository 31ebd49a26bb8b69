"""A live log followed through rotation, whether the file is renamed or copied and truncated."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from smtplogs.sources import CHUNK, MAX_LINE, Chunk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TAIL = 256
"""Bytes before the place reached, by which the log is known again."""


@dataclass
class Place:
    """How far a log was read.

    Attributes
    ----------
    inode
        Of the file.
    offset, lines
        Bytes and whole lines read.
    tail
        Hash of the last bytes before `offset`: that the file was cut and has grown again shows there alone.
    """

    inode: int = 0
    offset: int = 0
    lines: int = 0
    tail: str = ""


class Followed:
    """A log and how far it was read; plain text only, since nobody writes on into compressed files.

    Parameters
    ----------
    path
        Name of the live log. It may be missing for a while.
    place
        Where an earlier run stopped.
    """

    def __init__(self, path: Path, place: Place | None = None) -> None:
        self.path = path
        self.place = place or Place()
        self._file: BinaryIO | None = None

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def new(self) -> Iterator[tuple[Chunk, bool]]:
        """Yield whole new lines since the last call, and whether another file begins with them."""
        if self._file is None:
            self._file = self._found_again()
        if self._file is None:
            return
        if not self._goes_on(self._file):
            # copytruncate: what was written between the last look and the cut stands in the copy, if there is one
            copy = self._sibling()
            if copy is not None:
                with copy:
                    yield from ((chunk, False) for chunk in self._read(copy, last=True))
            self._restart(self._file)
            yield from self._fresh(self._file)
            return
        status = self._status()
        moved = status is not None and status.st_ino != self.place.inode
        yield from ((chunk, False) for chunk in self._read(self._file, last=moved))
        if moved:
            self.close()
            self._file = self._opened()
            if self._file is not None:
                self._restart(self._file)
                yield from self._fresh(self._file)

    def _fresh(self, file: BinaryIO) -> Iterator[tuple[Chunk, bool]]:
        begins = True
        for chunk in self._read(file):
            yield chunk, begins
            begins = False

    def _status(self) -> os.stat_result | None:
        try:
            return self.path.stat()
        except OSError:
            return None

    def _opened(self) -> BinaryIO | None:
        try:
            return self.path.open("rb")
        except OSError:
            return None

    def _found_again(self) -> BinaryIO | None:
        """Open the log; where it was read before, the file that goes on from there, under whatever name it stands."""
        file = self._opened()
        if file is None:
            return None
        if not self.place.offset:
            self._restart(file)
            return file
        if os.fstat(file.fileno()).st_ino == self.place.inode or self._goes_on(file):
            self.place.inode = os.fstat(file.fileno()).st_ino
            return file
        moved = self._sibling()
        if moved is None:
            self._restart(file)
            return file
        file.close()
        return moved

    def _sibling(self) -> BinaryIO | None:
        """Return a rotated file of this log that begins with what was read."""
        for path in sorted(self.path.parent.glob(f"{self.path.name}?*")):
            try:
                file = path.open("rb")
            except OSError:
                continue
            if self.place.offset and self._goes_on(file):
                return file
            file.close()
        return None

    def _restart(self, file: BinaryIO) -> None:
        self.place = Place(os.fstat(file.fileno()).st_ino)

    def _goes_on(self, file: BinaryIO) -> bool:
        """Tell whether the bytes before the place reached are still those that were read."""
        if not self.place.offset:
            return True
        if os.fstat(file.fileno()).st_size < self.place.offset:
            return False
        start = max(0, self.place.offset - TAIL)
        file.seek(start)
        return _hash(file.read(self.place.offset - start)) == self.place.tail

    def _read(self, file: BinaryIO, *, last: bool = False) -> Iterator[Chunk]:
        """Yield the whole lines that follow; `last`: nothing more will come, an unfinished line counts too."""
        while True:
            file.seek(self.place.offset)
            data = file.read(CHUNK)
            end = data.rfind(b"\n") + 1
            if not end and (last or len(data) >= MAX_LINE):
                end = len(data)
            if not end:
                return
            data = data[:end]
            n = data.count(b"\n") + (not data.endswith(b"\n"))
            chunk = Chunk([data], self.place.lines + 1, n)
            self.place.offset += end
            self.place.lines += n
            start = max(0, self.place.offset - TAIL)
            file.seek(start)
            self.place.tail = _hash(file.read(self.place.offset - start))
            yield chunk


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

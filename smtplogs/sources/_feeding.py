"""Sources -> numbered chunks of whole lines, and what went wrong on the way."""

from __future__ import annotations

import codecs
import hashlib
import sys
from typing import TYPE_CHECKING, Self

from smtplogs.sources._archives import archive_kind, opener
from smtplogs.sources._expanding import expand
from smtplogs.sources._lines import PEEK, Chunk, counted, first_lines
from smtplogs.sources._pieces import PIECE, Damaged, ahead, as_utf8, begin, sliced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from smtplogs.sources._pieces import Pieces
    from smtplogs.sources._source import Source

CHUNK = 12 << 20
"""Bytes of a chunk: smaller ones cost more for each line, larger ones only memory."""

MAX_LINE = 16 << 20
"""A longer line is cut here."""

MOST_LINES = 1 << 20
"""Lines of a chunk at most: each costs some hundred bytes on the way, however short it is."""

# Freed at once, this tells glibc to keep memory up to this size (it never does beyond 32 MiB) for the next chunk. Else
# it hands each chunk back and faults in fresh pages for the next, which doubles the cost of feeding (0.7 cpu-s/GB).
# Elsewhere it does nothing. Of `bytes` the pages come from the kernel as zeros and are never touched; a `bytearray` is
# filled, which takes 20 ms.
bytes(31 << 20)

START = 1024
"""Bytes by which a log that has grown is found among those known."""

_AHEAD = 2 * CHUNK // PIECE
_HEAD = 512
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Reading:
    """One pass over a source: iterate for its chunks, then look at what it says.

    Damage never raises: what could be read is handed out, and `error` tells.

    Attributes
    ----------
    source
        What is read.
    chunk_bytes
        Bytes of a chunk, about.
    lines
        Lines handed out so far.
    bytes
        Expanded bytes so far.
    cut_lines
        Lines that were longer than MAX_LINE and lost their rest.
    error
        After the last chunk: what is missing, and where it begins. Null if all was read.
    note
        After the last chunk: something odd that cost no line (other data behind the end of compressed data).
    sha256
        After the last chunk, if asked for: of the expanded bytes, so that a log and its packed twin are equal.
    start
        After `peek`: the first bytes, at most START.

    Examples
    --------
    >>> with open_source(source) as reading:
    ...     for chunk in reading:
    ...         lines_of(chunk)
    >>> reading.error
    'gzip data cut off in line 812345 (byte 123456789): the end is missing, what stands before is read'
    """

    def __init__(
        self,
        source: Source,
        *,
        hash: bool = False,  # noqa: A002
        chunk_bytes: int = CHUNK,
        max_line: int = MAX_LINE,
    ) -> None:
        self.source = source
        self.lines = 0
        self.bytes = 0
        self.cut_lines = 0
        self.error: str | None = None
        self.note: str | None = None
        self.sha256: str | None = None
        self.start = b""
        self.chunk_bytes = chunk_bytes
        self._max_line = max_line
        self._digest = hashlib.sha256() if hash else None
        self._pieces = _expanded(source)
        self._damage: Damaged | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and end the thread that reads ahead; nothing more can be read."""
        self._pieces.close()

    def peek(self, n_bytes: int = PEEK) -> list[str]:
        """Return the first lines, without their ends, from about `n_bytes`; the iteration still starts at line 1.

        For telling the format, before the iteration. A last line that is cut by `n_bytes` is left off, unless it is
        the only one.
        """
        head, self._pieces = begin(self._pieces, n_bytes + 1)
        self.start = head[:START]
        return first_lines(head, n_bytes)

    def whole(self, most: int) -> bytes | None:
        """Return all bytes, if they are undamaged, no more than `most`, and in no need of a reader's care."""
        held = []
        for piece in self._measured():
            held.append(piece)
            if self.bytes > most:
                return None
        data = b"".join(held)
        self.start = data[:START]
        self.sha256 = self._digest.hexdigest() if self._digest else None
        return None if self._damage or data.startswith(_MARKS) or data.endswith(b"\r") else data

    def pieces(self) -> Pieces:
        """Yield the expanded bytes instead of lines, as far as they can be read."""
        yield from self._measured()
        self.sha256 = self._digest.hexdigest() if self._digest else None

    def __iter__(self) -> Iterator[Chunk]:
        if self.source.compression or (self.source.place and self.source.place.expanded):
            self._pieces = ahead(self._pieces, _AHEAD)
        whole = True
        pieces = self._cut(sliced(as_utf8(self._measured()), min(self.chunk_bytes, self._max_line)))
        for parts in _whole_lines(pieces, self.chunk_bytes):
            whole = parts[-1].endswith(b"\n")
            for some, n_lines in _of_few_lines(parts, counted(parts)):
                chunk = Chunk(some, self.lines + 1, n_lines)
                self.lines += n_lines
                yield chunk
        if self._digest:
            self.sha256 = self._digest.hexdigest()
        if self._damage:
            where = f" {'after' if whole else 'in'} line {self.lines} (byte {self.bytes})" if self.bytes else ""
            said = f"{self._damage.what}{where}: {self._damage.why}"
            self.note, self.error = (said, None) if self._damage.harmless else (None, said)
        elif (found := self._found_bytes()) and self.bytes < found:
            self.error = f"the file shrank while it was read: {self.bytes} of {found} bytes are left"

    def _found_bytes(self) -> int | None:
        """Return how many bytes a plain file had when it was found."""
        return self.source.stored_bytes if self.source.path is not None and not self.source.packed else None

    def _measured(self) -> Pieces:
        """Count and hash the pieces; a damage ends them."""
        try:
            for piece in self._pieces:
                self.bytes += len(piece)
                if self._digest:
                    self._digest.update(piece)
                yield piece
        except Damaged as damage:
            self._damage = damage

    def _cut(self, pieces: Pieces) -> Pieces:
        """Drop what a line holds beyond its limit; no piece may be longer than that limit."""
        length = 0  # of the line that is still open
        for piece in pieces:
            first, last = piece.find(b"\n"), piece.rfind(b"\n")
            end = length + (len(piece) if first < 0 else first)
            if end <= self._max_line:
                yield piece
            else:
                self.cut_lines += length <= self._max_line
                yield piece[: max(0, self._max_line - length)]
                yield piece[first:] if first >= 0 else b""
            length = end if first < 0 else len(piece) - last - 1


def open_source(source: Source, *, hash: bool = False) -> Reading:  # noqa: A002
    """Start to read a source; with `hash`, take the SHA-256 of its expanded bytes on the way."""
    return Reading(source, hash=hash)


def _whole_lines(pieces: Pieces, chunk_bytes: int) -> Iterator[list[bytes]]:
    """Put pieces together into chunks that end where a line ends; a piece of whole lines is taken as it is."""
    parts: list[bytes] = []
    held: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        size += len(piece)
        if not end or (size < chunk_bytes and end < len(piece)):
            held.append(piece)
            continue
        if held or end < len(piece):
            parts.append(b"".join([*held, memoryview(piece)[:end]]))
            held[:] = [piece[end:]] if end < len(piece) else []
        else:
            parts.append(piece)
        if size >= chunk_bytes:
            yield parts
            parts = []
            size = sum(map(len, held))
    if tail := b"".join(held):
        parts.append(tail)
    if parts:
        yield parts


def _of_few_lines(parts: Sequence[bytes], n_lines: int) -> Iterator[tuple[Sequence[bytes], int]]:
    """Halve a chunk until no part has too many lines; yield the parts and how many lines each has."""
    if n_lines <= MOST_LINES:
        yield parts, n_lines
        return
    middle = len(parts) // 2
    heads, tails = parts[:middle], parts[middle:]
    if not heads:
        (data,) = parts
        half = len(data) // 2
        cut = data.rfind(b"\n", 0, half) + 1 or data.find(b"\n", half) + 1
        heads, tails = [data[:cut]], [data[cut:]]
    n_heads = counted(heads)
    yield from _of_few_lines(heads, n_heads)
    yield from _of_few_lines(tails, n_lines - n_heads)


def _expanded(source: Source) -> Pieces:
    """Yield the expanded bytes of a source."""
    if source.path is not None:
        return expand(opener(source.path, source.place))
    return _no_archive(expand(_standard_input, twice=False))


def _standard_input() -> Pieces:
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        raise Damaged("standard input cannot be read", "there is none")
    try:
        while piece := buffer.read(PIECE):
            yield piece
    except (OSError, ValueError) as error:
        raise Damaged("standard input cannot be read", str(error)) from error


def _no_archive(pieces: Pieces) -> Pieces:
    head, whole = begin(pieces, _HEAD)
    if kind := archive_kind(head):
        raise Damaged("standard input cannot be read", f"it is a {kind} archive: give it by its path")
    yield from whole

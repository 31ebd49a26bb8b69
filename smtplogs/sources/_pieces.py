"""Streams of bytes: read, cut, joined, drawn ahead; and the one error that ends them early."""

from __future__ import annotations

import codecs
import os
import stat
from queue import SimpleQueue
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    Pieces = Generator[bytes, None, None]
    Opener = Callable[[], Iterator[bytes]]

PIECE = 1 << 18
"""Bytes handed on at a time: small enough to stay in the cache of a core from the decoder to the chunk."""

LARGE_PIECE = 4 << 20
"""Bytes of a plain file handed on at a time, behind its first piece, and those up to the end of the line, so that it
need not be copied to be cut there: the place is looked for in the LOOK bytes that follow."""

LOOK = 1 << 14

_NOT_BLOCKING = getattr(os, "O_NONBLOCK", 0)


class Damaged(Exception):
    """The bytes end here, and not as they should. All that came before has been handed out.

    Attributes
    ----------
    what, why
        Two halves of a sentence; the reader puts the place between them.
    harmless
        Nothing of the log is lost: there is only something else behind it.
    """

    def __init__(self, what: str, why: str, *, harmless: bool = False) -> None:
        super().__init__(f"{what}: {why}")
        self.what, self.why, self.harmless = what, why, harmless


def reason(error: OSError) -> str:
    """Return the plain words of an operating system error."""
    return (error.strerror or str(error)).lower()


def file_pieces(path: Path, offset: int = 0) -> Pieces:
    """Yield the bytes of a file from an offset on."""
    try:
        # not blocking: what was a file when it was found may be a pipe by now, and nobody writes to that
        with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | _NOT_BLOCKING)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Damaged("reading failed", "it is no file any more")
            if offset:
                file.seek(offset)
            size = PIECE
            while piece := file.read(size):
                yield piece
                size = _to_a_line_end(file)
    except OSError as error:
        raise Damaged("reading failed", reason(error)) from error


def _to_a_line_end(file: io.FileIO) -> int:
    """Return how many of the next bytes are LARGE_PIECE and those up to the end of a line, if that is near."""
    place = file.tell()
    file.seek(place + LARGE_PIECE - 1)
    end = (file.read(LOOK) or b"").find(b"\n")
    file.seek(place)
    return LARGE_PIECE + max(end, 0)


def within(pieces: Iterator[bytes], size: int, offset: int = 0) -> Pieces:
    """Yield `size` bytes from `offset` on."""
    for piece in pieces if size else ():
        if offset >= len(piece):
            offset -= len(piece)
            continue
        part = piece[offset : offset + size]
        offset = 0
        size -= len(part)
        yield part
        if not size:
            return
    if size:
        raise Damaged("archive cut off", "the rest of this member is missing")


def sliced(pieces: Iterator[bytes], size: int) -> Pieces:
    """Yield the pieces, none longer than `size`."""
    for piece in pieces:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def begin(pieces: Iterator[bytes], size: int) -> tuple[bytes, Pieces]:
    """Return the first `size` bytes or more, as far as there are any, and all pieces with those bytes in one of them.

    A damage met on the way is raised where it belongs, behind the bytes.
    """
    head = b""
    damage = None
    try:
        while len(head) < size and (piece := next(pieces, None)) is not None:
            head += piece
    except Damaged as error:
        damage = error

    def whole() -> Pieces:
        yield head
        yield from pieces
        if damage:
            raise damage

    return head, whole()


def as_utf8(pieces: Iterator[bytes]) -> Pieces:
    """Take the byte order mark off; make UTF-8 of UTF-16."""
    head, whole = begin(pieces, len(codecs.BOM_UTF8))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        for piece in whole:
            yield decoder.decode(piece).encode()
        yield decoder.decode(b"", final=True).encode()
    else:
        yield next(whole).removeprefix(codecs.BOM_UTF8)
        yield from whole


def ahead(pieces: Pieces, depth: int) -> Pieces:
    """Draw the pieces on a thread of its own, so that expansion and parsing overlap; errors come out here."""
    ready: SimpleQueue[bytes | BaseException | None] = SimpleQueue()
    room = Semaphore(depth)
    stopped = Event()

    def draw() -> None:
        end = None
        try:
            for piece in pieces:
                ready.put(piece)
                room.acquire()
                if stopped.is_set():
                    break
        except BaseException as error:  # whatever it is, it belongs to the one who reads
            end = error
        finally:
            pieces.close()
        ready.put(end)

    thread = Thread(target=draw, name="smtplogs-ahead", daemon=True)
    thread.start()
    try:
        while isinstance(piece := ready.get(), bytes):
            room.release()
            yield piece
        if piece is not None:
            raise piece
    finally:
        stopped.set()
        room.release()
        thread.join(1)  # not for ever: it may wait for a pipe that stays silent

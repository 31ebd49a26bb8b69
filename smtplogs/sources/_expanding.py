"""Compressed bytes -> bytes, told by magic bytes and never by name; what stands before a damage is not lost."""

from __future__ import annotations

import bz2
import lzma
import re
import sys
import zlib
from typing import TYPE_CHECKING, Any

from isal import igzip_lib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from smtplogs.sources._pieces import PIECE, Damaged, begin, sliced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from smtplogs.sources._pieces import Opener, Pieces

_PACKED_PIECE = 1 << 16
_WINDOW_LOG = 28
"""A decoder may take 2**28 bytes for its window: more than any usual level asks for, too little to hurt us."""

MOST_BYTES, MOST_FOLD = 4 << 30, 1000
"""Compressed data that have become more than so many bytes, and so many times what they were, are read no further:
logs shrink to a tenth or a thirtieth; a megabyte of bzip2 may hold a terabyte of zeros."""

_MAGIC = re.compile(
    rb"(?P<gzip>\x1f\x8b\x08)"
    rb"|(?P<bzip2>BZh[1-9](?:1AY&SY|\x17rE8P\x90))"
    rb"|(?P<xz>\xfd7zXZ\x00)"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"  # a frame, or a skippable one as pzstd writes first
)
_LONGEST_MAGIC = 10


class _Bomb(Damaged):
    """Data made to fill whatever unpacks them; what came before has been handed out."""


def compression_of(head: bytes) -> str | None:
    """Name the compression of data that begin like this: gzip, bzip2, xz, zstd or None."""
    found = _MAGIC.match(head)
    return found.lastgroup if found else None


def expand(opened: Opener, kind: str | None = None, *, twice: bool = True) -> Pieces:
    """Yield the expanded bytes of what `opened()` yields; data that are not compressed pass as they are.

    Parameters
    ----------
    opened
        Opens the stored bytes, anew with each call.
    kind
        The compression, where magic bytes cannot tell it (`deflate`, inside zip).
    twice
        The bytes can be opened a second time. A decoder drops what it made in the very call that met the damage, so
        damaged data are walked through once more, byte by byte at the end.
    """
    head, stored = begin(opened(), _LONGEST_MAGIC)
    kind = kind or compression_of(head)
    if kind is None:
        yield from stored
        return
    given = fed = 0

    def counted() -> Pieces:
        nonlocal fed
        for piece in sliced(stored, _PACKED_PIECE):
            fed += len(piece)
            yield piece

    try:
        for piece in _decoded(counted(), kind, _FAST[kind], lambda _: PIECE):
            given += len(piece)
            yield piece
            if given > MOST_BYTES and given > MOST_FOLD * fed:
                raise _Bomb(f"{kind} data expand more than {MOST_FOLD:,}-fold", "no log does, they are read no further")
    except Damaged as damage:
        if damage.harmless or not twice or isinstance(damage, _Bomb):
            raise
    else:
        return
    yield from _carefully(opened(), kind, given, fed)


def _carefully(stored: Iterator[bytes], kind: str, given: int, fed: int) -> Pieces:
    """Decode again up to where the fast decoder failed, then byte by byte; hand out what was not `given` before."""
    start, done = max(0, fed - _PACKED_PIECE), 0
    held = bytearray()

    def stride(done: int) -> int:
        if done < given:
            return min(PIECE, given - done)
        return 1 if done < given + PIECE else PIECE

    def slowly() -> Pieces:
        position = 0
        for piece in stored:
            cut = min(max(0, start - position), len(piece)), min(max(0, fed - position), len(piece))
            yield from sliced(iter([piece[: cut[0]]]), _PACKED_PIECE)
            yield from sliced(iter([piece[cut[0] : cut[1]]]), 1)
            yield from sliced(iter([piece[cut[1] :]]), _PACKED_PIECE)
            position += len(piece)

    try:
        for piece in _decoded(slowly(), kind, _CAREFUL[kind], stride):
            done += len(piece)
            held += piece if done > given else b""
            if len(held) >= PIECE:
                yield bytes(held)
                held.clear()
    except Damaged:
        if held:
            yield bytes(held)
        raise
    if held:
        yield bytes(held)


def _decoded(stored: Iterator[bytes], kind: str, new: Callable[[], Any], stride: Callable[[int], int]) -> Pieces:
    """Run the stored bytes through decoders, one for each member, frame or stream that follows another."""
    decoder, done = new(), 0
    feed = next(stored, b"")
    while True:
        try:
            made = decoder.decompress(feed, stride(done))
        except _BROKEN as error:
            raise Damaged(f"{kind} data damaged", f"{error}; what stands before is read") from error
        if made:
            done += len(made)
            yield made
        if decoder.eof:
            feed = _behind(decoder.unused_data, stored)
            if not feed:
                return
            if compression_of(feed) != kind:
                size = len(feed) + sum(map(len, stored))
                raise Damaged(f"{kind} data end", f"{size} bytes behind them are no {kind} and not read", harmless=True)
            decoder = new()
        elif not decoder.needs_input:
            feed = b""
        elif not (feed := next(stored, b"")):
            raise Damaged(f"{kind} data cut off", "the end is missing, what stands before is read")


def _behind(rest: bytes, stored: Iterator[bytes]) -> bytes:
    """Return what follows the end of a stream, less the zeros that tapes and xz pad with; enough to see a magic."""
    rest = rest.lstrip(b"\0")
    while len(rest) < _LONGEST_MAGIC and (piece := next(stored, b"")):
        rest = (rest + piece).lstrip(b"\0")
    return rest


class _Zlib:
    """zlib with the calling convention of the other decoders: slower than isal, but it gives every single byte."""

    def __init__(self, wbits: int) -> None:
        self._zlib = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        made = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(made) < max_length and not self._zlib.unconsumed_tail
        return made


_BROKEN: tuple[type[Exception], ...] = (
    OSError,  # bz2
    EOFError,
    ValueError,
    zlib.error,
    igzip_lib.IsalError,  # pyright: ignore[reportAssignmentType] - its stub calls it an instance
    lzma.LZMAError,
    zstd.ZstdError,
)

_FAST: dict[str, Callable[[], Any]] = {
    "gzip": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP),
    "deflate": lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE),
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=1 << _WINDOW_LOG),
    "zstd": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}),
}
_CAREFUL: dict[str, Callable[[], Any]] = {
    **_FAST,
    "gzip": lambda: _Zlib(zlib.MAX_WBITS | 16),
    "deflate": lambda: _Zlib(-zlib.MAX_WBITS),
}

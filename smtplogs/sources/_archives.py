"""tar and zip: where their members lie. Nothing is extracted; a member is a stretch of the archive's bytes."""

from __future__ import annotations

import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from smtplogs.sources._expanding import compression_of, expand
from smtplogs.sources._pieces import PIECE, Damaged, begin, file_pieces, reason, within

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from smtplogs.sources._pieces import Opener, Pieces

_HEAD = 1 << 16
_ZIP_PACKINGS = {0: None, 8: "deflate", 12: "bzip2", 93: "zstd", 95: "xz"}
_ENCRYPTED = 0x1
_LOCAL_HEADER = 30
_UNIX_TIMES = 0x5455


@dataclass(frozen=True)
class Place:
    """Where the bytes of a member lie: `size` of them at `offset`.

    Attributes
    ----------
    offset, size
        In the archive as stored; of a compressed tar (`expanded`), in the expanded archive.
    packing, crc
        How zip packed the member, and its check sum.
    """

    offset: int
    size: int
    expanded: bool = False
    packing: str | None = None
    crc: int | None = None


@dataclass(frozen=True)
class Member:
    """A member as listed; without a place, `trouble` tells why."""

    name: str
    mtime: datetime | None = None
    place: Place | None = None
    head: bytes = b""
    trouble: str = ""


def archive_kind(head: bytes) -> str | None:
    """Name the archive (tar, zip) whose expanded bytes begin like this."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return "tar" if head[257:262] == b"ustar" else None


def moment(seconds: float) -> datetime | None:
    """Return seconds since 1970 as a time, None if there is no such time."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def members(path: Path, kind: str) -> Iterator[Member]:
    """Yield the regular files of an archive; raise Damaged where its list breaks off."""
    try:
        yield from _zip_members(path) if kind == "zip" else _tar_members(path)
    except OSError as error:
        raise Damaged("reading failed", reason(error)) from error
    except (tarfile.TarError, zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, struct.error) as error:
        raise Damaged("archive damaged or cut off", f"{error}; members behind that are lost") from error


def opener(path: Path, place: Place | None) -> Opener:
    """Return what opens the stored bytes of a file, or of a member as it was before it went into the archive."""
    if place is None:
        return lambda: file_pieces(path)
    if place.expanded:
        return lambda: within(expand(lambda: file_pieces(path)), place.size, place.offset)

    def packed() -> Pieces:
        return within(file_pieces(path, place.offset), place.size)

    if place.packing is None:
        return packed if place.crc is None else lambda: _checked(packed(), place.crc)
    return lambda: _checked(expand(packed, place.packing), place.crc)


class _Tar(tarfile.TarFile):
    """A tar file that remembers where a header was unreadable; tarfile itself ends or goes on without a word."""

    bad_header: int | None = None


class _Header(tarfile.TarInfo):
    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Header:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().fromtarfile(tar)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):  # pyright: ignore[reportAttributeAccessIssue]
            if isinstance(tar, _Tar) and tar.bad_header is None:
                tar.bad_header = tar.offset
            raise


class _Stream:
    """The one method of a file that tarfile needs."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        head, self._rest = self._rest[:size], self._rest[size:]
        return head


def _tar_members(path: Path) -> Iterator[Member]:
    expanded = compression_of(next(file_pieces(path), b"")) is not None
    stream = _Stream(expand(lambda: file_pieces(path)))
    # ignore_zeros: go on behind a damaged header, and into a second archive appended to the first
    with _Tar.open(fileobj=stream, mode="r|", bufsize=PIECE, tarinfo=_Header, ignore_zeros=True) as tar:  # pyright: ignore[reportArgumentType, reportCallIssue]
        for info in tar:
            if not info.isreg():
                continue
            mtime = moment(info.mtime)
            if info.issparse():
                yield Member(info.name, mtime, trouble="stored as a sparse file: extract the archive first")
                continue
            member = Member(info.name, mtime, Place(info.offset_data, info.size, expanded))
            try:
                file = tar.extractfile(info)
                head = file.read(_HEAD) if file else b""
            except (tarfile.TarError, Damaged):
                yield member
                raise
            yield Member(member.name, mtime, member.place, head)
        if tar.bad_header is not None:
            raise Damaged("archive damaged", f"no readable header at byte {tar.bad_header}; that member is lost")


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        overlapping = _overlapping(archive.infolist())
        for info in archive.infolist():
            if info.is_dir() or stat.S_ISLNK(info.external_attr >> 16):
                continue
            mtime = _zip_time(info)
            if info.flag_bits & _ENCRYPTED:
                yield Member(info.filename, mtime, trouble="encrypted: extract the archive first")
                continue
            if info.header_offset in overlapping:
                yield Member(
                    info.filename, mtime, trouble="its bytes are another member's too, as in a zip bomb: not read"
                )
                continue
            if info.compress_type not in _ZIP_PACKINGS:
                yield Member(
                    info.filename, mtime, trouble=f"packed by zip method {info.compress_type}: extract it first"
                )
                continue
            file.seek(info.header_offset)
            name_size, extra_size = struct.unpack("<26x2H", file.read(_LOCAL_HEADER))
            offset = info.header_offset + _LOCAL_HEADER + name_size + extra_size
            place = Place(offset, info.compress_size, packing=_ZIP_PACKINGS[info.compress_type], crc=info.CRC)
            head, _ = begin(opener(path, place)(), _HEAD)
            yield Member(info.filename, mtime, place, head)


def _overlapping(infos: list[zipfile.ZipInfo]) -> set[int]:
    """Return where members begin that lie in the bytes of one before them."""
    found, end = set(), 0
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            found.add(info.header_offset)
        # the name and extra of the local header may be shorter than those of the directory, never the data
        end = max(end, info.header_offset + _LOCAL_HEADER + info.compress_size)
    return found


def _zip_time(info: zipfile.ZipInfo) -> datetime | None:
    """Return the Unix time of a member if it has one, else its clock time, whose zone zip does not know, as UTC."""
    extra = info.extra
    while len(extra) >= 4:
        tag, size = struct.unpack_from("<2H", extra)
        if tag == _UNIX_TIMES and size >= 5 and extra[4] & 1 and len(extra) >= 9:
            return moment(struct.unpack_from("<i", extra, 5)[0])
        extra = extra[4 + size :]
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None


def _checked(pieces: Pieces, crc: int | None) -> Pieces:
    seen = 0
    for piece in pieces:
        seen = zlib.crc32(piece, seen)
        yield piece
    if seen != crc:
        raise Damaged("zip member damaged", "its check sum does not fit, some of these lines may be wrong")

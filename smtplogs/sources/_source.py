"""One file -> the sources in it: itself, or the members of an archive; what is left out, and why."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smtplogs.sources._archives import Member, Place, archive_kind, members, moment, opener
from smtplogs.sources._expanding import compression_of, expand
from smtplogs.sources._pieces import Damaged, begin, reason
from smtplogs.sources._rotation import rotation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from smtplogs.sources._pieces import Opener

STDIN = "-"

NOT_LOGS = frozenset(
    {
        ".arrow",
        ".cf",
        ".conf",
        ".css",
        ".csv",
        ".db",
        ".htm",
        ".html",
        ".ini",
        ".ipynb",
        ".jpg",
        ".js",
        ".md",
        ".parquet",
        ".pdf",
        ".png",
        ".py",
        ".sqlite",
        ".svg",
        ".toml",
        ".tsv",
        ".xlsx",
    }
)
"""Suffixes left out of folders and archives. Not `.json`: journald and docker write that. A file named is read."""

NOT_LOG_NAMES = frozenset({"btmp", "faillog", "lastlog", "tallylog", "truth.json", "wtmp"})
"""Binary account files of /var/log (lastlog and faillog may claim to be hundreds of gigabytes), and what the sample logs
were made to show."""

_FOREIGN = {
    b"\x7fELF": "a program, no log",
    b"LPKSHHRH": "a binary journal: write it out with `journalctl --file=... -o json` first",
    b"ElfFile\0": "a Windows event log (.evtx): export it as text first",
    b"PAR1": "a Parquet file, no log",
    b"SQLite format 3\0": "an SQLite database, no log",
    b"\x1f\x9d": "packed by compress (.Z): unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"Rar!\x1a\x07": "a RAR archive: unpack it first",
    b"\x04\x22\x4d\x18": "packed by lz4: unpack it first",
    b"LZIP\x01": "packed by lzip: unpack it first",
}
"""First bytes of what is no text, and what to do about it."""

_HEAD = 512
_NODES = {
    stat.S_IFIFO: "a named pipe, not a file: give - and pipe it to standard input",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


@dataclass(frozen=True)
class Source:
    """One log as it lies there: a file, a member of an archive, or standard input.

    Attributes
    ----------
    name
        The path as the caller gave it; `archive.tar.gz!member`; `-` for standard input.
    path
        The file, or the archive; None for standard input.
    member
        Name in the archive.
    compression
        gzip, bzip2, xz, zstd or None, by content (of a member: of the member). Unknown for standard input.
    stored_bytes
        Size before expansion.
    mtime
        Time of the last change, UTC; of a member, the member's.
    gzip_mtime
        Time of the original in the gzip header, UTC.
    rotation_date
        Date in the name (`mail.log-20260601.gz`, `2026/06/01/mail.log`): nothing in the file is younger, give or take
        a day. Clock times are those of the machine that rotated.
    place
        Where the member lies in the archive.
    """

    name: str
    path: Path | None = None
    member: str | None = None
    compression: str | None = None
    stored_bytes: int | None = None
    mtime: datetime | None = None
    gzip_mtime: datetime | None = None
    rotation_date: date | datetime | None = None
    place: Place | None = None

    @property
    def packed(self) -> bool:
        """Whether the bytes read are others than those stored."""
        return bool(self.compression or self.place)


@dataclass(frozen=True)
class Problem:
    """Something that is not read, and why; `on_purpose` if a rule leaves it out rather than a fault."""

    name: str
    message: str
    on_purpose: bool = False


def printable(name: str) -> str:
    """Return a file name that can stand in a column: bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def hidden(name: str) -> bool:
    """Tell whether a file or folder is hidden by its name."""
    return name.startswith(".") and name not in (".", "..")


def left_out(path: str) -> str:
    """Tell by its name why a file in a folder or archive is no log; an empty string if it may be one."""
    *_, name = parts = PurePosixPath(path).parts or ("",)
    if any(map(hidden, parts)):
        return "hidden"
    suffix = PurePosixPath(name).suffix.lower()
    return name if name in NOT_LOG_NAMES else suffix if suffix in NOT_LOGS else ""


def told(name: str, counts: Counter[str]) -> Iterator[Problem]:
    """Yield the one notice about all that was left out of a folder or archive."""
    if kinds := ", ".join(f"{n} {why}" for why, n in sorted(counts.items()) if n):
        yield Problem(name, f"left out: {kinds}; a file named itself is read", on_purpose=True)


def look(name: str, wanted: str | None = None) -> Iterator[Source | Problem]:
    """Yield the sources in the file of this name; of an archive, only the members that are `wanted`, if given."""
    path, shown = Path(name), printable(name)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield Problem(shown, _NODES.get(stat.S_IFMT(status.st_mode), "not a file"))
            return
        path.open("rb").close()
    except OSError as error:
        dead = isinstance(error, FileNotFoundError) and path.is_symlink()
        yield Problem(shown, "a symbolic link that leads nowhere" if dead else reason(error))
    else:
        nature = _nature(opener(path, None))
        if nature.archive:
            yield from _look_into(shown, path, nature.archive, wanted)
        elif nature.foreign or wanted:
            yield Problem(shown, nature.foreign or "not an archive")
        else:
            day = rotation(path).date
            mtime = moment(status.st_mtime)
            yield Source(shown, path, None, nature.compression, status.st_size, mtime, nature.gzip_mtime, day)


def _look_into(name: str, path: Path, kind: str, wanted: str | None) -> Iterator[Source | Problem]:
    """Yield the members of an archive; of several with one name the last, as extraction would leave it."""
    counts: Counter[str] = Counter()
    found: dict[str, Source | Problem] = {}
    try:
        for member in members(path, kind):
            shown = printable(member.name)
            if wanted is None and (why := left_out(shown)):
                counts[why] += 1
            elif wanted is None or shown == wanted or fnmatchcase(shown, wanted):
                counts["older copy"] += shown in found
                found[shown] = _member(f"{name}!{shown}", path, shown, member)
    except Damaged as damage:
        yield Problem(name, f"{damage.what}: {damage.why}")
    if wanted is not None and not found:
        yield Problem(f"{name}!{wanted}", "no such member")
    yield from found.values()
    yield from told(name, counts)


def _member(name: str, path: Path, shown: str, member: Member) -> Source | Problem:
    nature = _nature(lambda: iter([member.head]))
    if member.place is None:
        return Problem(name, member.trouble)
    if nature.foreign or nature.archive:
        return Problem(name, nature.foreign or "an archive in an archive: extract the outer one first")
    place, day = member.place, rotation(path, shown).date
    return Source(name, path, shown, nature.compression, place.size, member.mtime, nature.gzip_mtime, day, place)


@dataclass(frozen=True)
class _Nature:
    """What the first bytes tell."""

    compression: str | None = None
    gzip_mtime: datetime | None = None
    archive: str | None = None
    foreign: str | None = None


def _nature(opened: Opener) -> _Nature:
    """Look at the first bytes; the reader will tell of damage, with what it could read."""
    head, _ = begin(opened(), _HEAD)
    for magic, advice in _FOREIGN.items():
        if head.startswith(magic):
            return _Nature(foreign=advice)
    compression = compression_of(head)
    seconds = int.from_bytes(head[4:8], "little") if compression == "gzip" else 0
    expanded, _ = begin(expand(opened, twice=False), _HEAD)
    return _Nature(compression, moment(seconds) if seconds else None, archive_kind(expanded))

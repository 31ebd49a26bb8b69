"""Paths, globs, folders and archives -> sources, in rotation order."""

from __future__ import annotations

import glob
import os
from collections import Counter
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from smtplogs.errors import NothingToRead
from smtplogs.sources._pieces import reason
from smtplogs.sources._rotation import rotation
from smtplogs.sources._source import STDIN, Problem, Source, hidden, left_out, look, printable, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATASET = {"manifest.json", "loose", "events"}
"""What a folder holds that `parse` wrote: no logs."""


class _Candidate(NamedTuple):
    """A file under the name that was used for it; of an archive, the members wanted."""

    name: str
    wanted: str | None = None

    @property
    def identity(self) -> tuple[str, str | None]:
        return self.name if self.name == STDIN else os.path.realpath(self.name), self.wanted


def find(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> tuple[list[Source], list[Problem]]:
    """Find the logs behind paths, globs, folders and archives.

    Parameters
    ----------
    paths
        One or more of: a file; a glob (`mail.log*`, `**` too; what exists under that very name wins); a folder, read
        whole but for hidden files and those of NOT_LOGS; a tar (gzip, bzip2, xz, zstd or none) or zip archive;
        `archive!member`, where the member may be a glob; `-` for standard input. `~` is the home folder.

    Returns
    -------
    tuple
        The sources, each file once, however it was named: series of rotated files sorted by name, in a series the
        oldest first. And what was not read, with the reason.

    Raises
    ------
    NothingToRead
        No source was found.
    """
    named = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else list(paths)
    if odd := [p for p in named if not isinstance(p, (str, bytes, os.PathLike))]:
        raise TypeError(f"expected the path of a log, got {type(odd[0]).__name__}")
    given = [os.fsdecode(p) for p in named]
    problems: list[Problem] = []
    files: dict[tuple[str, str | None], _Candidate] = {}
    for named in chain.from_iterable(map(_named, given)):
        if isinstance(named, Problem):
            problems.append(named)
        elif named.identity not in files or Path(files[named.identity].name).is_symlink():
            files[named.identity] = named
    sources: dict[tuple[str, str | None], Source] = {}
    for (real, _), file in files.items():
        for seen in [Source(STDIN)] if file.name == STDIN else look(*file):
            if isinstance(seen, Problem):
                problems.append(seen)
            else:
                sources.setdefault((real, seen.member), seen)
    problems = list(dict.fromkeys(problems))
    if not sources:
        raise NothingToRead(_nothing(given, problems))
    return sorted(sources.values(), key=turn), problems


def stored_bytes(paths: Iterable[str]) -> int:
    """Return the bytes that the files behind paths take on disk, as far as that is told without opening any."""
    total = 0
    for named in chain.from_iterable(map(_named, paths)):
        if isinstance(named, _Candidate) and named.name != STDIN:
            with suppress(OSError):
                total += os.stat(named.name).st_size  # noqa: PTH116 - Path would rewrite the name
    return total


def _nothing(given: list[str], problems: list[Problem]) -> str:
    if not given:
        return "nothing to read: no path was given"
    if not problems:
        return f"nothing to read: no log in {', '.join(map(printable, given))}"
    told = [f"{p.name}: {p.message}" for p in problems[:5]]
    more = [f"and {len(problems) - 5} more"] if len(problems) > 5 else []
    return "nothing to read: " + "; ".join(told + more)


def _named(given: str) -> Iterator[_Candidate | Problem]:
    """Yield the files that a path, glob or folder means."""
    if given == STDIN:
        yield _Candidate(STDIN)
        return
    name = os.path.expanduser(given)  # noqa: PTH111 - Path would rewrite the name
    try:
        os.lstat(name)
        names = [name]
    except PermissionError as error:
        yield Problem(printable(given), reason(error))
        return
    except (OSError, ValueError):  # ValueError: a NUL in the name
        names = sorted(glob.glob(name, recursive=True)) if "\0" not in name else []  # noqa: PTH207 - keeps the spelling
    for match in names:
        if Path(match).is_dir():
            yield from _walked(match)
        else:
            yield _Candidate(match)
    archive, _, wanted = name.rpartition("!")
    if not names and wanted and Path(archive).is_file():
        yield _Candidate(archive, wanted)
    elif not names:
        yield Problem(printable(given), "no file matches" if glob.has_magic(given) else "no such file")


def _walked(folder: str) -> Iterator[_Candidate | Problem]:
    """Yield the files of a folder and its folders; links to folders are not followed."""
    counts: Counter[str] = Counter()
    failed: list[OSError] = []
    for here, folders, names in os.walk(folder, onerror=failed.append):
        if {*folders, *names} >= DATASET:
            counts["dataset"] += 1
            folders.clear()
            continue
        counts["hidden"] += sum(map(hidden, folders))
        folders[:] = sorted(name for name in folders if not hidden(name))
        counts["linked folder"] += sum(Path(here, name).is_symlink() for name in folders)
        for name in sorted(names):
            if why := left_out(name):
                counts[why] += 1
            else:
                yield _Candidate(os.path.join(here, name))  # noqa: PTH118 - Path would rewrite the name
    yield from (Problem(printable(str(error.filename or folder)), reason(error)) for error in failed)
    yield from told(printable(folder), counts)


def turn(source: Source) -> tuple[str, tuple[tuple[int, ...], ...], str]:
    """Return what sorts sources: series by series, in each the oldest first; standard input before all."""
    if source.path is None:
        return "", (), source.name
    name = rotation(source.path.parent.resolve() / source.path.name, source.member)
    return name.series, name.order, source.name


def series(source: Source) -> str:
    """Return what is the same for all files of one rotated log."""
    return turn(source)[0]

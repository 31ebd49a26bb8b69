"""How much memory the system grants this process, and whether it is enough: checked first, since running out aborts it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from smtplogs.errors import TooLittleMemory

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

MB = 1_000_000
LARGE = 64 << 20
"""Bytes of log from which chunks fill all of their room."""

NEEDS = {
    "RLIMIT_DATA": (400 * MB, 1300 * MB, "ulimit -d"),
    "RLIMIT_AS": (1300 * MB, 2800 * MB, "ulimit -v"),
    "cgroup": (350 * MB, 750 * MB, "memory.max of its cgroup"),
}
"""Limit -> bytes for small logs, bytes for large ones, who sets it. Measured with logs of 5 MB to 1 GB on two cores: peak RSS
stays under 700 MB; the other two count what is only reserved as well (stacks, arenas), 5 to 10 % below these it aborts."""

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")


class Granted(NamedTuple):
    """A limit: which, and how many bytes."""

    limit: str
    bytes: int


def granted() -> list[Granted]:
    """Return the limits that hold for this process; none where there is no limit."""
    found = []
    if resource is not None:
        for name in ("RLIMIT_DATA", "RLIMIT_AS"):
            soft = resource.getrlimit(getattr(resource, name))[0]
            if soft != resource.RLIM_INFINITY:
                found.append(Granted(name, soft))
    sizes = [n for path in _of_cgroups() if (n := _number(path)) is not None]
    return found + ([Granted("cgroup", min(sizes))] if sizes else [])


def _of_cgroups() -> list[Path]:
    """Return the files that hold the limits of our cgroup and of those above it, of version 2 and 1."""
    try:
        lines = OWN.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, kinds, place = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        root, name = (CGROUPS / "memory", "memory.limit_in_bytes") if kinds else (CGROUPS, "memory.max")
        here = root / place.lstrip("/")
        found += [folder / name for folder in (here, *here.parents) if folder.is_relative_to(root)]
    return found


def _number(path: Path) -> int | None:
    """Return the limit in a file; none if it says `max`, or the number that version 1 has for it."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() and int(text) < 1 << 60 else None


def available() -> int | None:
    """Return the bytes that this process may still take: what is free (all there is, where nobody tells), within its limits."""
    return min((*_free(), *(grant.bytes for grant in granted())), default=None)


def _free() -> list[int]:
    """Return what the kernel of Linux calls available; elsewhere all memory there is, if that is told."""
    with suppress(OSError, ValueError, StopIteration):
        line = next(line for line in MEMINFO.read_text().splitlines() if line.startswith("MemAvailable:"))
        return [int(line.split()[1]) * 1024]
    with suppress(AttributeError, OSError, ValueError):
        return [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    return []


def enough(size: int) -> None:
    """Complain if the system grants too little memory to read logs of so many (expanded) bytes into a dataset.

    Raises
    ------
    TooLittleMemory
        The text names the limit, what it is, and what is needed.
    """
    for limit, bytes_ in granted():
        small, large, setter = NEEDS[limit]
        need = large if size > LARGE else small
        if bytes_ < need:
            raise TooLittleMemory(
                f"the system grants {bytes_ // MB:,} MB of memory ({limit}, {setter}), and logs of {size / MB:,.0f} MB need "
                f"{need // MB:,} MB: raise the limit, or parse them somewhere else"
            )

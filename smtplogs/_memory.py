"""How much memory this process may still take: what is free, and what the limits of the system leave."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import resource
except ImportError:  # not on Windows
    resource = None

MEMINFO, OWN_GROUP, GROUPS = Path("/proc/meminfo"), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def available() -> int | None:
    """Return bytes that are free and allowed; None where the system tells nothing.

    The least of: what the kernel calls available (Linux), else all memory there is; what the control groups of the
    process leave (`memory.max` less `memory.current`, containers and systemd); and the limits of `ulimit -v` and `-d`.
    """
    return min((*_free(), *_left_by_groups(), *_limits()), default=None)


def _free() -> Iterator[int]:
    with suppress(OSError, ValueError, StopIteration):
        line = next(line for line in MEMINFO.read_text().splitlines() if line.startswith("MemAvailable:"))
        yield int(line.split()[1]) * 1024
        return
    with suppress(AttributeError, OSError, ValueError):
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _left_by_groups() -> Iterator[int]:
    """What each control group (version 2) around the process leaves: a group is bound by those above it as well."""
    with suppress(OSError):
        name = next((line[3:] for line in OWN_GROUP.read_text().splitlines() if line.startswith("0::")), "/")
        own = Path(GROUPS, name.lstrip("/"))
        for group in (own, *own.parents):
            with suppress(OSError, ValueError):  # "max" is no number: no limit
                yield int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
            if group == GROUPS:
                return


def _limits() -> Iterator[int]:
    if resource is not None:
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            limit = resource.getrlimit(kind)[0]
            if limit != resource.RLIM_INFINITY:
                yield limit

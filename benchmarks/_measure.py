"""Run a program once and measure it: wall, cpu, peak memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Usage:
    """What one run took. `anon_mb` leaves out pages of mapped files; null where /proc does not tell."""

    wall_s: float
    cpu_s: float
    rss_mb: float
    anon_mb: float | None
    exit_code: int


def python(code: str, *args: str) -> list[str]:
    """Build the command for a fresh Python with this checkout first on its path.

    Parameters
    ----------
    code
        For `-c`.
    *args
        Its `sys.argv[1:]`.

    Returns
    -------
    list of str
        The command.
    """
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}", *args]


def watch_anon(pid: int, peak: list[float], done: threading.Event) -> None:
    """Look at RssAnon fifty times a second; the peak goes to `peak[0]`, MB."""
    status = Path(f"/proc/{pid}/status")
    while not done.wait(0.02):
        try:
            text = status.read_text(encoding="ascii", errors="replace")
        except OSError:
            return
        _, found, rest = text.partition("RssAnon:")
        if found:
            peak[0] = max(peak[0], int(rest.split(None, 1)[0]) * 1024 / 1e6)


def run(command: list[str], output: Path | None = None) -> Usage:
    """Run a command to its end.

    Parameters
    ----------
    command
        Program and arguments.
    output
        File for its standard output; none: thrown away.

    Returns
    -------
    Usage
        Its own usage and that of the children it waited for.
    """
    peak, done = [0.0], threading.Event()
    with (output or Path(os.devnull)).open("wb") as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        watcher = threading.Thread(target=watch_anon, args=(process.pid, peak, done))
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
    done.set()
    watcher.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return Usage(wall, cpu, used.ru_maxrss * 1024 / 1e6, peak[0] or None, process.returncode)


def middle(usages: list[Usage]) -> Usage:
    """Take the median of each figure; the exit code is the worst."""
    anon = [usage.anon_mb for usage in usages if usage.anon_mb is not None]
    return Usage(
        median(usage.wall_s for usage in usages),
        median(usage.cpu_s for usage in usages),
        median(usage.rss_mb for usage in usages),
        median(anon) if anon else None,
        max((usage.exit_code for usage in usages), key=abs),
    )


def table(header: list[str], rows: list[list[str]], *, markdown: bool) -> str:
    """Lay out a table.

    Parameters
    ----------
    header, rows
        Texts.
    markdown
        Rows for a Markdown file instead of aligned columns.

    Returns
    -------
    str
        The table.
    """
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]
        return "\n".join(lines)
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    )

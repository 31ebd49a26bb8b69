"""Words for findings: times, stretches of time, counts and lists, as they stand in titles and reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from smtplogs._visible import visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LONGEST_NAME = 80


def name(text: str | None) -> str:
    """Return a name out of the log, made safe to look at."""
    return visible(text, limit=LONGEST_NAME) or "(no name)"


def client_name(user: str | None, client_ip: str | None) -> str | None:
    """Return the subject of a finding about a client: ``ann@example.com at 192.0.2.5``, or what is known of it."""
    return f"{user} at {client_ip}" if user and client_ip else client_ip or user


def moment(time: datetime, *, seconds: bool = False) -> str:
    """Return ``2026-02-03 09:14 UTC``."""
    return f"{time:%Y-%m-%d} {_clock(time, seconds)} UTC"


def stretch(start: datetime, end: datetime) -> str:
    """Return ``from 2026-02-03 09:14 to 09:29 UTC``; seconds where minutes would hide the length."""
    seconds = end - start < timedelta(minutes=5)
    if start.replace(microsecond=0) == end.replace(microsecond=0):
        return f"at {moment(start, seconds=True)}"
    until = _clock(end, seconds) if start.date() == end.date() else f"{end:%Y-%m-%d} {_clock(end, seconds)}"
    return f"from {start:%Y-%m-%d} {_clock(start, seconds)} to {until} UTC"


def length(span: timedelta) -> str:
    """Return a length of time in the unit that fits: ``40 s``, ``15 min``, ``2.5 h``, ``3 d``."""
    s = span.total_seconds()
    for unit, size, upto in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if s < upto:
            return f"{s / size:.3g} {unit}"
    return f"{s / 86_400:.3g} d"


def counted(n: int, one: str, many: str | None = None) -> str:
    """Return ``1 failure``, ``1,204 failures``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def times(n: int) -> str:
    """Return ``once``, ``twice``, ``12 times``."""
    return {1: "once", 2: "twice"}.get(n, f"{n:,} times")


def part(n: int, total: int) -> str:
    """Return ``all from``, ``9 of them from``."""
    return "all from" if n == total else f"{n:,} of them from"


def listed(names: Sequence[str | None], total: int | None = None, most: int = 3) -> str:
    """Return ``a, b, c and 4 more``; `total` counts also those that are not in the list."""
    shown = [name(n) for n in names[:most]]
    left = (len(names) if total is None else total) - len(shown)
    if left > 0:
        return f"{', '.join(shown)} and {left:,} more"
    return " and ".join((", ".join(shown[:-1]), shown[-1])) if len(shown) > 1 else "".join(shown)


def _clock(time: datetime, seconds: bool) -> str:
    return f"{time:%H:%M:%S}" if seconds else f"{time:%H:%M}"

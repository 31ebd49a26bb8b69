"""Statistics lines of Postfix's anvil, from the connections that really happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import _lines as lines

if TYPE_CHECKING:
    from _server import Log, Processes

    Connection = tuple[float, float, str, str]  # start, end, service, address


def write(log: Log, host: str, processes: Processes, connections: list[Connection]) -> None:
    """Write the statistics: every 600 s, and when anvil ends after 200 quiet seconds.

    Parameters
    ----------
    log
        Where lines go.
    host
        Name of the server in the log.
    processes
        Gives anvil its pids.
    connections
        All connections to smtpd.
    """
    rows = sorted(connections)
    start = 0
    for k, row in enumerate(rows):
        following = rows[k + 1][0] if k + 1 < len(rows) else float("inf")
        if following - row[1] > 200 or following - rows[start][0] > 600:
            write_period(log, host, processes, rows[start : k + 1], min(row[1] + 200, following - 0.1))
            start = k + 1


def write_period(log: Log, host: str, processes: Processes, rows: list[Connection], at: float) -> None:
    """Write the three lines about one period."""
    rate, count = (0, rows[0]), (0, rows[0])
    for k, row in enumerate(rows):
        same = [other for other in rows[: k + 1] if other[2:] == row[2:]]
        rate = max(rate, (sum(row[0] - other[0] < 60 for other in same), row), key=lambda pair: pair[0])
        count = max(count, (sum(other[1] > row[0] for other in same), row), key=lambda pair: pair[0])
    pid = processes.take("anvil", at)
    processes.give("anvil", pid, at)
    head = f"{host} postfix/anvil[{pid}]: "
    n, (when, _, service, ip) = rate
    log.emit(at, head + lines.anvil_rate("connection", n, service, ip, log.stamp(when, "rfc3164")))
    n, (when, _, service, ip) = count
    log.emit(at, head + lines.anvil_count(max(1, n), service, ip, log.stamp(when, "rfc3164")))
    size = len({row[2:] for row in rows})
    log.emit(at, head + lines.anvil_cache(size, log.stamp(rows[-1][0], "rfc3164")))

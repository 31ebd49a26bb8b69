"""Write a Postfix + Dovecot or an Exim mail log of any size, and the truth about it beside it."""

from __future__ import annotations

import argparse
import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from _exim import EximTraffic
from _traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

TICKS = 4
"""Slots per second in which the lines of different sessions mix."""
RING = 4096
START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SESSIONS_PER_S = 8.0


class Clock:
    """A ring of future slots: sessions write ahead, the file gets the slots in order of time."""

    def __init__(self, kind: str, out: TextIO) -> None:
        self.kind = kind
        self.out = out
        self.slots: list[list[str]] = [[] for _ in range(RING)]
        self.calls: list[list[Callable[[], None]]] = [[] for _ in range(RING)]
        self.tick = 0
        self.n_lines = 0
        self.n_chars = 0

    def emit(self, at: float, text: str) -> None:
        """Put a line into the slot of its time."""
        self.slots[int(at * TICKS) % RING].append(text)

    def later(self, at: float, call: Callable[[], None]) -> None:
        """Call a function when the clock is there."""
        self.calls[int(at * TICKS) % RING].append(call)

    @staticmethod
    def stamp(seconds: float) -> str:
        """`Mar  2 06:00:00`, as syslog and anvil write it."""
        moment = START + timedelta(seconds=int(seconds))
        return f"{moment:%b} {moment.day:2d} {moment:%H:%M:%S}"

    @staticmethod
    def exim_stamp(seconds: float) -> str:
        """`2026-03-02 07:00:00 +0100`, as Exim writes it with log_timezone."""
        return f"{START + timedelta(seconds=int(seconds), hours=1):%Y-%m-%d %H:%M:%S} +0100"

    def step(self) -> None:
        """Write the slot of this tick and go on."""
        slot = self.tick % RING
        texts = self.slots[slot]
        if texts:
            seconds, part = divmod(self.tick, TICKS)
            if self.kind in ("rfc3164", "exim"):
                head = (self.stamp if self.kind == "rfc3164" else self.exim_stamp)(seconds) + " "
                data = head + ("\n" + head).join(texts) + "\n"
            else:
                moment = f"{START + timedelta(seconds=seconds, hours=1):%Y-%m-%dT%H:%M:%S}."
                first, room = part * 1_000_000 // TICKS, 1_000_000 // TICKS // len(texts)
                data = "".join([f"{moment}{first + k * room:06d}+01:00 {text}\n" for k, text in enumerate(texts)])
            self.out.write(data)
            self.n_chars += len(data)
            self.n_lines += len(texts)
            texts.clear()
        calls = self.calls[slot]
        for call in calls:
            call()
        calls.clear()
        self.tick += 1


def plan(traffic: Traffic, auth_share: float) -> tuple[list, list]:
    """Choose what fills the log up (no AUTH event line) and what brings AUTH event lines.

    Parameters
    ----------
    traffic
        The site.
    auth_share
        Wanted share of AUTH event lines, 0-1.

    Returns
    -------
    tuple of list
        Methods to draw from, each as often as it is likely.
    """
    t = traffic
    plain = [t.inbound] * 40 + [t.imap] * 32 + [t.postscreen] * 10 + [t.relay_denied] * 4 + [t.scanner] * 6
    plain += [t.limited] * 2 + [t.silent] * 2 + [t.tls_trouble] + [t.anvil] * 3
    if auth_share <= 0.15:
        return plain, [t.submit] * 45 + [t.failure] * 50 + [t.burst] * 2
    if auth_share <= 0.4:
        return plain, [t.submit] * 55 + [t.failure] * 30 + [t.burst] * 15
    return plain, [t.submit] * 3 + [t.failure] * 5 + [t.burst] * 92


def plan_exim(traffic: EximTraffic, auth_share: float) -> tuple[list, list]:
    """Choose the same for an Exim server."""
    t = traffic
    plain = [t.inbound] * 60 + [t.unknown_recipient] * 14 + [t.relay_denied] * 4 + [t.scanner] * 3 + [t.limited] * 2
    if auth_share <= 0.15:
        return plain, [t.submit] * 45 + [t.failure] * 50 + [t.burst] * 2
    return plain, [t.submit] * 5 + [t.failure] * 20 + [t.burst] * 75


def generate(kind: str, megabytes: float, auth_percent: float, out: Path, seed: int) -> dict:
    """Write the log and its truth.

    Parameters
    ----------
    kind
        `rfc3164` or `iso` (Postfix and Dovecot over syslog), `exim` (its own main log).
    megabytes
        Size of the log, 1e6 bytes each.
    auth_percent
        Share of lines that are AUTH event lines (SASL failure, `client=` with a login), in percent.
    out
        Log file; the truth goes to `OUT.truth.json`.
    seed
        Same seed, same bytes. Even seeds leave `sasl_username=` off half of the failures, as older Postfix does.

    Returns
    -------
    dict
        The truth.
    """
    rng = random.Random(seed)
    share = auth_percent / 100
    with out.open("w", encoding="ascii", newline="\n", buffering=1 << 20) as file:
        clock = Clock(kind, file)
        if kind == "exim":
            traffic = EximTraffic(rng, clock.emit, epoch=int(START.timestamp()))
            plain, dense = plan_exim(traffic, share)
        else:
            traffic = Traffic(rng, clock.emit, clock.later, clock.stamp, 1.0 if seed % 2 else 0.5)
            plain, dense = plan(traffic, share)
        truth, draw = traffic.truth, rng.random
        per_tick = SESSIONS_PER_S / TICKS
        size = megabytes * 1e6
        while clock.n_chars < size:
            at = clock.tick / TICKS
            n = int(per_tick + draw())
            for _ in range(n):
                behind = truth["auth event lines"] < share * clock.n_lines
                kinds = dense if behind and share else plain
                kinds[int(draw() * len(kinds))](at)
            clock.step()
        for _ in range(RING):
            clock.step()
    return write_truth(out, kind, seed, auth_percent, clock, truth)


def write_truth(out: Path, kind: str, seed: int, auth_percent: float, clock: Clock, truth: dict) -> dict:
    """Put the counters in order and write them beside the log."""
    result = {
        "generator": "benchmarks/generate.py",
        "kind": kind,
        "seed": seed,
        "auth_percent_asked": auth_percent,
        "bytes": out.stat().st_size,
        "lines": clock.n_lines,
        "first_second_utc": START.isoformat(),
        "auth_event_lines": truth["auth event lines"],
        "auth_event_percent": round(100 * truth["auth event lines"] / clock.n_lines, 2),
        "auth": {
            "success": truth["auth success"],
            "failure": truth["auth failure"],
            "connection_lost": truth["auth connection lost"],
            "aborted": truth["auth aborted"],
            "refused_mechanism": truth["auth refused mechanism"],
            "refused_silent": truth["auth refused silent"],
            "throttled": truth["auth throttled"],
        },
        "mail_success": truth["mail success"],
        "relay_denied": truth["relay denied"],
        "connection_limit": truth["connection limit"],
        "tls_failed": truth["tls failed"],
        "dovecot_auth_lines": truth["dovecot auth lines"],
        "dovecot_unknown_user": truth["dovecot unknown user"],
        "imap": {"success": truth["imap success"], "failure": truth["imap failure"]},
        "sessions": truth["sessions"],
        "sessions_by_program": {k[9:]: truth[k] for k in sorted(truth) if k.startswith("sessions ")},
    }
    out.with_name(out.name + ".truth.json").write_text(json.dumps(result, indent=1) + "\n", encoding="ascii")
    return result


def main() -> None:
    """Read the command line, write the files, say how fast it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("rfc3164", "iso", "exim"))
    parser.add_argument("megabytes", type=float)
    parser.add_argument("auth_percent", type=float, help="share of AUTH event lines, 0-60")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    started = time.perf_counter()
    truth = generate(args.kind, args.megabytes, args.auth_percent, args.out, args.seed)
    seconds = time.perf_counter() - started
    print(
        f"{args.out}: {truth['bytes'] / 1e6:.1f} MB, {truth['lines']:,} lines, {truth['auth_event_percent']} % AUTH, ",
        end="",
    )
    print(f"{truth['sessions']:,} sessions; {truth['bytes'] / 1e6 / seconds:.0f} MB/s")


if __name__ == "__main__":
    main()

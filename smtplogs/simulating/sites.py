"""`simulate`: a site is planned, its server plays the plan, and logs and truth are written."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from smtplogs._durable import whole
from smtplogs._parameters import several
from smtplogs.errors import UnknownName
from smtplogs.schema import TIME
from smtplogs.simulating.devices import scanners
from smtplogs.simulating.scenarios import SCENARIOS
from smtplogs.simulating.server import play
from smtplogs.simulating.stories import FaultySite, Truth
from smtplogs.simulating.writing import exim, postfix

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike

    from smtplogs.simulating.server import Session

FILES = ("postfix/mail.log", "exim/mainlog", "exim/rejectlog", "truth.csv")

SCHEMA = {
    "scenario": pl.String, "kind": pl.String, "subject": pl.String, "start": TIME, "end": TIME,
    "leads": pl.Boolean, "observable": pl.Boolean, "n_refused": pl.UInt32,
}  # fmt: skip


def simulate(
    out: str | PathLike[str], *, scenarios: Sequence[str] = ("lockout",), seed: int = 1, days: int = 7, users: int = 60
) -> pl.DataFrame:
    """Write logs of a made-up mail site in which something goes wrong, and the truth about it beside them.

    People log in at work and from their phones and mistype now and then, bots and scanners pass by. The server has
    secrets, locks, limits and faults that its log does not show; it writes what Postfix with Dovecot would write, and,
    as another server that saw the same, Exim. Addresses and domains are those reserved for documentation.

    Parameters
    ----------
    out
        Folder; made if needed. Gets ``postfix/mail.log``, ``exim/mainlog``, ``exim/rejectlog`` and ``truth.csv``.
        The two servers tell the same attempts: read one of them.
    scenarios
        What goes wrong, in one log: ``quiet, forgotten, lockout, outage, outage-535, partial-fault, policy-change,
        network-loss, log-hole, throttling, ban, brute-force, spray, botnet, stuffing, takeover``; a client with one
        wrong setting: ``port-25, no-tls, tls-mode, old-tls, certificate, mechanism, local-part, line-break, base64,
        relay-credentials, no-login, retry-storm, login-per-message``; a rule that asks for tokens: ``passwords-off``; our
        own login at a smarthost: ``relay, relay-repaired``.
    seed
        The same seed gives the same bytes.
    days
        Length of the log, from Monday 2 February 2026 on; 5 to 60 [days].
    users
        People with an account; 40 to 250 [accounts].

    Returns
    -------
    DataFrame
        What is in ``truth.csv``, a row a thing that really happened: ``scenario``, ``kind`` (in the words of findings),
        ``subject`` (account, address, or both), ``start``, ``end`` (UTC), ``leads`` (false: a consequence of another
        row that shows), ``observable`` (false: no log can show it, such as a lock that nobody else met, a ban of an
        address that did not come back soon, guesses of which bans let few through) and ``n_refused`` [attempts], where
        that is counted.

    Raises
    ------
    UnknownName
        If there is no such scenario.
    ValueError
        If a number is out of bounds.
    FileExistsError
        If the folder holds such files already; nothing is overwritten.

    Notes
    -----
    People have fixed addresses and get in at last: on strangers the detectors look better here than they are.
    """
    for parameter, value, least, most in (("days", days, 5, 60), ("users", users, 40, 250)):
        if not least <= value <= most:
            raise ValueError(f"{parameter}={value!r} must be from {least} to {most}")
    scenarios = several("scenarios", scenarios)
    unknown = [name for name in scenarios if name not in SCENARIOS]
    if unknown:
        raise UnknownName(f"no scenario named {unknown[0]!r}; there are {', '.join(SCENARIOS)}")
    folder = Path(out)
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise FileExistsError(f"{folder / there[0]} exists; name a new folder")

    place = FaultySite(seed=seed, n_users=users, n_days=days)
    place.people()
    place.typists(max(users // 15, 1))
    place.bots(10)
    whose: list[str] = []
    for name in dict.fromkeys(scenarios):
        SCENARIOS[name](place)
        whose += [name] * (len(place.truth) - len(whose))
    scanners(place, 12)
    sessions = list(play(place))
    truth = _table(place, whose, scenarios, sessions)

    main, reject = exim(sessions, place.mails)
    for name, lines in zip(FILES, (postfix(sessions, place.mails, dovecot=True), main, reject), strict=False):
        _write(folder / name, lines)
    with whole(folder / FILES[-1]) as file:
        truth.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")
    return truth


BACK_SOON = 0.05
"""A ban shows by a silence of about its length: its address came back within this share of it."""

GUESSES, SURELY = 50, 75
"""Guesses of one address that bans let through: 50 a day are guessing (``attacks``), and the bans follow from it; fewer show
by the bans alone. Below 75 the bans may give them the rhythm of a device, which no log can tell from one that is banned."""


def _table(place: FaultySite, whose: list[str], scenarios: Sequence[str], sessions: Sequence[Session]) -> pl.DataFrame:
    """Return what happened: what was planned, and what the server did to whom.

    A lock shows if somebody else with the right secret met it, a ban if the address came back soon after, guessing
    that is banned if enough of it got through.
    """
    seen: dict[str, list[float]] = defaultdict(list)
    for session in sessions if place.bans else ():
        seen[session.ip].append(session.at)
    banned = {ip for ip, _, _ in place.bans}
    held: dict[str | None, int] = {
        t.subject: len(seen[t.subject]) for t in place.truth if t.kind == "brute_force" and t.subject in banned
    }
    told = [truth.subject or "" for truth in place.truth if truth.leads and held.get(truth.subject, GUESSES) >= GUESSES]
    planned = set(" ".join(told).split())
    locks = [
        (Truth("lockout", k.start, k.end, k.user, k.trigger not in planned), k.met_by_others(), len(k.refused))
        for k in place.locks
    ]  # fmt: skip
    bans = [
        (
            Truth("ip_ban", start, end, ip, ip not in planned),
            any(end <= t <= end + BACK_SOON * (end - start) for t in seen[ip]),
            None,
        )
        for ip, start, end in place.bans
    ]
    limits = [
        (Truth("throttling", min(t), max(t), ip, ip not in planned), True, len(t))
        for ip, t in sorted(place.refusals.items())
    ]  # fmt: skip
    rows = [
        *((name, t, held.get(t.subject, SURELY) >= SURELY, None) for name, t in zip(whose, place.truth, strict=True)),
        *(("lockout", *row) for row in locks),
        *(("ban", *row) for row in bans),
        *(("throttling", *row) for row in limits),
    ]
    table = [(s, t.kind, t.subject, *t.span, t.leads, seen, n) for s, t, seen, n in rows if s in scenarios]
    return pl.DataFrame(table, schema=SCHEMA, orient="row").sort("start", "kind", "subject")


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())

"""Clients that are set up wrongly, and a smarthost that no longer takes our password: who they are, and since when."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from smtplogs.simulating.people import DAY, HOUR, MINUTE, Mail
from smtplogs.simulating.stories import Truth

if TYPE_CHECKING:
    from smtplogs.simulating.stories import FaultySite

NAMES = {"local_part_only": "{local}", "blank_or_break": "{user}", "wrong_kind": "apikey"}
"""Mistakes that stand in the name: the server only sees an account that does not exist."""

SCANNED = ("port_25", "no_tls", "tls_mode", "old_tls", "mechanism", "bad_base64", "no_login")
ENDS = (" ", "\n")
RELAY = "smtp.example.net"
FIRST_PAUSE, LONGEST_PAUSE = 300.0, 4000.0
"""Postfix's ``minimal_backoff_time`` and ``maximal_backoff_time`` [s]."""


def device(place: FaultySite) -> str:
    """Return the address of a device in the office: nobody else is there, but neighbours log in."""
    return f"192.0.2.{place.random.randint(100, 240)}"


def mistaken(place: FaultySite, kind: str) -> None:
    """Let a device with one wrong setting try again and again from a day on; nobody repairs it."""
    r = place.random
    user = r.choice(place.users)
    ip = r.choice((device(place), place.home[user]))
    at = start = place.at(day=max(place.days - 3, 1))
    every = r.choice((15, 20, 30, 60)) * MINUTE
    name = NAMES.get(kind, "{user}").format(user=user, local=user.split("@")[0])
    name += r.choice(ENDS) if kind == "blank_or_break" else ""
    last = at
    while at < place.days * DAY:
        if kind in NAMES:
            place.attempt(at, name, ip, "first", who="device")
        else:
            place.attempt(at, user, ip, "right", who="device", mistake=kind)
        last = at
        at += every * r.uniform(0.9, 1.1)
    place.truth.append(Truth(kind, start, last, f"{name.strip()} at {ip}" if kind in NAMES else ip))


def scanners(place: FaultySite, n: int) -> None:
    """Let n strangers look at the ports as scanners do: with the same signs as clients that are set up wrongly."""
    r = random.Random(f"{place.seed} scanners")  # noqa: S311 - the same for the same seed, and nobody else's luck changes
    for _ in range(n):
        ip, at, kind = place.stranger(), r.uniform(0, place.days) * DAY, r.choice(SCANNED)
        for _ in range(r.choice((1, 1, 2, 5, 30))):
            place.attempt(at, place.users[0], ip, "right", who="scanner", mistake=kind)
            at += r.choice((r.uniform(1, 20), r.uniform(600, 40_000)))


def storming(place: FaultySite) -> None:
    """Let a device that was just set up repeat a wrong password twice a minute, until somebody pulls the plug."""
    r = place.random
    user, ip = r.choice(place.users), device(place)
    at = start = place.at(9, 14)
    while at < start + r.uniform(1, 2) * HOUR or at < start + HOUR:
        place.attempt(at, user, ip, "mistyped", who="device")
        at += r.uniform(15, 45)
    place.truth.append(Truth("retry_storm", start, at, f"{user} at {ip}"))


def logging_in_for_each(place: FaultySite, *, mails: int = 150) -> None:
    """Let a shop send its mails with a login for each, faster than a limit allows; it tries again later."""
    r = place.random
    user, ip = r.choice(place.users), device(place)
    place.limit = (30, 60.0)
    for day in range(place.days):
        for _ in range(3):
            place.attempt(day * DAY + r.uniform(6, 20) * HOUR, user, ip, "right", who="application")
    at = start = place.at(9, 14)
    for _ in range(mails):
        place.attempt(at, user, ip, "right", who="application", retries=4, wait=r.uniform(50, 90))
        at += r.uniform(0.8, 1.6)
    place.truth.append(Truth("login_per_message", start, at, f"{user} at {ip}"))


def passwords_off(place: FaultySite) -> None:
    """Switch passwords off for good, where a third of the people log in with tokens already."""
    place.tokens = set(place.users[::3])
    start, end = place.at(day=max(place.days - 3, 1)), place.days * DAY
    place.broken.append((start, end, "PLAIN LOGIN", 1.0))
    place.truth.append(Truth("password_not_allowed", start, end, "example.com"))


def relaying(place: FaultySite, *, repaired: bool) -> None:
    """Let the smarthost's password run out: mail waits, and goes out after a repair, if there is one."""
    r = place.random
    broken = place.at(day=max(place.days - 4, 1))
    until = broken + r.uniform(20, 44) * HOUR if repaired else place.days * DAY
    refused: list[float] = []
    for number in range(place.days * 40):
        at, pause, tries = r.uniform(0, place.days) * DAY, FIRST_PAUSE, []
        while at < place.days * DAY:
            taken = not broken <= at < until
            tries.append((round(at, 3), taken))
            if taken:
                break
            refused.append(at)
            at, pause = at + pause, min(2 * pause, LONGEST_PAUSE)
        place.mails.append(Mail(number, RELAY, tries))
    place.truth.append(Truth("relay_refusal", min(refused), max(refused), RELAY))

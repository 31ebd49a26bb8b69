"""What can go wrong on a made-up site: each scenario plans its part of the story and writes down the truth."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from smtplogs.simulating.devices import logging_in_for_each, mistaken, passwords_off, relaying, storming
from smtplogs.simulating.people import Policy
from smtplogs.simulating.stories import FaultySite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MISTAKES = {
    "port-25": "port_25", "no-tls": "no_tls", "tls-mode": "tls_mode", "old-tls": "old_tls",
    "certificate": "cert_not_trusted", "mechanism": "mechanism", "local-part": "local_part_only",
    "line-break": "blank_or_break", "base64": "bad_base64", "relay-credentials": "wrong_kind",
    "no-login": "no_login",
}  # fmt: skip
"""Scenario -> what is wrong in the settings of one client, in the words of findings."""


def _led(place: FaultySite, kind: str, subject: str | None = None) -> None:
    """Write down what the last thing that was planned is a consequence of, in the words of findings."""
    last = place.truth[-1]
    place.truth[-1:] = [replace(last, kind=kind, subject=subject or last.subject), replace(last, leads=False)]


def _locking(place: FaultySite) -> None:
    place.policy = Policy(failures=10, window=900.0, lock=1800.0)
    place.application(every=60.0)


def _limiting(place: FaultySite) -> None:
    place.limit = (30, 60.0)
    user = place.forget(every=1.2, length=5400.0)
    _led(place, "stale_credential", f"{user} at {place.truth[-1].subject}")


def _spraying(place: FaultySite) -> None:
    place.spray_fast()
    _led(place, "spray")


def _swarming(place: FaultySite) -> None:
    place.botnet()
    _led(place, "distributed")


def _banning(place: FaultySite) -> None:
    place.ban = (5, 600.0, 600.0)
    place.guess(6, tries=(300, 600))


SCENARIOS: Mapping[str, Callable[[FaultySite], object]] = {
    "quiet": lambda _: None,
    "forgotten": FaultySite.application,
    "lockout": _locking,
    "outage": lambda place: place.down("454"),
    "outage-535": lambda place: place.down("535"),
    "partial-fault": lambda place: place.down("454", length=2700.0, share=0.5),
    "policy-change": lambda place: place.down("LOGIN", length=3600.0),
    "network-loss": FaultySite.unplug,
    "log-hole": FaultySite.stop_logging,
    "throttling": _limiting,
    "ban": _banning,
    "brute-force": FaultySite.guess,
    "spray": _spraying,
    "botnet": _swarming,
    "stuffing": lambda place: place.stuff(min(60, len(place.users) + 15), others=15),
    "takeover": FaultySite.takeover,
    **{name: partial(mistaken, kind=kind) for name, kind in MISTAKES.items()},
    "passwords-off": passwords_off,
    "retry-storm": storming,
    "login-per-message": logging_in_for_each,
    "relay": partial(relaying, repaired=False),
    "relay-repaired": partial(relaying, repaired=True),
}
"""What can go wrong, beside people who mistype, and bots and scanners that pass by."""

"""Many sessions of few addresses at once, at random: who is who must be told from the lines alone."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING

from live.client import PASSWORD, WRONG, Talk, Truth, b64
from live.postfix import PORTS
from live.scenarios import GOOD, LOCKED, OTHER

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESSES, SESSIONS, SEED = 30, 140, 20261127

CAUSES = {GOOD[0]: "bad_credentials", OTHER[0]: "bad_credentials", LOCKED[0]: "bad_credentials"}


def busy(truth: Truth) -> list[Callable[[], object]]:
    """Return the sessions; an address is a scenario."""
    chance = random.Random(SEED)
    names = [truth.scenario(f"busy_{n:02}", what="sessions at random") and f"busy_{n:02}" for n in range(ADDRESSES)]
    drawn = [(chance.choice(names), chance.random()) for _ in range(SESSIONS)]
    return [lambda name=name, seed=seed: _session(truth, name, seed) for name, seed in drawn]


def _session(truth: Truth, scenario: str, seed: float) -> None:
    chance = random.Random(seed)
    port = chance.choice(("submission", "wrapper", "plain"))
    with contextlib.suppress(OSError):
        talk = Talk(truth, scenario, PORTS[port], wrapper=port == "wrapper")
        if port == "submission":
            talk.starttls()
        else:
            talk.ehlo()
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            if _tried(talk, chance).startswith("235"):
                break
        if talk.said[-1].startswith("235"):
            for _ in range(chance.choice((0, 1, 1, 2))):
                talk.send()
        talk.close(quit_=chance.random() < 0.8)


def _tried(talk: Talk, chance: random.Random) -> str:
    """One attempt, most often a good one."""
    user = chance.choice((GOOD[0], GOOD[0], OTHER[0], LOCKED[0], "nobody@example.com", "someone@example.com"))
    way = chance.random()
    if way < 0.06:
        said = talk.auth("AUTH LOGIN", b64(user), "*", user=user)
        if said.startswith("501"):
            talk.means("aborted", "aborted")
        return said
    if way < 0.1:
        said = talk.auth("AUTH PLAIN !!!", user=user)
        if said.startswith("535"):
            talk.means("malformed_response", "aborted")
        return said
    good = way < 0.6 and user in CAUSES
    said = chance.choice((talk.plain, talk.login, talk.cram))(user, PASSWORD if good else WRONG)
    if said.startswith("535"):
        talk.means(CAUSES.get(user, "unknown_user"))
    return said

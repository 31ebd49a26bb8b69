"""Simulated sites whose server fails, limits, bans and is attacked: read from the lines that Postfix would log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from smtplogs import reading
from smtplogs.simulating import stories
from smtplogs.simulating.people import DAY, HOUR, MINUTE
from smtplogs.simulating.server import play
from smtplogs.simulating.stories import Truth
from smtplogs.simulating.writing import postfix

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class FaultySite(stories.FaultySite):
    """A site whose people do not try again, so that what is counted is what was planned."""

    def log(self) -> list[str]:
        """Play it all, and return the lines of Postfix alone."""
        for attempt in self.queue:
            attempt.retries = 0
        return postfix(play(self))

    def read(self, folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Write the log, and return events and traffic as they are read from it."""
        path = folder / "mail.log"
        path.write_text("\n".join(self.log()) + "\n", encoding="utf-8")
        events, _, traffic = reading.read(path, full=True)
        return events, traffic

    def slow_botnet(self, n: int, names: list[str]) -> list[str]:
        """Let n strangers try names of a list, hours apart, all the time."""
        bots = [self.stranger() for _ in range(n)]
        for ip in bots:
            at = self.random.uniform(0, 1) * DAY
            mine = self.random.sample(names, max(3, int(len(names) * 0.7)))
            for user in mine * 9:
                self.attempt(at, user, ip, "guess")
                at += 6 * HOUR * self.random.uniform(0.3, 1.5)
        return bots

    def two_lists(self) -> None:
        """Let two botnets work slowly through lists that overlap a little."""
        for letter, n in (("a", 30), ("b", 20)):
            names = self.users[: 6 if letter == "a" else 4] + [f"{letter}{i}@example.com" for i in range(15)]
            bots = self.slow_botnet(n, names)
            self.truth.append(Truth("distributed", 0, self.days * DAY, ",".join(bots)))

    def newcomers(self, n: int) -> None:
        """Let n people get a new phone, or travel: a new address that sends as much as they always do."""
        for user in self.random.sample(self.users, n):
            ip, at = f"2001:db8:7e1:{self.random.randrange(9999):x}::9", self.at()
            for _ in range(self.random.randint(3, 12)):
                self.attempt(at, user, ip, "right", who="traveller")
                at += self.random.uniform(300, 5000)


def eventful_site(seed: int, *stories: str, users: int = 60, days: int = 6) -> FaultySite:
    """Return a site of people who mistype and guessers who pass by, in which these stories happen."""
    place = FaultySite(seed=seed, n_users=users, n_days=days)
    place.people()
    place.typists(max(users // 15, 1))
    place.bots(10)
    for story in stories:
        name, _, how = story.partition(":")
        if name == "down":
            place.down(how)
        elif name == "partial":
            place.down("535" if how == "535" else "454", share=0.35)
        elif name == "policy":
            place.down("LOGIN", length=60 * MINUTE)
        else:
            getattr(place, name)()
    return place


INCIDENTS = (
    "down:454", "down:535", "partial", "policy", "unplug", "stop_logging", "forget", "spray_fast", "botnet",
)  # fmt: skip
"""The stories that are incidents."""


def agreeing(truth: Truth, start: datetime, end: datetime, slack: timedelta = timedelta(minutes=5)) -> bool:
    """Tell whether a found interval overlaps the true one."""
    first, last = truth.span
    return start <= last + slack and end >= first - slack


__all__ = ["INCIDENTS", "FaultySite", "Truth", "agreeing", "eventful_site"]

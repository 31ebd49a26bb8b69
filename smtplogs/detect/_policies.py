"""Published lockout policies: after how many failures an account is locked, and for how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

WORST_FIT = 1.5
"""Sum of the two ratios (estimate : policy, as powers of two) above which a policy is no hint any more."""


@dataclass(frozen=True)
class Policy:
    """A policy that locks an account, whoever fails; windows and durations in seconds, None where not fixed."""

    name: str
    threshold: int
    window_s: int | None
    duration_s: int
    source: str


POLICIES = (
    Policy("Microsoft Entra smart lockout", 10, None, 60, "Microsoft Learn; the first lock, later ones are longer"),
    Policy("Active Directory (10/10/10 baseline)", 10, 600, 600, "Microsoft security baseline"),
    Policy("cPHulk account", 15, 300, 300, "cPanel documentation's example; defaults not verified"),
    Policy("pam_faillock", 3, 900, 600, "faillock.conf; defaults not verified"),
    Policy("Zimbra password lockout", 10, 3600, 3600, "Zimbra documentation; defaults not verified"),
    Policy("Mailu AUTH_RATELIMIT_USER", 50, 86_400, 86_400, "Mailu configuration documentation"),
)
"""Those of ``limiters.jsonl`` that key on the account and state both figures. Bans of addresses are no locks."""


def nearest_policy(threshold: int | None, at_least_s: float | None, at_most_s: float | None) -> str | None:
    """Return the published policy that lies nearest to what was seen, None if none fits. A hint, no proof.

    Parameters
    ----------
    threshold
        Failures after which an account was seen locked: the policy's cannot be higher.
    at_least_s, at_most_s
        Bounds of the length of a lock, in seconds.
    """
    if not threshold or not at_most_s:
        return None
    fits = [
        (math.log2(threshold / p.threshold) + math.log2(at_most_s / p.duration_s), p.name)
        for p in POLICIES
        if p.threshold <= threshold and (at_least_s or 0) <= p.duration_s <= at_most_s
    ]
    distance, name = min(fits, default=(math.inf, None))
    return name if distance <= WORST_FIT else None

"""What to look for in a file, chosen once from its first lines: the words, the envelope, the wrapper."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from smtplogs import joining, matching, unwrapping
from smtplogs._secret_forms import SPOKEN
from smtplogs.logformats._hot_envelopes import HOT_ENVELOPES
from smtplogs.sources import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, eq=False)
class Plan:
    """What to look for in one file: chosen once from its first lines, then used for every batch.

    Attributes
    ----------
    prefilter
        Alternation of the literals; a line without any of them is none of ours.
    coarse
        The few words that are looked for first; empty: every line is looked at.
    envelope
        Name of the hot envelope, or None: then every line takes the general way.
    wrapper
        What docker, Kubernetes or journald put around the lines, or None.
    traffic
        Whether lines that only the traffic table needs are kept.
    only
        The one format to read, or None for all.
    host
        Name for lines that do not say which host wrote them.
    keep_missed
        Whether lines that no pattern takes are kept, redacted.
    catalogue
        File with the caller's own rows of the reply catalogue, or None.
    """

    prefilter: str
    envelope: str | None
    wrapper: unwrapping.Wrapper | None
    traffic: bool = False
    only: str | None = None
    host: str | None = None
    keep_missed: bool = False
    catalogue: str | None = None
    coarse: str = ""


COARSE = (
    "SASL", "sasl_", "TLS", "SSL", "uth", "connect from ", "handshake", "reject", " said: ", "refused", "Refusing ",
    "statistics: max ", " after ", "imit ", "LIMIT ", "delivery temporarily ", "ogin", "repeated ", "haproxy",
    "non-SMTP", "offered ", "AUTH", " A=", "SMTP c", " overflowed ", "has exceeded the max", " Warning: ", "ender rate ",
    "many messages in", "many recipients: ", "SMTPA, ", "SMTPSA, ", "reply=", " smtp ", " mta ", "p-in: ", "user credentials",
    "Ban", "ban ", "LOGIN", "vchkpw-", "NUL char", "sSMTP", "]: < ", "]: > ", "tax error in", "espace username",
    "Failed: ", "] failed: ", "ertificate not ", "has been suspended", ": Connection timed", "Relaying denied",
)  # fmt: skip
"""Few short words, one of which stands in every line of ours: the engine looks for so few at once three times as fast
as for all literals, which then see only what is left. Proved by tests on every sample. Their order counts: a new word goes
to the end, and what a scan costs is looked at (`benchmarks/coarse.py`)."""


COARSE_TRAFFIC = (*COARSE, ": client=", "status=", " P=", " R=")
"""The same where traffic is counted."""


APPLICATIONS = (
    "AuthenticationError", "AuthenticationFailed", "AuthenticationException", "ailed to authenticate", "uthentication unsuccessful",
    "Could not authenticate", "UserLoginFailed", "535 5.7.8 Authentication", "530 5.7.0 Auth", "530 5.5.1 Auth",
)  # fmt: skip
"""What applications write of a refused login, in no form of ours: such lines are counted as not understood."""


CUT_OFF = ("]: SASL LOGIN", "]: SASL PLAIN", "]: SASL CRAM", "]: SASL XOAUTH2")
"""How Postfix's word on a login begins: a line that is cut off before it says more is not understood, but counted."""


@functools.cache
def literals(*, traffic: bool = False, only: str | None = None) -> tuple[str, ...]:
    """Every literal that may announce a line of ours, without those that another one implies."""
    found = {text for _, p in matching.wanted(traffic=traffic, only=only) if p.role != "dismiss" for text in p.literals}
    found |= {*SPOKEN, *APPLICATIONS, *CUT_OFF}
    return tuple(sorted(t for t in found if sum(map(t.__contains__, found)) == 1))  # itself alone


def plan(
    head: Sequence[str],
    *,
    traffic: bool = False,
    only: str | None = None,
    host: str | None = None,
    keep_missed: bool = False,
) -> Plan:
    """Choose wrapper, envelope and prefilter from the first lines of a file."""
    wrapper = unwrapping.detect(head)
    lines = pl.DataFrame({"line": head}, schema={"line": pl.String})
    envelope, exim = _looks(lines.select(_votes()).row(0))
    chosen = _made(envelope if wrapper is None else None, exim, traffic, only)
    return replace(chosen, wrapper=wrapper, host=host, keep_missed=keep_missed)


def plans(
    heads: pl.DataFrame, n_files: int, *, traffic: bool, only: str | None, host: str | None, keep_missed: bool
) -> list[Plan]:
    """Choose the plans of files that are in no wrapper by their first lines (FILE, counted from 0, and `line`)."""
    votes = {file: _looks(row) for file, *row in heads.group_by(FILE).agg(_votes()).iter_rows()}
    told = [votes.get(file, (None, False)) for file in range(n_files)]  # an empty file has no lines
    known = {look: replace(_made(*look, traffic, only), host=host, keep_missed=keep_missed) for look in set(told)}
    return [known[look] for look in told]


def _votes() -> list[pl.Expr]:
    """How many lines stand under each hot envelope; whether one names Exim."""
    text = pl.col("line").str
    votes = [text.contains(form.regex).sum().alias(name) for name, form in HOT_ENVELOPES.items()]
    return [*votes, text.contains("exim", literal=True).any().alias("names_exim")]


def _looks(votes: Sequence[Any]) -> tuple[str | None, bool]:
    """Return the envelope with most votes, and whether Exim is named."""
    *numbers, exim = votes
    most = max(numbers)
    return tuple(HOT_ENVELOPES)[numbers.index(most)] if most else None, bool(exim)


@functools.cache
def _made(envelope: str | None, exim: bool, traffic: bool, only: str | None) -> Plan:
    words = (COARSE_TRAFFIC if traffic else COARSE, (*literals(traffic=traffic, only=only), unwrapping.REPEAT_LITERAL))
    # pieces of cut lines cost as much to look for as all words, and only Exim writes them
    pieces = [joining.ANNOUNCED] if exim else []
    coarse, prefilter = ("|".join([*map(re.escape, some), *pieces]) for some in words)
    return Plan(prefilter, envelope, None, traffic, only, coarse=coarse)

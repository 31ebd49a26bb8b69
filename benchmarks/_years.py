"""A mail server's event table of a year and a half, of any size: people, guessers, locks, an outage, limits, relays.

Written month by month with arrays, straight in the columns of the event table, so that 50 million events take minutes. The
same seed and size give the same table. Addresses are those of RFC 2544 and RFC 9637, names those of RFC 2606.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from smtplogs.schema import EVENTS, as_table

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2025, 1, 1, tzinfo=UTC)
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000

HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 9, 14, 16, 15, 13, 11, 14, 15, 13, 11, 8, 5, 4, 3, 2, 2, 1], float)
"""When people work; guessers and machines know no hours."""

SHARES = {"people": 0.165, "guesses": 0.213, "machines": 0.03, "scans": 0.03, "limits": 0.01, "refused": 0.01}
"""Sessions of each sort per event of the table; one of a person has three rows, one of a guesser two."""

EHLO = "ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8"
SESSION = ("session", "info", None)
FAILED, LOCKED = ("auth", "failure", "bad_credentials"), ("auth", "failure", "account_locked")
GOOD, MAIL = ("auth", "success", "success"), ("mail", "success", "success")


@dataclass(frozen=True)
class Site:
    """How many there are of everything, and a source of chance."""

    n_events: int
    n_days: int
    rng: np.random.Generator

    @property
    def n_users(self) -> int:
        """Accounts: one for 2,500 events."""
        return max(60, self.n_events // 2_500)

    @property
    def n_guessers(self) -> int:
        """Addresses that guess: three for each account."""
        return 3 * self.n_users


def months(n_events: int, n_days: int = 546, seed: int = 7) -> Iterator[pl.DataFrame]:
    """Yield about `n_events` events in order of time, 30 days and at most some millions of rows a piece."""
    site = Site(n_events, n_days, np.random.default_rng(seed))
    line = 0
    for first in range(0, n_days, 30):
        days = min(30, n_days - first)
        rows = pl.concat(_month(site, first, days), how="diagonal_relaxed")
        month = _finished(rows.sort("time", maintain_order=True), line)
        line += month.height
        yield month


def _month(site: Site, first: int, days: int) -> list[pl.DataFrame]:
    n = {sort: int(share * site.n_events * days / site.n_days) for sort, share in SHARES.items()}
    return [
        *_people(site, n["people"], first, days),
        *_guesses(site, n["guesses"], first, days),
        *_machines(site, first, days),
        *_locks(site, max(1, site.n_users // 400), first, days),
        *_scans(site, n["scans"], first, days),
        *_limits(site, n["limits"], first, days),
        *_misfits(site, n["refused"], first, days),
        *_relays(site, max(20, n["refused"] // 8), first, days),
    ]


def _rows(at: np.ndarray, what: tuple[str, str, str | None], **columns: Any) -> pl.DataFrame:
    """Return rows of one kind; arrays and texts become columns, `whose` and `where` numbers become names."""
    frame = pl.DataFrame({"time": at, **columns})
    words = dict(zip(("stage", "outcome", "cause"), what, strict=True))
    return frame.with_columns(pl.lit(v, pl.String).alias(k) for k, v in words.items())


def _name(number: pl.Expr | np.ndarray) -> pl.Series:
    n = pl.Series(np.asarray(number))
    return pl.select(pl.format("u{}@d{}.example.com", n, n % 40)).to_series()


def _address(number: np.ndarray, net: int) -> pl.Series:
    n = pl.Series(number.astype(np.int64))
    v4 = pl.format("198.{}.{}.{}", net, n // 250 % 256, n % 250 + 1)
    v6 = pl.format("3fff:{}:{}::{}", pl.lit(net), n // 250 % 9_000, n % 250 + 1)
    return pl.select(pl.when(n % 9 == 8).then(v6).otherwise(v4)).to_series()


def _at_work(site: Site, n: int, first: int, days: int) -> np.ndarray:
    weight = np.array([0.2 if (first + d + 2) % 7 > 4 else 1.0 for d in range(days)])
    day = site.rng.choice(days, n, p=weight / weight.sum())
    hour = site.rng.choice(24, n, p=HOURS / HOURS.sum())
    return (first + day) * DAY + hour * HOUR + site.rng.integers(0, HOUR, n)


def _people(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Logins, their mails, the ends of their sessions; some mistype; an outage at noon of the 20th day of each month."""
    rng, at = site.rng, _at_work(site, n, first, days)
    who = (site.n_users * rng.random(n) ** 2).astype(np.int64)
    away = rng.random(n)
    # most work in an office that 25 share, some at home, a few on the way
    home = np.where(away < 0.9, site.n_users // 25 + 1 + who, 2 * site.n_users + rng.integers(0, 3 * site.n_users, n))
    ip = _address(np.where(away < 0.6, who // 25, home), 18)
    phase = rng.random(n)
    noon = (first + 20) * DAY + 12 * HOUR
    down = (at >= noon) & (at < noon + HOUR // 2)
    typed, good = (phase < 0.02) & ~down, (phase >= 0.02) & ~down
    shared = {"user": _name(who), "client_ip": ip, "session": _sessions(at, rng)}
    every = _rows(at, GOOD, **shared, mechanism=np.where(who % 9 == 0, "LOGIN", "PLAIN")).with_columns(
        pl.lit("TLSv1.3").alias("tls"), pl.lit("submission").alias("service")
    )
    yield every.filter(pl.Series(good))
    words = {"outcome": "failure", "cause": "bad_credentials"}
    yield every.filter(pl.Series(typed)).with_columns(pl.lit(v).alias(k) for k, v in words.items())
    words = {"outcome": "deferred", "cause": "backend_unavailable"}
    yield every.filter(pl.Series(down)).with_columns(pl.lit(v).alias(k) for k, v in words.items())
    mails = every.filter(pl.Series(good & (phase < 0.8)))
    yield mails.with_columns(
        pl.lit("mail").alias("stage"), pl.col("time") + SECOND, pl.col("user").alias("sender"),
        pl.lit(1, pl.UInt32).alias("n_recipients"),
    )  # fmt: skip
    yield _ends(every, EHLO)


def _sessions(at: np.ndarray, rng: np.random.Generator) -> pl.Series:
    pid = pl.Series(rng.integers(100, 30_000, len(at)))
    return pl.select(pl.format("mx1/postfix/smtpd/{}@{}", pid, pl.Series(at // SECOND))).to_series()


def _ends(rows: pl.DataFrame, detail: str) -> pl.DataFrame:
    """Return the end of each session, two seconds later, without the name."""
    stage, outcome, _ = SESSION
    return rows.drop("user", "mechanism", "cause").with_columns(
        pl.col("time") + 2 * SECOND, pl.lit(stage).alias("stage"), pl.lit(outcome).alias("outcome"),
        pl.lit(detail).alias("detail"),
    )  # fmt: skip


def _guesses(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Guesses of addresses that come for some months, in campaigns with a list of names each; a few brute bursts."""
    rng = site.rng
    spans = np.random.default_rng(1).integers(20, 120, site.n_guessers)
    begins = np.random.default_rng(2).integers(-60, site.n_days, site.n_guessers)
    awake = np.flatnonzero((begins < first + days) & (begins + spans > first))
    if not len(awake):
        return
    ip = awake[(len(awake) * rng.random(n) ** 3).astype(np.int64)]
    at = first * DAY + rng.integers(0, days * DAY, n)
    place = (300 * rng.random(n) ** 2).astype(np.int64)
    number = ((ip % 120) * 7_919 + place * 104_729) % (10 * site.n_users)
    brute = rng.random(n) < 0.1
    at[brute] = at[brute] // (6 * HOUR) * 6 * HOUR + rng.integers(0, 300 * SECOND, int(brute.sum()))
    number[brute] = ip[brute] * 31 % site.n_users
    rows = _rows(at, FAILED, user=_name(number), client_ip=_address(ip, 19), session=_sessions(at, rng))
    rows = rows.with_columns(pl.lit("LOGIN").alias("mechanism"), pl.lit("smtps").alias("service"))
    yield rows
    yield _ends(rows, "lost connection; ehlo=1 auth=0/1 commands=1/2")


def _machines(site: Site, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Programs that log in by the clock; a tenth of them keep an old password from some day on."""
    n = max(6, int(SHARES["machines"] * site.n_events / site.n_days / 24))
    number = np.repeat(np.arange(n), days * 24)
    tick = np.tile(np.arange(days * 24), n)
    at = first * DAY + tick * HOUR + (number * 37 % 1_800 + site.rng.integers(0, 3, len(number))) * SECOND
    turned = np.where(number % 10 == 3, (number * 53) % site.n_days * DAY, site.n_days * DAY)
    rows = _rows(at, GOOD, user=_name(number * 11 % site.n_users), client_ip=_address(number, 18))
    rows = rows.with_columns(
        pl.Series("session", _sessions(at, site.rng)), pl.lit("PLAIN").alias("mechanism"),
        pl.lit("submission").alias("service"), pl.lit("TLSv1.2").alias("tls"), pl.lit("app.example.net").alias("helo"),
    )  # fmt: skip
    failing = pl.Series(at >= turned)
    yield rows.filter(~failing)
    yield rows.filter(failing).with_columns(
        pl.lit("failure").alias("outcome"), pl.lit("bad_credentials").alias("cause")
    )
    yield _ends(rows, EHLO)


def _locks(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Accounts that lock for half an hour after twelve failures, and their owners, who meet that twice."""
    who = site.rng.integers(0, site.n_users, n)
    start = first * DAY + site.rng.integers(0, days, n) * DAY + (9 + site.rng.integers(0, 6, n)) * HOUR
    home, other = _address(who // 25, 18), _address(5 * site.n_users + who, 19)
    base = {"user": _name(who), "mechanism": ["PLAIN"] * n, "service": ["submission"] * n}
    for minutes in (-300, -200, -100, 45, 60):
        at = start + minutes * 60 * SECOND
        yield _rows(at, GOOD, **base, client_ip=home, session=_sessions(at, site.rng))
    for k in range(12):
        at = start + 10 * k * SECOND
        yield _rows(at, FAILED, **base, client_ip=other, session=_sessions(at, site.rng))
    for minutes in (5, 15):
        at = start + minutes * 60 * SECOND
        yield _rows(at, FAILED if n % 2 else LOCKED, **base, client_ip=home, session=_sessions(at, site.rng))


def _scans(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Addresses that come once or twice and break off TLS, or ask for what is not offered."""
    at = first * DAY + site.rng.integers(0, days * DAY, n)
    ip = _address(6 * site.n_users + site.rng.integers(0, 8 * site.n_users, n), 19)
    half = pl.Series(site.rng.random(n) < 0.5)
    broken = _rows(at, ("tls", "aborted", "tls_handshake_failed"), client_ip=ip, session=_sessions(at, site.rng))
    yield broken.filter(half).with_columns(pl.lit("wrong version number").alias("detail"))
    words = {"stage": "auth", "outcome": "refused", "cause": "auth_not_offered"}
    yield broken.filter(~half).with_columns(pl.lit(v).alias(k) for k, v in words.items())


def _limits(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Bursts of refusals by a limit on connections and on logins: thirty within ten minutes."""
    burst = np.repeat(np.arange(max(1, n // 30)), 30)
    start = site.rng.integers(0, days * DAY - HOUR, burst[-1] + 1)[burst]
    at = first * DAY + start + site.rng.integers(0, 600 * SECOND, len(burst))
    ours = burst % 10 == 0
    ip = np.where(ours, site.n_users // 25 + 1 + burst * 7 % site.n_users, burst * 13 % site.n_guessers)
    kind = ("connect", "throttled", "throttled_connection")
    rows = _rows(at, kind, client_ip=_address(ip, 19), session=_sessions(at, site.rng))
    rows = rows.with_columns(pl.lit("Connection rate limit exceeded").alias("detail"))
    yield rows.with_columns(pl.lit(61.0).alias("rate_value"), pl.lit(60.0).alias("rate_window_s"))


def _misfits(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Clients of ours with wrong settings: no TLS, a mechanism that is not offered, a blank in the name."""
    at = _at_work(site, n, first, days)
    who = site.rng.integers(0, max(6, site.n_users // 50), n) * 41 % site.n_users
    rows = _rows(at, ("auth", "refused", "tls_required"), client_ip=_address(site.n_users // 25 + 1 + who, 18))
    rows = rows.with_columns(
        pl.Series("session", _sessions(at, site.rng)), pl.Series("kind", who % 3), pl.Series("user", _name(who)),
        pl.lit("submission").alias("service"),
    )  # fmt: skip
    yield rows.filter(pl.col("kind") == 0).drop("user", "kind")
    other = rows.filter(pl.col("kind") == 1).drop("user", "kind")
    yield other.with_columns(pl.lit("mechanism_unsupported").alias("cause"), pl.lit("CRAM-MD5").alias("mechanism"))
    blank = rows.filter(pl.col("kind") == 2).drop("kind").with_columns(pl.format("{} ", "user").alias("user"))
    yield blank.with_columns(pl.lit("failure").alias("outcome"), pl.lit("bad_credentials").alias("cause"))


def _relays(site: Site, n: int, first: int, days: int) -> Iterator[pl.DataFrame]:
    """Mails that a relay refuses for three days of each month, and lets through on the others."""
    at = first * DAY + site.rng.integers(0, days * DAY, n)
    wrong = at // DAY % 30 < 3
    mails = pl.DataFrame({"time": at, "queue_id": pl.select(pl.format("Q{}", pl.Series(at))).to_series()})
    mails = mails.with_columns(
        pl.lit("client").alias("side"), pl.lit("relay.example.net").alias("relay_host"), pl.lit("auth").alias("stage"),
        pl.lit("success").alias("outcome"), pl.lit("success").alias("cause"), pl.lit("sent").alias("delivery"),
    )  # fmt: skip
    yield mails.filter(~pl.Series(wrong))
    words = {"outcome": "failure", "cause": "bad_credentials", "delivery": "deferred", "detail": "535 5.7.8 refused"}
    yield mails.filter(pl.Series(wrong)).with_columns(pl.lit(v).alias(k) for k, v in words.items())


def _finished(rows: pl.DataFrame, line: int) -> pl.DataFrame:
    """Return the month as an event table: the columns that every row has, and a line of its own."""
    source = pl.format("mail.log.{}", pl.lit(line // 1_000))
    program = pl.format("postfix/{}/smtpd", pl.col("service").fill_null("submission"))
    return as_table(
        rows.with_columns(
            (pl.lit(START) + pl.duration(microseconds=pl.col("time"))).alias("time"),
            pl.lit("exact").alias("time_quality"), pl.lit("line").alias("basis"), pl.lit(1, pl.UInt32).alias("count"),
            pl.col("side").fill_null("server"), pl.lit("smtp").alias("protocol"), pl.lit("mx1").alias("host"),
            program.alias("program"), pl.lit("postfix").alias("format"), source.alias("source"),
            pl.int_range(1, pl.len() + 1, dtype=pl.UInt64).alias("line_no"),
            pl.format("mx1 smtpd: {} {} {}", "stage", *(pl.col(c).fill_null("-") for c in ("client_ip", "user"))).alias("raw"),
        ),
        EVENTS,
    )  # fmt: skip

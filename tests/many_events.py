"""Event tables of any size made by arithmetic, the same on every machine; and one finding for each chart that needs one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

import smtplogs as sl
from smtplogs.schema import EVENTS, FINDINGS, as_table

START = datetime(2026, 3, 2, tzinfo=UTC)
LENGTH = timedelta(days=3)
ANN, SCANNER, GUESSER = "ann@example.com", "198.51.100.23", "203.0.113.9"
CHANGED = START + timedelta(hours=30)
"""When Ann's password was changed: her scanner fails from then on."""


def many_events(n: int) -> pl.DataFrame:
    """Return n attempts over three days: people by day, a scanner with an old password, a guesser, a limit, an outage."""
    i = pl.int_range(n, dtype=pl.UInt64)
    mixed = ((i * 2_654_435_761) % 4_294_967_296) // 65_536  # Knuth's multiplicative hash: 0-65535, evenly spread
    frame = pl.select(i=i, mixed=mixed, at=i * (int(LENGTH.total_seconds()) * 1_000_000 // n)).lazy()
    step = max(1, n // 1_500)
    who = pl.when(pl.col("i") % step == 0).then(1).when(pl.col("i") % step == step // 2).then(2).otherwise(0)
    hour = pl.col("at") // 3_600_000_000
    frame = frame.with_columns(who=who, hour=hour)
    scanner, guesser = pl.col("who") == 1, pl.col("who") == 2
    changed = pl.col("at") >= int((CHANGED - START).total_seconds()) * 1_000_000
    outage = pl.col("hour") == 40
    outcome = (
        pl.when(guesser)
        .then(pl.lit("failure"))
        .when(scanner)
        .then(pl.when(changed).then(pl.lit("failure")).otherwise(pl.lit("success")))
        .when(outage)
        .then(pl.lit("deferred"))
        .when(pl.col("mixed") % 41 == 0)
        .then(pl.lit("throttled"))
        .when(pl.col("mixed") % 13 == 0)
        .then(pl.lit("failure"))
        .when(pl.col("mixed") % 37 == 0)
        .then(pl.lit("refused"))
        .otherwise(pl.lit("success"))
    )
    cause = pl.col("outcome").replace_strict(
        {
            "success": "success",
            "failure": "bad_credentials",
            "deferred": "backend_unavailable",
            "throttled": "throttled_auth",
            "refused": "tls_required",
        }
    )
    number = pl.col("mixed") % 40
    user = pl.when(scanner).then(pl.lit(ANN)).otherwise(pl.format("user{}@example.com", number))
    address = (
        pl.when(scanner)
        .then(pl.lit(SCANNER))
        .when(guesser)
        .then(pl.lit(GUESSER))
        .otherwise(pl.format("192.0.2.{}", number + 10))
    )
    versions = pl.when(pl.col("mixed") % 19 == 0).then(pl.lit("none")).when(pl.col("mixed") % 7 == 0)
    rows = frame.with_columns(outcome=outcome).select(
        (pl.lit(START) + pl.duration(microseconds=pl.col("at"))).alias("time"),
        pl.lit("exact").alias("time_quality"),
        pl.lit("auth").alias("stage"),
        "outcome",
        cause.alias("cause"),
        pl.lit(1, pl.UInt32).alias("count"),
        pl.lit("server").alias("side"),
        pl.lit("smtp").alias("protocol"),
        user.alias("user"),
        address.alias("client_ip"),
        versions.then(pl.lit("TLSv1.2")).otherwise(pl.lit("TLSv1.3")).alias("tls"),
        pl.when(pl.col("mixed") % 3 == 0).then(pl.lit("LOGIN")).otherwise(pl.lit("PLAIN")).alias("mechanism"),
    )
    return as_table(rows.collect(), EVENTS)


ALONE: dict[str, dict[str, str]] = {
    "exposure": {"outcome": "success", "cause": "success", "tls": "none"},
    "spray": {"client_ip": GUESSER},
    "throttling": {"outcome": "throttled", "cause": "throttled_auth", "client_ip": "192.0.2.10"},
}
"""What a single event must be for a chart to be about it; others draw a refused attempt of Ann's scanner."""


def one_event(chart: str) -> pl.DataFrame:
    """Return a single attempt, of the kind that a chart draws."""
    row = {"time": START, "time_quality": "exact", "stage": "auth", "outcome": "failure", "cause": "bad_credentials"}
    row |= {"count": 1, "side": "server", "protocol": "smtp", "user": ANN, "client_ip": SCANNER, "tls": "TLSv1.3"}
    return as_table(pl.DataFrame([row | {"mechanism": "PLAIN"} | ALONE.get(chart, {})]), EVENTS)


def one_finding(kind: str, start: datetime, end: datetime, **more: Any) -> pl.DataFrame:
    """Return a finding of the given kind, with the columns of its detector that a chart wants."""
    common = {"finding_id": "f1", "kind": kind, "status": "found", "severity": "serious", "start": start, "end": end}
    row = pl.DataFrame([common | {"n_events": 5, "user": ANN, "subject": ANN, "subject_kind": "user"} | more])
    own = [name for name in row.columns if name not in FINDINGS]
    return pl.concat([as_table(row, FINDINGS), row.select(own)], how="horizontal")


HOUR = timedelta(hours=1)
OUTAGE = (START + 40 * HOUR, START + 41 * HOUR)

CHARTS: dict[str, tuple[str, dict[str, Any]] | None] = {
    "timeline": None,
    "causes": None,
    "clients": None,
    "heatmap": None,
    "intervals": None,
    "exposure": None,
    "throttling": (
        "throttling",
        {
            "subject_kind": "address",
            "subject": "192.0.2.10",
            "cause": "throttled_auth",
            "limiter": "AUTH command rate",
            "limit_key": "client_ip",
            "limit_n": 20,
            "limit_window_s": 60.0,
            "limit_method": "printed",
        },
    ),
    "phases": ("outage", {}),
    "impact": ("outage", {}),
    "rise": ("unclear_rise", {}),
    "rotation": ("rotation", {"changed_after": CHANGED - HOUR, "changed_before": CHANGED}),
    "spray": ("spray", {"subject_kind": "address", "subject": GUESSER, "client_ip": GUESSER}),
    "lockouts": ("lockout", {"trigger": SCANNER, "trigger_kind": "self_inflicted"}),
}
"""Each chart, and the finding that it draws, if it draws one."""


def draw(name: str, events: pl.DataFrame, ax: Any) -> None:
    """Draw a chart of these events on axes, with the finding that it wants."""
    plot = getattr(sl, f"plot_{name}")
    wanted = CHARTS[name]
    if wanted is None:
        plot(events, ax=ax)
        return
    kind, own = wanted
    few = events.height == 1
    start, end = (START, START) if few else (START, START + LENGTH) if name in ("throttling", "spray") else OUTAGE
    if few and name == "rotation":
        own = own | {"changed_after": START - HOUR, "changed_before": START}
    found = one_finding(kind, start, end, **own)
    if name == "lockouts":
        plot(found if few else pl.concat([_lock(n) for n in range(12)]), ax=ax)
    else:
        plot(events, found, ax=ax)


def _lock(n: int) -> pl.DataFrame:
    """Return the n-th of many lockouts, each with uncertain ends."""
    at = START + n * 2 * HOUR
    brackets = {"onset_after": at - HOUR / 4, "onset_before": at, "end_after": at + HOUR, "end_before": at + 1.5 * HOUR}
    subject = {"subject": f"user{n}@example.com", "user": f"user{n}@example.com", "finding_id": f"f{n:02}"}
    kind = ("self_inflicted", "attacker_induced")[n % 2]
    return one_finding("lockout", at, at + HOUR, trigger=SCANNER, trigger_kind=kind, **brackets, **subject)

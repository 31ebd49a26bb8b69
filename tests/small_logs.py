"""Small literal logs: how tests write them, read them and look at what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from smtplogs import reading

SAMPLES = Path(__file__).parent.parent / "sample_logs"
SMTPD = "postfix/smtpd[10]"
SUBMISSION = "postfix/submission/smtpd[10]"
PEER = "pc.example.net[203.0.113.9]"
FAILED = f"warning: {PEER}: SASL PLAIN authentication failed: (reason unavailable), sasl_username=alice"
LOST = f"warning: {PEER}: SASL PLAIN authentication failed: Connection lost to authentication server"
TLS = f"Anonymous TLS connection established from {PEER}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"


def line(clock: str, message: str, tag: str = SMTPD, *, host: str = "mx1", day: str = "2026-11-03") -> str:
    """Return a line as rsyslog writes it."""
    return f"{day}T{clock}Z {host} {tag}: {message}"


def write(path: Path, *lines: str) -> Path:
    """Write a log; surrogates stand for bytes that are no UTF-8."""
    path.write_bytes("".join(f"{text}\n" for text in lines).encode("utf-8", "surrogateescape"))
    return path


def read(folder: Path, *lines: str, **how: Any) -> pl.DataFrame:
    """Write one log into the folder and read it."""
    return reading.read(write(folder / "mail.log", *lines), **how)


def told(events: pl.DataFrame, *columns: str, info: bool = False) -> list[Any]:
    """Return columns of the rows that are more than context: tuples, or values where there is one column."""
    rows = events if info else events.filter(pl.col("outcome") != "info")
    found = rows.select(columns).rows()
    return [row[0] for row in found] if len(columns) == 1 else found


def clocks(events: pl.DataFrame) -> list[str]:
    """Return the times of day of the rows that are more than context."""
    return [time.strftime("%H:%M:%S") for time in told(events, "time")]

"""The same lines in two files of one host: Debian's mail.log beside mail.warn and mail.err, copies taken by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from small_logs import write

ERRORS = ("error:", "Error:", "fatal:", "panic:")
"""What syslog puts into mail.err; mail.warn has warnings too, mail.info all but debugging."""

WHAT = ["stage", "outcome", "cause", "basis", "user", "client_ip", "count"]


def lines_of(sample: str) -> list[str]:
    return [line for path in sl.sample(sample) for line in path.read_text("utf-8", "replace").splitlines()]


def counted(*paths: Path) -> pl.DataFrame:
    """Return what happened how often, sessions left out: a partial copy may begin one of its own."""
    attempts = sl.read(paths, year=2026).filter(pl.col("stage") != "session")
    return attempts.group_by(WHAT).len().sort(WHAT)


@cache
def alone_in(sample: str) -> pl.DataFrame:
    """Return what a log tells without a copy."""
    with TemporaryDirectory() as folder:
        return counted(write(Path(folder) / "mail.log", *lines_of(sample)))


@pytest.mark.parametrize("sample", ["postfix/lockout", "postfix/outage", "postfix/postfix3.7-dovecot2.3"])
@pytest.mark.parametrize("words", [(*ERRORS, "warning:"), ERRORS, (": ",)], ids=["warn", "err", "info"])
def test_a_partial_copy_changes_nothing(tmp_path: Path, sample: str, words: tuple[str, ...]) -> None:
    lines = lines_of(sample)
    log = write(tmp_path / "mail.log", *lines)
    alone = alone_in(sample)
    copy = write(tmp_path / "mail.warn", *(line for line in lines[:-3] if any(word in line for word in words)))

    assert_frame_equal(counted(log, copy), alone)
    assert_frame_equal(counted(copy, log), alone)


def test_lines_that_only_the_copy_has_count(tmp_path: Path) -> None:
    lines = lines_of("postfix/lockout")
    whole, first = write(tmp_path / "whole", *lines), write(tmp_path / "first", *lines[:5000])
    last = write(tmp_path / "last", *lines[4000:])

    both = sl.read([first, last], year=2026)

    wanted = sl.read(whole, year=2026)
    for outcome in ("success", "failure"):
        sums = [
            e.filter(pl.col("stage") == "auth", pl.col("outcome") == outcome)["count"].sum() for e in (both, wanted)
        ]
        assert sums[0] == pytest.approx(sums[1], abs=3)  # sessions cut in two at a border count what they hold


def test_two_hosts_may_write_the_same(tmp_path: Path) -> None:
    line = "Jun  1 10:00:00 {} postfix/smtpd[10]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: x"
    paths = [
        write(tmp_path / host, line.format(host), line.format(host).replace("10:00:00", "10:00:09"))
        for host in ("mx1", "mx2")
    ]

    assert sl.read(paths, year=2026).filter(pl.col("stage") == "auth")["count"].sum() == 4

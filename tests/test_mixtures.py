"""Texts in which people put several transcripts and log lines: nothing of them is lost, and a plain file stays one."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest

import smtplogs as sl
from smtplogs.mixtures import LONGEST, mixture

SAMPLES = Path(__file__).parent.parent / "sample_logs"
TRANSCRIPTS = ("swaks/starttls", "smtplib/three-failures", "curl/starttls", "s_client/piped", "nodemailer/wrong-password", "msmtp/wrong-password")  # fmt: skip
COLUMNS = ("format", "outcome", "cause", "user", "client_ip", "mechanism", "reply_code")


def text_of(name: str) -> str:
    return sl.sample(name)[0].read_text("utf-8")


def attempts(path: Path) -> list[tuple[Any, ...]]:
    events = sl.read(path, year=2026).filter(pl.col("outcome") != "info").sort("line_no")
    return events.select(pl.col(c).cast(pl.String) for c in COLUMNS).rows()


@cache
def alone(name: str) -> list[tuple[Any, ...]]:
    """Return what a text gives by itself."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "alone.txt"
        path.write_text(text_of(name))
        return attempts(path)


def pairs() -> list[Any]:
    """Return all pairs; in the quick run each text stands before its neighbour, and behind it."""
    near = {*pairwise(TRANSCRIPTS), *pairwise(TRANSCRIPTS[::-1])}
    return [pytest.param(*p, marks=() if p in near else pytest.mark.slow) for p in permutations(TRANSCRIPTS, 2)]


@pytest.mark.parametrize(("first", "second"), pairs())
def test_two_transcripts_in_a_text_give_what_each_gives(first: str, second: str, tmp_path: Path) -> None:
    path = tmp_path / "both.txt"
    path.write_text(f"{text_of(first)}\n\n{text_of(second)}")

    assert attempts(path) == [*alone(first), *alone(second)]


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_log_lines_around_a_transcript_are_read_as_well(name: str, tmp_path: Path) -> None:
    log = text_of("saslauthd/behind-postfix").splitlines(keepends=True)
    path = tmp_path / "ticket.txt"
    path.write_text("".join(["In the log:\n", *log[:6], "\nand by hand:\n", text_of(name), "\n", *log[6:]]))
    (tmp_path / "log").write_text("".join(log))
    postfix = attempts(tmp_path / "log")

    assert attempts(path) == [postfix[0], *alone(name), postfix[1]]


def test_coverage_counts_every_line_once(tmp_path: Path) -> None:
    path = tmp_path / "ticket.txt"
    path.write_text(text_of("saslauthd/behind-postfix") + text_of("swaks/starttls") + text_of("smtplib/three-failures"))
    whole = sl.coverage(path, year=2026).filter(pl.col("program").is_null()).row(0, named=True)

    assert whole["format"] == "postfix+saslauthd+smtplib+swaks"
    assert whole["kept"] == whole["records"] + whole["context"] + whole["dismissed"] + whole["not_understood"]
    assert whole["kept"] <= whole["lines"] == len(path.read_text().splitlines())


@pytest.mark.parametrize(
    "path", sorted(p for p in SAMPLES.rglob("*") if p.suffix in {".log", ".txt"}), ids=lambda p: p.parent.name
)
def test_a_file_of_one_kind_is_no_mixture(path: Path) -> None:
    assert mixture(path.read_bytes().decode("utf-8", "replace").split("\n")[:600]) is None


def test_a_secret_of_a_transcript_beside_a_log_is_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "ticket.txt"
    path.write_text(text_of("saslauthd/behind-postfix") + text_of("swaks/starttls"))
    sent = re.findall(
        r"^ [-~]> (?:AUTH [A-Z0-9-]+ )?([A-Za-z0-9+/]{12,}={0,2})$", text_of("swaks/starttls"), re.MULTILINE
    )
    assert sent
    events, coverage, _ = sl.read(path, year=2026, full=True)

    for shown in (events.write_ndjson(), coverage.write_ndjson()):
        assert not [secret for secret in sent if secret in shown]


def test_a_long_text_is_read_as_one(tmp_path: Path) -> None:
    log = text_of("saslauthd/behind-postfix")
    text = log * (LONGEST // len(log) + 1) + text_of("swaks/starttls")

    assert mixture(text.split("\n")) is None

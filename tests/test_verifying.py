"""Verifying a dataset: every change of a log, of a line or of a file of the dataset is found, and nothing else."""

from __future__ import annotations

import gzip
import shutil
from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from small_logs import FAILED, SAMPLES, line, write
from smtplogs import cli, verifying

if TYPE_CHECKING:
    from pathlib import Path

ISSUE = ["check", "status"]


def bad(seen: pl.DataFrame) -> list[tuple[str, str]]:
    return sorted(seen.filter(pl.col("status") != "ok").select(ISSUE).rows())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return shutil.copy(SAMPLES / "postfix" / "outage" / "mail.log", tmp_path / "mail.log")


@pytest.fixture
def dataset(tmp_path: Path, log: Path) -> Path:
    sl.parse(log, tmp_path / "out")
    return tmp_path / "out"


def test_all_is_well_and_every_event_was_compared(dataset: Path) -> None:
    seen = sl.verify(dataset)
    lines = sl.load(dataset).filter(pl.col("raw").is_not_null()).select("line_no", "raw", "redacted").unique().collect()

    assert bad(seen) == []
    assert seen.filter(pl.col("check") == "lines")["n"].to_list() == [lines.height]
    assert set(seen["check"]) == {"file", "stored", "content", "lines"}


@pytest.mark.parametrize("sample", ["dovecot/log-path", "postfix/postfix3.10-dovecot2.4", "postfix/auth-debug"])
def test_redacted_lines_and_repeats_are_recognised(tmp_path: Path, sample: str) -> None:
    sl.parse(SAMPLES / sample, tmp_path / "out")

    assert bad(sl.verify(tmp_path / "out")) == []


def test_a_changed_line_is_found_and_numbered(dataset: Path, log: Path) -> None:
    event = sl.load(dataset).filter(pl.col("outcome") == "failure").collect().row(0, named=True)
    text = log.read_text().splitlines(keepends=True)
    text[event["line_no"] - 1] = text[event["line_no"] - 1].replace("SASL", "SASI")
    log.write_text("".join(text))
    seen = sl.verify(dataset)

    assert bad(seen) == [("content", "changed"), ("lines", "changed"), ("stored", "changed")]
    assert f"line {event['line_no']}" in seen.filter(pl.col("check") == "lines")["message"][0]


def test_a_change_where_no_event_stands_breaks_the_hash_alone(dataset: Path, log: Path) -> None:
    used = set(sl.load(dataset).collect()["line_no"])
    text = log.read_text().splitlines(keepends=True)
    free = next(n for n in range(len(text)) if n + 1 not in used)
    text[free] = "x" + text[free][1:]
    log.write_text("".join(text))

    assert bad(sl.verify(dataset)) == [("content", "changed"), ("stored", "changed")]


def test_a_line_put_in_moves_all_others(dataset: Path, log: Path) -> None:
    log.write_text("one more\n" + log.read_text())

    assert ("lines", "changed") in bad(sl.verify(dataset))


def test_a_grown_log_still_shows_what_was_read(dataset: Path, log: Path) -> None:
    with log.open("a") as file:
        file.write("one more\n")

    assert bad(sl.verify(dataset)) == [("content", "grown"), ("stored", "grown")]


def test_a_cut_log_lacks_the_lines_of_its_last_events(dataset: Path, log: Path) -> None:
    data = log.read_bytes()
    log.write_bytes(data[: data.rfind(b"\n", 0, len(data) // 2) + 1])

    assert bad(sl.verify(dataset)) == [("content", "changed"), ("lines", "changed"), ("stored", "changed")]


def test_a_log_packed_anew_has_another_hash_but_the_same_content(tmp_path: Path) -> None:
    path = tmp_path / "mail.log.gz"
    data = (SAMPLES / "postfix" / "outage" / "mail.log").read_bytes()
    path.write_bytes(gzip.compress(data, 1))
    sl.parse(path, tmp_path / "out")
    path.write_bytes(gzip.compress(data, 9))

    assert bad(sl.verify(tmp_path / "out")) == [("stored", "changed")]


def test_a_log_that_is_gone(dataset: Path, log: Path) -> None:
    log.unlink()

    assert bad(sl.verify(dataset)) == [("stored", "missing")]


def test_a_file_of_the_dataset_that_is_gone_changed_or_too_many(dataset: Path) -> None:
    files = sorted((dataset / "events").rglob("*.parquet"))
    extra = shutil.copy(files[0], files[0].with_name("extra.parquet"))
    assert bad(sl.verify(dataset)) == [("file", "changed")]
    extra.unlink()
    traffic = next((dataset / "traffic").rglob("*.parquet"))
    traffic.write_bytes(traffic.read_bytes() + b"x")
    assert bad(sl.verify(dataset)) == [("file", "changed")]
    traffic.unlink()
    assert bad(sl.verify(dataset)) == [("file", "missing")]


def test_an_event_that_was_tampered_with_is_found_twice(dataset: Path) -> None:
    path = sorted((dataset / "events").rglob("*.parquet"))[0]
    frame = pl.read_parquet(path, hive_partitioning=False)
    frame.with_columns(raw=pl.col("raw") + " (really)").write_parquet(path)

    assert bad(sl.verify(dataset)) == [("file", "changed"), ("lines", "changed")]


@pytest.mark.parametrize(
    ("raw", "text", "same"),
    [
        ("a [redacted] c", "a secret c", True),
        ("a [redacted] c", "a secret d", False),
        ("a [redacted] c", "b secret c", False),
        ("u=[redacted:user]#0123abcd x [redacted]", "u=Hunter2!xyz x hush", True),
        ("u=[redacted:user]#0123abcd x [redacted]", "u=Hunter2!xyz y hush", False),
        ("ab[redacted]bc", "abc", False),
        ("plain", "other", False),
    ],
)
def test_what_is_left_of_a_redacted_line_is_compared(raw: str, text: str, same: bool) -> None:
    assert verifying._shows(raw, text) is same


def test_standard_input_cannot_be_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x", line("10:00:00", FAILED))
    with path.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("In", (), {"buffer": file})())
        sl.parse("-", tmp_path / "out")

    assert sl.load(tmp_path / "out").collect().height == 2
    assert bad(sl.verify(tmp_path / "out")) == [("content", "not checked")]


def test_the_command_says_what_is_wrong_with_exit_code_1(
    dataset: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        cli.main(["verify", str(dataset)])
    log.write_text("other\n")
    with pytest.raises(SystemExit, match="1"):
        cli.main(["verify", str(dataset)])

    assert "not the content that was read" in capsys.readouterr().out

"""Frames in files and on the terminal: whole or not at all, nothing that acts, nothing that moves the cursor."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

import smtplogs as sl
from smtplogs import tables
from smtplogs.schema import EVENTS, as_table

if TYPE_CHECKING:
    from pathlib import Path

FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n=1")
HOSTILE = (
    *FORMULAS,
    '"; DROP',
    "a,b",
    'say "hi"',
    "two\nlines",
    "\x1b[31mred",
    "ann\u202emoc",
    "zero\u200bwidth",
    "\x00",
)


def events(*users: str | None) -> pl.DataFrame:
    """Return an event table with these users."""
    rows = [{"user": u, "time": datetime(2026, 3, 2, 9, 0, i, 5, UTC), "stage": "auth"} for i, u in enumerate(users)]
    rows = [r | {"also": ["m:1", "m:2"], "auth_offered": [], "count": 1, "outcome": "failure"} for r in rows]
    return as_table(
        pl.DataFrame(rows, schema_overrides={"user": pl.String, "auth_offered": pl.List(pl.String)}), EVENTS
    )


def terminal(frame: pl.DataFrame, *columns: str, width: int = 80) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None, markup=False, legacy_windows=False)
    tables.show(frame, console, *columns)
    return out.getvalue()


def piped(frame: pl.DataFrame) -> str:
    out = io.StringIO()
    tables.show(frame, Console(file=out, force_terminal=False))
    return out.getvalue()


def test_parquet_gives_the_same_frame_back(tmp_path: Path) -> None:
    frame = events(*HOSTILE, None)

    tables.write(frame, tmp_path / "e.parquet")

    assert_frame_equal(sl.load(tmp_path / "e.parquet").collect(), frame)
    assert pl.read_parquet_schema(tmp_path / "e.parquet")["stage"] == pl.String  # files of two versions can be joined


@pytest.mark.parametrize("ending", [".ndjson", ".jsonl", ".NDJSON"])
def test_ndjson_keeps_texts_and_lists(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"e{ending}"
    tables.write(events(*HOSTILE, None), path)

    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]

    assert [r["user"] for r in rows] == [*HOSTILE, None]
    assert rows[0]["also"] == ["m:1", "m:2"]
    assert rows[0]["auth_offered"] == []


def test_csv_cells_neither_act_nor_break_out(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    tables.write(events(*HOSTILE, None), path)

    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))

    assert len(rows) == len(HOSTILE) + 1
    assert all(r["user"].startswith("'") for r in rows[: len(FORMULAS)])
    assert [r["user"] for r in rows[len(FORMULAS) :]] == [
        '"; DROP', "a,b", 'say "hi"', "two\\nlines", "\\x1b[31mred", "ann\\u202emoc", "zero\\u200bwidth", "\\x00", "",
    ]  # fmt: skip
    assert rows[0]["also"] == "m:1; m:2"
    assert rows[0]["auth_offered"] == ""
    assert rows[0]["time"] == "2026-03-02T09:00:00.000005Z"
    assert rows[0]["stage"] == "auth"


def test_a_list_that_begins_like_a_formula_is_harmless_too() -> None:
    assert tables.flat(pl.DataFrame({"a": [["=1", "2"]]})).item() == "'=1; 2"


def test_a_pipe_gets_csv_without_control_characters() -> None:
    said = piped(events(*HOSTILE))

    assert said.splitlines()[0].startswith("time,time_quality,")
    assert not set(said) & {"\x1b", "\x00", "\u202e", "\u200b", "\t", "\r"}


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_terminal_gets_a_table_that_log_text_cannot_leave(width: int) -> None:
    said = terminal(events(*HOSTILE, "[red]x[/red] :smile:"), "time", "user", width=width)

    assert not set(said) & {"\x1b", "\x00", "\u202e", "\u200b", "\t", "\r"}
    assert all(len(line) <= width for line in said.splitlines())
    assert "[red]x[/red]" in said or width == 40


def test_a_terminal_shows_columns_that_hold_something_and_forty_rows() -> None:
    said = terminal(events(*["ann"] * 41), width=200)

    assert "reply_code" not in said
    assert said.count("│ ann") == 40
    assert "40 of 41 rows; -o FILE.csv writes them all" in said
    assert "rows;" not in terminal(events(*["ann"] * 40), width=200)


def test_nothing_is_said_to_be_nothing() -> None:
    assert terminal(events().clear()) == "nothing found: no rows\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (["a", "b"], "a; b"), (("a",), "a"), (datetime(2026, 3, 2, 9, 0, 1, 9, UTC), "2026-03-02 09:00:01")],
)
def test_cells_read_well(value: Any, text: str) -> None:
    assert tables.words(value) == text


# ---- whole or not at all


def test_a_failure_leaves_the_file_before_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"before")

    def broken() -> None:
        with tables.whole(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()

    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert path.read_bytes() == b"before"


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as told, tables.whole(tmp_path / "a"):
        raise OSError(28, "No space left on device")

    assert told.value.filename == str(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_has_the_rights_of_any_new_file_an_old_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "old").touch(0o600)
    for name in ("new", "old"):
        with tables.whole(tmp_path / name) as file:
            file.write(b"x")

    rights = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert rights["new"] == rights["plain"]
    assert rights["old"] == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.csv").touch()
    (tmp_path / "link.csv").symlink_to("real.csv")

    tables.write(pl.DataFrame({"a": [1]}), tmp_path / "link.csv")

    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "a\n1\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX only")
def test_a_named_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "p.csv"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        tables.write(pl.DataFrame({"a": [1]}), pipe)
        assert os.read(reader, 100) == b"a\n1\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("name", ["a", "a.xls", "a.csv.gz", ".csv", "parquet"])
def test_an_ending_that_says_no_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot tell what to write from the name"):
        tables.write(pl.DataFrame({"a": [1]}), tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d.csv").mkdir()

    with pytest.raises(IsADirectoryError):
        tables.write(pl.DataFrame({"a": [1]}), tmp_path / "d.csv")
    with pytest.raises(FileNotFoundError):
        tables.write(pl.DataFrame({"a": [1]}), tmp_path / "none" / "d.csv")


def test_numbers_and_dates_stay_whole_in_a_narrow_terminal() -> None:
    rows = {"user": ["a" * 60], "n_refused_since": [123_456], "refused_since": [datetime(2026, 3, 2, 9, tzinfo=UTC)]}
    frame = pl.DataFrame(rows | {"cause": ["auth_disabled_by_policy"]})

    text = terminal(frame, width=50)

    assert "123456" in text
    assert "2026-03-02" in text
    assert all(len(line) <= 50 for line in text.splitlines())
    assert "n_refused_" in text
    assert " since" in text


def test_a_column_of_empty_lists_says_nothing_on_a_terminal() -> None:
    frame = pl.DataFrame({"a": [1, 2], "examples": [[], None]}, schema_overrides={"examples": pl.List(pl.String)})

    assert "examples" not in terminal(frame)
    assert "examples" in terminal(frame.with_columns(examples=pl.Series([["x"], []])))

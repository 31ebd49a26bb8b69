"""Sinks: what they keep of the rows they are given, and what they forget."""

from __future__ import annotations

import polars as pl

import smtplogs as sl
from smtplogs.sinks import Gathered
from smtplogs.sources import Chunk, lines_of

LINE = "Jun  1 10:00:00 mx1 postfix/smtpd[7]: connect from unknown[192.0.2.1], and so on and on"


def rows(source: str, *raw: str) -> pl.DataFrame:
    return pl.DataFrame({"source": source, "raw": raw})


def text_held(frame: pl.DataFrame) -> int:
    """Bytes of the buffers that the lines of a frame lie in."""
    chunks = (chunk.to_arrow(compat_level=pl.CompatLevel.newest()) for chunk in frame["raw"].get_chunks())
    return sum(buffer.size for chunk in chunks for buffer in chunk.buffers()[2:])


def test_a_few_rows_do_not_hold_all_the_text_that_was_read() -> None:
    read = lines_of(Chunk([f"{LINE}\n".encode() * 50_000], 1, 50_000)).collect()
    few = read.filter(pl.col("line_no") % 5_000 == 1).select(source=pl.lit("mail.log"), raw="line")
    sink = Gathered()
    sink.take("events", few)
    (kept,) = sink.frames_of("events")
    assert kept.equals(few)
    assert text_held(kept) < 10 * len(LINE) * 20 < text_held(few)


def test_rows_without_lines_are_kept_as_they_are() -> None:
    sink = Gathered()
    sink.take("traffic", pl.DataFrame({"n_lines": [1, 2]}))
    assert sink.taken_out("traffic")["n_lines"].to_list() == [1, 2]
    assert sink.taken_out("traffic").is_empty()


def test_a_file_that_is_read_again_is_forgotten_and_no_other() -> None:
    sink = Gathered()
    sink.take("events", rows("a.log", "one"))
    sink.begin()
    sink.take("events", rows("b.log", "two"))
    sink.take("loose", rows("b.log", "three"))
    sink.restart()
    assert sink.taken_out("events")["raw"].to_list() == ["one"]
    assert sink.taken_out("loose").is_empty()


def test_twins_are_left_out() -> None:
    sink = Gathered()
    sink.take("events", rows("a.log", "one"))
    sink.take("events", rows("b.log", "one"))
    sink.leave_out(["b.log"])
    assert sink.taken_out("events")["source"].to_list() == ["a.log"]


def test_loose_rows_come_in_the_order_of_the_files() -> None:
    sink = Gathered()
    sink.take("loose", rows("mail.log", "new"))
    sink.take("loose", rows("mail.log.1", "old", "older"))
    sink.in_order_of(["mail.log.1", "mail.log"])
    assert sink.taken_out("loose")["raw"].to_list() == ["old", "older", "new"]


def test_events_of_a_read_log_are_the_same_text() -> None:
    path = sl.sample("postfix/lockout")[0]
    events = sl.read(path)
    lines = dict(enumerate(path.read_text().splitlines(), 1))
    shown = events.filter(pl.col("raw").is_not_null(), pl.col("redacted").is_null())
    assert all(lines[n] == raw for n, raw in shown.select("line_no", "raw").iter_rows())
    assert shown.height > 50

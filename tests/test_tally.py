"""Traffic and coverage: the counts of a small log, done by hand."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_logs import FAILED, PEER, SUBMISSION, line, write
from smtplogs import reading, tally
from smtplogs.parsing import Tally
from smtplogs.schema import COVERAGE, TRAFFIC, dtypes, empty

if TYPE_CHECKING:
    from pathlib import Path

RELAY = "to=<a@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=1, delays=0/0/0/1, dsn={}, status={} ({})"
SENT = RELAY.format("2.0.0", "sent", "250 2.0.0 Ok: queued as 4XX")
DEFERRED = RELAY.format(
    "4.7.1", "deferred", "host smtp.example.net[198.51.100.25] said: 450 4.7.1 try again (in reply to RCPT TO command)"
)

LOG = (
    line("10:00:00", f"connect from {PEER}", SUBMISSION),
    line("10:00:10", f"4AA: client={PEER}, sasl_method=PLAIN, sasl_username=alice", SUBMISSION),
    line("10:00:20", "4AA: message-id=<x@example.com>", "postfix/cleanup[11]"),
    line("10:00:59", f"4BB: client={PEER}, sasl_method=PLAIN, sasl_username=alice", SUBMISSION),
    line("10:01:00", f"disconnect from {PEER} ehlo=1 auth=1 mail=2 rcpt=2 data=2 quit=1 commands=9", SUBMISSION),
    line("10:01:01", "connect from unknown[203.0.113.50]"),
    line("10:01:02", "4CC: client=unknown[203.0.113.50]"),
    line("10:01:03", "disconnect from unknown[203.0.113.50] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
    line("10:01:04", "connect from unknown[203.0.113.51]"),
    line("10:01:05", "disconnect from unknown[203.0.113.51] ehlo=1 quit=1 commands=2"),
    line("10:01:30", f"4AA: {SENT}", "postfix/smtp[12]"),
    line("10:01:31", f"4BB: {SENT}", "postfix/smtp[12]"),
    line("10:01:32", f"4CC: {DEFERRED}", "postfix/smtp[12]"),
    line("10:07:00", "(root) CMD (true)", "CRON[99]"),
    "no stamp at all",
)
COUNTS = ("n_lines", "n_connects", "n_sessions_without_auth", "n_messages", "n_recipients", "n_sent", "n_deferred")


def minutes(traffic: pl.DataFrame) -> list[tuple[str, int]]:
    rows = traffic.filter(pl.col("program").is_null()).sort("time")
    return [(t.strftime("%m-%d %H:%M"), n) for t, n in rows.select("time", "n_lines").rows()]


def test_traffic_per_minute_is_what_a_hand_counts(tmp_path: Path) -> None:
    _, _, traffic = reading.read(write(tmp_path / "mail.log", *LOG), full=True)

    programs = traffic.filter(pl.col("program").is_not_null())
    rows = [
        (t.strftime("%H:%M"), *rest)
        for t, *rest in programs.select("time", "program", "side", "relay_host", *COUNTS).sort("time", "program").rows()
    ]
    smtpd, submission, relay = "postfix/smtpd", "postfix/submission/smtpd", "postfix/smtp"
    assert rows == [
        ("10:00", submission, "server", None, None, 1, 0, 2, None, 0, 0),
        ("10:01", relay, "client", "smtp.example.net", None, 0, 0, 0, None, 2, 1),
        ("10:01", smtpd, "server", None, None, 2, 2, 1, None, 0, 0),
    ]  # the end of the submission session adds to nothing: it tried AUTH
    assert traffic.schema == dtypes(TRAFFIC)
    assert set(programs["host"]) == {"mx1"}
    assert set(programs["service"]) == {None, "submission"}


def test_lines_of_any_kind_are_counted_per_minute_and_file(tmp_path: Path) -> None:
    _, _, traffic = reading.read(write(tmp_path / "mail.log", *LOG), full=True)

    assert minutes(traffic) == [("11-03 10:00", 4), ("11-03 10:01", 9), ("11-03 10:07", 1)]
    alone = traffic.filter(pl.col("program").is_null())
    assert alone.select("host", "side", *COUNTS[1:]).unique().rows() == [(None,) * 8]
    assert alone["source"].unique().to_list() == [f"{tmp_path}/mail.log"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Nov  3 10:00:59 mx1 cron: x", "Nov  3 10:01:00 mx1 cron: x"),
        ("2026-11-03T11:00:59.5+01:00 mx1 cron: x", "2026-11-03T11:01:00.5+01:00 mx1 cron: x"),
        ("<22>Nov  3 10:00:59 cron: x", "<22>Nov  3 10:01:00 cron: x"),
        ("<22>1 2026-11-03T10:00:59Z mx1 cron 1 - - x", "<22>1 2026-11-03T10:01:00Z mx1 cron 1 - - x"),
        ("1793700059.000001 mx1 cron: x", "1793700060.000001 mx1 cron: x"),
    ],
)
def test_every_stamp_finds_its_minute(tmp_path: Path, first: str, second: str) -> None:
    _, _, traffic = reading.read(write(tmp_path / "mail.log", first, first, second), full=True, year=2026)

    assert minutes(traffic) == [("11-03 10:00", 2), ("11-03 10:01", 1)]


def test_two_offsets_in_one_written_minute_are_two_minutes(tmp_path: Path) -> None:
    """The repeated hour of autumn."""
    lines = [
        "2026-10-25T02:30:00+02:00 mx1 cron: x",
        "2026-10-25T02:31:00+02:00 mx1 cron: x",
        "2026-10-25T02:30:00+01:00 mx1 cron: x",
    ]
    _, _, traffic = reading.read(write(tmp_path / "mail.log", *lines), full=True)

    assert minutes(traffic) == [("10-25 00:30", 1), ("10-25 00:31", 1), ("10-25 01:30", 1)]


def test_lines_in_a_container_count_by_the_containers_clock(tmp_path: Path) -> None:
    inner = [f"connect from {PEER}", FAILED, "starting", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=1/2"]
    lines = [
        f"2026-11-03T10:0{n}:00.1Z stdout F Nov 03 10:0{n}:00 mx1 postfix/smtpd[10]: {text}"
        for n, text in enumerate(inner)
    ]
    lines.append("2026-11-03T10:09:00.1Z stdout F a line of another kind")
    _, coverage, traffic = reading.read(write(tmp_path / "mail.log", *lines), full=True)

    assert minutes(traffic) == [(f"11-03 10:0{n}", 1) for n in (0, 1, 2, 3, 9)]
    assert coverage["records"][0] == 1


def test_mails_and_deliveries_of_exim_are_counted_whatever_else_their_lines_say(tmp_path: Path) -> None:
    stamp = "2026-11-03 10:00:0{} +0000 "
    lines = (
        "1rXaBc-0004uc-2A <= a@example.org H=mx.example.net [198.51.100.9] P=esmtp S=1234",
        "1rXaBc-0004uc-2B <= <> R=1rXaBc-0004uc-2A U=mail P=local S=1234",
        "1rXaBc-0004uc-2A => ann <ann@example.com> R=localuser T=maildir_home",
        "1rXaBc-0004uc-2A -> bob <bob@example.com> R=localuser T=maildir_home",
        "1rXaBc-0004uc-2A == eve@example.org R=dnslookup T=remote_smtp defer (110): Connection timed out",
        "1rXaBc-0004uc-2A Completed",
    )
    _, coverage, traffic = reading.read(
        write(tmp_path / "mainlog", *(stamp.format(i) + text for i, text in enumerate(lines))), full=True
    )

    told = traffic.filter(pl.col("program").is_not_null()).group_by("side").agg(pl.col(COUNTS).sum())
    counted = {row["side"]: (row["n_messages"], row["n_sent"], row["n_deferred"]) for row in told.to_dicts()}
    assert counted == {"server": (2, 0, 0), "client": (0, 2, 1)}
    assert coverage.row(0, named=True)["not_understood"] == 0


def test_traffic_does_not_depend_on_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "mail.log", *LOG * 3)
    whole = reading.read(path, full=True)[2]
    monkeypatch.setitem(reading.sources.Reading.__init__.__kwdefaults__, "chunk_bytes", 300)

    assert_frame_equal(reading.read(path, full=True)[2], whole)


def test_without_full_no_traffic_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *LOG)
    settings = reading.Settings(now=datetime(2026, 12, 1, tzinfo=UTC))
    given, _ = reading.read_files(*reading.sources.find(path), settings)

    assert given.taken_out("traffic").is_empty()


def test_traffic_keeps_only_lines_that_it_needs_out_of_coverage_sums(tmp_path: Path) -> None:
    """More lines are kept with traffic, and each of them is accounted for."""
    _, coverage, _ = reading.read(write(tmp_path / "mail.log", *LOG), full=True)

    whole = coverage.row(0, named=True)
    assert whole["lines"] == 15
    assert whole["kept"] == sum(whole[role] for role in tally.ROLES)


def test_sums_of_several_parts_add_up_and_the_unknown_stays_unknown() -> None:
    time = datetime(2026, 11, 3, 10, tzinfo=UTC)
    part = pl.DataFrame({"time": [time], "source": ["a"], "n_connects": [2]}).pipe(tally.as_table, TRAFFIC)

    merged = tally.merged_traffic([part, empty(TRAFFIC), part])

    assert merged.select("n_connects", "n_lines", "n_sent").rows() == [(4, None, None)]
    assert tally.merged_traffic([]).schema == dtypes(TRAFFIC)


def test_coverage_has_the_file_first_and_then_its_programs(tmp_path: Path) -> None:
    path = tmp_path / "mail.log.gz"
    text = "".join(f"{t}\n" for t in LOG).encode()
    path.write_bytes(gzip.compress(text))
    _, coverage, _ = reading.read(path, full=True)

    assert coverage.schema == dtypes(COVERAGE)
    whole = coverage.row(0, named=True)
    assert (whole["program"], whole["format"], whole["compression"]) == (None, "postfix", "gzip")
    assert (whole["bytes"], whole["lines"]) == (len(text), len(LOG))
    assert (whole["first_time"], whole["last_time"]) == (
        datetime(2026, 11, 3, 10, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 3, 10, 1, 32, tzinfo=UTC),
    )
    assert whole["bad_stamps"] == 0
    assert whole["error"] is None
    assert len(whole["cannot_show"]) > 3
    programs = coverage.slice(1)
    assert programs["program"].to_list() == ["postfix/smtpd", "postfix/submission/smtpd", "postfix/smtp"]
    assert [sum(programs[role]) for role in tally.ROLES] == [whole[role] for role in tally.ROLES]


def test_examples_of_lines_not_understood_are_few_numbered_short_and_redacted() -> None:
    told = Tally()
    lines = pl.DataFrame(
        {"line_no": range(1, 9), "line": ["AUTH PLAIN AGFsaWNlAHNlY3JldA==" + "x" * 900] * 8},
        schema_overrides={"line_no": pl.UInt64},
    )
    told.miss("postfix/smtpd", "postfix", lines)
    told.miss("postfix/smtpd", "postfix", lines)

    rows = tally.coverage_of("a", told, first_time=None, last_time=None)

    assert rows["not_understood"].to_list() == [16, 16]
    examples = rows["examples"][1].to_list()
    assert [text.split(":")[0] for text in examples] == ["1", "2", "3", "4", "5"]
    assert all("AGFsaWNl" not in text and len(text) < 520 for text in examples)

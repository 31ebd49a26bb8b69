"""The ways in: whatever way a log is cut, packed, ordered or named, the same events come out of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from small_logs import FAILED, PEER, SAMPLES, SUBMISSION, TLS, clocks, line, read, told, write
from smtplogs import reading
from smtplogs.errors import NothingToRead, UnknownName
from smtplogs.schema import EVENTS, dtypes
from smtplogs.sources import Reading

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IP = "203.0.113.9"
PLACE = ("source", "line_no", "also")
SAMPLE_LOGS = sorted(p for p in SAMPLES.rglob("mail.log*"))


def in_chunks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setitem(Reading.__init__.__kwdefaults__, "chunk_bytes", size)


def said(events: pl.DataFrame) -> pl.DataFrame:
    """Return all that does not depend on where a line stood."""
    return events.drop(PLACE).sort(pl.exclude("auth_offered"), nulls_last=True)


def small_log() -> list[str]:
    """Return sessions of every kind that lines of several places must be tied together for."""
    other = "unknown[203.0.113.77]"
    b = "postfix/submission/smtpd[11]"
    return [
        line("10:00:00", f"connect from {PEER}", SUBMISSION),
        line("10:00:01", TLS, SUBMISSION),
        line("10:00:01", f"connect from {other}", b),
        line("10:00:02", f"auth: passwd-file(alice,{IP}): unknown user", "dovecot"),
        line("10:00:04", FAILED, SUBMISSION),
        line("10:00:05", f"auth: passwd-file(bob,{IP}): Password mismatch", "dovecot"),
        line("10:00:07", FAILED.replace("alice", "bob"), SUBMISSION),
        line("10:00:08", "warning: SASL: Connect to private/auth failed: Connection refused", b),
        line("10:00:08", FAILED.replace(PEER, other), b),
        line("10:00:09", f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/3 commands=4/7", SUBMISSION),
        line("10:00:09", f"connect from {PEER}", SUBMISSION),
        line("10:00:09", f"4AA: client={PEER}, sasl_method=PLAIN, sasl_username=alice", SUBMISSION),
        line("10:00:09", f"disconnect from {PEER} ehlo=1 auth=1 mail=1 rcpt=1 data=1 commands=5", SUBMISSION),
        line("10:00:09", f"connect from {PEER}", SUBMISSION),
        line("10:00:09", f"lost connection after AUTH from {PEER}", SUBMISSION),
        line("10:00:09", f"disconnect from {PEER} ehlo=1 auth=0/2 commands=1/3", SUBMISSION),
        line("10:00:12", f"disconnect from {other} ehlo=1 auth=0/2 commands=1/3", b),
        line("10:00:20", f"imap-login: Disconnected (auth failed, 2 attempts in 9 secs): user=<bob>, method=PLAIN, rip={IP}, lip=192.0.2.25, TLS, session=<s1>", "dovecot"),
    ]  # fmt: skip


# --- chunks


@pytest.mark.parametrize("size", [200, 333, 1000])
def test_a_small_log_does_not_depend_on_the_size_of_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path = write(tmp_path / "mail.log", *small_log())
    whole = reading.read(path)
    in_chunks(monkeypatch, size)

    assert whole.height == 14
    assert_frame_equal(reading.read(path), whole)


@pytest.mark.parametrize(
    ("sample", "size"),
    [
        ("postfix/postfix3.10-dovecot2.4", 5000),
        ("postfix/postfix3.7-dovecot2.3", 9000),
        ("postfix/outbound-relay", 8000),
        ("postfix/auth-debug", 500),
        ("postfix/new-year", 3000),
        ("dovecot/log-path", 50_000),
    ],
)
def test_samples_do_not_depend_on_the_size_of_chunks(monkeypatch: pytest.MonkeyPatch, sample: str, size: int) -> None:
    paths = sorted((SAMPLES / sample).glob("*.log*"))
    whole = reading.read(paths, year=2026)
    in_chunks(monkeypatch, size)

    assert_frame_equal(reading.read(paths, year=2026), whole)


# --- order, rotation, several logs


def test_the_order_in_which_files_are_given_does_not_matter(tmp_path: Path) -> None:
    lines = small_log()
    paths = [write(tmp_path / f"part{i}.log", *lines[i::3]) for i in range(3)]
    first = reading.read(paths)

    for order in (paths[::-1], [paths[1], paths[2], paths[0]]):
        assert_frame_equal(reading.read(order), first)


@pytest.mark.parametrize("at", [1, 6, 9, 12, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 8, 11, 15, 17))])
def test_a_rotation_at_any_line_changes_nothing(tmp_path: Path, at: int) -> None:
    lines = small_log()
    for n in (10, 11, 12, 13, 14, 15):  # sessions of one process and second are numbered file by file
        lines[n] = lines[n].replace("10:00:09", "10:00:10" if n < 13 else "10:00:11")
    whole = read(tmp_path, *lines)
    old, new = write(tmp_path / "mail.log.1", *lines[:at]), write(tmp_path / "mail.log", *lines[at:])

    events = reading.read([new, old])

    assert_frame_equal(said(events), said(whole))
    for row in events.iter_rows(named=True):
        file, _, number = (row["also"] or [f"{old}:1"])[0].rpartition(":")
        assert 1 <= int(number) <= (at if file == str(old) else len(lines) - at)


def test_connect_in_one_file_and_failure_and_disconnect_in_the_next_are_one_session(tmp_path: Path) -> None:
    write(
        tmp_path / "mail.log.1", line("10:00:00", f"connect from {PEER}", SUBMISSION), line("10:00:01", TLS, SUBMISSION)
    )
    write(
        tmp_path / "mail.log",
        line("10:00:04", FAILED, SUBMISSION),
        line("10:00:09", f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/2 commands=4/6", SUBMISSION),
    )
    events = reading.read(tmp_path / "mail.log*")

    session = "mx1/postfix/submission/smtpd/10@2026-11-03T10:00:00Z"
    assert told(events, "outcome", "tls", "session") == [
        ("failure", "TLSv1.3", session),
        ("refused", "TLSv1.3", session),
    ]


@pytest.mark.parametrize("form", ["syslog", "log_path"])
def test_dovecots_lines_in_a_file_of_their_own_mean_the_same(tmp_path: Path, form: str) -> None:
    lines = small_log()
    whole = read(tmp_path, *lines)
    theirs = [text for text in lines if " dovecot: " in text]
    if form == "log_path":
        theirs = [
            "Nov 03 " + text[11:19] + " " + text.split(" dovecot: ")[1].replace(": ", ": Info: ", 1) for text in theirs
        ]
    mail = write(tmp_path / "mail.log", *(text for text in lines if " dovecot: " not in text))
    own = write(tmp_path / "dovecot.log", *theirs)

    changing = [] if form == "syslog" else ["raw", "time_quality", "host", "program"]
    for paths in ([mail, own], [own, mail]):
        events = reading.read(paths, year=2026)
        assert_frame_equal(said(events.drop(changing)), said(whole.drop(changing)))


# --- compression


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_compression_changes_nothing(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    """It is told by the content: the name says nothing of it."""
    path = write(tmp_path / "mail.log", *small_log())
    whole = reading.read(path)
    data = path.read_bytes()
    path.write_bytes(compress(data))

    events, coverage, _ = reading.read(path, full=True)

    assert_frame_equal(events, whole)
    assert coverage["bytes"][0] == len(data)
    assert coverage["lines"][0] == len(small_log())


def test_a_cut_gzip_file_gives_what_it_holds_and_says_where_it_ends(tmp_path: Path) -> None:
    lines = [line("10:00:00", FAILED.replace("alice", f"u{n}"), f"postfix/smtpd[{n}]") for n in range(4000)]
    data = gzip.compress("".join(f"{t}\n" for t in lines).encode())
    path = tmp_path / "mail.log.gz"
    path.write_bytes(data[: len(data) // 2])

    events, coverage, _ = reading.read(path, full=True)

    assert 100 < events.height < 4000
    assert told(events, "user")[:3] == ["u0", "u1", "u10"] or events["line_no"].min() == 1
    assert f"line {coverage['lines'][0]}" in coverage["error"][0]


def test_a_broken_file_among_good_ones_does_not_end_the_run(tmp_path: Path) -> None:
    good = write(tmp_path / "mail.log", *small_log())
    bad = tmp_path / "mail.log.1.gz"
    bad.write_bytes(gzip.compress(b"x")[:10] + os.urandom(100))
    missing = tmp_path / "mail.log.9"

    events, coverage, _ = reading.read([good, bad, missing], full=True)

    assert_frame_equal(events, reading.read(good))
    errors = dict(coverage.filter(pl.col("error").is_not_null()).select("source", "error").iter_rows())
    assert set(errors) == {str(bad), str(missing)}


# --- formats, nothing to read


def test_one_format_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *small_log())

    assert set(reading.read(path, format="postfix")["format"]) == {"postfix"}
    assert told(reading.read(path, format="postfix"), "basis").count("context") == 1  # the dead backend
    only, coverage, _ = reading.read(path, format="dovecot", full=True)
    assert set(only["format"]) == {"dovecot"}
    assert told(only, "user", "count") == [("alice", 1), ("bob", 1), ("bob", 2)]
    assert (
        coverage["kept"][0]
        == coverage.select(pl.sum_horizontal("records", "context", "dismissed", "not_understood"))["records"][0]
    )


def test_an_unknown_format_is_named_with_the_known_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *small_log())
    with pytest.raises(UnknownName, match=r"no format named 'postfx'; there are auto, postfix, dovecot, pam"):
        reading.read(path, format="postfx")


@pytest.mark.parametrize("given", ["nothing*.log", "missing.log", []])
def test_nothing_to_read_says_so(tmp_path: Path, given: Any) -> None:
    with pytest.raises(NothingToRead, match=r"nothing"):
        reading.read([tmp_path / g for g in given] if isinstance(given, list) else tmp_path / given)


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n\n", b"\x00" * 100, b"hello\nworld\n", b"\xff\xfe", b"\r\n"])
def test_files_without_any_log_line_give_no_events_and_no_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mail.log"
    path.write_bytes(content)
    events, coverage, traffic = reading.read(path, full=True)

    assert events.schema == dtypes(EVENTS)
    assert events.is_empty()
    assert traffic.is_empty()
    assert coverage["records"].to_list() == [0]


@pytest.mark.parametrize(
    "text",
    [
        line("10:00:00", f"connect from {PEER}", SUBMISSION),
        line("10:00:00", f"disconnect from {PEER} ehlo=1 auth=0/1 commands=2", SUBMISSION),
        line("10:00:00", f"lost connection after AUTH from {PEER}", SUBMISSION),
        line("10:00:00", TLS, SUBMISSION),
        line("10:00:00", "auth: Debug: client passdb out: OK#0112#011user=alice", "dovecot"),
        line("10:00:00", f"auth: passwd-file(alice,{IP}): unknown user - trying the next passdb", "dovecot"),
        line("10:00:00", f"imap-login: Disconnected (no auth attempts in 0 secs): user=<>, rip={IP}, lip=192.0.2.25", "dovecot"),
        line("10:00:00", "statistics: max auth rate 6/60s for (submission:203.0.113.9) at Nov  3 09:05:01", "postfix/anvil[3]"),
        line("10:00:00", "pam_unix(dovecot:auth): check pass; user unknown", "auth"),
        line("10:00:00", "warning: SASL authentication failure: no secret in database", SUBMISSION),
        line("10:00:00", "warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown ca:x.c:1:", SUBMISSION),
        line("10:00:00", "session opened for user x by (uid=0)", "sudo"),
    ],
)  # fmt: skip
def test_a_file_of_context_alone_is_no_trouble(tmp_path: Path, text: str) -> None:
    assert told(read(tmp_path, text), "cause") == []


# --- year and zone


BSD = "{} mx1 postfix/smtpd[10]: " + FAILED


def bsd(*stamps: str) -> list[str]:
    return [BSD.format(stamp) for stamp in stamps]


def times(events: pl.DataFrame) -> list[str]:
    return [t.strftime("%Y-%m-%d %H:%M") for t in told(events, "time")]


def test_a_year_that_is_given_leaves_no_doubt_about_it(tmp_path: Path) -> None:
    events, coverage, _ = reading.read(write(tmp_path / "mail.log", *bsd("Nov  3 10:00:00")), full=True, year=2024)

    assert times(events) == ["2024-11-03 10:00"]
    assert told(events, "time_quality") == ["zone_assumed"]
    assert coverage["year_evidence"][0] == "given by the caller"


def test_year_from_the_name_of_a_rotated_file(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log-20230110", *bsd("Dec 30 10:00:00", "Jan  2 10:00:00"))
    events, coverage, _ = reading.read(path, full=True)

    assert times(events) == ["2022-12-30 10:00", "2023-01-02 10:00"]
    assert told(events, "time_quality") == ["year_inferred"] * 2
    assert "2023-01-10" in coverage["year_evidence"][0]


def test_year_from_the_gzip_header(tmp_path: Path) -> None:
    path = tmp_path / "mail.log.1.gz"
    stamp = datetime(2021, 6, 1, tzinfo=UTC).timestamp()
    path.write_bytes(gzip.compress((bsd("May 30 10:00:00")[0] + "\n").encode(), mtime=stamp))
    events, coverage, _ = reading.read(path, full=True)

    assert times(events) == ["2021-05-30 10:00"]
    assert "gzip header" in coverage["year_evidence"][0]


def test_year_from_the_file_time(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *bsd("May 30 10:00:00", "Jun  2 10:00:00"))
    stamp = datetime(2020, 6, 3, tzinfo=UTC).timestamp()
    os.utime(path, (stamp, stamp))
    events, coverage, _ = reading.read(path, full=True)

    assert times(events) == ["2020-05-30 10:00", "2020-06-02 10:00"]
    assert "file time" in coverage["year_evidence"][0]


@pytest.mark.parametrize("chunk", [200, 1 << 20])
def test_new_year_inside_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    in_chunks(monkeypatch, chunk)
    path = write(
        tmp_path / "mail.log", *bsd("Dec 31 23:59:58", "Dec 31 23:59:59", "Jan  1 00:00:00", "Jan  1 00:00:01")
    )

    assert times(reading.read(path, year=2026)) == ["2025-12-31 23:59"] * 2 + ["2026-01-01 00:00"] * 2


def test_new_year_between_rotated_files(tmp_path: Path) -> None:
    write(tmp_path / "mail.log.2", *bsd("Nov 30 10:00:00", "Dec 30 10:00:00"))
    write(tmp_path / "mail.log.1", *bsd("Dec 31 10:00:00", "Dec 31 23:59:59"))
    write(tmp_path / "mail.log", *bsd("Jan  1 00:00:00", "Feb  1 10:00:00"))

    events = reading.read(tmp_path / "mail.log*", year=2026)

    assert times(events) == [
        "2025-11-30 10:00", "2025-12-30 10:00", "2025-12-31 10:00", "2025-12-31 23:59", "2026-01-01 00:00",
        "2026-02-01 10:00",
    ]  # fmt: skip


def test_a_leap_day_decides_the_year(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *bsd("Feb 29 10:00:00", "Mar  1 10:00:00"))
    stamp = datetime(2026, 6, 3, tzinfo=UTC).timestamp()
    os.utime(path, (stamp, stamp))

    assert times(reading.read(path)) == ["2024-02-29 10:00", "2024-03-01 10:00"]
    assert times(reading.read(path, year=2024)) == ["2024-02-29 10:00", "2024-03-01 10:00"]


def test_clock_changes_in_a_zone(tmp_path: Path) -> None:
    autumn = bsd("Oct 25 02:59:58", "Oct 25 02:00:01", "Oct 25 03:00:00")
    events = reading.read(write(tmp_path / "a.log", *autumn), year=2026, tz="Europe/Warsaw")
    assert times(events) == ["2026-10-25 00:59", "2026-10-25 01:00", "2026-10-25 02:00"]

    spring = bsd("Mar 29 01:59:59", "Mar 29 02:30:00", "Mar 29 03:00:00")
    events = reading.read(write(tmp_path / "b.log", *spring), year=2026, tz="Europe/Warsaw")
    assert [times(events)[0], times(events)[-1]] == ["2026-03-29 00:59", "2026-03-29 01:30"]
    assert "ambiguous" in told(events, "time_quality")


def test_stamps_that_cannot_be_are_counted_and_never_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *bsd("Nov 31 10:00:00", "Nov  3 25:00:00", "Nov  3 10:00:00"))
    events, coverage, _ = reading.read(path, year=2026, full=True)

    assert times(events.filter(pl.col("time").is_not_null())) == ["2026-11-03 10:00"]
    assert coverage["bad_stamps"][0] == 2


@pytest.mark.parametrize("tz", ["Europe/Warsow", "no zone", ""])
def test_an_unknown_zone_is_a_clear_error(tmp_path: Path, tz: str) -> None:
    path = write(tmp_path / "mail.log", *small_log())
    with pytest.raises(ValueError, match=r"zone"):
        reading.read(path, tz=tz)


# --- since and until


def test_since_is_kept_and_until_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *(line(c, FAILED) for c in ("10:00:00", "11:00:00", "12:00:00")))

    def between(since: Any, until: Any, **how: Any) -> list[str]:
        return clocks(reading.read(path, since=since, until=until, **how))

    assert between("2026-11-03 11:00", None) == ["11:00:00", "12:00:00"]
    assert between(None, "2026-11-03T11:00:00Z") == ["10:00:00"]
    assert between("2026-11-03 11:00+01:00", "2026-11-03 12:00") == ["10:00:00", "11:00:00"]
    assert between("2026-11-03 12:00", None, tz="Europe/Warsaw") == ["11:00:00", "12:00:00"]
    assert between(date(2026, 11, 3), date(2026, 11, 4)) == ["10:00:00", "11:00:00", "12:00:00"]
    assert between(datetime(2026, 11, 3, 11, tzinfo=UTC), None) == ["11:00:00", "12:00:00"]
    assert between("2026-11-04", None) == []


def test_a_session_that_begins_before_since_is_still_known(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", *small_log())

    assert told(reading.read(path, since="2026-11-03 10:00:04", until="2026-11-03 10:00:05"), "tls") == ["TLSv1.3"]


@pytest.mark.parametrize("word", ["yesterday", "last week", "soon", "2026-13-01", "", "99999999999999999999"])
def test_words_that_are_no_moment_are_a_clear_error(tmp_path: Path, word: str) -> None:
    path = write(tmp_path / "mail.log", *small_log())
    with pytest.raises(ValueError, match=r"as a date or time"):
        reading.read(path, since=word)


@pytest.mark.parametrize("word", ["3h", "09:00", "9 am"])
def test_a_time_of_no_day_is_no_moment(tmp_path: Path, word: str) -> None:
    path = write(tmp_path / "mail.log", *small_log())

    with pytest.raises(ValueError, match=r"names no day; try 2026-11-23"):
        reading.read(path, since=word)


# --- datasets


def test_events_written_as_parquet_come_back_as_they_were(tmp_path: Path) -> None:
    events = read(tmp_path, *small_log())
    words = [pl.col(n).cast(pl.String) for n, c in EVENTS.items() if isinstance(c.dtype, pl.Enum)]
    (tmp_path / "out").mkdir()
    events.with_columns(words).write_parquet(tmp_path / "out" / "events.parquet")

    assert_frame_equal(reading.load(tmp_path / "out").collect(), events)
    assert (
        reading.load(tmp_path / "out", since="2026-11-03 10:00:10").collect().height
        == events.filter(pl.col("time") >= datetime(2026, 11, 3, 10, 0, 10, tzinfo=UTC)).height
    )


@pytest.mark.parametrize("name", ["missing", "mail.log", "other.parquet"])
def test_what_is_no_dataset_is_named(tmp_path: Path, name: str) -> None:
    write(tmp_path / "mail.log", *small_log())
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "other.parquet")
    with pytest.raises(NothingToRead, match=r"no event table in"):
        reading.load(tmp_path / name)


def test_a_copied_folder_of_rotated_logs_is_read_as_one(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "postfix" / "new-year", tmp_path / "logs")

    events = reading.read(tmp_path / "logs", year=2026)

    assert events["time"].is_sorted()
    assert events["source"].n_unique() == 2


def test_progress_is_shown_where_it_is_asked_for(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logs = [write(tmp_path / f"{n}.log", line("10:00:05", FAILED)) for n in range(3)]
    packed = tmp_path / "3.log.gz"
    packed.write_bytes(gzip.compress(logs[0].read_bytes().replace(b"10:00:05", b"10:00:06")))

    events = reading.read([*logs, packed])
    assert capfd.readouterr() == ("", "")
    assert_frame_equal(reading.read([*logs, packed], progress=True), events)
    assert "reading" in capfd.readouterr().err

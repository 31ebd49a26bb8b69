"""Small files that share a batch: what comes of them is, to the last value, what each gives by itself."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import smtplogs as sl
from small_logs import FAILED, PEER, SAMPLES, SUBMISSION, TLS, line, write
from smtplogs import (
    dating,
    mixtures,
    parsing,
    reading,
    recognising,
    redacting,
    settling,
    sources,
    tally,
    together,
    unwrapping,
    whole_files,
)
from smtplogs.logformats import DIALOGUES, EVERY, TABLES
from smtplogs.onefile import Passed, Settings
from smtplogs.sinks import Gathered
from smtplogs.sources import FILE
from smtplogs.unsettled import stacked

NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOW: dict[str, Any] = {"now": NOW, "traffic": True, "keep_missed": True}
LOGS = sources.find(SAMPLES)[0]
PARSE = parsing.parse


class Told:
    """All that files gave, read one by one or together; `shared` counts those that lay in a batch with others."""

    def __init__(self, paths: Any, *, alone: bool, **how: Any) -> None:
        found, _ = sources.find(paths)
        said = Settings(**{**HOW, **how})
        sink = Gathered()
        known: dict[int, Passed] = {}
        self.shared = 0

        def counted(lines: pl.LazyFrame, *more: Any) -> Any:
            some = lines.collect()
            self.shared += some[FILE].n_unique() if FILE in some.columns else 0
            return PARSE(some.lazy(), *more)

        with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool, redacting.keyed(b"k" * 32):
            patch.setattr(parsing, "parse", counted)
            if alone:
                patch.setattr(together, "SMALL", -1)
            files = list(map(together.Given, found, dating.anchors(found, said)))
            known.update(together.read_all(files, said, pool, sink, hash=True))
            sink.in_order_of(s.name for s in found)
            across = whole_files.over_borders(sink.taken_out("turns"))
            self.events = settling.settle(stacked(sink.taken_out("events"), *across), sink.taken_out("loose"))
        self.passed = [known[n] for n in range(len(found))]
        self.coverage = pl.concat([p.coverage for p in self.passed])
        self.traffic = tally.merged_traffic([sink.taken_out("traffic")])
        self.missed = sink.taken_out("missed")

    @property
    def facts(self) -> list[Any]:
        """What the manifest says, but for the coverage."""
        return [(p.bytes, p.lines, p.sha256, p.start, p.anchor, p.yearless) for p in self.passed]


def assert_same(paths: Any, **how: Any) -> Told:
    """Read files together and one by one; return the former."""
    one, both = Told(paths, alone=True, **how), Told(paths, alone=False, **how)
    assert one.shared == 0
    assert both.facts == one.facts
    assert_frame_equal(both.coverage, one.coverage)
    assert_frame_equal(both.events, one.events)
    assert_frame_equal(both.traffic, one.traffic)
    assert both.missed.is_empty() == one.missed.is_empty()
    if both.missed.height:
        by = ("source", "line_no")
        assert_frame_equal(both.missed.sort(by), one.missed.sort(by), check_column_order=False)
    return both


# --- real files


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"tz": "Europe/Warsaw", "traffic": False}, marks=pytest.mark.slow),
        pytest.param({"only": "postfix", "year": 2025}, marks=pytest.mark.slow),
    ],
)
def test_all_samples(how: dict[str, Any]) -> None:
    told = assert_same(SAMPLES, **how)

    assert len(LOGS) > 60
    assert told.shared > 40  # transcripts and tables, more than half of the samples, are read by themselves


def texts() -> list[bytes]:
    """Return the texts of the sample logs, as they are once expanded."""
    found = []
    for source in LOGS:
        with sources.open_source(source) as held:
            found.append(b"".join(held.pieces()))
    return found


TEXTS = texts()
TOUCHES = (
    bytes,
    gzip.compress,
    lambda data: gzip.compress(data)[:-20],
    lambda data: data.replace(b"\n", b"\r\n"),
    lambda data: data.removesuffix(b"\n"),
    lambda data: data[:-7],
    lambda data: data + b"\r",
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: data.replace(b"from", b"fr\xc3om", 3),
    lambda data: data.replace(b"from", b"fr\x00m", 3),
    lambda data: b"\n\n" + data + b"\n",
    lambda data: data + b"Mar  2 09:00:09 mx1 last message repeated 3 times\n",
    lambda data: b"Mar  2 09:00:09 mx1 exim[7]: [2/2] rest\n" + data,
    lambda data: b"",
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(range(len(TEXTS))),
            st.integers(0, 40),
            st.integers(1, 40),
            st.sampled_from([bytes] * 8 + list(TOUCHES)),
            st.sampled_from(["2026-11-20", "2026-01-01", "2025-06-30", "2024-02-29", "2031-05-05"]),
        ),
        min_size=2,
        max_size=8,
    ),
    st.booleans(),
    st.sampled_from([None, "Europe/Warsaw"]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_group_of_pieces_of_samples(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[Any], one_series: bool, tz: str | None
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for n, (k, begin, length, touch, day) in enumerate(pieces):
        cut = b"".join(TEXTS[k].splitlines(keepends=True)[begin : begin + length])
        path = folder / (f"mail.log.{n + 1}" if one_series else f"{'ab'[n % 2]}{n}.log")
        path.write_bytes(touch(cut))
        seconds = datetime.fromisoformat(day).timestamp()
        os.utime(path, (seconds, seconds))

    assert_same(folder, tz=tz)


# --- what lies between two files


def session(clock: str, pid: int, *, host: str = "mx1", day: str = "Mar  2", ends: bool = True) -> list[str]:
    """Return the lines of a session with one refused login."""
    head = f"{day} {clock} {host} postfix/submission/smtpd[{pid}]: "
    told = [f"connect from {PEER}", TLS, FAILED, f"disconnect from {PEER} ehlo=2 starttls=1 auth=0/1 quit=1"]
    return [head + text for text in (told if ends else told[:-1])]


def of(told: Told, name: str) -> pl.DataFrame:
    return told.events.filter(pl.col("source").str.ends_with(name))


def test_the_same_process_in_the_same_second_in_two_files(tmp_path: Path) -> None:
    """One stamp ends a file and begins the next; pid and host come back: yet these are two sessions."""
    a = write(tmp_path / "a.log", *session("09:00:00", 7))
    b = write(tmp_path / "b.log", *session("09:00:00", 7))
    told = assert_same([a, b])

    assert told.shared == 2
    for name in ("a.log", "b.log"):
        mine = of(told, name)
        assert mine["line_no"].to_list() == [3, 4]
        assert mine["session"].unique().to_list() == ["mx1/postfix/submission/smtpd/7@2026-03-02T09:00:00Z"]


def test_a_session_that_goes_on_in_the_next_file(tmp_path: Path) -> None:
    lines = session("09:00:00", 7)
    write(tmp_path / "mail.log.2", *lines[:2])
    write(tmp_path / "mail.log.1", *lines[2:], *session("09:05:00", 7))
    write(tmp_path / "mail.log", *session("09:10:00", 7, ends=False))
    told = assert_same(tmp_path)

    assert told.shared == 3
    first = told.events.filter(pl.col("outcome") == "failure").row(0, named=True)
    assert (Path(first["source"]).name, first["line_no"], first["tls"]) == ("mail.log.1", 1, "TLSv1.3")
    assert first["session"].endswith("@2026-03-02T09:00:00Z")


def test_each_file_has_a_year_of_its_own(tmp_path: Path) -> None:
    """A New Year inside one file, an old file beside it, and one whose end proves the first guess too late."""
    days = {"over": ("Dec 31", "Jan  1"), "old": ("Jun 30", "Jul  1"), "late": ("Jun  1", "Nov 25"), "iso": ("", "")}
    for name, (first, last) in days.items():
        lines = [*session("09:00:00", 7, day=first), *session("09:30:00", 8, day=last)]
        if name == "iso":
            lines = [line("09:00:00", FAILED, SUBMISSION, day="2019-05-05")]
        path = write(tmp_path / f"{name}.log", *lines)
        day = {"over": "2026-01-02", "old": "2023-07-02", "late": "2026-11-20", "iso": "2026-11-20"}[name]
        seconds = datetime.fromisoformat(day).timestamp()
        os.utime(path, (seconds, seconds))
    told = assert_same(tmp_path)

    assert told.shared == 4
    years = {n: sorted(of(told, f"{n}.log")["time"].dt.year().unique()) for n in days}
    assert years == {"over": [2025, 2026], "old": [2023], "late": [2025], "iso": [2019]}
    assert [p.anchor.years_back for p in told.passed] == [0, 1, 0, 0]


def test_what_needs_care_is_read_alone_in_its_place(tmp_path: Path) -> None:
    """A wrapper and damage are; repeats and pieces of cut lines are not."""
    plain = "".join(f"{text}\n" for text in session("09:00:00", 7)).encode()
    again = plain + b"Mar  2 09:00:01 mx1 postfix/submission/smtpd[7]: message repeated 2 times: [ lost connection]\n"
    piece = plain + b"2026-03-02 09:00:01 mx1 exim[42]: [1/2] 2026-03-02 09:00:01 cut\n"
    docker = b"".join(b"2026-03-02T09:00:00.123456789Z " + text + b"\n" for text in plain.splitlines())
    files = [plain, again, plain, piece, docker, gzip.compress(plain * 9)[:-9], gzip.compress(plain), b"", plain[:-1]]
    for n, data in enumerate(files):
        (tmp_path / f"{n}.log").write_bytes(data)
    told = assert_same(tmp_path)

    assert told.shared == 6  # an empty file has no line to share
    assert [bool(p.coverage["error"][0]) for p in told.passed] == [n == 5 for n in range(len(files))]


def test_repeats_and_cut_lines_do_not_reach_into_other_files(tmp_path: Path) -> None:
    head = "2026-11-03T09:00:00+01:00 mx1 exim[42]: "
    said = "2026-11-03 09:00:00 plain authenticator failed for (pc) [203.0.113.9]: 535 Incorrect authentication data"
    last = "Mar  2 09:00:09 mx1 last message repeated 3 times"
    write(tmp_path / "a.log", *session("09:00:00", 7)[:3])
    write(tmp_path / "b.log", last, *session("09:00:01", 7)[:3], last)
    write(tmp_path / "c.log", *session("09:00:02", 7), f"{session('09:00:03', 7)[0][:35]}x[1]: user=a [1/2] b")
    write(tmp_path / "d.log", head + r"[1\2] " + said, head + "[2/2] (set_id=ann)", head + r"[1\3] " + said)
    write(tmp_path / "e.log", head + "[2/3]  (set_id=bob)", head + r"[1/2] " + said, head + "[2/2]  (set_id=eve)")
    told = assert_same(tmp_path)

    assert told.shared >= 5
    failed = told.events.filter(pl.col("outcome") == "failure")
    assert failed.filter(pl.col("source").str.ends_with("b.log"))["count"].to_list() == [1, 3]
    assert failed.drop_nulls("user").filter(format="exim")["user"].to_list() == ["ann", "eve"]


def test_counts_and_examples_of_each_file(tmp_path: Path) -> None:
    odd = [
        line(f"09:0{n}:00", f"warning: SASL: password=hunter2 of nobody knows {n}", tag)
        for n, tag in enumerate(["postfix/smtpd[1]", "postfix/smtp[2]", "dovecot", "postfix/smtpd[1]"])
    ]
    write(tmp_path / "a.log", *odd * 4)
    write(tmp_path / "b.log", *reversed(odd), *session("09:00:00", 7))
    write(tmp_path / "c.log", *session("09:00:00", 7))
    told = assert_same(tmp_path)

    whole = told.coverage.filter(pl.col("program").is_null())
    assert told.shared == 3
    assert whole["not_understood"].to_list() == [16, 4, 0]
    assert (
        whole["examples"][1].to_list()
        == told.missed.filter(pl.col("source").str.ends_with("b.log"))
        .sort("line_no")
        .select(pl.format("{}: {}", "line_no", "line"))
        .to_series()
        .to_list()
    )
    assert "hunter2" not in str(told.coverage["examples"].to_list())


def test_large_files_and_lone_ones_are_read_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "SMALL", 2_000)
    monkeypatch.setattr(together, "BATCH_BYTES", 3_000)
    write(tmp_path / "large.log", *session("09:00:00", 7) * 8)
    for n in range(9):
        write(tmp_path / f"{n}.log", *session("09:00:00", 7))
    (tmp_path / "bomb.log").write_bytes(gzip.compress(b"x" * 100_000))

    assert assert_same(tmp_path).shared == 9
    assert Told(tmp_path / "1.log", alone=False).shared == 0


def test_the_head_of_a_file_tells_its_plan(tmp_path: Path) -> None:
    """Only 64 kB are looked at, of a file alone and of one among others."""
    iso = [line("09:00:00", "connect from " + PEER)] * 500
    bsd = session("09:00:00", 7) * 200
    write(tmp_path / "a.log", *iso, *bsd)
    write(tmp_path / "b.log", *bsd, *iso)
    write(tmp_path / "c.log", *session("09:00:00", 7))

    assert assert_same(tmp_path).shared == 3


# --- the glance and the long look


def long_look(head: list[str]) -> bool:
    return (
        mixtures.mixture(head) is None
        and recognising.recognise(head) == recognising.Recognised(None)
        and unwrapping.detect(head) is None
    )


def glance(heads: list[list[str]]) -> set[int]:
    rows = [(n, text) for n, head in enumerate(heads) for text in head]
    return set(recognising.surely_lines(pl.DataFrame(rows, schema={FILE: pl.UInt32, "line": pl.String}, orient="row")))


@pytest.mark.slow
def test_the_glance_never_says_otherwise_than_the_long_look() -> None:
    heads = [data.decode("utf-8", "replace").splitlines() for data in TEXTS]
    heads += [excerpt.text.splitlines() for f in (*DIALOGUES, *TABLES) for excerpt in f.samples]
    heads += [
        [f"Mar  2 09:00:00 mx1 x[1]: {p.samples[0].message}"] * 3
        for f in EVERY
        for p in getattr(f, "patterns", ())
        if getattr(p, "samples", ())
    ]
    rng = random.Random(1)
    heads += [rng.sample([t for head in heads[:200] for t in head], 6) for _ in range(150)]
    sure = glance(heads)
    right = [long_look(head) for head in heads]

    assert [n for n in sure if not right[n]] == []
    assert len(sure) > 0.6 * sum(right)


def test_formats_of_others_take_part_in_the_glance() -> None:
    head = pl.DataFrame({FILE: [0], "line": ["A line of another program"]}, schema_overrides={FILE: pl.UInt32})
    other = replace(next(t for t in TABLES if t.name == "kerio"), patterns=("^b$|^A line .*$",))

    assert recognising.surely_lines(head).to_list() == [0]
    assert recognising.surely_lines(head, (other,)).to_list() == []
    assert recognising.surely_lines(head, (*TABLES, *DIALOGUES)).to_list() == [0]


def test_a_header_of_a_table_is_no_log(tmp_path: Path) -> None:
    """What `recognise` finds by its header needs the long look, however the header is written."""
    head = ['"User name","Client APP","USERNAME","Sign-in error code"', "a,b,c,d"]

    assert not long_look(head)
    assert glance([head, ["Mar  2 09:00:00 mx1 postfix/smtpd[1]: connect from unknown[192.0.2.1], a, b, c"]]) == {1}


# --- datasets


def test_a_dataset_is_the_same_to_the_last_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n, data in enumerate(TEXTS[:24]):
        (folder / f"{n % 7}.log.{n // 7 + 1}").write_bytes(gzip.compress(data, mtime=0) if n % 5 == 0 else data)
    (folder / "twin.log").write_bytes(TEXTS[3])
    sl.parse(folder, tmp_path / "together")
    (tmp_path / "alone").mkdir()
    shutil.copy(tmp_path / "together" / ".key", tmp_path / "alone" / ".key")
    monkeypatch.setattr(together, "SMALL", -1)
    sl.parse(folder, tmp_path / "alone")

    for table in ("events", "traffic", "coverage"):
        one, many = (sl.load(tmp_path / name, table=table).collect() for name in ("alone", "together"))
        by = [c for c in one.columns if not one.schema[c].is_nested()]
        assert_frame_equal(many.sort(by, nulls_last=True), one.sort(by, nulls_last=True))
    one, many = (json.loads((tmp_path / name / "manifest.json").read_text()) for name in ("alone", "together"))
    for entry in (*one["inputs"], *many["inputs"]):
        entry.pop("read_at")
    assert many["inputs"] == one["inputs"]
    assert many["notes"] == one["notes"]
    n_rows = [pl.DataFrame(m["files"]).group_by("kind").agg(pl.col("rows").sum()).sort("kind") for m in (one, many)]
    assert_frame_equal(*n_rows)


def test_twins_among_small_files_count_once(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.log.gz"):
        data = "".join(f"{t}\n" for t in session("09:00:00", 7)).encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    write(tmp_path / "d.log", *session("09:00:00", 8))
    events, coverage, _ = reading.read(tmp_path, full=True, year=2026)

    assert {Path(s).name for s in events["source"].unique()} == {"a.log", "d.log"}
    notes = coverage.drop_nulls("note").select("source", "note").rows()
    assert [(Path(s).name, Path(n.split(" as ")[1].split(":")[0]).name) for s, n in notes] == [
        ("b.log", "a.log"),
        ("c.log.gz", "a.log"),
    ]

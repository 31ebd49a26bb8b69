"""What all detectors share: findings as one table, identifiers, chosen evidence, and the lines behind it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smtplogs.detect import DETECTORS, evidence, findings, lockouts
from smtplogs.detect._findings import as_findings, finding_id, lines, spread
from smtplogs.detect._sentences import counted, length, listed, moment, name, stretch, times
from smtplogs.errors import MissingColumns
from smtplogs.schema import COVERAGE, EVENTS, FINDINGS, TRAFFIC, as_table, dtypes, empty

NINE = datetime(2026, 2, 3, 9, 0, tzinfo=UTC)


def events() -> pl.DataFrame:
    """Return a lock of ann's account and, in another file, five mistakes of bob."""
    ann = [(-180, "192.0.2.5", True), (-120, "192.0.2.5", True), (-60, "192.0.2.5", True)]
    ann += [(m, "203.0.113.9", False) for m in range(5)] + [(10, "192.0.2.5", False), (25, "192.0.2.5", True)]
    bob = [(m, "192.0.2.6", False) for m in range(5)] + [(6, "192.0.2.6", True)]
    rows = [("ann@example.com", "mail.log", i, *row) for i, row in enumerate(ann, 1)]
    rows += [("bob@example.com", "C:/logs/old.tar!mail.log", i, *row) for i, row in enumerate(bob, 1)]
    frame = pl.DataFrame(rows, schema=["user", "source", "line_no", "minutes", "client_ip", "ok"], orient="row")
    return as_table(
        frame.with_columns(
            pl.lit("auth").alias("stage"),
            (pl.lit(NINE) + pl.duration(minutes="minutes")).alias("time"),
            pl.when("ok").then(pl.lit("success")).otherwise(pl.lit("failure")).alias("outcome"),
            pl.when("ok").then(pl.lit("success")).otherwise(pl.lit("bad_credentials")).alias("cause"),
            pl.format("line {} of {}", "line_no", "user").alias("raw"),
        ),
        EVENTS,
    )


def test_findings_are_the_common_columns_and_details():
    found = findings(events())
    assert found.schema == dtypes(FINDINGS) | {"details": pl.String}
    assert found.select("status", "kind", "subject").rows() == [
        ("found", "lockout", "ann@example.com"),
        ("found", "failure_streak", "bob@example.com"),
        ("not_assessable", "takeover", "all accounts"),
    ]


def test_details_hold_the_own_columns_as_json():
    details = json.loads(findings(events())["details"][0])
    own = lockouts(events()).drop(list(FINDINGS))
    assert list(details) == own.columns
    assert details["trusted_refused"] == ["192.0.2.5"]
    assert datetime.fromisoformat(details["onset_before"]) == NINE + timedelta(minutes=10)


def test_findings_of_nothing_are_an_empty_table():
    assert findings(empty(EVENTS)).schema == dtypes(FINDINGS) | {"details": pl.String}
    assert findings(empty(EVENTS)).is_empty()


def test_findings_take_the_other_tables_in_any_library():
    for tables in ({"coverage": empty(COVERAGE), "traffic": empty(TRAFFIC)}, {"traffic": empty(TRAFFIC).to_pandas()}):
        assert_frame_equal(findings(events(), **tables), findings(events()))


def test_findings_answer_in_kind():
    assert findings(events().to_pandas())["title"].tolist() == findings(events().lazy())["title"].to_list()


def test_every_detector_documents_each_of_its_columns():
    for detector in DETECTORS:
        found = detector(events())
        assert list(found.columns[: len(FINDINGS)]) == list(FINDINGS), detector.__name__


def test_one_name_has_one_dtype_in_every_detector():
    seen: dict = {}
    for detector in DETECTORS:
        for column, dtype in detector(empty(EVENTS)).schema.items():
            assert seen.setdefault(column, dtype) == dtype, (detector.__name__, column)


def test_the_weightiest_come_first():
    def row(severity: str, n: int | None, subject: str) -> dict:
        return {"subject_kind": "user", "subject": subject, "start": NINE, "severity": severity, "n_events": n}

    rows = [row("info", 9, "a"), row("serious", 1, "b"), row("warning", None, "c"), row("warning", 3, "d")]
    rows += [row("warning", 3, "A")]
    assert as_findings(rows, "x", {})["subject"].to_list() == ["b", "A", "d", "c", "a"]


def test_a_finding_has_the_same_name_in_every_run():
    assert finding_id("lockouts", "user", "ann@example.com", NINE) == "355d5f4c9d5546d2"
    names = {finding_id("lockouts", k, s, t) for k in ("user", "address") for s in ("a", None) for t in (NINE, None)}
    assert len(names) == 8


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 22, 39, 40, 41, 1000])
def test_evidence_is_spread_evenly_with_first_and_last(n: int):
    rows = pl.DataFrame({"by": [0] * n + [1], "line_no": [*range(n), 0]})
    kept = spread(rows, "by").filter(pl.col("by") == 0)["line_no"].to_list()
    assert len(kept) == min(n, 20)
    assert (kept[0], kept[-1]) == (0, n - 1)
    assert spread(rows, "by").filter(pl.col("by") == 1).height == 1


def test_lines_without_a_number_are_no_evidence():
    rows = pl.DataFrame({"by": [1, 1], "time": [NINE, NINE], "source": ["a", None], "line_no": [7, 8]})
    assert lines(rows, "by") == {1: ["a:7"]}


def test_evidence_brings_the_lines_back():
    found = findings(events()).filter(pl.col("status") == "found")
    shown = evidence(found, events())
    assert shown.columns == ["finding_id", "time", "source", "line_no", "raw"]
    assert shown["raw"].null_count() == 0
    assert shown.filter(pl.col("finding_id") == found["finding_id"][1]).row(0) == (
        found["finding_id"][1],
        NINE,
        "C:/logs/old.tar!mail.log",
        1,
        "line 1 of bob@example.com",
    )
    assert shown["finding_id"].unique(maintain_order=True).to_list() == found["finding_id"].to_list()


def test_evidence_without_its_event_keeps_its_place():
    found = findings(events())
    shown = evidence(found, events().filter(pl.col("line_no") != 1))
    assert shown.height == evidence(found, events()).height
    assert shown["raw"].null_count() == 1


def test_evidence_takes_any_frame_and_names_what_is_missing():
    found = findings(events())
    expected = evidence(found, events())
    assert_frame_equal(evidence(found.lazy(), events().lazy()), expected)
    assert evidence(found.to_pandas(), events().to_pandas())["raw"].tolist() == expected["raw"].to_list()
    assert evidence(found.clear(), events()).is_empty()
    with pytest.raises(MissingColumns, match="evidence"):
        evidence(found.drop("evidence"), events())


def test_times_lengths_and_numbers_are_told_in_words():
    assert stretch(NINE, NINE + timedelta(minutes=5)) == "from 2026-02-03 09:00 to 09:05 UTC"
    assert stretch(NINE, NINE + timedelta(seconds=40)) == "from 2026-02-03 09:00:00 to 09:00:40 UTC"
    assert stretch(NINE, NINE) == "at 2026-02-03 09:00:00 UTC"
    assert stretch(NINE, NINE + timedelta(days=1)) == "from 2026-02-03 09:00 to 2026-02-04 09:00 UTC"
    assert moment(NINE) == "2026-02-03 09:00 UTC"
    assert [length(timedelta(seconds=s)) for s in (40, 900, 9000, 259_200)] == ["40 s", "15 min", "2.5 h", "3 d"]
    assert [counted(n, "address", "addresses") for n in (1, 1204)] == ["1 address", "1,204 addresses"]
    assert [times(n) for n in (1, 2, 1200)] == ["once", "twice", "1,200 times"]
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"], 7) == "a, b, c and 4 more"
    assert name(None) == "(no name)"


def test_two_kinds_of_one_subject_from_one_moment_have_names_of_their_own():
    row = {"subject_kind": "client", "subject": "x", "start": NINE, "severity": "info", "title": "t"}
    pair = [{**row, "kind": "mechanism"}, {**row, "kind": "retry_storm"}, {**row, "kind": "retry_storm"}]
    names = dict.fromkeys(as_findings(pair, "misconfigured_clients", {})["finding_id"])
    assert len(names) == 3
    assert finding_id("misconfigured_clients", "client", "x", NINE) in names
    again = as_findings(pair, "misconfigured_clients", {})
    assert list(names) == again["finding_id"].to_list()

"""Tables whose lines are told by patterns, or whose records are of several kinds: each against its samples, exactly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import cells, declaring, documents, parsing, tabling
from smtplogs.logformats import DECLARED, EVERY, TABLES, Excerpt, Field, Pattern, Sample, Shape, Table
from smtplogs.redacting import pseudonym
from test_dialogues import BESIDE, said

if TYPE_CHECKING:
    from pathlib import Path

HEADS = {
    "kerio": "[18/May/2026 07:25:15] ",
    "domino": "[0D14:0027-1334] 22-06-2026 09:56:12   ",
    "cisco-esa": "Mon Mar 17 18:24:00 2025 ",
    "rspamd": "2026-07-01 10:00:00 ",
    "directadmin": "2026:07:02-13:07:40: ",
}
"""What stands before the message of each format."""

ALL_SAMPLES = [(t, p, s) for t in TABLES for p in t.patterns if isinstance(p, Pattern) for s in p.samples]
IDS = [f"{t.name}-{p.name}" for t, p, _ in ALL_SAMPLES]


def taken(table: Table, text: str) -> list[str | None]:
    """Return which pattern takes each line."""
    lines = pl.DataFrame({"line_no": [1], "line": [text]}, schema=parsing.LINES)
    rows, _, _ = cells.cells(lines, table, cells.Head())
    return rows["_shape"].to_list()


@pytest.mark.parametrize(("table", "pattern", "sample"), ALL_SAMPLES, ids=IDS)
def test_a_sample_gives_exactly_what_it_says(table: Table, pattern: Pattern, sample: Sample) -> None:
    text = HEADS[table.name] + sample.message
    rows = declaring.events_of(table, text).to_dicts()

    assert taken(table, text) == [pattern.name]
    assert len(rows) == (pattern.role == "event")
    for row in rows:
        expect = {k: v for k, v in sample.expect.items() if k not in BESIDE}
        if str(row["user"]).startswith("[redacted:user]"):
            expect["user"] = pseudonym(expect["user"])
        assert said(row) == expect
        assert row["time"] is not None


@pytest.mark.parametrize(("table", "pattern", "sample"), ALL_SAMPLES, ids=IDS)
def test_look_alikes_stay_out(table: Table, pattern: Pattern, sample: Sample) -> None:
    for message in pattern.not_these:
        assert taken(table, HEADS[table.name] + message) != [pattern.name]
    assert not pattern.literals or any(word in sample.message for word in pattern.literals)


@pytest.mark.parametrize("table", [t for t in TABLES if t.shapes], ids=lambda t: t.name)
def test_every_kind_of_record_is_proved_by_a_sample(table: Table) -> None:
    seen: set[str] = set()
    for excerpt in table.samples:
        lines = excerpt.text.split("\n")
        frame = pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=parsing.LINES)
        if documents.is_document(lines):
            frame, _ = documents.elements(excerpt.text)
        rows, _, _ = cells.cells(frame, table, cells.Head())
        for row in rows.iter_slices(1):
            made = tabling.records(row, table, cells.Head())
            seen |= set(made.records["pattern"]) if made.records.height else {"other"} if made.n_dismissed else set()
    unseen = {s.name for s in table.shapes} - seen

    assert unseen <= UNSEEN.get(table.name, set())


UNSEEN = {
    "stalwart": {
        "auth.token-expired", "auth.credential-expired", "auth.error", "security.authentication-ban",
        "security.ip-blocked", "smtp.auth-not-allowed", "smtp.auth-mechanism-not-supported",
        "smtp.rate-limit-exceeded", "smtp.concurrency-limit-exceeded", "old_accepted",
    },
    "stalwart-json": {
        "auth.token-expired", "auth.credential-expired", "auth.error", "auth.too-many-attempts", "security.authentication-ban",
        "security.ip-blocked", "smtp.auth-not-allowed", "smtp.auth-mechanism-not-supported",
        "smtp.rate-limit-exceeded", "smtp.concurrency-limit-exceeded",
    },
}  # fmt: skip
"""Kinds made from one list of events, whose line differs in the name of the event alone; see below."""


@pytest.mark.parametrize(
    ("event", "stage", "outcome", "cause"),
    [
        ("auth.token-expired", "auth", "failure", "token_invalid"),
        ("auth.credential-expired", "auth", "failure", "password_expired"),
        ("auth.error", "auth", "deferred", "unknown"),
        ("auth.too-many-attempts", "session", "throttled", "too_many_errors"),
        ("security.authentication-ban", "session", "throttled", "too_many_errors"),
        ("security.ip-blocked", "connect", "refused", "access_policy_denied"),
        ("smtp.auth-not-allowed", "auth", "refused", "unknown"),
        ("smtp.auth-mechanism-not-supported", "auth", "refused", "mechanism_unsupported"),
        ("smtp.rate-limit-exceeded", "mail", "throttled", "throttled_sending"),
        ("smtp.concurrency-limit-exceeded", "mail", "throttled", "throttled_sending"),
    ],
)
def test_the_two_forms_of_a_stalwart_event_say_the_same(event: str, stage: str, outcome: str, cause: str) -> None:
    text = (
        f'2026-08-21T10:00:05Z WARN Some words ({event}) listenerId = "submission", localPort = 587, '
        "remoteIp = 203.0.113.9, remotePort = 40001"
    )
    data = '{"listenerId":"submission","localPort":587,"remoteIp":"203.0.113.9","remotePort":40001}'
    as_json = f'{{"id":"1","createdAt":"2026-08-21T10:00:05Z","type":"{event}","data":{data}}}'
    by_name = {t.name: t for t in TABLES}
    (a,) = declaring.events_of(by_name["stalwart"], text).to_dicts()
    (b,) = declaring.events_of(by_name["stalwart-json"], as_json).to_dicts()

    assert (a["stage"], a["outcome"], a["cause"]) == (stage, outcome, cause)
    same = {c: a[c] for c in a if c not in {"format", "raw"}}
    assert same == {c: b[c] for c in same}


# --- hostile input ---

NAMES = {
    "kerio": "SMTP: User {} doesn't exist. Attempt from IP address 203.0.113.9.",
    "domino": "smtp: {} [203.0.113.9] authentication failure using internet password",
    "cisco-esa": "Info: SMTP Auth: (ICID 30) failed for user: {} using AUTH mechanism: LOGIN with profile: p",
    "directadmin": "'203.0.113.9' 13 failed login attempts. Account '{}'",
}  # fmt: skip
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "x' OR 1=1 -- ",
    "a [198.51.100.1] b",
    "x; connecting host [198.51.100.1",
    "\x1b[31mred",
    "a\u202eb@example.com",
    "\U0001f600@example.com",
    "$(reboot)",
    "y" * 100_000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("format_", list(NAMES))
def test_a_hostile_name_is_one_attempt_of_the_true_address(format_: str, name: str) -> None:
    by_name = {t.name: t for t in TABLES}
    rows = declaring.events_of(by_name[format_], HEADS[format_] + NAMES[format_].format(name)).to_dicts()

    assert [(r["outcome"], r["client_ip"]) for r in rows] == [
        ("failure", None if format_ == "cisco-esa" else "203.0.113.9")
    ]
    shown = name.strip().removeprefix("\x1b[31m")
    assert rows[0]["user"] in {shown, pseudonym(shown)}
    if rows[0]["user"] == pseudonym(shown):
        assert shown not in repr(rows)


@pytest.mark.parametrize("stray", ["", " ", "\0", "{", "[", "<co ", "a" * 50_000, '{"type":"Rejection"', "Info: "])
@pytest.mark.parametrize("table", TABLES, ids=lambda t: t.name)
def test_a_stray_line_breaks_nothing_and_takes_no_event_away(table: Table, stray: str) -> None:
    excerpt = next(e for e in table.samples if e.expect)
    if table.layout == "csv" or documents.is_document(excerpt.text.split("\n")):
        return
    rows = declaring.events_of(table, f"{excerpt.text}\n{stray}\n{excerpt.text}").to_dicts()

    assert len(rows) == 2 * len(excerpt.expect)


def test_colours_of_a_terminal_come_off_a_table_as_well(tmp_path: Path) -> None:
    text = sl.sample("stalwart/old-password")[0].read_text("utf-8")
    (tmp_path / "log").write_text(text.replace("DEBUG", "\x1b[34mDEBUG\x1b[0m").replace("2026-", "\x1b[2m2026-"))
    shown = ["time", "outcome", "cause", "user", "client_ip"]

    assert sl.read(tmp_path / "log").select(shown).equals(sl.read(sl.sample("stalwart/old-password")).select(shown))


def test_a_response_of_kumomta_that_it_could_not_read_gives_no_name_away() -> None:
    kumo = next(t for t in TABLES if t.name == "kumomta")
    for code, command in ((501, "aHVudGVyMg=="), (504, "AUTH LOGIN aHVudGVyMg=="), (535, "AUTH aHVudGVyMg==")):
        record = {
            "type": "Rejection", "id": "", "event_time": "2026-09-05T10:00:03Z", "session_id": "s",
            "response": {"code": code, "content": f"no: {command}", "command": command}, "peer_address": {"addr": "203.0.113.9"},
        }  # fmt: skip
        (row,) = declaring.events_of(kumo, json.dumps(record)).to_dicts()
        assert "aHVudGVyMg" not in repr(row), code
        assert "hunter2" not in str(row["user"]) or code == 504, code


# --- the machinery ---


def table(**how: Any) -> Table:
    given = {"layout": "json", "fields": {}, "written_by": "test", "samples": (Excerpt("x"),)}
    return Table("mine", "Mine", **(given | how))


def events(format_: Table, *lines: str) -> list[dict[str, Any]]:
    return declaring.events_of(format_, "\n".join(lines)).to_dicts()


def test_records_of_several_kinds_are_told_apart_in_order_and_the_others_are_not_understood() -> None:
    format_ = table(
        fields={"user": Field(("$.u",))},
        shapes=(
            Shape("bad", keep={"$.t": ("no", "~^den")}, sets={"outcome": "failure", "cause": "bad_credentials"}),
            Shape("good", keep={"$.t": ("~.",), "$.ok": ("true",)}, fields={"user": Field(("$.who",))}, sets={"outcome": "success"}),
            Shape("noise", keep={"$.t": ("tick",)}, role="dismiss"),
        ),
    )  # fmt: skip
    lines = ['{"t":"denied","u":"a"}', '{"t":"x","ok":true,"who":"b","u":"c"}', '{"t":"tick"}', '{"t":"strange"}']
    rows, missed, _ = cells.cells(
        pl.DataFrame({"line_no": [1, 2, 3, 4], "line": lines}, schema=parsing.LINES), format_, cells.Head()
    )
    made = tabling.records(rows, format_, cells.Head())

    assert made.records.select("pattern", "user", "outcome").rows() == [
        ("bad", "a", "failure"), ("good", "b", "success"),
    ]  # fmt: skip
    assert (missed.height, made.missed["line_no"].to_list(), made.n_dismissed, made.n_context) == (0, [4], 1, 0)


def test_parts_of_a_value_are_joined_only_if_all_are_there() -> None:
    format_ = table(fields={"detail": Field(("$.a", "$.b"), join="."), "user": Field(("$.a", "$.b"), r"^([a-z]+) ", join=" ")})  # fmt: skip

    assert [(r["detail"], r["user"]) for r in events(format_, '{"a":"x","b":"y"}', '{"a":"x"}')] == [
        ("x.y", "x"),
        (None, None),
    ]


def test_objects_on_one_line_are_records_of_their_own() -> None:
    format_ = table(
        fields={"user": Field(("$.u",))},
        shapes=(Shape("a", keep={"$.t": ("a",)}), Shape("b", keep={"$.t": ("b",)}, sets={"outcome": "success"})),
    )
    assert [r["user"] for r in events(format_, '[{"t":"a","u":"x"},{"t":"b","u":"y"},{"t":"a","u":"z"}]')] == [
        "x", "y", "z",
    ]  # fmt: skip


@pytest.mark.parametrize("cut", range(1, 6))
def test_what_a_session_carries_outlives_a_batch_and_keeps_hosts_apart(cut: int) -> None:
    esa = next(t for t in TABLES if t.name == "cisco-esa")
    new = "New SMTP ICID 5 interface Data1 (192.0.2.{0}) address 203.0.113.{0} reverse dns host pc{0}.example.com verified yes"
    login = "SMTP Auth: (ICID 5) failed for user: ann using AUTH mechanism: LOGIN with profile: p"
    lines = [f"Mar 17 18:24:0{i} esa{i % 2} mail_logs: Info: {new.format(i % 2 + 1)}" for i in range(2)]
    lines += [f"Mar 17 18:24:0{i} esa{i % 2} mail_logs: Info: {login}" for i in range(2, 6)]
    head, found = cells.Head(), []
    for part in (slice(0, cut), slice(cut, None)):
        frame = pl.DataFrame({"line_no": range(1, 7), "line": lines}, schema=parsing.LINES)[part]
        made = tabling.records(cells.cells(frame, esa, head)[0], esa, head)
        found += made.records.select("host", "client_ip", "tls").rows() if made.records.height else []

    assert found == [("esa0", "203.0.113.1", "none"), ("esa1", "203.0.113.2", "none")] * 2


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"shapes": (Shape("a", keep={}), Shape("a", keep={}))}, "two shapes or patterns of one name"),
        ({"shapes": (Shape("a", keep={}, fields={"colour": Field(("$.c",))}),)}, "'colour' is no column"),
        ({"shapes": (Shape("a", keep={}, sets={"outcome": "lost"}),)}, "'lost' is no word of outcome"),
        ({"shapes": (Shape("a", keep={}, words={"side": {"x": "left"}}),)}, "'left' is no word of side"),
        (
            {"layout": "regex", "patterns": ("^x$", Pattern("p", regex="^y$", written_by="t", samples=(Sample("y"),)))},
            "all bare regexes, or none",
        ),
    ],
)
def test_a_table_whose_kinds_are_wrong_is_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        table(**how)


def test_shipped_definitions_are_formats_like_others_but_the_invented_one() -> None:
    names = {f.name for f in EVERY}

    assert {f.name for f in DECLARED} == set(declaring.definitions()) - {"example-relay"}
    assert {f.name for f in DECLARED} <= names
    assert "example-relay" not in names
    assert {f.name for f in DECLARED} <= set(sl.formats()["format"])


# --- objects at once and path by path ---


PATHS = ("$.a", "$.b.c", "$.b.d", "$.e", "$..x", "$.a-b")
ODD = (
    '{"a":5,"b":{"c":true,"d":1.50},"e":"q\\"\\u00e9\\n"}',
    '{"a":"x","b":{"c":null},"a-b":"dashed"}',
    '{"a":1376325780.160809,"b":{"d":-17}, "e":""}',
    '{"a":[1],"b":{"c":"d"}}',
    '{"a":{"z":1}}',
    '{"b":5}',
    '{"b":{"x":"deep"}},',
    '{"a":"cut',
    "[]",
    "{}",
    "null",
)


@pytest.mark.parametrize("size", [1, 2, 4096])
def test_objects_decoded_at_once_are_those_read_path_by_path(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SLICE", size)
    lines = pl.Series("line", [*ODD, *(e.text for t in TABLES if t.layout == "json" for e in t.samples)])
    expected = lines.to_frame().select(pl.col("line").str.json_path_match(p).alias(p) for p in PATHS)

    assert cells.json_cells(lines, PATHS).equals(expected)


@pytest.mark.parametrize("name", ["kumomta", "kumomta-acct", "entra", "stalwart-json", "mimecast", "postal"])
def test_records_of_a_format_are_decoded_as_they_are_read(name: str) -> None:
    format_ = next(t for t in TABLES if t.name == name)
    lines = pl.Series("line", [line for e in format_.samples for line in e.text.split("\n")])
    expected = lines.to_frame().select(pl.col("line").str.json_path_match(p).alias(p) for p in format_.paths)

    assert cells.json_cells(lines, format_.paths).equals(expected)
    assert cells.json_cells(lines.clear(), format_.paths).schema == expected.schema

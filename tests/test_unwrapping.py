"""Wrappers come off, pieces are joined, repeats are counted; nothing in a field can make or forge a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtplogs import unwrapping
from smtplogs.unwrapping import WRAPPERS, Wrapper, _detecting, detect, export_lines, repeats, unwrap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BY_NAME = {wrapper.name: wrapper for wrapper in WRAPPERS}
MESSAGE = (
    "warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: (reason unavailable), "
    "sasl_username=bob@example.org"
)
TAG = "postfix/submission/smtpd[4242]: "
SYSLOG = f"Nov 03 09:05:01 mx1 {TAG}{MESSAGE}"
REBUILT = f"2025-11-03T08:05:01.123456Z mx1 {TAG}{MESSAGE}"
OUTER = "2025-11-03T08:05:01.123456789Z"
ENTRY = {
    "__REALTIME_TIMESTAMP": "1762157101123456",
    "_HOSTNAME": "mx1",
    "SYSLOG_IDENTIFIER": "postfix/submission/smtpd",
    "SYSLOG_PID": "4242",
    "SYSLOG_FACILITY": "2",
    "PRIORITY": "4",
    "_TRANSPORT": "syslog",
    "_SYSTEMD_UNIT": "postfix@-.service",
    "MESSAGE": MESSAGE,
}

PLAIN = [
    f"Nov  3 09:05:01 mx1 {TAG}{MESSAGE}",
    f"Nov 3 09:05:01 mx1 {TAG}{MESSAGE}",
    f"Nov 03 09:05:01 mx1 {TAG}{MESSAGE}",
    f"<20>Nov  3 09:05:01 mx1 {TAG}{MESSAGE}",
    f"<20>Nov  3 09:05:01 {TAG}{MESSAGE}",
    f"2025-11-03T09:05:01.123456+01:00 mx1 {TAG}{MESSAGE}",
    f"2025-11-03T09:05:01Z mx1 {TAG}{MESSAGE}",
    f"2025-11-03T09:05:01+0100 mx1 {TAG}{MESSAGE}",
    f"Nov 03 09:05:01.123456 mx1 {TAG}{MESSAGE}",
    f"<20>1 2025-11-03T09:05:01.123456+01:00 mx1 postfix/submission/smtpd 4242 - - {MESSAGE}",
    '<20>1 2025-11-03T09:05:01Z mx1 postfix/submission/smtpd 4242 - [meta sequenceId="7"][x@1 a="b"] ' + f"\ufeff{MESSAGE}",
    f"Nov  3 09:05:01 mx1.example.org {TAG}{MESSAGE}",
    f"Nov  3 09:05:01 2001:db8::25 {TAG}{MESSAGE}",
    f"Nov  3 09:05:01 mx1 {TAG}[ID 197553 mail.warning] {MESSAGE}",
    f"Nov  3 09:05:01 mx1 postfix-out/smtps/smtpd[4242]: {MESSAGE}",
    "\x00" * 8 + f"Nov  3 09:05:01 mx1 {TAG}{MESSAGE}",
]  # fmt: skip
WRAPPED = {
    "compose": (
        f"mail-1  | 2025-11-03T09:05:01.123456+01:00 mx1 {TAG}{MESSAGE}",
        f"2025-11-03T09:05:01.123456+01:00 mx1 {TAG}{MESSAGE}",
        None,
    ),
    "cri": (f"{OUTER} stdout F {SYSLOG}", SYSLOG, OUTER),
    "docker_logs": (f"{OUTER} {SYSLOG}", SYSLOG, OUTER),
    "docker_json": (json.dumps({"log": SYSLOG + "\n", "stream": "stdout", "time": OUTER}), SYSLOG, OUTER),
    "json_export": (json.dumps({"@timestamp": OUTER, "message": SYSLOG, "host": {"name": "mx1"}}), SYSLOG, OUTER),
    "csv_export": (f'"{OUTER}","mx1","{SYSLOG}","mail"', SYSLOG, None),
    "journal_json": (json.dumps(ENTRY), REBUILT, None),
}
FOLDED = f"Nov  3 09:05:09 mx1 {TAG}message repeated 4 times: [ {MESSAGE}]"


def frame(lines: Sequence[str], first: int = 1) -> pl.DataFrame:
    schema = {"line_no": pl.UInt64, "line": pl.String}
    return pl.DataFrame({"line_no": range(first, first + len(lines)), "line": lines}, schema=schema)


def rows(found: pl.DataFrame) -> list[tuple]:
    return found.select("line_no", "line", "outer").rows()


def peel(name: str, *lines: str) -> list[str]:
    return unwrap(frame(lines), BY_NAME[name])[0]["line"].to_list()


def in_batches(lines: Sequence[str], wrapper: Wrapper, size: int) -> pl.DataFrame:
    carry, parts = None, []
    for start in range(0, len(lines), size):
        part, carry = unwrap(frame(lines[start : start + size], start + 1), wrapper, carry)
        parts.append(part)
    part, carry = unwrap(frame([], len(lines) + 1), wrapper, carry, last=True)
    assert carry is None
    return pl.concat([*parts, part]).sort("line_no", maintain_order=True)


# what it is


@pytest.mark.parametrize("name", list(WRAPPED))
def test_a_wrapper_is_known_by_its_lines_and_comes_off(name: str):
    line, inner, outer = WRAPPED[name]
    wrapper = detect([line])
    assert wrapper is BY_NAME[name]
    found, carry = unwrap(frame([line]), wrapper)
    assert found.columns == ["line_no", "line", "outer", "written"]
    assert found.rows() == [(1, inner, outer, line)]
    assert carry is None


@pytest.mark.parametrize("key", ["message", "line", "log", "msg", "textPayload", "_raw", "@message"])
def test_a_line_stored_as_json_may_stand_in_any_of_the_usual_fields(key: str):
    odd = SYSLOG.replace("bob@", r'"b\o"@')
    assert peel("json_export", json.dumps({"a": {"b": 1}, key: f"{odd}\r\n", "time": 1795168801000})) == [odd]
    assert detect([json.dumps({key: "user ann failed to log in"})]) is None


def test_quotes_are_undone_in_lines_stored_as_csv_and_the_header_passes():
    odd = SYSLOG.replace("bob@", '"bob"@')
    assert peel("csv_export", "time,message", '"x",,"' + odd.replace('"', '""') + '"') == ["time,message", odd]
    assert detect(['2026-11-20T10:00:01Z,"ann","2026-11-20T10:00:01Z","Failure, again"']) is None


@pytest.mark.parametrize("line", [*PLAIN, FOLDED])
def test_a_line_of_syslog_is_in_no_wrapper(line: str):
    assert detect([line]) is None


@pytest.mark.parametrize("wrapper", [w for w in WRAPPERS if w.peel], ids=lambda w: w.name)
def test_what_is_not_in_the_wrapper_passes_unchanged(wrapper: Wrapper):
    lines = [*PLAIN, FOLDED, "", "{", "[]", '{"log": 1}', '{"MESSAGE":[', "\ufffd\x00", '"', "{}" * 1000]
    found, carry = unwrap(frame(lines), wrapper)
    assert rows(found) == [(n, line, None) for n, line in enumerate(lines, start=1)]
    assert found["written"].to_list() == lines
    assert carry is None


def test_no_wrapper_only_adds_the_columns():
    found, carry = unwrap(frame(PLAIN).with_columns(x=1), None)
    assert found.columns == ["line_no", "line", "x", "outer", "written"]
    assert found["written"].equals(found["line"].rename("written"))
    assert found["outer"].null_count() == len(PLAIN)
    assert carry is None


@pytest.mark.parametrize("wrapper", [None, *(w for w in WRAPPERS if w.peel)], ids=lambda w: w and w.name)
def test_an_empty_batch_has_the_same_columns_and_dtypes(wrapper: Wrapper | None):
    empty, _ = unwrap(frame([]), wrapper)
    full, _ = unwrap(frame([SYSLOG]), wrapper)
    assert empty.schema == full.schema
    assert empty.is_empty()


@pytest.mark.parametrize(("wrapped", "known"), [(1, False), (2, True)])
def test_most_lines_decide_and_empty_ones_have_no_vote(wrapped: int, known: bool):
    head = [f"{OUTER} stdout F {SYSLOG}"] * wrapped + [SYSLOG] + ["", "  "] * 5
    assert detect(head) is (BY_NAME["cri"] if known else None)


def test_a_container_that_starts_with_a_banner_is_known_by_its_nine_digits():
    assert detect([f"{OUTER} [ INF ] Welcome", f"{OUTER} starting", f"{OUTER} {SYSLOG}"]) is BY_NAME["docker_logs"]


def test_nothing_is_known_of_no_lines():
    assert detect([]) is None
    assert detect(["", "\n"]) is None


def test_wrappers_that_escape_or_cut_text_ask_for_all_lines():
    assert {w.name for w in WRAPPERS if w.keep_all} == {
        "docker_json", "cri", "journal_export", "journal_verbose", "journal_pretty", "json_document",
        "json_export", "csv_export", "escaped",
        "json_members", "json_fields", "csv_fields", "tabbed", "quoted",
    }  # fmt: skip
    array = {**ENTRY, "MESSAGE": [97, 98]}
    spellings = [json.dumps(array), json.dumps(array, separators=(",", ":")), '{"MESSAGE" : [ 97 ]}']
    for spelling in spellings:
        assert any(literal in spelling for literal in BY_NAME["journal_json"].literals)


# docker logs, compose


def test_the_stamp_of_docker_stays_on_what_is_no_envelope():
    for line in (f"{OUTER} mx1 {TAG}{MESSAGE}", f"{OUTER} Welcome", f"{OUTER} ", OUTER):
        found, _ = unwrap(frame([line]), BY_NAME["docker_logs"])
        assert rows(found) == [(1, line, None)]


@pytest.mark.parametrize("line", PLAIN)
def test_the_stamp_of_docker_comes_off_every_envelope(line: str):
    found, _ = unwrap(frame([f"{OUTER} {line}"]), BY_NAME["docker_logs"])
    assert rows(found) == [(1, line, OUTER)]


def test_compose_may_add_a_stamp_and_colours():
    plain, stamped, coloured = f"mail_1  | {SYSLOG}", f"mail-1 | {OUTER} {SYSLOG}", f"\x1b[36mmail-1  | \x1b[0m{SYSLOG}"
    found, _ = unwrap(frame([plain, stamped, coloured]), BY_NAME["compose"])
    assert rows(found) == [(1, SYSLOG, None), (2, SYSLOG, OUTER), (3, SYSLOG, None)]


# pieces


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pieces_of_cri_are_joined_stream_by_stream_also_over_batch_borders(size: int):
    lines = [
        f"{OUTER} stdout P Nov 03 09:05:01 mx1 post",
        "2025-11-03T08:05:02Z stderr P Oops: ",
        "2025-11-03T08:05:02Z stdout P fix/smtpd[1]: hel",
        "broken",
        "2025-11-03T08:05:03Z stdout F lo",
        "2025-11-03T08:05:04Z stdout F whole",
        "2025-11-03T08:05:05Z stderr F again",
        "2025-11-03T08:05:06Z stdout F",
    ]
    found = in_batches(lines, BY_NAME["cri"], size)
    assert rows(found) == [
        (1, "Nov 03 09:05:01 mx1 postfix/smtpd[1]: hello", OUTER),
        (2, "Oops: again", "2025-11-03T08:05:02Z"),
        (4, "broken", None),
        (6, "whole", "2025-11-03T08:05:04Z"),
        (8, "", "2025-11-03T08:05:06Z"),
    ]
    assert found["written"].to_list() == [
        "\n".join((lines[0], lines[2], lines[4])),
        "\n".join((lines[1], lines[6])),
        *(lines[3], lines[5], lines[7]),
    ]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_a_line_of_docker_goes_on_until_its_line_break(size: int):
    pieces = [
        ("stdout", "one "),
        ("stderr", "other\n"),
        ("stdout", "line"),
        ("stdout", " of three\r\n"),
        ("stdout", "\n"),
    ]
    lines = [json.dumps({"log": log, "stream": stream, "time": OUTER}) for stream, log in pieces]
    found = in_batches(lines, BY_NAME["docker_json"], size)
    assert rows(found) == [(1, "one line of three", OUTER), (2, "other", OUTER), (5, "", OUTER)]


@pytest.mark.parametrize("size", [1, 100])
def test_a_line_that_never_ends_comes_out_at_the_end_of_the_file(size: int):
    found = in_batches([f"{OUTER} stdout P {SYSLOG}", f"{OUTER} stdout P !"], BY_NAME["cri"], size)
    assert rows(found) == [(1, SYSLOG + "!", OUTER)]


def test_a_line_that_never_ends_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unwrapping._peeling, "MAX_JOINED", 50)
    carry, found = None, []
    for n in range(100):
        part, carry = unwrap(frame([f"{OUTER} stdout P 0123456789"], n + 1), BY_NAME["cri"], carry)
        found += part["line"].to_list()
        assert carry is None or carry["line"].str.len_chars().max() <= 50  # type: ignore[operator]
    assert "".join(found) == "0123456789" * 100


def test_only_the_two_streams_are_waited_for():
    lines = [json.dumps({"log": "x", "stream": f"s{n}", "time": OUTER}) for n in range(20)]
    found, carry = unwrap(frame(lines), BY_NAME["docker_json"])
    assert found["line"].to_list() == lines
    assert carry is None


def test_other_columns_travel_along():
    batch = frame([f"{OUTER} stdout P a", f"{OUTER} stdout F b"]).with_columns(source=pl.lit("x.log"))
    found, _ = unwrap(batch, BY_NAME["cri"])
    assert found.columns == ["line_no", "line", "source", "outer", "written"]
    assert found["source"].to_list() == ["x.log"]


# hostile fields


def test_a_line_break_in_a_field_is_shown_and_makes_no_line():
    forged = f"a\nNov 03 09:05:01 mx1 {TAG}x\r\n"
    shown = f"a\\nNov 03 09:05:01 mx1 {TAG}x"
    assert peel("docker_json", json.dumps({"log": forged, "stream": "stdout", "time": OUTER})) == [shown]
    entry = json.dumps({**ENTRY, "MESSAGE": forged})
    assert peel("journal_json", entry) == [f"2025-11-03T08:05:01.123456Z mx1 {TAG}{shown}\\r\\n"]


def test_escapes_are_undone():
    line = r'{"log":"from=\u003cx@example.org\u003e \"q\" \\ \u00e9\n","stream":"stderr","time":"2025-11-03T08:05:01Z"}'
    assert peel("docker_json", line) == ['from=<x@example.org> "q" \\ é']


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (list(MESSAGE.encode()), MESSAGE),
        (list(b"caf\xe9 \xff"), "caf\ufffd \ufffd"),
        (list(b"a\nb"), "a\\nb"),
        (["first", "second"], "first"),
        ("[104, 105]", "[104, 105]"),
        ('["a", "b"]', '["a", "b"]'),
        ('x", "MESSAGE":[104, 105], "', 'x", "MESSAGE":[104, 105], "'),
    ],
)
def test_a_message_may_be_bytes_or_several(message: object, text: str):
    line = json.dumps({**ENTRY, "MESSAGE": message})
    assert peel("journal_json", line) == [f"2025-11-03T08:05:01.123456Z mx1 {TAG}{text}"]


BROKEN = [
    json.dumps({**ENTRY, "MESSAGE": [300]}),
    json.dumps({**ENTRY, "MESSAGE": [-1]}),
    json.dumps({**ENTRY, "MESSAGE": []}),
    json.dumps({**ENTRY, "MESSAGE": [[1]]}),
    json.dumps({**ENTRY, "MESSAGE": [{"a": 1}]}),
    json.dumps({**ENTRY, "MESSAGE": [1.5]}),
    json.dumps({**ENTRY, "MESSAGE": None}),
    json.dumps({**ENTRY, "__REALTIME_TIMESTAMP": "soon"}),
    json.dumps({**ENTRY, "__REALTIME_TIMESTAMP": "9" * 18}),
    json.dumps({**ENTRY, "SYSLOG_IDENTIFIER": ""}),
    json.dumps(ENTRY)[:-1],
    json.dumps(ENTRY)[:40],
    '{"__REALTIME_TIMESTAMP":"1762157101123456","MESSAGE":[' + "[" * 2000,
    '{"__REALTIME_TIMESTAMP":"1762157101123456","MESSAGE":"\\ud800"}',
]


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_entry_passes_unchanged_and_harms_no_other(line: str):
    assert peel("journal_json", json.dumps(ENTRY), line, json.dumps(ENTRY)) == [REBUILT, line, REBUILT]


def test_fields_may_be_missing_doubled_or_forged():
    without = {k: v for k, v in ENTRY.items() if k not in ("SYSLOG_PID", "_HOSTNAME", "SYSLOG_IDENTIFIER")}
    lines = [
        json.dumps({**without, "_PID": "7", "_COMM": "smtpd"}),
        json.dumps({**ENTRY, "SYSLOG_PID": ["1", "2"], "SYSLOG_IDENTIFIER": ["postfix/smtpd", "x"]}),
        json.dumps({**ENTRY, "SYSLOG_IDENTIFIER": "mx2 postfix/smtpd[1]: x", "_HOSTNAME": "a b", "SYSLOG_PID": "1]: "}),
        json.dumps({**ENTRY, "SYSLOG_PID": 4242, "__REALTIME_TIMESTAMP": 1762157101123456}),
    ]
    stamp = "2025-11-03T08:05:01.123456Z"
    assert peel("journal_json", *lines) == [
        f"{stamp} localhost smtpd[7]: {MESSAGE}",
        f"{stamp} mx1 postfix/smtpd[1]: {MESSAGE}",
        f"{stamp} a_b mx2_postfix/smtpd_1___x: {MESSAGE}",
        REBUILT,
    ]


# journal export

EXPORT = (
    "__REALTIME_TIMESTAMP=1762157101123456\n_HOSTNAME=mx1\nSYSLOG_IDENTIFIER=postfix/submission/smtpd\n"
    "SYSLOG_PID=4242\nSYSLOG_FACILITY=2\nPRIORITY=4\n_TRANSPORT=syslog\n_SYSTEMD_UNIT=postfix@-.service\n"
    f"MESSAGE={MESSAGE}\n\n"
).encode()


def binary(key: str, data: bytes) -> bytes:
    return key.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def exported(data: bytes, size: int = 1 << 20) -> list[tuple]:
    return [row for part in export_lines(cut(data, size)) for row in part.rows()]


def test_an_export_is_known_and_left_to_its_own_reader():
    wrapper = detect(EXPORT.decode().split("\n"))
    assert wrapper is BY_NAME["journal_export"]
    with pytest.raises(ValueError, match="export_lines"):
        unwrap(frame([""]), wrapper)


def test_an_entry_of_an_export_is_rebuilt_under_the_number_of_its_message():
    parts = list(export_lines([EXPORT]))
    assert parts[0].schema == unwrap(frame([SYSLOG]), None)[0].schema
    assert parts[0].rows() == [(9, REBUILT, None, f"MESSAGE={MESSAGE}")]


BINARY = (
    EXPORT
    + b"__REALTIME_TIMESTAMP=1762157102000000\n_HOSTNAME=mx1\n_COMM=smtpd\n"
    + binary("COREDUMP", b"x\n\n__REALTIME_TIMESTAMP=1\nMESSAGE=forged\n\n" * 3 + b"\n" * 10)
    + binary("MESSAGE", b"two\nlines \xff")
    + b"MESSAGE=second value\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 8, 9, 64, 1 << 20])
def test_a_binary_field_is_data_wherever_the_chunks_are_cut(size: int):
    whole = BINARY + b"\n" + EXPORT
    line_no = whole[: whole.index(b"MESSAGE\n")].count(b"\n") + 1
    last = whole[: whole.rindex(b"MESSAGE=")].count(b"\n") + 1
    assert exported(whole, size) == [
        (9, REBUILT, None, f"MESSAGE={MESSAGE}"),
        (line_no, "2025-11-03T08:05:02.000000Z mx1 smtpd: two\\nlines \ufffd", None, "MESSAGE=two\\nlines \ufffd"),
        (last, REBUILT, None, f"MESSAGE={MESSAGE}"),
    ]


def test_an_export_may_end_anywhere():
    for end in range(len(BINARY)):
        found = exported(BINARY[:end])
        assert len(found) <= 2
        assert not found or found[0][0] == 9


def test_a_damaged_line_is_passed_over():
    assert exported(b"no field at all\n\xff\xfe\nMESSA\n" + EXPORT)[0][1] == REBUILT
    assert exported(b"") == []
    assert exported(b"\n\n\n") == []


def test_an_entry_without_clock_or_program_is_its_message():
    assert exported(b"MESSAGE=hello\n\n") == [(1, "hello", None, "MESSAGE=hello")]


def test_an_endless_field_cannot_fill_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unwrapping._journal, "MAX_JOINED", 20)
    data = b"MESSAGE=" + b"x" * 1000 + b"\n\n" + binary("MESSAGE", b"y" * 1000) + b"\nMESSAGE=end\n"
    found = exported(data, 16)
    assert [line for _, line, _, _ in found] == ["x" * 12, "y" * 20, "end"]
    assert [n for n, *_ in found] == [1, 3, data.count(b"\n")]


def test_entries_come_in_batches():
    sizes = [part.height for part in export_lines([EXPORT * 5], rows=2)]
    assert sizes == [2, 2, 1]


# repeats


def counted(lines: Sequence[str], first: int = 1) -> list[tuple]:
    return repeats(frame(lines, first))[0].rows()


def test_a_folded_message_is_counted_under_its_own_envelope():
    assert counted([FOLDED]) == [(1, f"Nov  3 09:05:09 mx1 {TAG}{MESSAGE}", 4)]


@pytest.mark.parametrize(
    ("head", "times"),
    [
        ("2025-11-03T09:05:01.123456+01:00 mx1 postfix/smtpd[1]: ", 2),
        ("<20>1 2025-11-03T09:05:01Z mx1 postfix/smtpd 4242 - - ", 3),
        ('<20>1 2025-11-03T09:05:01Z mx1 postfix/smtpd 4242 - [meta a="]"] ', 3),
        ("<20>Nov  3 09:05:01 postfix/smtpd[1]: ", 999_999_999),
        ("Nov  3 09:05:01 2001:db8::25 dovecot: ", 0),
    ],
)
def test_every_envelope_may_hold_a_repeat_and_it_counts_at_least_once(head: str, times: int):
    assert counted([f"{head}message repeated {times} times: [ a [b] c]"]) == [(1, f"{head}a [b] c", max(times, 1))]


@pytest.mark.parametrize(
    "line",
    [
        f"Nov  3 09:05:01 mx1 {TAG}{MESSAGE}, sasl_username=message repeated 9 times: [ {MESSAGE}]",
        f"Nov  3 09:05:01 mx1 {TAG}warning: x: message repeated 9 times: [ {MESSAGE}]",
        f"Nov  3 09:05:01 mx1 dovecot: auth: message repeated 9 times: [ {MESSAGE}]",
        f"Nov  3 09:05:01 mx1 {TAG}from=<last message repeated 9 times",
        "message repeated 9 times: [ x]",
        f"Nov  3 09:05:01 mx1 {TAG}message repeated many times: [ x]",
    ],
)
def test_a_client_cannot_forge_a_repeat(line: str):
    assert counted([SYSLOG, line]) == [(1, SYSLOG, 1), (2, line, 1)]


LAST = "Nov  3 09:06:00 mx1 last message repeated 3 times"
AGAIN = f"Nov  3 09:06:00 mx1 {TAG}{MESSAGE}"


@pytest.mark.parametrize(
    "line",
    [
        LAST,
        f"Nov  3 09:06:00 mx1 {TAG}last message repeated 3 times",
        "Nov  3 09:06:00 last message repeated 3 times",
        "Nov  3 09:06:00 --- last message repeated 3 times ---",
    ],
)
def test_a_repeat_of_the_last_line_is_that_line_at_its_own_time(line: str):
    assert counted([SYSLOG, line]) == [(1, SYSLOG, 1), (2, AGAIN, 3)]


def test_a_repeat_of_a_line_that_was_not_kept_stays_as_it_is():
    gap = pl.concat([frame([SYSLOG], 1), frame([LAST], 3)])
    assert repeats(gap)[0].rows() == [(1, SYSLOG, 1), (3, LAST, 1)]
    assert counted([LAST]) == [(1, LAST, 1)]


def test_a_repeat_of_another_host_is_not_of_the_last_line():
    other = LAST.replace("mx1", "mx2")
    assert counted([SYSLOG, other]) == [(1, SYSLOG, 1), (2, other, 1)]


def test_repeats_of_repeats_go_back_to_the_line_itself():
    later = LAST.replace("09:06", "09:07").replace("3 times", "1 time")
    assert counted([SYSLOG, LAST, later]) == [(1, SYSLOG, 1), (2, AGAIN, 3), (3, AGAIN.replace("09:06", "09:07"), 1)]


def test_a_repeat_of_a_folded_line_repeats_the_message():
    assert counted([FOLDED, LAST])[1] == (2, AGAIN, 3)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_repeat_may_be_the_first_line_of_a_batch(size: int):
    lines, carry, found = [SYSLOG, LAST, LAST, FOLDED, LAST, SYSLOG], None, []
    for start in range(0, len(lines), size):
        part, carry = repeats(frame(lines[start : start + size], start + 1), carry)
        found += part.rows()
    assert found == counted(lines)


def test_an_empty_batch_hands_the_carry_on():
    _, carry = repeats(frame([SYSLOG]))
    found, after = repeats(frame([], 2), carry)
    assert found.schema == {"line_no": pl.UInt64, "line": pl.String, "count": pl.UInt32}
    assert after == carry


def test_repeats_keep_the_other_columns():
    batch, _ = unwrap(frame([SYSLOG, LAST]), None)
    found, _ = repeats(batch)
    assert found.columns == ["line_no", "line", "outer", "written", "count"]
    assert found["written"].to_list() == [SYSLOG, LAST]


# a wrapper in a wrapper


def names(wrapper: Wrapper | None) -> list[str]:
    return [] if wrapper is None else [wrapper.name, *names(wrapper.inside)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\x1b[31m" + WRAPPED["cri"][0] + "\x1b[0m", ["coloured", "cri"]),
        ("> > > 220 mail.example.net ESMTP", ["quoted", "quoted", "quoted"]),
        (json.dumps({"log": json.dumps({"message": SYSLOG}) + "\n", "stream": "stdout", "time": OUTER}), ["docker_json", "json_export"]),
    ],
)  # fmt: skip
def test_what_a_wrapper_may_hold_is_found_in_it(line: str, expected: list[str]):
    assert names(detect([line] * 3)) == expected


def test_a_record_of_docker_holds_no_quotation():
    quoted = json.dumps({"log": "> 220 mail.example.net ESMTP\n", "stream": "stdout", "time": OUTER})
    assert names(detect([quoted] * 3)) == ["docker_json"]


@pytest.mark.parametrize("line", ["> " * 3_000 + "220 x", ">" * 3_000, "\x1b[" * 3_000 + "m" * 3_000])
def test_a_hostile_text_is_unwrapped_a_few_times_only(line: str):
    assert len(names(detect([line] * 3))) <= _detecting.MAX_NESTED


def test_a_control_sequence_without_an_end_is_text():
    assert detect([SYSLOG + " \x1b[\u00e9"]) is None


# anything at all

TEXT = st.text(alphabet=st.sampled_from('{}[]":,\\ \n\r\x00aF1|.=Z-'), max_size=40)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=5))
def test_any_text_passes_every_wrapper_and_makes_no_line(texts: list[str]):
    log = [json.dumps({"log": text + "\n", "stream": "stdout", "time": OUTER}) for text in texts]
    assert unwrap(frame(log), BY_NAME["docker_json"])[0].height == len(texts)
    raw = [text.replace("\n", " ") for text in texts]
    for wrapper in WRAPPERS:
        if wrapper.peel:
            found, _ = unwrap(frame(raw), wrapper, last=True)
            assert not found["line"].str.contains("\n", literal=True).any()
            assert found.height <= len(raw)
    list(export_lines(cut("\n".join(texts).encode(), 3)))
    assert repeats(frame(raw))[0].height == len(raw)

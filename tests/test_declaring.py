"""Declared formats: what a file may say, what is wrong with it and where, samples that must pass, every kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from smtplogs import declaring, recognising
from smtplogs.cli import main
from smtplogs.errors import BadFormat, UnknownName
from smtplogs.logformats import Table

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = declaring.definitions()["example-relay"]
CSV = """
[format]
name = "dash"
kind = "csv"
[detect]
headers = ["Timestamp (UTC)", "Result"]
[read]
separator = ";"
[time]
from = "Timestamp (UTC)"
formats = ["%d/%m/%Y %H:%M:%S"]
zone = "UTC"
[fields]
client_ip = "IP"
server_port = "Port"
user = "Username"
reply = "Response"
[[sample]]
record = '''
Timestamp (UTC);IP;Port;Username;Result;Response
15/06/2026 09:30:00;203.0.113.20;587;apikey;Rejected;535 5.7.8 Authentication credentials invalid'''
expect = { time = "2026-06-15T09:30:00Z", user = "apikey", client_ip = "203.0.113.20", server_port = 587, reply_code = 535, enhanced_code = "5.7.8", cause = "bad_credentials", outcome = "failure" }
"""


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def event(path: Path, record: str, folder: Path) -> dict[str, Any]:
    """The one event of a record, read through a declared format."""
    log = folder / "log.txt"
    log.write_text(record + "\n", "utf-8")
    return sl.read(log, format=str(path)).row(0, named=True)


def test_every_shipped_definition_passes_its_samples() -> None:
    for path in declaring.definitions().values():
        assert sl.check_format(path)["passes"].all(), path


def test_the_shipped_example_says_that_it_is_invented() -> None:
    assert EXAMPLE.read_text().startswith("# Invented layout: adapt the paths to your provider's export.\n")


def test_a_format_is_named_by_path_or_by_the_name_of_a_shipped_one() -> None:
    paths = sl.sample("example-relay/export")
    a = sl.read(paths, format=str(EXAMPLE))
    b = sl.read(paths, format="example-relay")

    assert a.equals(b)
    assert a["cause"].to_list() == ["bad_credentials", "bad_credentials", "success", "throttled_auth"]
    assert a["format"].unique().to_list() == ["example-relay"]


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"no format named 'maildog'.*postfix.*exchange.*example-relay.*\.toml"):
        sl.read(sl.sample("example-relay/export"), format="maildog")


def test_coverage_has_the_statement_of_the_definition() -> None:
    row = sl.coverage(sl.sample("example-relay/export"), format="example-relay").row(0, named=True)

    assert (row["format"], row["records"], row["dismissed"]) == ("example-relay", 4, 1)
    assert row["cannot_show"][0] == "what the client was offered before AUTH"


CHANGES = [
    ('name = "dash"', "", r"\[format\]: name is missing"),
    ('name = "dash"', 'name = "My Dash"', r"\[format\]: name 'My Dash' must be"),
    ('kind = "csv"', 'kind = "xml"', r"\[format\]: no kind 'xml'; there are json, csv"),
    ('separator = ";"', 'seperator = ";"', r"\[read\]: unknown key 'seperator'; there are before, comment, header"),
    ("[detect]", "[detekt]", r"the file: unknown key 'detekt'"),
    ('client_ip = "IP"', 'src_ip = "IP"', r"\[fields\]: 'src_ip' is no column"),
    ('client_ip = "IP"', "client_ip = 5", r"fields.client_ip: must be a path"),
    ('user = "Username"', 'user = {from = "Username", regex = "(?=x)"}', r"fields.user.regex: .*"),
    ('zone = "UTC"', 'zone = "Mars/Base"', r"\[time\]: no zone 'Mars/Base'"),
    ("[[sample]]", "[[specimen]]", r"the file: unknown key 'specimen'"),
    ("expect = {", "expekt = {", r"\[sample 1\]: unknown key 'expekt'"),
    ("expect = { time", "expect = { tyme", r"sample 1: expect names 'tyme'"),
    (
        'cause = "bad_credentials"',
        'cause = "unknown_user"',
        r"sample 1: cause is 'bad_credentials', not 'unknown_user'",
    ),
    ("15/06/2026", "06/15/2026", r"sample 1: time is None"),
    (
        "[fields]",
        '[map.outcome]\nfrom = "Result"\nvalues = {Rejected = "nope"}\n[fields]',
        r"'nope' is no word of outcome",
    ),
    ("[fields]", "[map.colour]\n[fields]", r"\[map.colour\]: 'colour' is no column"),
    ("[fields]", '[constants]\nside = "left"\n[fields]', r"'left' is no word of side"),
    ("[fields]", '[session]\ncarry = ["user"]\n[fields]', r"\[session\]: no field `session`"),
    ("[format]", "[format", r"mine.toml: "),
]


@pytest.mark.parametrize(("old", "new", "complaint"), CHANGES)
def test_what_is_wrong_is_told_with_its_place(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    assert old in CSV
    path = write(tmp_path, CSV.replace(old, new, 1))

    with pytest.raises(BadFormat, match=complaint):
        declaring.format_named(str(path))


def test_a_definition_without_a_sample_does_not_load(tmp_path: Path) -> None:
    path = write(tmp_path, CSV[: CSV.index("[[sample]]")])

    with pytest.raises(BadFormat, match=r"no \[\[sample\]\]"):
        declaring.format_named(str(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadFormat, match="No such file"):
        sl.check_format(tmp_path / "none.toml")


def test_csv_with_its_own_separator_and_dates_with_the_day_first(tmp_path: Path) -> None:
    path = write(tmp_path, CSV)
    record = (
        '\ufeff"Timestamp (UTC)";"IP";"Port";"Username";"Result";"Response"\r\n'
        '"15/06/2026 09:30:00";"203.0.113.20";"587";"=cmd|\' /C calc\'!A0";"Rejected";"535 5.7.8 Authentication credentials invalid"\r'
    )
    row = event(path, record, tmp_path)

    assert row["user"].startswith("[redacted:user]#") or row["user"] == "=cmd|' /C calc'!A0"
    assert (row["client_ip"], row["reply_code"], row["cause"]) == ("203.0.113.20", 535, "bad_credentials")
    assert (row["time"].isoformat(), row["time_quality"]) == ("2026-06-15T09:30:00+00:00", "exact")


HEAD = '[format]\nname = "mine"\nkind = "{}"\n'


def test_logfmt_and_syslog_in_front(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("logfmt") + 'unwrap = ["syslog"]\n[detect]\nkeys = ["result"]\n[time]\nfrom = "@stamp"\n'
        '[fields]\nuser = "login"\nclient = "peer"\ndetail = "why"\nsession = "cid"\n[map.outcome]\nfrom = "result"\n'
        'values = {ok = "success"}\n'
        '[[sample]]\nrecord = \'Jun 15 09:30:00 relay mta[4]: cid=7 login=ann peer=203.0.113.20:51000 result=bad why="no \\"such\\" password"\'\n'
        'expect = {user = "ann", client_ip = "203.0.113.20", client_port = 51000, detail = \'no "such" password\', session = "7"}\n',
    )
    row = event(path, "Jun 16 10:00:00 relay mta[4]: cid=8 login=ann peer=[2001:db8::5]:99 result=ok", tmp_path)

    assert (row["outcome"], row["cause"], row["client_ip"], row["client_port"]) == (
        "success",
        "success",
        "2001:db8::5",
        99,
    )
    assert row["time"].isoformat()[5:] == "06-16T10:00:00+00:00"


def test_regex_patterns_in_order_with_groups_as_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("regex")
        + "[[pattern]]\nregex = '^(?P<stamp>[^ ]+) LOGIN FAIL user=(?P<user>[^ ]+) ip=(?P<client_ip>[^ ]+) \\((?P<detail>.*)\\)$'\n"
        "[[pattern]]\nregex = '^(?P<stamp>[^ ]+) (?P<word>LOGIN OK) user=(?P<user>[^ ]+)$'\n"
        '[map.outcome]\nfrom = "word"\nvalues = {"LOGIN OK" = "success"}\n'
        "[[sample]]\nrecord = '2026-06-15T09:30:00Z LOGIN FAIL user=ann ip=203.0.113.20 (user not found)'\n"
        'expect = {cause = "unknown_user", user = "ann"}\n'
        "[[sample]]\nrecord = '2026-06-15T09:30:00Z LOGIN OK user=ann'\nexpect = {cause = \"success\"}\n"
        "[[sample]]\nrecord = 'something else'\nnothing = true\n",
    )
    assert sl.check_format(path)["passes"].to_list() == [True, True, True]


def test_a_dialogue_can_be_declared(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("dialogue") + "[detect]\nlooks = '^[0-9T:Z-]+ s=[0-9]+ [CS]: '\n[dialogue]\nside = \"server\"\n"
        "[[turn]]\nname = \"all\"\nregex = '^(?P<stamp>[0-9T:Z-]+) s=(?P<session>[0-9]+) (?P<arrow>[CS]): (?P<text>.*)$'\n"
        'speaker = "note"\narrows = {C = "client", S = "server"}\n'
        "[[sample]]\nrecord = '''\n2026-06-15T09:30:00Z s=1 C: AUTH PLAIN AGFubgBzM2NyZXQ=\n2026-06-15T09:30:01Z s=1 S: 535 5.7.8 no'''\n"
        'expect = {user = "ann", mechanism = "PLAIN", cause = "bad_credentials", time = "2026-06-15T09:30:01Z"}\n',
    )
    row = event(
        path,
        "2026-06-15T09:30:00Z s=9 C: AUTH PLAIN AGFubgBzM2NyZXQ=\n2026-06-15T09:30:01Z s=9 S: 454 4.7.0 later",
        tmp_path,
    )

    assert (row["session"], row["user"], row["outcome"]) == ("9", "ann", "deferred")
    assert "s3cret" not in repr(row)
    assert "AGFubgBzM2NyZXQ" not in repr(row)


def test_rows_of_a_session_carry_what_an_earlier_row_said(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("json")
        + '[detect]\npaths = ["$.s"]\n[fields]\nsession = "$.s"\nuser = "$.u"\nreply = "$.r"\n[session]\ncarry = ["user"]\n'
        '[[sample]]\nrecord = \'{"s":"1","u":"ann","r":"535 no"}\'\nexpect = {user = "ann"}\n',
    )
    log = tmp_path / "log.jsonl"
    log.write_text('{"s":"1","u":"ann","r":"535 no"}\n{"s":"2","r":"535 no"}\n{"s":"1","r":"535 no"}\n')

    assert sl.read(log, format=str(path))["user"].to_list() == ["ann", None, "ann"]


@pytest.mark.parametrize(
    ("time", "value", "expected"),
    [
        ('formats = ["epoch_s"]', "1781515800", "2026-06-15T09:30:00+00:00"),
        ('formats = ["epoch_ms"]', "1781515800500", "2026-06-15T09:30:00.500000+00:00"),
        ('zone = "Europe/Warsaw"', '"2026-06-15 09:30:00"', "2026-06-15T07:30:00+00:00"),
        ('zone = "in-value"', '"2026-06-15T09:30:00.1234567+02:00"', "2026-06-15T07:30:00.123456+00:00"),
        ('formats = ["%Y%m%d %H%M%S"]', '"20260615 093000"', "2026-06-15T09:30:00+00:00"),
    ],
)
def test_stamps_in_every_form(time: str, value: str, expected: str, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("json") + f'[time]\nfrom = "$.t"\n{time}\n[fields]\nuser = "$.u"\n'
        f'[[sample]]\nrecord = \'{{"t":{value},"u":"ann"}}\'\nexpect = {{user = "ann"}}\n',
    )
    assert event(path, f'{{"t":{value},"u":"ann"}}', tmp_path)["time"].isoformat() == expected


def test_secrets_of_a_declared_format_are_cut(tmp_path: Path) -> None:
    events, coverage, _ = sl.read(sl.sample("example-relay/export"), format="example-relay", full=True)

    for text in (repr(events.to_dicts()), repr(coverage.to_dicts())):
        assert "s3cret-17" not in text
        assert "czNjcmV0LTE3" not in text
    assert events["redacted"].null_count() < events.height


def test_a_secret_under_a_telling_name_is_cut_though_no_field_names_it(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("json")
        + '[fields]\nuser = "$.u"\nreply = "$.r"\n[[sample]]\nrecord = \'{"u":"ann","r":"535 no"}\'\nexpect = {user = "ann"}\n',
    )
    record = '{"u":"ann","r":"535 no","password":"hunter\\"2","deep":{"api_key": "hunter3","user_secret":"hunter4"},"note":"fine"}'
    row = event(path, record, tmp_path)

    assert "hunter" not in repr(row)
    assert row["raw"].count("[redacted]") == 3
    assert row["redacted"] == "secret"
    assert "fine" in row["raw"]


def test_a_format_of_another_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, CSV)

    class Point:
        def load(self) -> object:
            return lambda: path

    monkeypatch.setattr(
        declaring.metadata, "entry_points", lambda *, group: [Point()] if group == "smtplogs.formats" else []
    )
    declaring.installed.cache_clear()
    try:
        log = tmp_path / "log.txt"
        log.write_text(CSV.split("'''")[1].strip() + "\n")
        assert isinstance(declaring.format_named("dash"), Table)
        assert sl.read(log)["user"].to_list() == ["apikey"]
        assert recognising.recognise(log.read_text().split("\n")).format is None
    finally:
        declaring.installed.cache_clear()


@pytest.mark.parametrize(
    ("detect", "found"),
    [('[detect]\nkeys = ["result", "cid"]\n', True), ('[detect]\nkeys = ["colour"]\n', False), ("", False)],
)
def test_only_what_is_proved_takes_part_in_detection(detect: str, found: bool, tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEAD.format("logfmt") + detect + '[fields]\nuser = "login"\ndetail = "why"\n'
        "[[sample]]\nrecord = 'cid=7 login=ann result=bad why=no'\nexpect = {user = \"ann\"}\n",
    )
    format_ = declaring.format_named(str(path))
    assert isinstance(format_, Table)
    lines = ["cid=8 login=bob result=bad why=never", "cid=9 login=eve result=ok"]

    assert recognising.recognise(lines, [format_]).format is (format_ if found else None)


@pytest.mark.parametrize(
    ("text", "code"), [(CSV, 0), (CSV.replace("unknown", "x").replace('cause = "bad', 'cause = "badly'), 2)]
)
def test_formats_check_says_what_is_wrong(
    text: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SystemExit) as left:
        main(["formats", "check", str(path)])
    said = capsys.readouterr()

    assert left.value.code == code
    assert ("1 sample(s) pass, 1 event(s)" in said.out) == (code == 0)
    assert ("sample 1: cause is 'bad_credentials', not 'badly_credentials'" in said.err) == (code == 2)


def test_formats_check_needs_no_traceback_for_a_wrong_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, CSV.replace("separator", "seperator"))
    with pytest.raises(SystemExit) as left:
        main(["formats", "check", str(path)])

    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_table_of_formats_still_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["formats"])

    assert left.value.code == 0
    assert "exchange" in capsys.readouterr().out


def test_words_of_the_log_become_words_of_the_column() -> None:
    events = sl.read(sl.sample("example-relay/export"), format="example-relay")

    assert events["outcome"].cast(pl.String).to_list() == ["failure", "failure", "success", "throttled"]


SHAPES = (
    HEAD.format("json")
    + '[detect]\npaths = ["$.kind"]\n[time]\nfrom = { from = ["$.d", "$.t"], join = " " }\nformats = ["numeric"]\nzone = "UTC"\n'
    '[fields]\nsession = "$.s"\nuser = "$.u"\n[session]\ncarry = ["client_ip"]\n'
    '[[shape]]\nname = "open"\nkeep = {"$.kind" = ["open"]}\nfields = {client_ip = "$.ip"}\nrole = "context"\n'
    '[[shape]]\nname = "login"\nkeep = {"$.kind" = ["~^log"]}\n[shape.map.outcome]\nfrom = "$.ok"\nvalues = {true = "success"}\ndefault = "failure"\n'
    '[[shape]]\nname = "rest"\nkeep = {"$.kind" = ["~."]}\nrole = "dismiss"\n'
    "[[sample]]\nrecord = '''\n"
    '{"kind":"open","s":"1","ip":"203.0.113.9","d":"22/06/2026","t":"09:30:00"}\n'
    '{"kind":"login","s":"1","u":"ann","ok":false,"d":"22/06/2026","t":"09:30:01"}\'\'\'\n'
    'expect = {user = "ann", client_ip = "203.0.113.9", outcome = "failure", time = "2026-06-22T09:30:01Z"}\n'
)


def test_records_of_several_kinds_can_be_declared(tmp_path: Path) -> None:
    path = write(tmp_path, SHAPES)
    log = tmp_path / "log.jsonl"
    lines = (
        '{"kind":"open","s":"7","ip":"203.0.113.7","d":"05/06/2026","t":"10:00:00"}',
        '{"kind":"logon","s":"7","u":"bob","ok":true,"d":"05/06/2026","t":"10:00:01"}',
        '{"kind":"closed","s":"7","d":"05/06/2026","t":"10:00:02"}',
        '{"s":"7"}',
    )
    log.write_text("\n".join(lines) + "\n")
    events, coverage, _ = sl.read(log, format=str(path), full=True)

    assert sl.check_format(path)["problem"].to_list() == [None]
    assert events.select("user", "client_ip", "outcome", "time_quality").rows() == [
        ("bob", "203.0.113.7", "success", "ambiguous")
    ]
    assert coverage.select("kept", "records", "context", "dismissed", "not_understood").rows() == [(4, 1, 1, 1, 1)]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('keep = {"$.kind" = ["open"]}\n', "", r"shape open: keep \(what tells this kind of record\) is missing"),
        ('role = "context"', 'role = "contexts"', r"shape open: no role 'contexts'"),
        ('"~^log"', '"~^(?=log)"', r"shape login: \$.kind"),
        ('["open"]', '"open"', r"shape open: \$.kind: write a list of words"),
        ("fields = {client_ip", "fields = {src_ip", r"\[fields\]: 'src_ip' is no column"),
        ('join = " "', 'glue = " "', r"unknown key 'glue'; there are from, join, regex"),
        ('carry = ["client_ip"]', 'carry = ["tls"]', r"\[session\]: carry names 'tls'"),
        ("[shape.map.outcome]", "[shape.map.colour]", r"shape login: map.colour\]: 'colour' is no column"),
    ],
)
def test_what_is_wrong_with_a_kind_is_told_with_its_place(old: str, new: str, complaint: str, tmp_path: Path) -> None:
    assert old in SHAPES
    with pytest.raises(BadFormat, match=complaint):
        declaring.format_named(str(write(tmp_path, SHAPES.replace(old, new, 1))))

"""No secret in any byte of any output: every command, every kind of file, on logs of every format that hold them."""

from __future__ import annotations

import functools
import io
import sys
from pathlib import Path

import matplotlib as mpl
import polars as pl
import pytest

import planted
import smtplogs as sl
from commands import exit_code
from planted import b64
from smtplogs import cli

NO_LOG = {
    "causes",
    "columns",
    "samples",
    "sample",
    "formats",
    "unpack",
    "lab",
    "notebook",
    "simulate",
    "probe",
    "compare-probe",
}
"""Commands that read no log (`probe` is searched for secrets in its own tests; its JSON comes from there)."""

OF_LOGS = {
    "triage",
    "read",
    "findings",
    "evidence",
    "coverage",
    "summary",
    "sessions",
    "report",
    "plot",
    "parse",
    "watch",
}
"""Commands that read the logs here; the others read the events of these."""

LINES_ALONE = ("mail.log", "swaks.log", "smtplib.log", "nodemailer.log", "haraka-json.log", "postfix-v.log")
"""Files whose lines are explained one by one."""

OTHERS = {"explain", "verify"}


@pytest.fixture(scope="module")
def planted_in(tmp_path_factory: pytest.TempPathFactory) -> tuple[planted.Planted, list[str]]:
    folder = tmp_path_factory.mktemp("planted")
    told = planted.plant(folder)
    return told, [str(p) for p in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def tables(planted_in: tuple[planted.Planted, list[str]]) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    return sl.read(planted_in[1], full=True)


@pytest.fixture(scope="module")
def dataset(planted_in: tuple[planted.Planted, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "set"
    sl.parse(planted_in[1], out, workers=1)
    return out


@pytest.fixture(scope="module")
def events(planted_in: tuple[planted.Planted, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("events") / "events.parquet"
    exit_code("read", *planted_in[1], "-o", out)
    return out


def texts(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder; Parquet, which is compressed, also as JSON."""
    found = {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    frames = {f"{p} as JSON": pl.read_parquet(p).write_json().encode() for p in folder.rglob("*.parquet")}
    return found | frames


def test_every_file_holds_its_secrets_and_is_understood(
    planted_in: tuple[planted.Planted, list[str]], tables: tuple[pl.DataFrame, ...]
) -> None:
    told, files = planted_in
    found = {name: told.leaks(Path(name).read_bytes()) for name in files}

    assert sorted(place for places in found.values() for place in places) == sorted(told.secrets)
    assert len(told.secrets) > 200
    events = tables[0]
    shapes = set(planted.DIALOGUES) - {"haraka-json", "haraka-info", "postfix-client-v"}  # no verdict, no event
    assert {name.rpartition("/")[2] for name in events["source"]} >= {f"{s}.log" for s in (*shapes, "kumomta", "mail")}


def test_forms_finds_a_secret_wherever_base64_holds_it() -> None:
    secret = "Zq001wXkP+4vHt9abcd"
    texts = [b64(f"{'u' * n}\0{secret}{tail}") for n in range(6) for tail in ("", "\1\1", "xyz")]

    assert [t for t in texts if not any(f in t for f in planted.forms(secret))] == []


def test_every_command_is_searched() -> None:
    names = {name for name in cli.app if not name.startswith("-")}

    assert names >= NO_LOG | OTHERS | OF_LOGS


@pytest.mark.parametrize("command", sorted({n for n in cli.app if not n.startswith("-")} - NO_LOG - OTHERS - OF_LOGS))
def test_commands_on_events(
    planted_in: tuple[planted.Planted, list[str]], events: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    told, _ = planted_in
    exit_code(command, events)
    exit_code(command, events, "-o", tmp_path / f"out.{('csv', 'ndjson', 'parquet')[len(command) % 3]}")
    said = capsys.readouterr()

    assert said.out
    assert told.leaks(said.out + said.err) == []
    assert {name: told.leaks(data) for name, data in texts(tmp_path).items() if told.leaks(data)} == {}
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("command", ["triage", "coverage"])
def test_commands_on_logs(
    planted_in: tuple[planted.Planted, list[str]], tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    told, files = planted_in
    exit_code(command, *files, *([] if command == "triage" else ["-o", tmp_path / "out.csv"]))
    said = capsys.readouterr()

    assert said.out
    assert told.leaks(said.out + said.err) == []
    assert {name: told.leaks(data) for name, data in texts(tmp_path).items() if told.leaks(data)} == {}


def test_a_dataset_with_the_lines_not_understood(planted_in: tuple[planted.Planted, list[str]], dataset: Path) -> None:
    told, _ = planted_in
    found = texts(dataset)

    assert {name: told.leaks(data) for name, data in found.items() if told.leaks(data)} == {}
    assert any("authentication failed" in data.decode("latin-1") for data in found.values())
    assert any("manifest" in name for name in found)


def test_verify_and_watch_print_and_keep_no_secret(
    planted_in: tuple[planted.Planted, list[str]], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    told, files = planted_in
    exit_code("verify", dataset)
    exit_code("watch", *files, "--once", "--old", "--state", tmp_path / "state")
    said = capsys.readouterr()

    assert told.leaks(said.out + said.err) == []
    assert {name: told.leaks(data) for name, data in texts(tmp_path).items() if told.leaks(data)} == {}


def test_no_report_shows_a_secret(
    planted_in: tuple[planted.Planted, list[str]], tables: tuple[pl.DataFrame, ...], dataset: Path, tmp_path: Path
) -> None:
    """By the command, with what a manifest says of the logs, and by the function, with what was found already."""
    told, _ = planted_in
    exit_code("report", dataset, "-o", tmp_path / "r.html")
    events, coverage, traffic = tables
    found = sl.findings(events, coverage=coverage, traffic=traffic)
    sl.report(events, tmp_path / "r.md", coverage=coverage, traffic=traffic, findings=found)

    for ending in ("html", "md"):
        assert told.leaks((tmp_path / f"r.{ending}").read_bytes()) == []


CHARTS = sorted(n.removeprefix("plot_") for n in sl.__all__ if n.startswith("plot_"))
QUICK = ("timeline", "clients", "rotation")
"""Charts of the quick run."""


@pytest.mark.parametrize("chart", [pytest.param(c, marks=() if c in QUICK else pytest.mark.slow) for c in CHARTS])
def test_charts(planted_in: tuple[planted.Planted, list[str]], events: Path, tmp_path: Path, chart: str) -> None:
    told, _ = planted_in
    with mpl.rc_context({"svg.fonttype": "none"}):
        exit_code("plot", chart, events, "-o", tmp_path / "c.svg")
    drawn = tmp_path / "c.svg"

    assert told.leaks(drawn.read_bytes() if drawn.exists() else b"") == []


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_explain(
    every: int, planted_in: tuple[planted.Planted, list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A line alone, and whole sessions as they are pasted."""
    told, files = planted_in
    alone = [name for name in files if name.endswith(LINES_ALONE)]
    lines = list(
        dict.fromkeys(line for name in alone for line in Path(name).read_text().split("\n") if told.leaks(line))
    )
    lines = [line for line in lines if not line.startswith("2026-10-19T09:01")]  # those of mail.log stand there twice
    assert len(lines) > 90
    lines = lines[::every]
    answers = [sl.explain(line).write_json() for line in lines]
    for name in files[::every]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(name).read_bytes()[:3000])))
        exit_code("explain", "-")
    said = capsys.readouterr()

    assert [line for line, answer in zip(lines, answers, strict=True) if told.leaks(answer)] == []
    assert told.leaks(said.out + said.err) == []


def test_frames_in_a_notebook_show_no_secret(
    planted_in: tuple[planted.Planted, list[str]], tables: tuple[pl.DataFrame, ...]
) -> None:
    told, _ = planted_in
    with pl.Config(tbl_rows=1000, tbl_cols=100, fmt_str_lengths=10_000, fmt_table_cell_list_len=100):
        shown = [text for t in tables for text in (repr(t), t._repr_html_())]

    assert told.leaks("\n".join(shown)) == []


@pytest.mark.parametrize("format_", ["telnet"])
def test_errors_and_the_wrong_format(
    planted_in: tuple[planted.Planted, list[str]], format_: str, capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    told, files = planted_in
    for name in files:
        exit_code("coverage", name, "--format", format_)
    said = capsys.readouterr()

    assert told.leaks(said.out + said.err) == []


def named(events: pl.DataFrame) -> set[str]:
    """Return `file:line` of every line that events with a secret rest on."""
    told = events.filter(pl.col("redacted").is_not_null())
    own = told.select(pl.format("{}:{}", "source", "line_no"))["source"]
    return {*own, *told["also"].explode().drop_nulls()}


UNNAMED = {
    "haraka-json": "no Haraka writes blanks there: a file that nothing understands, of which few lines are looked at",
    "syslog: Dovecot, user": "the attempt is counted at Postfix, under its own line",
    "syslog: saslauthd": "the same",
    "syslog: PAM user": "the same",
    "mailenable: cut": "the log ends before a reply: not understood, of such only the shape is looked at",
}
"""Places whose line no finding names, and why: none of them is stored or shown either."""


def test_each_leak_is_a_finding_with_its_line(planted_in: tuple[planted.Planted, list[str]], events: Path) -> None:
    """Whatever became of the line: understood, context, dismissed, not understood, without a stamp, said in a session."""
    told, files = planted_in
    frame = pl.read_parquet(events)
    places = {place for ref in named(frame) for place in _held_by(told, ref)}
    silent = {place for place in told.secrets if place not in places}

    assert {place for place in silent if place not in UNNAMED and place.partition(":")[0] not in UNNAMED} == set()
    found = sl.exposure(frame).filter(kind="secret_in_log")
    evidence = found["evidence"].explode()
    assert set(evidence.str.extract(r"^(.*):[0-9]+$")) == set(files)
    assert set(evidence) <= named(frame)
    counted = frame.filter(pl.col("redacted").is_not_null()).select("source", "redacted", "line_no", "time").unique()
    assert found["n_events"].sum() == counted.height
    assert told.leaks(found.write_json()) == []


def _held_by(told: planted.Planted, ref: str) -> list[str]:
    name, _, number = ref.rpartition(":")
    return told.leaks(_lines_of(name)[int(number) - 1])


@functools.cache
def _lines_of(name: str) -> list[str]:
    return Path(name).read_text().split("\n")


SILENT = {
    "not understood": "mx1 postfix/smtpd[9]: what authentication failed is this resp={b}",
    "not understood, a name": "mx1 dovecot: auth: what authentication failed is this user={p}",
    "no stamp": "authentication failed AUTH PLAIN {b}",
    "another program": "mx1 milter[9]: authentication failed: Authorization: Bearer {p}",
    "smtp -v, command": "mx1 postfix/smtp[9]: > r.example.net[192.0.2.25]:587: AUTH PLAIN {b}",
    "smtp -v, response": "mx1 postfix/smtp[9]: > r.example.net[192.0.2.25]:587: {b}",
    "smtp -v, password": "mx1 postfix/smtp[9]: smtp_sasl_passwd_lookup: host `r.example.net' user `ann' pass `{p}'",
    "smtpd -v, response": "mx1 postfix/smtpd[9]: < pc.example.net[203.0.113.9]: {b}",
    "smtpd -v, initial response": "mx1 postfix/smtpd[9]: smtpd_sasl_authenticate: sasl_method PLAIN, init_response {b}",
    "Dovecot debug": "mx1 dovecot: auth: Debug: client in: CONT\t1\t{b} authentication failed",
    "Exim, a response as command": 'mx1 exim[5]: SMTP syntax error in "{b}" H=(pc) [203.0.113.9] unrecognized command',
}
"""Lines that tell of no attempt."""


@pytest.mark.parametrize("way", ["read", "parse"])
@pytest.mark.parametrize("kind", SILENT)
def test_a_line_that_is_no_event_is_a_finding_for_its_secret(tmp_path: Path, kind: str, way: str) -> None:
    p = "Zq7wXkP+4vHt9abc"
    line = SILENT[kind].format(p=p, b=b64(f"ann\0{p}"))
    stamp = "" if kind == "no stamp" else "2026-11-03T10:00:01Z "
    before = "2026-11-03T10:00:00Z mx1 postfix/smtpd[9]: connect from unknown[203.0.113.9]\n"
    (tmp_path / "mail.log").write_text(f"{before}{stamp}{line}\n{before}")
    if way == "parse":
        sl.parse(tmp_path / "mail.log", tmp_path / "set", workers=1)
    events = sl.read(tmp_path / "mail.log") if way == "read" else sl.load(tmp_path / "set").collect()
    (found,) = sl.exposure(events).iter_rows(named=True)

    assert found["evidence"] == [f"{tmp_path}/mail.log:2"]
    assert found["kind"] == "secret_in_log"
    assert (found["start"] is None) == (kind == "no stamp")
    assert not any(form in str(found) + events.write_json() for form in planted.forms(p))
    assert sl.evidence(sl.exposure(events), events)["raw"].str.contains(r"\[redacted").all()
    assert events.filter(pl.col("outcome") != "info").is_empty()


@pytest.mark.parametrize(
    "line",
    [
        "mx1 postfix/smtpd[9]: < pc.example.net[203.0.113.9]: STARTTLS",
        "mx1 postfix/smtpd[9]: > pc.example.net[203.0.113.9]: 334 UGFzc3dvcmQ6",
        "mx1 postfix/smtpd[9]: > pc.example.net[203.0.113.9]: 250-AUTH PLAIN LOGIN CRAM-MD5",
        "mx1 postfix/smtpd[9]: smtpd_sasl_authenticate: sasl_method PLAIN, init_response (none)",
        "mx1 postfix/smtpd[9]: < pc.example.net[203.0.113.9]: AUTH LOGIN",
        'mx1 exim[5]: SMTP syntax error in "HELLO" H=(pc) [203.0.113.9] unrecognized command',
        "mx1 dovecot: auth: Debug: client in: AUTH\t1\tPLAIN\tservice=smtp\tsession=abc authentication failed",
        "mx1 postfix/smtp[9]: what authentication failed is this: see https://docs.example.com/auth for help",
    ],
)
def test_a_line_without_a_secret_is_none(tmp_path: Path, line: str) -> None:
    (tmp_path / "mail.log").write_text(f"2026-11-03T10:00:01Z {line}\n")

    assert sl.exposure(sl.read(tmp_path / "mail.log")).is_empty()


@pytest.mark.parametrize(
    "shape", ["telnet", "swaks", "curl", "smtplib", "nodemailer", "hmailserver", "mdaemon", "haraka"]
)
def test_a_response_without_its_command_is_named(tmp_path: Path, shape: str) -> None:
    word = b64("Zq7wXkP+4vHt9abc")
    said = [("S", "220 mail.example.com ESMTP"), ("C", "EHLO pc"), ("S", "250 AUTH LOGIN"), ("C", word), ("S", "500 5.5.1 no"), ("C", "QUIT"), ("S", "221 bye")]  # fmt: skip
    path = tmp_path / "session.log"
    path.write_text(planted.DIALOGUES[shape](said), newline="")
    lines = [n for n, text in enumerate(path.read_text().split("\n"), 1) if word in text]
    events = sl.read(path, year=2026)

    assert [f"{path}:{n}" for n in lines] == sorted(named(events))
    assert word not in events.write_json()

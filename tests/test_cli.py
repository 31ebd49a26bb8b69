"""The command line: the words of the library, exit codes, one clear line for every mistake, nothing written unasked."""

from __future__ import annotations

import inspect
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.cells import cell_len

import smtplogs as sl
from commands import run
from smtplogs import cli, tables

SMTPLOGS = [sys.executable, "-c", "from smtplogs.cli import main; main()"]
LOCKOUT = [str(p) for p in sl.sample("postfix/lockout")]
NEW_YEAR = [str(p) for p in sl.sample("postfix/new-year")]

NO_COMMANDS = {"load", "check-format"}
"""Public functions without a command of that name: every command opens what `read -o` wrote by itself; `formats check`."""

EXTRA = {"triage", "lab", "plot"}
"""Commands without a public function of that name."""

FILES = {"files"}
HOW = {"format", "tz", "year", "host", "since", "until", "catalogue"}


def commands() -> dict[str, Any]:
    """Return name -> function of every command."""
    names = [name for name in cli.app if not name.startswith("-")]
    return {name: cli.app[name].default_command for name in names}


def options(command: Any) -> dict[str, Any]:
    """Return name -> default of a command's options, those of `how` told apart."""
    found = {}
    for p in inspect.signature(command).parameters.values():
        if p.kind is p.KEYWORD_ONLY:
            found |= vars(p.default) if p.name == "how" else {p.name: p.default}
    return found


def keywords(function: Any) -> dict[str, Any]:
    """Return name -> default of a function's keyword-only parameters."""
    return {p.name: p.default for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}


# ---- library and command line are one


def test_every_public_function_is_a_command_and_nothing_else_is() -> None:
    library = {n.replace("_", "-") for n in sl.__all__ if not n.startswith("plot_")}

    assert set(commands()) == (library - NO_COMMANDS) | EXTRA


def test_every_chart_is_an_argument_of_plot(tmp_path: Path) -> None:
    charts = {n.removeprefix("plot_") for n in sl.__all__ if n.startswith("plot_")}
    about = cli.app["plot"].default_command.__doc__

    assert all(chart in about for chart in charts)


def test_every_reading_command_has_the_options_of_read_with_their_defaults() -> None:
    wanted = keywords(sl.read)
    for name in ("full", "progress"):  # the command line has both by itself
        wanted.pop(name)
    assert wanted == vars(cli.options.HOW)

    for name, command in commands().items():
        if FILES & set(inspect.signature(command).parameters) and name not in ("coverage", "parse", "watch"):
            assert options(command).items() >= wanted.items(), name


def test_coverage_has_the_options_of_the_function() -> None:
    assert {**keywords(sl.coverage), "output": None, "json": False} == options(cli.answers.coverage)


def test_parse_has_the_options_of_the_function() -> None:
    own = options(cli.logs.parse)
    own["hash"] = not own.pop("no_hash")
    own.pop("output")

    assert own == {n: d for n, d in keywords(sl.parse).items() if n != "progress"}


def test_watch_has_the_options_of_the_function() -> None:
    assert options(cli.logs.watch) == {**keywords(sl.watch), "json": False}


@pytest.mark.parametrize(
    "function",
    [sl.summary, sl.sessions, sl.clients, sl.client_hints, sl.geo, *cli.functions.DETECTORS],
    ids=lambda f: f.__name__,
)
def test_a_frame_function_gives_its_own_parameters_to_the_command(function: Any) -> None:
    given = options(commands()[function.__name__.replace("_", "-")])

    own = {n: d for n, d in given.items() if n not in HOW | {"output", "check", "json"}}
    assert own == {n: d for n, d in keywords(function).items() if n not in cli.functions.TABLES}


def test_report_has_the_options_of_the_function_that_are_no_frames() -> None:
    frames = {"coverage", "traffic", "findings", "inputs", "written_at"}
    own = {n: d for n, d in options(cli.pages.report).items() if n not in HOW - {"tz"} | {"output", "check"}}

    assert own == {n: d for n, d in keywords(sl.report).items() if n not in frames}


def test_plot_has_the_options_of_the_charts_that_are_no_frames() -> None:
    frames = {"coverage", "traffic", "findings", "ax"}
    charts = [getattr(sl, n) for n in sl.__all__ if n.startswith("plot_")]
    wanted = {name for chart in charts for name in keywords(chart)} - frames

    assert set(options(cli.pages.plot)) - (HOW - {"tz"}) - {"output"} == wanted


def test_only_commands_that_judge_have_check() -> None:
    judging = {name for name, command in commands().items() if "check" in options(command)}

    detectors = {function.__name__.replace("_", "-") for function in cli.functions.DETECTORS}
    assert judging == {"triage", "report", "findings"} | detectors


# ---- help


@pytest.mark.parametrize("width", [80, 40])
def test_help_names_every_command(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = run(capsys, "--help")

    assert (code, err) == (0, "")
    # a narrow terminal breaks a long name
    assert all(name[:12] in out for name in commands())
    assert all(len(line) <= width for line in out.splitlines())


def test_help_fits_one_screen_with_a_line_for_each_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = run(capsys, "--help")[1].splitlines()

    assert 24 <= len(lines) <= 50
    starts = [line.split()[0] for line in lines if line.startswith("  ")]
    assert len(starts) == len(set(starts))
    assert set(starts) <= set(commands())


def test_help_is_found_where_other_programs_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "help") == run(capsys, "--help")
    assert run(capsys, "help", "triage") == run(capsys, "triage", "--help")
    assert run(capsys, "-V") == run(capsys, "--version")


def test_what_was_forgotten_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, LOCKOUT[0])
    assert (code, out) == (2, "")
    assert err == f"smtplogs: {LOCKOUT[0]} is not a command; did you mean: smtplogs triage {LOCKOUT[0]}\n"

    code, out, err = run(capsys, "triage")
    assert (code, out) == (2, "")
    assert "FILES" in err
    assert err.endswith("See: smtplogs triage --help\n")


def test_completion_is_offered_for_three_shells_and_knows_every_command(tmp_path: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        script = cli.app.generate_completion(shell=shell)
        assert all(name in script for name in commands())
        if shutil.which(shell):
            (tmp_path / shell).write_text(script, "utf-8")
            subprocess.run([shell, "-n", tmp_path / shell], check=True)


def test_completion_is_installed_where_the_shell_looks(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "SHELL": "/bin/bash", "PATH": os.environ["PATH"], **_path()}
    done = subprocess.run([*SMTPLOGS, "--install-completion"], env=home, capture_output=True, text=True, check=True)

    assert "bash" in done.stdout
    assert any("smtplogs" in p.read_text("utf-8") for p in tmp_path.rglob("*") if p.is_file())


def _path() -> dict[str, str]:
    return {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}


def on_a_terminal(columns: int, *arguments: str, **environment: str) -> str:
    """Run a command on a terminal of its own; return what it wrote there."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "50", **environment}
    child = subprocess.Popen([*SMTPLOGS, *arguments], stdout=slave, stderr=subprocess.DEVNULL, env=env)
    os.close(slave)
    parts = []
    with suppress(OSError):  # Linux reports the end of a terminal so
        while part := os.read(master, 65_536):
            parts.append(part)
    os.close(master)
    assert child.wait() == 0
    return b"".join(parts).decode().replace("\r\n", "\n")


COLOUR = re.compile(r"\x1b\[[0-9;]*?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[0-9;]*m")


def test_no_color_is_honoured_on_a_terminal() -> None:
    assert COLOUR.search(on_a_terminal(100, "--help", NO_COLOR=""))
    assert not COLOUR.search(on_a_terminal(100, "--help", NO_COLOR="1"))


@pytest.mark.parametrize("columns", [60, 110])
@pytest.mark.parametrize("command", [["causes"], ["triage", *NEW_YEAR], ["summary", *NEW_YEAR]])
def test_what_is_shown_keeps_the_width_of_the_terminal(columns: int, command: list[str]) -> None:
    shown = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(columns, *command))

    assert shown.strip()
    told = [line for line in shown.splitlines() if "smtplogs report " not in line]  # a command stays whole
    assert max(map(cell_len, told)) <= columns


@pytest.mark.parametrize(
    "name", sorted(n for n, c in commands().items() if "json" in options(c) and n not in ("probe", "watch"))
)
def test_json_is_one_document_of_plain_characters(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    given = [] if not inspect.signature(commands()[name]).parameters.keys() & FILES else NEW_YEAR[:1]
    given = ["535 5.7.8 no"] if name == "explain" else given
    if name == "compare-probe":
        (tmp_path / "probe.json").write_text(
            json.dumps({"ports": [{"port": 587, "offered_before": [], "offered_after": ["PLAIN"]}]}), "utf-8"
        )
        given += ["--probe", str(tmp_path / "probe.json")]
    if name == "verify":
        sl.parse(LOCKOUT[:1], tmp_path / "events", progress=False)
        given = [str(tmp_path / "events")]
    code, out, err = run(capsys, name, *given, "--json")

    assert (code, err) == (0, "")
    assert out.isascii()
    assert json.loads(out) is not None


def test_watch_prints_a_line_of_json_for_each_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "mail.log"
    log.write_bytes(next(Path(name) for name in LOCKOUT if str(name).endswith("mail.log")).read_bytes())

    code, out, err = run(capsys, "watch", log, "--once", "--old", "--json")
    told = [json.loads(line) for line in out.splitlines()]

    assert (code, err) == (0, "")
    assert out.isascii()
    assert "lockout" in {row["kind"] for row in told}
    assert all(row["title"] and row["advice"] for row in told)


def test_verify_tells_a_machine_what_was_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "mail.log"
    log.write_text(
        "Mar  2 10:00:00 mx postfix/smtpd[7]: warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: x\n"
    )
    sl.parse(log, tmp_path / "events", progress=False)
    log.write_text(log.read_text().replace("192.0.2.1", "192.0.2.9"))

    code, out, _ = run(capsys, "verify", tmp_path / "events", "--json")

    assert code == 1
    assert [row["check"] for row in json.loads(out) if row["status"] == "changed"] == ["stored", "content", "lines"]


def test_json_of_triage_holds_what_the_functions_return(capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(run(capsys, "triage", *LOCKOUT, "--json")[1])
    events, coverage, traffic = sl.read(LOCKOUT, full=True)
    found = sl.findings(events, coverage=coverage, traffic=traffic)

    assert told["events"] == events.height
    assert [row["finding_id"] for row in told["findings"]] == found["finding_id"].to_list()
    assert [row["source"] for row in told["coverage"]] == coverage["source"].to_list()


def test_json_is_printed_or_a_file_is_written_not_both(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(capsys, "causes", "--json", "-o", tmp_path / "x.csv")[0] == 2
    assert not (tmp_path / "x.csv").exists()


def test_json_shows_no_character_that_a_terminal_would_obey() -> None:
    hostile = "\x1b[2J\x9b31m\u202e\U0001f600\r\n"
    text = tables.json_of(pl.DataFrame({"a": [hostile, None], "b": [["x", "\x7f"], []]}))

    assert text.isascii()
    assert not re.search(r"[\x00-\x1f\x7f]", text)
    assert json.loads(text) == [{"a": hostile, "b": ["x", "\x7f"]}, {"a": None, "b": []}]


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_of_a_command_says_what_it_does_and_no_inner_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, name, "--help")

    assert (code, err) == (0, "")
    assert f"Usage: smtplogs {name}" in out
    about = out.splitlines()[2]
    assert about[0].isupper()
    assert len(about) > 15
    out = out.replace("--no-hash", "")  # that one is a word of its own
    for inner in ("--how", "--files", "--empty", "--no-", "Parameters\n---", "Returns", "DataFrame", "None", "('"):
        assert inner not in out


def test_every_option_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for name in commands():
        for parameter in cli.app[name].assemble_argument_collection():
            assert parameter.parameter.help or parameter.name == "*", (name, parameter.name)


def test_python_runs_the_package_as_the_command() -> None:
    ran = [sys.executable, "-m", "smtplogs", "--version"]

    assert subprocess.run(ran, capture_output=True, text=True, check=True).stdout == f"{sl.__version__}\n"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"{sl.__version__}\n", "")


# ---- mistakes


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to make mistakes in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.log").touch()
    (tmp_path / "emptydir").mkdir()
    (tmp_path / "folder.csv" / "below").mkdir(parents=True)
    (tmp_path / "folder.csv" / "below" / "deep.log").touch()
    (tmp_path / "junk.parquet").write_bytes(b"PAR1junk")
    (tmp_path / "loop").symlink_to("loop")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "foreign.parquet")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nonsense", 'Unknown command "nonsense"'),
        ("triage", "FILES"),
        ("triage --colour red empty.log", "Unknown option: --colour"),
        ("triage empty.log -x", "Unknown option: -x"),
        ("triage empty.log --chekc", "Did you mean --check?"),
        ("read empty.log -o a.csv empty.log", "name all files in one place"),
        ("triage missing.log", "missing.log: no such file"),
        ("triage *.none", "*.none: no file matches"),
        ("triage emptydir", "no log in emptydir"),
        ("triage loop", "loop: too many levels of symbolic links"),
        ("triage empty.log --tz Europe/Warsawa", "did you mean 'Europe/Warsaw'?"),
        ("triage empty.log --tz Nowhere/Atall --since 2026-01-01", "unknown time zone 'Nowhere/Atall'"),
        ("triage empty.log --year 12", "year=12 is no year of a log; expected 1970 to 2099"),
        ("triage empty.log --year twelve", 'unable to convert "twelve" into int'),
        ("triage empty.log --since whenever", "cannot read 'whenever' as a date or time"),
        ("read empty.log --format sendfax", "no format named 'sendfax'; there are auto, "),
        ("read empty.log -o a.xls", "let it end in .parquet, .csv, .ndjson or .jsonl"),
        ("read empty.log -o none/a.csv", "none/a.csv: its folder does not exist"),
        ("read empty.log -o empty.log/a.csv", "empty.log/a.csv: its folder does not exist"),
        ("read empty.log -o folder.csv", "folder.csv: is a folder; give the name of a file"),
        ("report empty.log -o a.pdf", "let it end in .html, .htm or .md"),
        ("plot causes empty.log -o a.txt", "let it end in .png, .svg or .pdf"),
        (
            "plot pie empty.log",
            "no chart named 'pie'; there are causes, clients, exposure, heatmap, impact, intervals, lockouts, phases, rise, rotation, ",
        ),
        ("plot causes empty.log --every 5m", "the chart 'causes' has no option --every"),
        ("triage foreign.parquet", "no event table in foreign.parquet"),
        ("triage junk.parquet", "no event table in junk.parquet"),
        ("triage missing.parquet", "no event table in missing.parquet"),
        ("coverage foreign.parquet", "a Parquet file, no log"),
        ("lockouts empty.log --failures many", 'unable to convert "many" into int'),
        ("lockouts empty.log --within 5x", "within='5x' is no duration"),
        ("sample nothing", "no sample named 'nothing'; there are "),
        ("sample postfix/lockot", "did you mean postfix/lockout"),
        ("triage empty.log --tz CEST", "use an IANA name such as 'Europe/Warsaw'"),
        ("parse empty.log -o .", "name a folder of its own for the dataset"),
        ("parse folder.csv/below/deep.log -o folder.csv", "name a folder of its own for the dataset"),
        ("triage \x1b[31mred", "\\x1b[31mred: no file matches"),
        ("\x1b[31mred", "\\x1b[31mred"),
    ],
)
@pytest.mark.usefixtures("place")
def test_a_mistake_is_told_in_one_clear_line(line: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, *line.split(" "))

    assert (code, out) == (2, "")
    assert told in err
    assert err.startswith("smtplogs: ")
    assert err.count("\n") == 1
    assert err.isprintable() or err[:-1].isprintable()
    assert not any(p.name.startswith(".smtplogs") for p in Path().iterdir())


def test_a_mistake_in_the_output_is_told_before_the_logs_are_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sl, "read", None)
    for command in ("read", "report", "findings", "evidence", "lockouts", "sessions", "summary"):
        assert run(capsys, command, "x.log", "-o", "no.such.ending")[0] == 2


def test_a_bug_is_one_line_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sl, "read", lambda *_, **__: 1 / 0)

    code, _, err = run(capsys, "triage", *LOCKOUT)

    assert code == 2
    assert err.startswith("smtplogs: a bug in smtplogs: ZeroDivisionError('division by zero') at ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"Sep  2 22:05:01 mx CRON[12]: (root) CMD (ls)\n", bytes(range(256)) * 40, b"\n\n\n", b"\xff\xfe" * 9],
    ids=["empty", "another program", "binary", "blank", "two bytes"],
)
def test_a_log_without_logins_is_no_mistake(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(data)

    code, out, err = run(capsys, "triage", log, "--check")

    assert (code, err) == (0, "")
    assert out.startswith("Read        1 file, ")
    assert "; 0 may be about logins" in out
    assert "No finding: there was nothing to judge: " in out
    assert ("the logs are empty" if not data else "/var/log/mail.log") in " ".join(out.split())


def test_a_bad_file_among_good_ones_is_told_and_no_mistake(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "triage", *NEW_YEAR, place / "missing.log")

    assert (code, err) == (0, "")
    assert "missing.log:nosuchfile" in "".join(out.split())
    assert "missing.log" not in out.splitlines()[-1]


def test_what_a_rule_leaves_out_is_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "triage", Path(NEW_YEAR[0]).parent)

    assert "\nNote " in out
    assert "\nError " not in out


# ---- findings and exit codes


def test_check_exits_with_1_if_there_are_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "triage", *LOCKOUT)[0] == 0
    assert run(capsys, "triage", *LOCKOUT, "--check")[0] == 1
    assert run(capsys, "lockouts", *LOCKOUT, "--check")[0] == 1
    assert run(capsys, "lockouts", *LOCKOUT, "--check", "--failures", "10000")[0] == 0


def test_options_reach_the_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "l.parquet"

    run(capsys, "lockouts", *LOCKOUT, "--failures", 6, "--within", "20m", "--client", "client_ip", "-o", out)

    expected = sl.lockouts(sl.read(LOCKOUT), failures=6, within="20m", client=["client_ip"])
    assert pl.read_parquet(out).height == expected.height
    assert pl.read_parquet(out)["title"].to_list() == expected["title"].to_list()


def test_lines_in_a_pipe_end_with_their_words(capsys: pytest.CaptureFixture[str]) -> None:
    out = run(capsys, "triage", *NEW_YEAR)[1] + run(capsys, "explain", "535 5.7.8 Error: authentication failed")[1]

    assert [line for line in out.split("\n") if line != line.rstrip()] == []


def test_triage_since_a_moment_says_what_that_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    said = "who got in before the moment asked for is not known here; without --since it counts"

    assert said in " ".join(run(capsys, "triage", *LOCKOUT, "--since", "2026-09-11")[1].split())
    assert said not in " ".join(run(capsys, "triage", *LOCKOUT, "--until", "2026-09-11")[1].split())


def test_where_there_is_no_attempt_of_somebody_no_detector_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "triage", *LOCKOUT, "--user", "zora")

    assert "user zora: no attempt in these logs." in out
    assert "No finding" not in out


def test_since_and_until_cut_the_events(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "read", *LOCKOUT, "--since", "2026-09-10", "--until", "2026-09-11")

    times = pl.read_csv(out.encode(), columns=["time"])["time"]
    assert code == 0
    assert times.len() > 10
    assert set(times.str.slice(0, 10)) == {"2026-09-10"}


# ---- what goes in and comes out


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events of a sample in a Parquet file, as the command writes it."""
    out = tmp_path_factory.mktemp("w") / "events.parquet"
    with pytest.raises(SystemExit):
        cli.main(["read", *LOCKOUT, "-o", str(out)])
    return out


def test_parquet_comes_back_as_the_same_frame(written: Path) -> None:
    events = sl.read(LOCKOUT)

    assert events.height > 100
    assert_frame_equal(sl.load(written).collect(), events)


def test_an_event_table_is_read_wherever_logs_are(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "1 SERIOUS" in " ".join(run(capsys, "triage", written)[1].split())
    assert run(capsys, "read", written, "-o", tmp_path / "e.csv")[0] == 0
    assert run(capsys, "lockouts", written, "-o", tmp_path / "l.csv")[0] == 0
    assert pl.read_csv(tmp_path / "e.csv").height == sl.load(written).collect().height


def test_into_a_pipe_a_table_is_csv(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "findings", written)

    frame = pl.read_csv(out.encode())
    assert frame.columns == sl.findings(sl.load(written).collect()).columns
    assert frame["title"].str.len_chars().max() > 60


def test_on_a_terminal_the_titles_of_findings_are_readable(
    written: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = {"highlight": False, "markup": False, "emoji": False, "force_terminal": True, "width": 80}
    monkeypatch.setattr(cli.options, "console", lambda: cli.options._Terminal(**terminal, no_color=True))

    for command in ("findings", "lockouts"):
        lines = re.sub("\x1b\\[[0-9;]*m", "", run(capsys, command, written)[1]).splitlines()
        first = next(line for line in lines if line.startswith("│ serious"))
        assert len(first.split("│")[2].strip()) > 20
        assert all(len(line) <= 80 for line in lines)


def test_findings_point_to_their_lines(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "evidence", written)

    frame = pl.read_csv(out.encode())
    assert frame.columns == ["finding_id", "time", "source", "line_no", "raw"]
    assert frame["raw"].null_count() == 0


@pytest.mark.parametrize("chart", ["timeline", "lockouts", "causes", "clients"])
def test_plot_draws_a_chart(chart: str, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.svg"

    assert run(capsys, "plot", chart, written, "-o", out)[0] == 0
    assert out.read_text().startswith("<?xml")


def test_plot_names_its_file_after_the_chart(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(capsys, "plot", "causes", written, "--limit", 3) == (0, "wrote causes.png\n", "")
    assert Path("causes.png").read_bytes().startswith(b"\x89PNG")


def test_report_writes_a_page(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run(capsys, "report", written, "-o", "r.md", "--title", "Why") == (0, "wrote r.md\n", "")
    assert Path("r.md").read_text().startswith("# Why\n")


def test_a_file_name_with_markup_is_shown_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "[red]b\x1b[31mold"
    Path(name).touch()

    _, out, _ = run(capsys, "triage", name)
    assert run(capsys, "read", name, "-o", "[b]:smile:.csv") == (0, "wrote 0 rows to [b]:smile:.csv\n", "")
    assert Path("[b]:smile:.csv").exists()
    assert "\x1b" not in out


@pytest.mark.parametrize("function", [sl.causes, sl.columns, sl.formats, sl.samples], ids=lambda f: f.__name__)
def test_a_list_of_the_library_is_a_command_with_all_its_rows(
    function: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, function.__name__)

    assert code == 0
    assert pl.read_csv(out.encode(), infer_schema=False).shape == function().shape


def test_the_files_of_a_sample_are_printed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "sample", "lockout") == (0, "\n".join(LOCKOUT) + "\n", "")


def test_a_line_is_explained_from_argument_and_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    line = "535 5.7.8 Error: authentication failed"

    code, out, _ = run(capsys, "explain", line)
    piped = [
        subprocess.run([*SMTPLOGS, "explain", *dash], input=line.encode(), capture_output=True, check=True).stdout
        for dash in ([], ["-"])
    ]

    assert code == 0
    assert "bad_credentials" in out
    assert piped == [out.encode()] * 2


def test_a_reply_pasted_without_quotes_is_explained_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    quoted = run(capsys, "explain", "535 5.7.8 Error: authentication failed")

    assert run(capsys, "explain", "535", "5.7.8", "Error: authentication", "failed") == quoted


def test_a_file_given_to_explain_is_sent_to_triage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log = tmp_path / "mail.log"
    log.write_text("535 5.7.8 no\n")

    code, out, err = run(capsys, "explain", log)

    assert (code, out) == (2, "")
    assert err.startswith(f"smtplogs: {log} is a file: `smtplogs triage {log}`")
    assert run(capsys, "explain", "535 " + "x" * 5_000)[0] == 0


def test_explain_has_the_options_of_the_function() -> None:
    assert options(cli.answers.explain).items() >= keywords(sl.explain).items()


def test_an_explanation_says_why_not_something_else_and_whom_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    _, sure, _ = run(capsys, "explain", "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.")
    _, bare, _ = run(capsys, "explain", "535 5.7.8 Error: authentication failed")

    for words in ("oauth_required", "high", "Why not something else:", "words say more than the", "does not help here"):
        assert words in sure
    for words in ("low", "What would tell:", "account_locked: A run of failures", "smtplogs", "lockouts FILES"):
        assert words in bare


def test_step_and_own_rows_reach_explain(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        '[[row]]\nid="ours"\ntext="holiday"\ncause="account_disabled"\nexplain="On holiday."\nexamples=["535 holiday"]\n'
    )

    assert "tls_unavailable" in run(capsys, "explain", "454 no", "--stage", "tls")[1]
    assert "On holiday." in run(capsys, "explain", "535 on holiday", "--catalogue", str(own))[1]
    code, out, err = run(capsys, "explain", "535", "--catalogue", str(tmp_path / "none.toml"))
    assert (code, out) == (2, "")
    assert err.startswith("smtplogs: cannot read the catalogue")
    assert err.count("\n") == 1
    own.write_text("[[row]]\nid = 'x'\n")
    code, out, err = run(capsys, "triage", *LOCKOUT, "--catalogue", str(own))
    assert (code, out) == (2, "")
    assert err == f"smtplogs: {own}: catalogue row 'x': no cause, explain, examples\n"


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_there_is_nothing_to_explain(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "explain", text) == (2, "", "smtplogs: nothing to explain: the text is empty\n")


# ---- lab


def test_lab_without_jupyter_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.learning, "find_spec", lambda name: None)

    code, out, err = run(capsys, "lab", tmp_path / "x")

    assert (code, out) == (2, "")
    assert err == 'smtplogs: JupyterLab needs the extra "notebook"; install it with: pip install "smtplogs[notebook]"\n'
    assert not (tmp_path / "x").exists()


def test_lab_starts_on_a_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(cli.learning, "find_spec", lambda name: types.ModuleType(name))
    monkeypatch.setattr(cli.learning.subprocess, "call", lambda command: started.append(command) or 0)

    code, _, _ = run(capsys, "lab", tmp_path / "x")

    assert code == 0
    assert started == [[sys.executable, "-m", "jupyterlab", str(tmp_path / "x" / "notebooks")]]
    assert (tmp_path / "x" / "notebooks" / "01_first_look.ipynb").exists()
    assert (tmp_path / "x" / "sample_logs" / "postfix" / "lockout" / "mail.log").exists()


def test_lab_that_does_not_start_says_how_to_start_it_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli.learning, "find_spec", lambda name: types.ModuleType(name))
    monkeypatch.setattr(cli.learning.subprocess, "call", lambda _: 1)

    code, _, err = run(capsys, "lab", tmp_path / "x")

    by_hand = f"{sys.executable} -m jupyterlab {tmp_path / 'x' / 'notebooks'}"
    assert code == 2
    assert err == f"smtplogs: JupyterLab did not start (root needs --allow-root); by hand: {by_hand}\n"


# ---- as a process


def process(*arguments: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    return subprocess.run([*SMTPLOGS, *arguments], capture_output=True, check=False, timeout=60, **more)


@pytest.mark.parametrize("columns", ["80", "40"])
def test_triage_writes_nothing_and_needs_no_terminal(tmp_path: Path, columns: str) -> None:
    (tmp_path / "mail.log").write_bytes(Path(NEW_YEAR[0]).read_bytes())
    tmp_path.chmod(0o555)
    env = {"NO_COLOR": "1", "COLUMNS": columns, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "TERM": "dumb"}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    before = {p: p.stat() for p in tmp_path.rglob("*")}
    try:
        done = process("triage", "mail.log", cwd=tmp_path, env=env)
    finally:
        tmp_path.chmod(0o755)

    assert (done.returncode, done.stderr) == (0, b"")
    after = {p: p.stat() for p in tmp_path.rglob("*")}
    assert [(p, s.st_mtime_ns, s.st_size) for p, s in after.items()] == [
        (p, s.st_mtime_ns, s.st_size) for p, s in before.items()
    ]
    text = done.stdout.decode()
    assert text.startswith("Read  ")
    assert "\x1b" not in text
    told, _, following = text.rpartition("\nNext: ")
    assert all(len(line) <= int(columns) for line in told.splitlines())
    assert following == "smtplogs explain - < mail.log\n"  # so few lines are best explained one by one


def test_triage_loads_no_pandas_matplotlib_pyarrow_or_jinja() -> None:
    code = (
        "import sys, smtplogs.cli as c\n"
        "try: c.main(['triage', *sys.argv[1:]])\n"
        "except SystemExit: pass\n"
        "print(sorted({'pandas', 'matplotlib', 'pyarrow', 'jinja2'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *NEW_YEAR], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"


def test_logs_come_through_a_pipe() -> None:
    data = Path(NEW_YEAR[0]).read_bytes()

    done = process("triage", "-", "--year", "2026", input=data)

    assert (done.returncode, done.stderr) == (0, b"")
    assert f"Read        1 file, {len(data) / 1000:,.1f} kB".encode() in done.stdout


@pytest.mark.parametrize("command", [["read", *NEW_YEAR], ["--help"]])
def test_a_pipe_that_closes_early_is_no_mistake(command: list[str]) -> None:
    with subprocess.Popen([*SMTPLOGS, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        assert p.stdout is not None
        assert p.stderr is not None
        p.stdout.close()
        said = p.stderr.read()

    assert (p.returncode, said) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
@pytest.mark.parametrize("command", [["triage", *NEW_YEAR], ["read", *NEW_YEAR], ["sample", "lockout"]])
def test_a_full_disk_behind_standard_output_is_told(command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*SMTPLOGS, *command], stdout=full, stderr=subprocess.PIPE, check=False)

    assert (done.returncode, done.stderr) == (2, b"smtplogs: No space left on device\n")


@pytest.mark.skipif(sys.platform == "win32", reason="limits are a matter of POSIX")
@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.ndjson"])
def test_a_file_that_cannot_be_written_whole_is_not_there(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"the one before")
    limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *SMTPLOGS, "read", *NEW_YEAR, "-o", name]
    done = subprocess.run(limited, cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"File too large" in done.stderr
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {name: b"the one before"}


@pytest.mark.skipif(not hasattr(signal, "siginterrupt"), reason="POSIX only")
def test_an_interrupt_is_one_line() -> None:
    with subprocess.Popen([*SMTPLOGS, "triage", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        assert p.stdin is not None
        assert p.stderr is not None
        p.stdin.write(b"x\n")
        p.stdin.flush()
        state = Path(f"/proc/{p.pid}/wchan")
        for _ in range(300):  # until it waits for the pipe; a guess where /proc does not tell
            time.sleep(0.02 if state.exists() else 0.01)
            if state.exists() and "pipe" in state.read_text():
                break
        p.send_signal(signal.SIGINT)
        code = p.wait(timeout=30)
        said = p.stderr.read()

    assert (code, said) == (2, b"smtplogs: interrupted\n")


def test_a_terminal_that_lacks_a_character_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "żółw.log").touch()

    done = process("triage", "żółw.log", cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_file_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    name = b"m\xff.log"
    try:
        Path(os.fsdecode(tmp_path), os.fsdecode(name)).touch()
    except OSError:
        pytest.skip("this file system wants UTF-8")
    done = subprocess.run([*SMTPLOGS, "coverage", name], cwd=tmp_path, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    assert b"m\\xff.log" in done.stdout


def test_every_ending_offered_is_known() -> None:
    assert set(tables.ENDINGS) == {".parquet", ".csv", ".ndjson", ".jsonl"}


def test_a_dataset_is_judged_without_being_held_and_as_its_logs_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = tmp_path / "events"
    sl.parse(LOCKOUT, dataset, progress=False)
    of_logs = json.loads(run(capsys, "triage", *LOCKOUT, "--json")[1])

    whole = pl.LazyFrame.collect

    def narrowly(self: pl.LazyFrame, *args: Any, **kwargs: Any) -> Any:
        """Refuse to load the lines of the whole table: that is what triage of a dataset must never do."""
        frame = whole(self, *args, **kwargs)
        assert not (isinstance(frame, pl.DataFrame) and {"raw", "also"} <= set(frame.columns) and frame.height > 1000)
        return frame

    monkeypatch.setattr(pl.LazyFrame, "collect", narrowly)
    of_dataset = json.loads(run(capsys, "triage", dataset, "--json")[1])

    assert of_dataset["events"] == of_logs["events"] > 1000
    assert of_dataset["findings"] == of_logs["findings"]


# ---- what a command loads


@pytest.mark.parametrize("room", cli.running.COMMANDS)
def test_a_command_is_made_in_the_room_that_is_loaded_for_it(room: str) -> None:
    mine = set(cli.running.COMMANDS[room].split())
    code = (
        "import sys; from smtplogs.cli import running; "
        f"app = running._app_for([{min(mine)!r}]); "
        "print(*(name for name in app if not name.startswith('-')), sep='\\n'); "
        "print(*(m for m in sys.modules if m.startswith('smtplogs.cli.')), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(done.stdout.split()) == mine
    loaded = {name.rpartition(".")[2] for name in done.stderr.split()}
    assert loaded & set(cli.running.COMMANDS) == {room}


def test_garbage_is_looked_for_as_usual_once_the_commands_are_there() -> None:
    code = (
        "import gc; usual = gc.get_threshold(); import smtplogs.cli; off = gc.get_threshold(); smtplogs.cli.app; "
        "assert off[0] > usual[0] and gc.get_threshold() == usual and gc.isenabled() and gc.get_freeze_count() > 0"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_help_of_every_command_flows_with_the_width_of_the_terminal() -> None:
    """Lines of a paragraph that end where a line of source ends look torn on a terminal of another width."""
    for name in cli.app:
        if not name.startswith("-"):
            assert not re.search(r"[^\n]\n[^\n]", (cli.app[name].help or "").strip()), name


def test_the_scenarios_that_can_be_simulated_are_named_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(run(capsys, "simulate", "--help")[1].replace("│", " ").split())

    assert "quiet, forgotten, lockout, outage, outage-535" in said


def test_nothing_in_the_time_that_was_asked_for_is_told_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "triage", *NEW_YEAR, "--since", "2030-01-01")

    assert "between the moments that were asked for" in " ".join(out.split())


def test_lines_that_were_not_understood_are_shown_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "odd.log"
    log.write_text("    message: warning: SASL LOGIN authentication failed \x1b]0;x\x07\n")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    _, out, _ = run(capsys, "coverage", str(log))

    assert f"not understood: {log}:1:     message: warning: SASL LOGIN authentication failed \\x1b]0;x\\x07" in out


@pytest.mark.parametrize(("chart", "said"), [("throttling", "; it is empty: no throttling"), ("causes", ".png")])
def test_an_empty_chart_is_told_as_that(
    chart: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "plot", chart, *NEW_YEAR, "-o", tmp_path / "chart.png")

    assert code == 0
    assert "".join(out.split()).endswith(said.replace(" ", ""))  # a narrow terminal breaks the line anywhere

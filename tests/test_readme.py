"""The README keeps its word: its commands and its Python run, on a sample in place of /var/log."""

from __future__ import annotations

import inspect
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest

import smtplogs as sl
from smtplogs import cli

mpl.use("Agg")

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
LOGS = [str(p) for p in sl.sample("postfix/lockout")]
LINE = "Sep 10 09:40:00 mx postfix/smtpd[1]: warning: unknown[192.0.2.9]: SASL PLAIN authentication failed: x, sasl_username=a"


def marked(name: str) -> str:
    """Return the command that `.ci/run` takes from behind a marker."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```sh\n(.*?)\n```", TEXT, re.DOTALL)
    assert found, name
    return found[1]


SET_UP = [marked("ci:first-look"), marked("ci:tests")]
SHELL = [
    line
    for kind, block in BLOCKS
    if kind == "sh"
    for line in block.splitlines()
    if line and line not in SET_UP and not line.startswith("#")
]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]


def words(line: str) -> list[str]:
    """Return the arguments of a smtplogs command of the README, with samples for logs."""
    given = shlex.split(line, comments=True)
    assert given[0] == "smtplogs", line
    given = [LINE if "<a log line" in word else word for word in given[1:]]
    live = given[0] == "watch"
    given += ["--once", "--old"] if live else []
    logs = [name for name in LOGS if not (live and name.endswith(".gz"))]
    return [name for word in given for name in (logs if word.startswith(("/var/log/", "/archive/")) else [word])]


def test_there_is_something_to_test() -> None:
    assert len(SHELL) >= 6
    assert len(PYTHON) >= 1
    assert {kind for kind, _ in BLOCKS} == {"sh", "text", "python"}


@pytest.mark.parametrize("command", SET_UP)
def test_a_command_that_ci_runs_is_one_line_of_valid_shell(command: str) -> None:
    assert "\n" not in command
    subprocess.run(["bash", "-n", "-c", command], check=True)
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -q ")


def test_the_first_command_names_commands_and_files_that_exist() -> None:
    parts = [shlex.split(part) for part in SET_UP[0].split("&&")]
    ours = [part[1:] for part in parts if part[0] == ".venv/bin/smtplogs"]

    assert [part[0] for part in ours] == ["triage", "report"]
    for command, *rest in ours:
        assert list(ROOT.glob(rest[0]))
        cli.app.parse_args([command, *rest], exit_on_error=False, print_error=False)


def test_what_the_first_command_is_said_to_say_is_what_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (excerpt,) = (block for kind, block in BLOCKS if kind == "text")

    with pytest.raises(SystemExit):
        cli.main(["triage", *LOGS])

    said = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert excerpt in said


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of the README run, one after another."""
    return tmp_path_factory.mktemp("readme")


@pytest.mark.parametrize("number", range(len(SHELL)), ids=[line.split()[1] for line in SHELL])
def test_a_command_of_the_readme_runs(
    number: int, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(cli.learning, "find_spec", lambda name: name)
    monkeypatch.setattr(cli.learning.subprocess, "call", lambda command: 0)
    arguments = words(SHELL[number])
    if arguments[0] == "probe":  # asks a server: `test_probing` has some
        cli.app.parse_args(arguments, exit_on_error=False, print_error=False)
        return
    if "events/" in arguments and "-o" in arguments and arguments[0] != "parse" and not Path("events").exists():
        with pytest.raises(SystemExit):
            cli.main(["parse", *LOGS, "-o", "events/"])
        capsys.readouterr()
    if "events.parquet" in arguments and "-o" not in arguments and not Path("events.parquet").exists():
        with pytest.raises(SystemExit):
            cli.main(["read", *LOGS, "-o", "events.parquet"])

    with pytest.raises(SystemExit) as end:
        cli.main(arguments)

    said = capsys.readouterr()
    assert (end.value.code, said.err) == (0, "")
    assert said.out
    if "-o" in arguments:
        made = Path(arguments[arguments.index("-o") + 1])
        assert (made / "manifest.json" if made.is_dir() else made).stat().st_size > 1000


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_of_the_readme_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for log in LOGS:
        shutil.copy(log, tmp_path)
    code = PYTHON[number].replace("/var/log/", f"{tmp_path}/")
    known: dict[str, Any] = {}

    exec(compile(code, "README.md", "exec"), known)

    assert known["events"].height > 100
    assert known["found"].height
    assert Path("postmortem.html").stat().st_size > 10_000


def test_every_function_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"\bsl\.([a-z_]+)", TEXT))

    assert named
    assert named <= set(sl.__all__)
    assert "full" in inspect.signature(sl.read).parameters


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"\bsmtplogs ([a-z]+) ", "\n".join([*SHELL, *SET_UP])))

    assert named
    assert named <= set(cli.app)


def test_every_file_that_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target

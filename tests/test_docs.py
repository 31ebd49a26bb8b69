"""The documentation keeps its word: its Python and its commands run, its links lead somewhere, nothing is left out."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
from pathlib import Path

import matplotlib as mpl
import polars as pl
import pytest

import smtplogs as sl
from smtplogs import cli
from smtplogs.declaring import definitions

mpl.use("Agg")

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(p for p in DOCS.rglob("*.md") if p.name != "replies.md")
NAMES = [p.relative_to(DOCS).as_posix() for p in PAGES]
BLOCK = re.compile(r"^```(?:\{code-cell\} )?(python|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TEXTS = {name: page.read_text("utf-8") for name, page in zip(NAMES, PAGES, strict=True)}
PYTHON = {n: [code for kind, code in BLOCK.findall(t) if kind == "python"] for n, t in TEXTS.items()}
SHELL = [
    (name, line)
    for name, text in TEXTS.items()
    for kind, block in BLOCK.findall(text)
    for line in block.splitlines()
    if kind == "sh" and line.strip()
]
MADE = {"reference/functions.md", "reference/commands.md", "reference/columns.md", "reference/formats.md"}
MADE |= {"reference/samples.md", "notebooks/index.md", "changelog.md"}
"""Pages that `docs/build.py` makes."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sample of the tutorial under the names that the pages use."""
    monkeypatch.chdir(tmp_path)
    for path in sl.sample("postfix/lockout"):
        shutil.copy(path, tmp_path)
    shutil.copy(sl.sample("entra-csv/portal")[0], tmp_path / "InteractiveSignIns.csv")
    shutil.copy(definitions()["example-relay"], tmp_path / "maildog.toml")
    shutil.copy(sl.sample("example-relay/export")[0], tmp_path / "export.jsonl")
    return tmp_path


@pytest.mark.parametrize("name", [n for n, blocks in PYTHON.items() if blocks])
def test_python_of_a_page_runs_from_top_to_bottom(name: str, place: Path) -> None:
    known = {"sl": sl, "pl": pl, "events": sl.read(str(place / "mail.log"))}
    for block in PYTHON[name]:
        code = block.replace("/var/log/", f"{place}/").replace("/archive/mail", f"{place}/mail.log")
        with pl.Config():
            exec(compile(code, name, "exec"), known)


@pytest.mark.parametrize(("name", "line"), SHELL, ids=[f"{n}:{line.split()[1]}" for n, line in SHELL])
def test_a_command_of_a_page_runs(name: str, line: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, *words = shlex.split(line, comments=True)
    assert program == "smtplogs"
    logs = [str(p) for p in sorted(place.glob("mail.log*"))]
    words = [w for word in words for w in (logs if word == "/var/log/mail.log*" else [word])]

    with pytest.raises(SystemExit) as end:
        cli.main(words)

    said = capsys.readouterr()
    assert (end.value.code, said.err) == (0, "")
    assert said.out


def test_there_is_something_to_test() -> None:
    assert len(SHELL) >= 10
    assert sum(map(len, PYTHON.values())) >= 10


def test_every_link_leads_to_a_page() -> None:
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            there = os.path.normpath((DOCS / name).parent / target)
            assert target.startswith("https://") or Path(there).exists() or os.path.relpath(there, DOCS) in MADE, target


def test_every_page_is_in_the_contents() -> None:
    listed = re.findall(r"^[\w/-]+$", TEXTS["index.md"], re.MULTILINE)

    assert {f"{page}.md" for page in listed} == ({*NAMES, "replies.md"} | MADE) - {"index.md"}


def test_every_command_of_the_pages_exists() -> None:
    for name, text in TEXTS.items():
        for command in re.findall(r"`smtplogs ([a-z-]+)", text):
            assert command in set(cli.app), (name, command)


def test_every_function_of_the_pages_exists() -> None:
    for name, text in TEXTS.items():
        for function in re.findall(r"\bsl\.([a-z_]+)", text):
            assert function in sl.__all__, (name, function)


def test_the_page_of_formats_names_the_versions_that_were_tried_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of live.md is the one source; the set-ups of tests/live must be those of the table."""
    monkeypatch.syspath_prepend(DOCS)
    tried = importlib.import_module("tried")
    versions = tried.tried_live()
    rows = [line for line in TEXTS["live.md"].splitlines() if re.match(r"\| [A-Za-z]+ [0-9].* \| [0-9.]+ \|$", line)]

    assert set(versions) == {
        "postfix", "dovecot", "exim", "opensmtpd", "sendmail", "saslauthd",
        "nginx", "perdition", "courier", "haraka", "aiosmtpd", "chasquid",
    }  # fmt: skip
    assert all(any(f" {v}" in row for row in rows) for found in versions.values() for v in found)
    assert [
        v
        for name, v in re.findall(r"([A-Za-z]+) ([0-9]+\.[0-9.p]*[0-9])", " ".join(r.split("|")[1] for r in rows))
        if name not in tried.BESIDE and not any(v in found for found in versions.values())
    ] == []
    assert "versions 3.7.11 and 3.10.13" in tried.told("postfix")
    assert tried.told("mdaemon").startswith("Not tried against a live server")
    for name in sl.formats()["format"].unique():
        assert ("Tried against" in tried.told(name)) == (name in versions)


def test_a_server_of_the_live_table_that_is_no_format_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(DOCS)
    tried = importlib.import_module("tried")
    page = tmp_path / "live.md"
    monkeypatch.setattr(tried, "PAGE", page)
    page.write_text("| Postfixx 3.7.11 | quiet | 1 |\n")
    with pytest.raises(ValueError, match="postfixx"):
        tried.tried_live()
    page.write_text("no table\n")
    with pytest.raises(ValueError, match="no table"):
        tried.tried_live()

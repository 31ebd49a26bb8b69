"""What SECURITY.md promises: no network but for probe, nothing evaluated or unpickled, inputs left alone, files as the umask says."""

from __future__ import annotations

import ast
import os
import re
import socket
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import smtplogs as sl
from smtplogs import cli

PACKAGE = Path(sl.__file__).parent
ROOMS = sorted(PACKAGE.rglob("*.py"))
NETWORK = {
    "socket",
    "ssl",
    "urllib",
    "http",
    "ftplib",
    "smtplib",
    "asyncio",
    "requests",
    "httpx",
    "urllib3",
    "telnetlib",
    "xmlrpc",
}
RISKY = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all that stands in a room, taken apart once for all tests."""
    return list(ast.walk(ast.parse(path.read_text())))


def imported(path: Path) -> set[str]:
    """Return the top names of what a file imports."""
    return {
        name.split(".")[0]
        for node in nodes(path)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        )
    }  # fmt: skip


def test_only_probing_may_speak_to_a_network_and_nothing_unpickles_or_evaluates() -> None:
    found = []
    for path in ROOMS:
        calls = {n.func.id for n in nodes(path) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        forbidden = RISKY if path.is_relative_to(PACKAGE / "probing") else RISKY | NETWORK
        found += [(str(path.relative_to(PACKAGE)), name) for name in imported(path) & forbidden]
        found += [(str(path.relative_to(PACKAGE)), name) for name in calls & {"eval", "exec", "compile", "__import__"}]

    assert found == []


def test_reading_finding_reporting_and_sharing_open_no_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def refused(*_: object, **__: object) -> None:
        tries.append("a connection")
        raise OSError("no network here")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refused)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "create_connection"):
        monkeypatch.setattr(socket, name, refused)
    paths = sl.sample("postfix/outbound-relay")
    events, coverage, traffic = sl.read(paths, full=True)
    found = sl.findings(events, coverage=coverage, traffic=traffic)
    sl.report(events, tmp_path / "r.html", coverage=coverage, traffic=traffic, findings=found)
    sl.parse(paths, tmp_path / "set", workers=1)
    sl.verify(tmp_path / "set")
    sl.share(events)
    sl.explain("535 5.7.8 Error: authentication failed")
    sl.plot_timeline(events)

    assert tries == []


def test_inputs_are_left_as_they_are_and_outputs_follow_the_umask(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for path in sl.sample("postfix/outbound-relay"):
        (logs / Path(path).name).write_bytes(Path(path).read_bytes())
        (logs / Path(path).name).chmod(0o440)
    logs.chmod(0o550)
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode) for p in logs.iterdir()}
    old = os.umask(0o027)
    try:
        page = sl.report(sl.read(logs), tmp_path / "r.md")
        sl.parse(logs, tmp_path / "set", workers=1)
    finally:
        os.umask(old)
        logs.chmod(0o750)
    modes = {p.stat().st_mode & 0o777 for p in (tmp_path / "set").rglob("*.parquet")}

    assert {p: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode) for p in logs.iterdir()} == before
    assert page.stat().st_mode & 0o777 == 0o640
    assert modes <= {0o640, 0o600}
    assert modes


def test_every_dependency_has_a_lower_bound() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]

    assert [d for d in wanted if not re.search(r">=|==|^smtplogs\[", d)] == []
    assert len(project["dependencies"]) <= 12


def test_temporary_files_are_made_by_the_system_and_for_their_owner() -> None:
    """Mkstemp and TemporaryDirectory make what nobody made before; a fixed name in /tmp may be somebody's link."""
    found = []
    for path in ROOMS:
        attributes = {
            f"{n.value.id}.{n.attr}"
            for n in nodes(path)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        }
        made = {a for a in attributes if a.startswith("tempfile.")}
        texts = {n.value for n in nodes(path) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        found += [
            (str(path.relative_to(PACKAGE)), name)
            for name in made - {"tempfile.mkstemp", "tempfile.TemporaryDirectory"}
        ]
        found += [(str(path.relative_to(PACKAGE)), text) for text in texts if text.startswith(("/tmp", "/var/tmp"))]

    assert found == []


def test_a_link_laid_where_a_file_is_being_written_is_not_followed(tmp_path: Path) -> None:
    """What is written stands under a random name until it is whole; a link under the final name leads where its owner says."""
    from smtplogs._durable import whole

    seen = []
    with whole(tmp_path / "out.csv") as file:
        file.write(b"x")
        seen = [(p.name, p.stat().st_mode & 0o777) for p in tmp_path.iterdir()]

    assert [mode for _, mode in seen] == [0o600]
    assert all(name.startswith(".smtplogs.") and len(name) >= 18 for name, _ in seen)
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_no_command_but_probe_opens_a_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    """The audit hook of Python sees every socket, whoever opens it: no telemetry, no look-ups, no fonts from the net."""
    tries: list[str] = []

    def watch(event: str, _: object) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request"):
            tries.append(event)

    sys.addaudithook(watch)
    log = str(sl.sample("postfix/lockout")[0])
    commands = (
        ["triage", log], ["report", log, "-o", tmp_path / "r.html"], ["plot", "timeline", log, "-o", tmp_path / "c.svg"],
        ["explain", "535 5.7.8 Error"], ["samples"], ["formats"], ["share", log, "-o", tmp_path / "s.parquet"],
        ["parse", log, "-o", tmp_path / "set"], ["verify", tmp_path / "set"], ["to-ecs", log, "-o", tmp_path / "e.ndjson"],
    )  # fmt: skip
    for command in commands:
        tries.clear()
        with pytest.raises(SystemExit):
            cli.main([str(word) for word in command])

        assert tries == [], command
    assert capsys.readouterr().out

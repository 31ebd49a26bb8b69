"""What SECURITY.md promises: no network but for probe, nothing evaluated or unpickled, inputs left alone, files as the umask says."""

from __future__ import annotations

import ast
import os
import re
import socket
import tomllib
from pathlib import Path

import pytest

import smtplogs as sl

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


def imported(path: Path) -> set[str]:
    """Return the top names of what a file imports."""
    tree = ast.walk(ast.parse(path.read_text()))
    return {
        name.split(".")[0]
        for node in tree
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        )
    }  # fmt: skip


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_probing_may_speak_to_a_network_and_nothing_unpickles_or_evaluates(path: Path) -> None:
    names = imported(path)
    calls = {
        n.func.id
        for n in ast.walk(ast.parse(path.read_text()))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }

    assert not names & RISKY
    assert path.is_relative_to(PACKAGE / "probing") or not names & NETWORK
    assert not calls & {"eval", "exec", "compile", "__import__"}


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

"""What memory is left, as kernel and limits tell it; and logs that would not fit into it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import smtplogs as sl
from smtplogs import _granted

if TYPE_CHECKING:
    from pathlib import Path

LOCKOUT = [str(p) for p in sl.sample("postfix/lockout")]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 8 GB available and no limits, whose files can be changed."""
    (tmp_path / "meminfo").write_text("MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n")
    (tmp_path / "cgroup").write_text("0::/user.slice/one.scope\n")
    (tmp_path / "groups/user.slice/one.scope").mkdir(parents=True)
    for name, path in (("MEMINFO", "meminfo"), ("OWN", "cgroup"), ("CGROUPS", "groups")):
        monkeypatch.setattr(_granted, name, tmp_path / path)
    monkeypatch.setattr(_granted, "resource", None)
    return tmp_path


def test_what_the_kernel_calls_available(machine: Path) -> None:
    assert _granted.available() == 8_000_000 * 1024


def test_no_more_than_a_group_grants(machine: Path) -> None:
    (machine / "groups/user.slice/memory.max").write_text("2000000000\n")

    assert _granted.available() == 2_000_000_000


def test_without_meminfo_all_there_is(machine: Path) -> None:
    (machine / "meminfo").unlink()

    assert (_granted.available() or 0) > 1 << 28


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits")
def test_limits_of_the_shell() -> None:
    code = """
import resource
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, resource.RLIM_INFINITY))
from smtplogs import _granted
print(_granted.Granted("RLIMIT_DATA", 3 << 30) in _granted.granted(), _granted.available() <= 3 << 30)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "True"]


def test_logs_that_may_not_fit_go_through_a_dataset_that_is_gone_afterwards(tmp_path: Path) -> None:
    code = f"""
import sys, tempfile
tempfile.tempdir = {str(tmp_path)!r}
from smtplogs.cli import main, options
options.available = lambda: int(sys.argv[1])
main(["triage", "--json", *sys.argv[2:]])
"""
    little, enough = (
        subprocess.run([sys.executable, "-c", code, n, *LOCKOUT], capture_output=True, text=True, check=True)
        for n in ("100000", "100000000000")
    )

    assert little.stderr.startswith("smtplogs: these logs may take ")
    assert enough.stderr == ""
    assert list(tmp_path.iterdir()) == []
    told = [json.loads(done.stdout) for done in (little, enough)]
    assert told[0]["findings"] == told[1]["findings"]
    assert told[0]["events"] == told[1]["events"]

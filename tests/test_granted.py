"""Too little memory is said before the work begins, with the limit and what is needed; else the engine aborts."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from small_logs import FAILED, line
from smtplogs import _granted
from smtplogs._granted import MB, NEEDS, Granted, enough, granted
from smtplogs.errors import TooLittleMemory

if TYPE_CHECKING:
    from pathlib import Path

LIMITED = """
import resource, sys
resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]),) * 2)
from smtplogs import cli
sys.argv = ["smtplogs", "parse", *sys.argv[3:]]
cli.main()
"""


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No limits, and a tree of cgroups of our own."""
    monkeypatch.setattr(_granted, "resource", None)
    monkeypatch.setattr(_granted, "CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(_granted, "OWN", tmp_path / "own")
    return tmp_path


def put(place: Path, text: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def test_without_limits_nothing_is_said(cgroups: Path) -> None:
    assert granted() == []
    enough(1 << 40)


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "500000000\n"}, 500_000_000),
        ("0::/a/b\n", {"a/b/memory.max": "300000000\n", "a/memory.max": "500000000\n"}, 300_000_000),
        ("4:memory:/x\n0::/\n", {"memory/x/memory.limit_in_bytes": "700000000\n"}, 700_000_000),
        ("4:cpu,memory:/x\n", {"memory/memory.limit_in_bytes": "700000000\n"}, 700_000_000),
        ("4:memory:/x\n", {"memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ("4:cpu:/x\n", {"memory/x/memory.limit_in_bytes": "1\n", "memory.max": "1"}, None),
        ("0::/a\n", {"a/memory.max": "max"}, None),
    ],
)  # fmt: skip
def test_the_least_limit_of_the_cgroups_above_counts(
    cgroups: Path, own: str, files: dict[str, str], found: int | None
) -> None:
    put(cgroups / "own", own)
    for name, text in files.items():
        put(cgroups / "fs" / name, text)

    assert granted() == ([] if found is None else [Granted("cgroup", found)])


@pytest.mark.parametrize("limit", NEEDS)
@pytest.mark.parametrize(("size", "place"), [(_granted.LARGE, 0), (_granted.LARGE + 1, 1)])
def test_large_logs_need_more_than_small_ones(
    limit: str, size: int, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    need = NEEDS[limit][:2][place]
    monkeypatch.setattr(_granted, "granted", lambda: [Granted(limit, need)])
    enough(size)
    monkeypatch.setattr(_granted, "granted", lambda: [Granted(limit, need - 1)])
    with pytest.raises(TooLittleMemory, match=rf"{limit}.* need {need // MB:,} MB: raise the limit"):
        enough(size)


@pytest.mark.parametrize("limit", ["RLIMIT_DATA", "RLIMIT_AS"])
def test_parse_under_a_limit_says_so_in_one_line_and_leaves_nothing_half_done(tmp_path: Path, limit: str) -> None:
    log = tmp_path / "mail.log"
    log.write_text(line("10:00:00", FAILED) + "\n")
    with log.open("ab") as file:
        file.truncate(70 << 20)  # a hole: a large log that costs no disk
    need = NEEDS[limit][1]
    command = [sys.executable, "-c", LIMITED, limit, str(need - MB), str(log), "-o", str(tmp_path / "set")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].count(f"({limit}, ulimit") == 1
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "set").rglob("*.parquet")) == []

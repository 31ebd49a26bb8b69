"""A real Dask cluster reads the archive: the same dataset, also when a worker is killed in the middle."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import smtplogs as sl
from archived import assert_same, lines_of
from small_logs import SAMPLES
from smtplogs.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as cluster,
        distributed.Client(cluster) as one,
    ):
        yield one


def logs(folder: Path, copies: int) -> list[Path]:
    """Write one log a host, with lines enough to be busy for a while."""
    lines = lines_of([SAMPLES / "postfix" / "lockout" / "mail.log"])
    paths = []
    for n in range(copies):
        path = folder / f"mx{n}.log"
        path.write_text("".join(t.replace(" mx ", f" mx{n} ", 1) + "\n" for t in lines))
        paths.append(path)
    return paths


def test_a_cluster_gives_what_one_machine_gives(tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smtplogs.making.GROUP_BYTES", 1_000_000)
    paths = logs(tmp_path, 4)
    told = sl.parse(paths, tmp_path / "out", cluster=client)

    assert told["status"].to_list() == ["read"] * 4
    assert len(list((tmp_path / "out" / "loose").iterdir())) == 4
    assert_same(tmp_path / "out", paths)
    assert sl.parse(paths, tmp_path / "out", cluster=client)["status"].to_list() == ["unchanged"] * 4


def test_the_address_of_a_scheduler_is_enough(tmp_path: Path, client: Any) -> None:
    path = SAMPLES / "postfix" / "new-year"
    sl.parse(path, tmp_path / "out", cluster=client.scheduler.address)

    assert_same(tmp_path / "out", path)


def test_a_worker_killed_in_the_middle_costs_nothing_and_counts_nothing_twice(
    tmp_path: Path, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smtplogs.making.GROUP_BYTES", 1_000_000)
    paths = logs(tmp_path, 12)
    out = tmp_path / "out"
    workers = client.run(os.getpid)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(sl.parse, paths, out, cluster=client)
        while not any(not p.name.startswith(".") for p in (out / "loose").glob("*")):  # one part is done
            assert not run.done()
            time.sleep(0.01)
        os.kill(next(iter(workers.values())), signal.SIGKILL)
        early = not run.done()
        told = run.result(timeout=120)

    assert early
    assert told["status"].to_list() == ["read"] * 12
    assert client.run(os.getpid) != workers
    events = assert_same(tmp_path / "out", paths)
    assert not events.select("source", "line_no", pl.exclude("auth_offered", "source", "line_no")).is_duplicated().any()
    assert not list((out / "loose").glob(".*"))


def test_without_dask_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("smtplogs._crew.import_module", missing)
    with pytest.raises(MissingExtra, match=r"smtplogs\[cluster\]"):
        sl.parse(SAMPLES / "postfix" / "new-year", tmp_path / "out", cluster="tcp://127.0.0.1:1")

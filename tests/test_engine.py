"""Work on threads of the engine: the same answers and errors, no more at a time than there are threads, stopped like any other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from smtplogs import _engine, reading
from smtplogs._crew import Here
from smtplogs.schema import EVENTS, lacking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

two = pytest.mark.skipif(pl.thread_pool_size() < 2, reason="the engine has one thread")

LOCKOUT = sl.sample("postfix/lockout")


def where() -> int:
    """Return the thread that this runs on."""
    return threading.get_ident()


@two
def test_work_is_done_on_another_thread_and_returns() -> None:
    assert _engine.within(where) != where()
    assert _engine.within(lambda: (1, None)) == (1, None)


@two
def test_what_it_raises_is_raised_here_and_the_next_work_is_done() -> None:
    class Odd(BaseException):
        pass

    for error in (ValueError("no"), KeyboardInterrupt(), Odd()):

        def fail(error: BaseException = error) -> None:
            raise error

        with pytest.raises(type(error)) as caught:
            _engine.within(fail)
        assert caught.value is error
    assert _engine.within(where) != where()


@two
def test_small_work_is_collected_at_once_and_no_other() -> None:
    assert _engine.within(_engine.by_size) == "in-memory"
    assert _engine.by_size() == "streaming"
    with pytest.raises(ZeroDivisionError):
        _engine.within(lambda: 1 / 0)
    seen = pl.select(a=pl.lit(0), b=pl.lit(1)).select(
        pl.col("a").map_batches(lambda _: pl.Series([_engine.by_size()]), return_dtype=pl.String), pl.col("b") + 1
    )
    assert seen["a"].item() == "streaming"


def test_work_within_work_stays_where_it_is() -> None:
    outer, inner = _engine.within(lambda: (where(), _engine.within(where)))

    assert outer == inner


@contextmanager
def all_at_work() -> Iterator[threading.Event]:
    """Keep every thread of the engine at work until the event is set."""
    begun, done = threading.Semaphore(0), threading.Event()
    crew = [
        threading.Thread(target=_engine.queued, args=(lambda: (begun.release(), done.wait(10)),))
        for _ in range(pl.thread_pool_size())
    ]
    for thread in crew:
        thread.start()
    try:
        assert all(begun.acquire(timeout=10) for _ in crew)
        yield done
    finally:
        done.set()
        for thread in crew:
            thread.join()


@two
def test_where_no_thread_is_free_work_is_done_here_or_waits() -> None:
    here: list[int] = []
    with all_at_work() as done:
        assert _engine.within(where) == where()
        waits = threading.Thread(target=lambda: here.append(_engine.queued(where)))
        waits.start()
        waits.join(0.2)
        assert waits.is_alive()
        assert not here
        done.set()
        waits.join(10)
        assert here
        assert here[0] != waits.ident


@two
def test_as_many_pieces_of_work_as_there_are_threads_ask_all_kinds_of_things_at_once(tmp_path: Path) -> None:
    rows = pl.DataFrame({"a": range(5_000), "b": [f"{n % 7}" for n in range(5_000)]})
    rows.write_parquet(tmp_path / "rows.parquet")

    def ask(name: str) -> list[pl.DataFrame]:
        scan = pl.scan_parquet(tmp_path / "rows.parquet").filter(pl.col("b").str.contains("[1-3]"))
        at = rows.with_columns(at=pl.col("a").cast(pl.Datetime))
        rows.write_parquet(tmp_path / f"{name}.parquet")
        return [
            scan.collect(engine="in-memory"),
            scan.group_by("b").agg(pl.col("a").sum()).sort("b").collect(engine="streaming"),
            at.join_asof(at, on="at", by="b", check_sortedness=False).sort("a"),
            pl.concat([rows.lazy(), rows.lazy()]).unique("b", keep="first", maintain_order=True).collect(),
        ]

    answers: list[list[pl.DataFrame]] = []

    def many(name: str) -> None:
        answers.extend(_engine.queued(partial(ask, name)) for _ in range(40))

    crew = [threading.Thread(target=many, args=(f"{n}",), daemon=True) for n in range(pl.thread_pool_size() + 1)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join(60)
    assert len(answers) == 40 * len(crew), "a thread waits for ever"
    for answer in answers:
        for mine, wanted in zip(answer, answers[0], strict=True):
            assert_frame_equal(mine, wanted)


def test_with_one_thread_of_the_engine_nothing_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine.pl, "thread_pool_size", lambda: 1)

    assert _engine.within(where) == where()


def test_queries_of_all_kinds_are_answered_on_it() -> None:
    rows = pl.DataFrame({"a": range(1_000), "b": [f"{n % 7}" for n in range(1_000)]})

    def ask() -> list[pl.DataFrame]:
        lazy = rows.lazy().filter(pl.col("a") > 3).group_by("b").agg(pl.col("a").sum()).sort("b")
        doubled = rows.with_columns(pl.col("a").map_batches(lambda s: s.to_frame().select(pl.all() * 2).to_series()))
        return [lazy.collect(engine="streaming"), lazy.collect(engine="in-memory"), doubled, *pl.collect_all([lazy])]

    for mine, wanted in zip(_engine.within(ask), ask(), strict=True):
        assert_frame_equal(mine, wanted)


def test_logs_and_findings_are_the_same_wherever_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = sl.read(LOCKOUT, full=True)
    found = sl.findings(quick[0], coverage=quick[1], traffic=quick[2])
    monkeypatch.setattr(reading, "FEW_BYTES", 0)
    usual = sl.read(LOCKOUT, full=True)
    lazily = sl.findings(usual[0].lazy(), coverage=usual[1], traffic=usual[2])

    for mine, wanted in zip(quick, usual, strict=True):
        assert_frame_equal(mine, wanted)
    assert_frame_equal(found, lazily)
    assert found.height


def test_a_crew_of_none_answers_like_any_other() -> None:
    with Here() as crew:
        assert crew.submit(divmod, 7, 2).result() == (3, 1)
        failed = crew.submit(divmod, 7, 0)
    with pytest.raises(ZeroDivisionError):
        failed.result()


@two
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_work_is_interrupted_like_any_other() -> None:
    code = """
import polars as pl
from smtplogs._engine import within
rows = pl.DataFrame({"a": range(1000)})
def work():
    print("begun", flush=True)
    while True:
        rows.lazy().filter(pl.col("a") > 1).collect()
try:
    within(work)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    try:
        said, _ = child.communicate(timeout=20)
    finally:
        child.kill()
    assert said == "interrupted\n"


def test_event_columns_that_a_frame_lacks_come_as_nulls() -> None:
    frame = pl.DataFrame({"user": ["a"], "other": [1]})
    whole = frame.with_columns(lacking(frame, ["user", "cause"]))

    assert whole.schema["cause"] == EVENTS["cause"].dtype
    assert whole.rows() == [("a", 1, None)]

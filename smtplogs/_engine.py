"""Threads of the engine to work on: for work of a thousand small queries."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, TypeVar

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_THREADS = threading.BoundedSemaphore(pl.thread_pool_size())
_HERE = threading.local()
_ROW = pl.DataFrame({"work": [0], "beside": [0]})


def within(work: Callable[[], T]) -> T:
    """Do work on one of the engine's threads if one is free, else here; return what it returns or raise what it raises.

    Asked from any other thread, the engine hands each query to a thread of its own and is waited for: that takes 0.1
    ms, more than a query of some thousand rows. Asked from its own thread it answers at once. The work must not wait
    for other threads of Python that ask the engine.
    """
    return _done(work, wait=False)


def queued(work: Callable[[], T]) -> T:
    """Do work as `within` does, but wait until a thread of the engine is free.

    For pieces of a second or less that many threads hand in: as many are at work as there are cores, and none of them
    goes to sleep and is woken again with every query. Other queries find a thread between two pieces.
    """
    return _done(work, wait=True)


def _done(work: Callable[[], T], *, wait: bool) -> T:
    """Do the work on a thread of the engine, or here if that is one, or none is free and nobody waits."""
    if getattr(_HERE, "working", False) or pl.thread_pool_size() < 2 or not _THREADS.acquire(blocking=wait):
        return work()
    returned: list[T] = []
    raised: list[BaseException] = []

    def run(column: pl.Series) -> pl.Series:
        # a thread that waits for a part of its query may take up other work meanwhile, and go on after it
        before, _HERE.working = getattr(_HERE, "working", False), True
        try:
            returned.append(work())
        except BaseException as error:  # the engine would raise another in its place
            raised.append(error)
        finally:
            _HERE.working = before
        return column

    try:
        # a single expression would be evaluated on the thread that asks
        _ROW.select(pl.col("work").map_batches(run, return_dtype=pl.Int64), pl.col("beside") + 1)
    finally:
        _THREADS.release()
    if raised:
        raise raised[0]
    return returned[0]


def by_size() -> Literal["streaming", "in-memory"]:
    """Return by which means to collect: bit by bit, but within small work at once, which takes half as long there."""
    return "in-memory" if getattr(_HERE, "working", False) else "streaming"

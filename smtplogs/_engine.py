"""A thread of the engine to work on: for work of a thousand small queries."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, TypeVar

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_ONE_AT_A_TIME = threading.Lock()
_HERE = threading.local()
_ROW = pl.DataFrame({"work": [0], "beside": [0]})


def within(work: Callable[[], T]) -> T:
    """Do work on one of the engine's threads, and return what it returns or raise what it raises.

    Asked from any other thread, the engine hands each query to a thread of its own and is waited for: that takes 0.1
    ms, more than a query of some thousand rows. Asked from its own thread it answers at once. With much data this is no
    gain. The work must not wait for other threads of Python that ask the engine.

    Only one piece of work is done so at a time, and only if the engine has another thread beside: some of what it does
    is handed over even so, and must find a thread that is free. Other work is done where it was asked for.
    """
    if pl.thread_pool_size() < 2 or not _ONE_AT_A_TIME.acquire(blocking=False):
        return work()
    returned: list[T] = []
    raised: list[BaseException] = []

    def run(column: pl.Series) -> pl.Series:
        _HERE.working = True
        try:
            returned.append(work())
        except BaseException as error:  # the engine would raise another in its place
            raised.append(error)
        finally:
            _HERE.working = False
        return column

    try:
        # a single expression would be evaluated on the thread that asks
        _ROW.select(pl.col("work").map_batches(run, return_dtype=pl.Int64), pl.col("beside") + 1)
    finally:
        _ONE_AT_A_TIME.release()
    if raised:
        raise raised[0]
    return returned[0]


def by_size() -> Literal["streaming", "in-memory"]:
    """Return by which means to collect: bit by bit, but within small work at once, which takes half as long there."""
    return "in-memory" if getattr(_HERE, "working", False) else "streaming"

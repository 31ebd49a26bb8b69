"""Workers for pieces of work: threads here, or those of a Dask cluster; results come as they are finished."""

from __future__ import annotations

import sys
import uuid
import warnings
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from threading import Event, Lock
from typing import TYPE_CHECKING, Any, TypeVar

from smtplogs.errors import NotWhole, missing_extra
from smtplogs.redacting import keyed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 3
"""How often a piece of work is tried again when it or its worker fails."""


class Here(Executor):
    """Does each piece of work at once, on the thread that hands it in."""

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Do it; what it raises is raised where its result is asked for, as of other crews."""
        done: Future[R] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class Stopped(Exception):
    """The run was interrupted: what is in the making is given up."""


class Meter:
    """A progress bar that threads may advance; once the run is stopped, it stops them where they next advance it.

    Parameters
    ----------
    total, what, unit
        As tqdm has them.
    show
        Draw it; else only count.
    delay
        Seconds before it is drawn.
    """

    def __init__(self, total: int, what: str, unit: str, *, show: bool, delay: float = 0.0) -> None:
        how = {"total": total, "desc": what, "unit": unit, "unit_scale": unit == "B", "delay": delay}
        self._bar = _tqdm()(**how, leave=False) if show else None
        self._at_once = delay == 0
        self._lock = Lock()
        self._stopped = Event()

    def __call__(self, n: int) -> None:
        """Advance by n."""
        if self._stopped.is_set():
            raise Stopped
        with self._lock:
            if self._bar is not None:
                self._bar.update(n)

    def say(self, words: str) -> None:
        """Show some words behind the bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.set_postfix_str(words, refresh=self._at_once)  # a refresh knows no delay

    def __enter__(self) -> Meter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._bar is not None:
            self._bar.close()

    def stop(self) -> None:
        """Let every thread end where it next advances."""
        self._stopped.set()


def _tqdm() -> Any:
    """Return tqdm for where we are; loaded only where a bar is drawn, since it takes a tenth of a second."""
    with warnings.catch_warnings():
        # in a notebook without ipywidgets tqdm complains when it is imported, and then shows its bar as text
        warnings.simplefilter("ignore")
        return import_module("tqdm.auto").tqdm


def shown(progress: bool | None) -> bool:
    """Tell whether progress is shown: by itself on a terminal and in a notebook."""
    if progress is not None:
        return progress
    # a module that was imported makes no notebook: only a shell with a kernel does
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr.isatty() or hasattr(shell, "kernel")


def work(function: Callable[..., R], key: bytes, task: object, *more: Any) -> R:
    """Do a piece of work with the key of the dataset, wherever it is done."""
    with keyed(key):
        return function(task, *more)


def each(
    function: Callable[..., R],
    tasks: Sequence[T],
    *,
    key: bytes,
    meter: Meter,
    sizes: Sequence[int] | None = None,
    workers: int = 2,
    cluster: Any = None,
) -> Iterator[R]:
    """Run a function on every task and yield the results as they come.

    Parameters
    ----------
    function
        On module level, so that it can be sent to a cluster. Takes a task and, here, the meter if there are `sizes`.
    tasks
        What to do, in the order in which to begin.
    key
        For pseudonyms.
    meter
        Advanced by one for each task; with `sizes` by the function itself.
    sizes
        By how much each task advances the meter.
    workers
        Threads.
    cluster
        A Dask client or the address of a scheduler; None: threads here.
    """
    if cluster is not None:
        yield from _on_cluster(function, tasks, key, meter, sizes or [1] * len(tasks), cluster)
        return
    more = (meter,) if sizes else ()
    waiting: set[Future[R]] = set()
    todo = iter(tasks)
    with ThreadPoolExecutor(workers, thread_name_prefix="smtplogs") as pool:
        try:
            while True:
                while len(waiting) < workers and (task := next(todo, None)) is not None:
                    waiting.add(pool.submit(work, function, key, task, *more))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                    meter(0 if sizes else 1)
        finally:
            if waiting:
                meter.stop()


def _on_cluster(
    function: Callable[..., R], tasks: Sequence[T], key: bytes, meter: Meter, sizes: Sequence[int], cluster: Any
) -> Iterator[R]:
    """Run the function on a Dask cluster; a piece that lost its worker is tried again there."""
    try:
        distributed = import_module("distributed")
    except ModuleNotFoundError as error:
        raise missing_extra("a cluster", "cluster") from error
    with ExitStack() as stack:
        client = cluster if hasattr(cluster, "submit") else stack.enter_context(distributed.Client(cluster))
        run = uuid.uuid4().hex  # of this run only: a cluster remembers results by name
        futures = client.map(
            partial(work, function, key),
            list(tasks),
            key=[f"smtplogs-{run}-{n}" for n in range(len(tasks))],
            retries=RETRIES,
            pure=False,
        )
        size = dict(zip((f.key for f in futures), sizes, strict=True))
        stack.callback(client.cancel, futures)
        for future in distributed.as_completed(futures):
            try:
                yield future.result()
            except distributed.KilledWorker as error:
                raise NotWhole(f"the cluster lost every worker that tried a piece of work: {error}") from error
            meter(size[future.key])

"""Chunks of a file, some of them at a time: parsed side by side, their records handed out in order."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from smtplogs import parsing, planning, sources
from smtplogs._engine import queued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor, Future

    from smtplogs import accounting, mixtures

WORKERS = 2
"""Chunks parsed at once. Polars brings its own threads; two keep both cores of a small machine busy."""

AT_ONCE = (5, 18)
"""Chunks parsed as one batch, at least and, of a large file, at most: what each batch costs beside its lines is paid less often."""

SPARING = (2, 3)
"""The same where memory counts for more: of lines that take the general way, and of those that are cut, which takes less."""

SHARES = 4
"""Batches into which a file is cut at least, before they grow: fewer would leave a core idle."""


def batches(
    reading: sources.Reading,
    chosen: planning.Plan,
    told: accounting.Tally,
    pool: Executor,
    advance: Callable[[int], None] | None,
    mixed: mixtures.Mixture | None = None,
    *,
    sparing: bool = False,
) -> Iterator[parsing.Batch]:
    """Parse the chunks of a file side by side and hand their records out in order.

    Parameters
    ----------
    reading, chosen
        The file, and the plan made of its first lines.
    told
        Told what became of every line.
    pool
        Where batches are parsed.
    advance
        Told how many expanded bytes were read since it was told last.
    mixed
        Takes its lines out first, where the file is a mixture.
    sparing
        Memory counts for more than speed.
    """
    waiting: deque[Future[tuple[parsing.Batch, accounting.Tally]]] = deque()

    def next_one() -> Iterator[parsing.Batch]:
        batch, tally_ = waiting.popleft().result()
        told.update(tally_)
        if batch.height or batch.minutes.height or batch.leaks:
            yield batch

    read = 0
    at_once = SPARING[chosen.envelope is not None] if sparing else _at_once(reading)
    held: list[parsing.Sighted] = []
    for lines in parsing.chunks(reading, chosen):
        if advance is not None:
            advance(reading.bytes - read)
            read = reading.bytes
        held.append(parsing.sighted(lines if mixed is None else mixed.others(lines), chosen))
        del lines
        if len(held) == at_once:
            waiting.append(pool.submit(queued, partial(parsing.parsed, held, chosen)))
            held = []
        if len(waiting) >= WORKERS:
            yield from next_one()
    if held:
        waiting.append(pool.submit(queued, partial(parsing.parsed, held, chosen)))
    while waiting:
        yield from next_one()


def _at_once(reading: sources.Reading) -> int:
    """Return how many chunks are parsed as one batch: few of a small file."""
    few, many = AT_ONCE
    return min(many, max(few, (reading.source.stored_bytes or 0) // (SHARES * reading.chunk_bytes)))

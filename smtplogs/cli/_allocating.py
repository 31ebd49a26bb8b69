"""How memory is kept and looked through: must be said before Polars is imported, so it is imported first."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:2,dirty_decay_ms:2000,muzzy_decay_ms:0")
"""Settings of jemalloc, which the wheels of Polars for Linux carry: a batch finds the pages of the one before it, and two
seconds later they are given back. `parse` spends half as much time in the kernel, at the same peak of memory
(docs/checks.md)."""

_USUAL = gc.get_threshold()
gc.set_threshold(1_000_000)
"""What modules define is no garbage: Python would look through it 150 times while they are loaded, 40 ms in all."""


def loaded() -> None:
    """Look for garbage as usual from now on, but not in what was loaded."""
    if gc.get_threshold() != _USUAL:
        gc.freeze()
        gc.set_threshold(*_USUAL)

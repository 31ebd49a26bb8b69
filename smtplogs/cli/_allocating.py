"""Memory settings of a command, made before anything is loaded: the engine's allocator and Python's garbage collector."""

from __future__ import annotations

import gc

from smtplogs._allocating import engine

engine()

_USUAL = gc.get_threshold()
gc.set_threshold(1_000_000)
"""What modules define is no garbage: Python would look through it 150 times while they are loaded, 40 ms in all."""


def loaded() -> None:
    """Look for garbage as usual from now on, but not in what was loaded."""
    if gc.get_threshold() != _USUAL:
        gc.freeze()
        gc.set_threshold(*_USUAL)

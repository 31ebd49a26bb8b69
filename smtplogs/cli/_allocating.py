"""How the engine keeps memory that it will need again: must be said before Polars is imported, so it is imported first."""

from __future__ import annotations

import os

os.environ.setdefault("_RJEM_MALLOC_CONF", "narenas:2,dirty_decay_ms:5000,muzzy_decay_ms:5000")
"""Settings of jemalloc, which the wheels of Polars for Linux carry: a batch finds the pages of the one before it.
`parse` spends half as much time in the kernel, at the same peak of memory (docs/checks.md)."""

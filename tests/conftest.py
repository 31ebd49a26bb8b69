"""What tests of several rooms need around them."""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytest.register_assert_rewrite("archived", "commands", "public_cases", "small_events")

# hundreds of commands are started: compiled once, each starts in two thirds of the time
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """Let Python's collector pass over what lives to the end anyway: each of its rounds took half a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def no_power_cut() -> Iterator[None]:
    """Wait for no disk: what stands in files is the same, and no test pulls the plug (a sixth of `parse`'s time)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def no_figure_left() -> Iterator[None]:
    """Close what a test drew: a chart goes into the current figure, if there is one."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")

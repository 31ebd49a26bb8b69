"""The copy of the TOML files: of each file exactly what the parser makes of it, and never more than a copy."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from rewrite_parsed import PACKAGE, copies, texts
from smtplogs import _toml

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = texts()


@pytest.fixture(autouse=True)
def anew() -> Iterator[None]:
    """Read the copy anew in each test."""
    _toml._copies.cache_clear()
    yield
    _toml._copies.cache_clear()


def test_the_copy_is_of_the_files_as_they_are() -> None:
    kept = (PACKAGE / _toml.COPY).read_text("utf-8")

    assert kept == copies(), "run: python tests/rewrite_parsed.py"


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_of_ours_comes_from_the_copy_and_is_what_it_parses_to(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tomllib.loads(TEXTS[name])
    monkeypatch.setattr(_toml.tomllib, "loads", lambda text: pytest.fail("was parsed"))

    assert _toml.loads(TEXTS[name]) == wanted


def test_a_table_is_the_callers_own() -> None:
    text = next(iter(TEXTS.values()))
    _toml.loads(text).clear()

    assert _toml.loads(text) == tomllib.loads(text)


def test_a_text_that_is_not_in_the_copy_is_parsed() -> None:
    changed = f"{next(iter(TEXTS.values()))}\n[added]\nhere = true\n"

    assert _toml.loads(changed)["added"] == {"here": True}
    with pytest.raises(tomllib.TOMLDecodeError):
        _toml.loads("a = ")


def test_without_the_copy_every_file_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_toml, "COPY", "no such file")

    assert all(_toml.loads(text) == tomllib.loads(text) for text in TEXTS.values())

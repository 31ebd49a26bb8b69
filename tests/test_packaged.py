"""The samples and notebooks that come along: listed, found by name, copied without harm."""

from __future__ import annotations

from pathlib import Path

import pytest

import smtplogs as sl
from smtplogs import packaged
from smtplogs.errors import UnknownName

ROOT = Path(__file__).parents[1]


def test_every_folder_with_an_origin_is_a_sample_with_logs() -> None:
    said = sl.samples()

    assert said["name"].to_list() == sorted(
        p.parent.relative_to(ROOT / "sample_logs").as_posix() for p in (ROOT / "sample_logs").rglob("ORIGIN.md")
    )
    assert said["files"].list.len().min() >= 1
    assert said["bytes"].min() > 0
    assert all(said["about"])


@pytest.mark.parametrize("name", sl.samples()["name"])
def test_a_sample_gives_its_logs_and_nothing_else(name: str) -> None:
    files = sl.sample(name)

    assert files
    assert all(f.is_file() for f in files)
    told = {"events.csv", "findings.csv", "summary.csv", "truth.json"}
    assert not [f for f in files if f.suffix in {".md", ".tsv"} or f.name in told]


def test_the_last_part_of_a_name_is_enough() -> None:
    assert sl.sample("lockout") == sl.sample("postfix/lockout")


@pytest.mark.parametrize("name", ["", "nothing", "postfix", "../lockout", "postfix/lockout/mail.log"])
def test_an_unknown_name_is_refused_and_the_known_ones_told(name: str) -> None:
    with pytest.raises(UnknownName, match=r"there are .*dovecot/.*postfix/lockout"):
        sl.sample(name)


def test_copies_are_whole_and_what_is_there_stays(tmp_path: Path) -> None:
    mine = tmp_path / "x" / "notebooks" / "01_first_look.ipynb"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    place = sl.unpack(tmp_path / "x")

    assert place == tmp_path / "x"
    assert mine.read_text() == "mine"
    for folder in ("notebooks", "sample_logs"):
        here = {p.relative_to(place) for p in (place / folder).rglob("*") if p.is_file()}
        there = {p.relative_to(packaged.data(folder).parent) for p in packaged.data(folder).rglob("*") if p.is_file()}
        assert here == there
    assert sl.unpack(str(place)) == place


def test_an_installation_without_its_data_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packaged, "_HERE", tmp_path / "smtplogs")

    with pytest.raises(UnknownName, match="lacks its sample_logs/; install it again"):
        sl.samples()

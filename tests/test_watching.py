"""Live logs: new findings once, through rotation and restarts, as one reading of all lines would give them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from archived import lines_of, ordered
from small_logs import SAMPLES
from smtplogs import watching
from smtplogs.errors import InUse, NothingToRead, UnknownName
from smtplogs.following import Followed
from smtplogs.onefile import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

LINES = lines_of([SAMPLES / "postfix" / "lockout" / "mail.log"])
STORIES = ["kind", "subject_kind", "subject", "start"]


def grow(path: Path, lines: Iterable[str]) -> None:
    with path.open("a") as file:
        file.writelines(f"{t}\n" for t in lines)


def once(path: Path, state: Path, **how: Any) -> pl.DataFrame:
    """Look once and return all that was told."""
    told = list(sl.watch(path, state=state, keep="90d", once=True, **how))
    return pl.concat(told) if told else pl.DataFrame(schema=dict.fromkeys((*STORIES, "finding_id"), pl.String))


def follow(path: Path, folder: Path | None = None) -> watching.Watched:
    return watching.Watched([path], Settings(), folder, watching._span("90d"))


def seen(watched: watching.Watched) -> pl.DataFrame:
    """Return the events of a watch without what depends on the file a line stood in."""
    return ordered(watched.view().drop("source", "line_no", "also"))


def read(path: Path) -> pl.DataFrame:
    return ordered(sl.read(path).drop("source", "line_no", "also"))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole" / "mail.log"
    path.parent.mkdir()
    grow(path, LINES)
    return path


# --- the same events


@pytest.mark.parametrize("step", [700, 2500])
def test_piece_by_piece_it_sees_what_read_sees(tmp_path: Path, whole: Path, step: int) -> None:
    path = tmp_path / "mail.log"
    watched = follow(path)
    for at in range(0, len(LINES), step):
        grow(path, LINES[at : at + step])
        assert watched.look()

    assert not watched.look()
    assert_frame_equal(seen(watched), read(whole))


def test_half_a_line_waits_for_its_end(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "mail.log"
    watched = follow(path)
    data = whole.read_bytes()
    for at in range(0, len(data), 300_007):
        with path.open("ab") as file:
            file.write(data[at : at + 300_007])
        watched.look()

    assert_frame_equal(seen(watched), read(whole))


@pytest.mark.parametrize("cut", [2000, 2003, 5001])
@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("way", ["rename", "copytruncate"])
def test_rotation_loses_and_doubles_nothing(tmp_path: Path, whole: Path, cut: int, restart: bool, way: str) -> None:
    """Lines that were written between the last look and the rotation are found in the rotated file."""
    path, state = tmp_path / "mail.log", tmp_path / "state"
    state.mkdir()
    grow(path, LINES[:cut])
    watched = follow(path, state)
    watched.look()
    if restart:
        watched.save()
        watched.close()
    grow(path, LINES[cut : cut + 500])
    if way == "rename":
        path.rename(tmp_path / "mail.log.1")
    else:
        shutil.copy(path, tmp_path / "mail.log.1")
        path.write_bytes(b"")
    grow(path, LINES[cut + 500 :])
    watched = follow(path, state) if restart else watched
    watched.look()
    watched.look()

    assert_frame_equal(seen(watched), read(whole))
    assert set(watched.view()["source"]) == {str(path), f"{path}~1"}


def test_a_log_that_was_cut_and_has_outgrown_its_old_size_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    grow(path, LINES[:100])
    followed = Followed(path)
    assert sum(chunk.n_lines for chunk, _ in followed.new()) == 100
    path.write_bytes(b"")
    grow(path, LINES[100:400])
    again = list(followed.new())

    assert sum(chunk.n_lines for chunk, _ in again) == 300
    assert [begins for _, begins in again] == [True]
    assert again[0][0].first_line == 1


def test_a_log_may_be_missing_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    followed = Followed(path)
    assert list(followed.new()) == []
    grow(path, LINES[:3])
    assert [chunk.n_lines for chunk, _ in followed.new()] == [3]
    path.unlink()
    assert list(followed.new()) == []
    grow(path, LINES[3:5])
    assert [(chunk.n_lines, begins) for chunk, begins in followed.new()] == [(2, True)]


# --- findings


def test_findings_are_told_once_over_restarts(tmp_path: Path, whole: Path) -> None:
    path, state = tmp_path / "mail.log", tmp_path / "state"
    told = []
    for at in range(0, len(LINES), 1500):
        grow(path, LINES[at : at + 1500])
        told.append(once(path, state, old=True))
        assert once(path, state, old=True).is_empty()
    stories = [s for frame in told for s in frame.select("kind", "subject_kind", "subject").rows()]
    wanted = sl.findings(sl.read(whole)).filter(pl.col("status") == "found").select("kind", "subject_kind", "subject")

    assert set(wanted.rows()) <= set(stories)
    assert len([f for f in told if f.height]) > 1  # they came as they arose


def test_what_a_log_holds_at_the_start_is_told_only_if_asked(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    grow(path, LINES)

    assert once(path, tmp_path / "a").is_empty()
    assert once(path, tmp_path / "a", old=True).is_empty()  # it has been seen
    assert once(path, tmp_path / "b", old=True).height >= 1


def test_a_story_that_gets_worse_is_told_again(tmp_path: Path) -> None:
    watched = follow(tmp_path / "mail.log")
    grow(tmp_path / "mail.log", LINES)
    watched.look()
    new = watched.untold()
    assert new.height
    for stories in watched.memory.told.values():
        for story in stories:
            story[1] = 0  # as if it had been but a note
    again = watched.untold()

    assert set(again["finding_id"]) == set(new.filter(pl.col("severity") != "info")["finding_id"])
    assert watched.untold().is_empty()


def test_old_events_are_forgotten(tmp_path: Path) -> None:
    grow(tmp_path / "mail.log", LINES)
    watched = watching.Watched([tmp_path / "mail.log"], Settings(), None, watching._span("1d"))
    watched.look()
    times = watched.memory.events["time"]

    assert 0 < watched.memory.events.height < sl.read(tmp_path / "mail.log").height
    assert (times.max() - times.min()).total_seconds() <= 86_400  # type: ignore[operator]


CODE = """
import sys, smtplogs as sl
for found in sl.watch(sys.argv[1], state=sys.argv[2], keep="90d", every=0.1):
    print(*found["finding_id"], sep="\\n", flush=True)
"""


def test_killed_and_started_again_it_tells_nothing_twice(tmp_path: Path) -> None:
    path, state = tmp_path / "mail.log", tmp_path / "state"
    path.touch()
    said: list[str] = []
    for part in (LINES[:7000], LINES[7000:]):
        run = subprocess.Popen([sys.executable, "-c", CODE, str(path), str(state)], stdout=subprocess.PIPE, text=True)
        try:
            for _ in range(200):
                time.sleep(0.1)
                if (state / ".lock").exists() and (state / ".lock").read_text() == str(run.pid):
                    break
            time.sleep(0.5)
            grow(path, part)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline and not (state / "told.json").exists():
                time.sleep(0.1)
            time.sleep(3)
        finally:
            os.kill(run.pid, signal.SIGKILL)
            said += run.communicate()[0].split()

    assert len(said) == len(set(said)) >= 1


def test_one_state_is_for_one_watch(tmp_path: Path) -> None:
    path = tmp_path / "mail.log"
    grow(path, LINES)
    first = sl.watch(path, state=tmp_path / "state", keep="90d", every=0, old=True)
    next(first)
    with pytest.raises(InUse):
        next(sl.watch(path, state=tmp_path / "state", once=True))
    first.close()  # type: ignore[attr-defined]
    assert list(sl.watch(path, state=tmp_path / "state", keep="90d", once=True)) == []


@pytest.mark.parametrize("bad", [{"keep": "2 days"}, {"keep": "0d"}, {"tz": "Nowhere"}, {"format": "postfx"}])
def test_mistakes_are_told_at_once(tmp_path: Path, bad: dict[str, Any]) -> None:
    (tmp_path / "mail.log").touch()
    with pytest.raises((ValueError, UnknownName)):
        list(sl.watch(tmp_path / "mail.log", once=True, **bad))


@pytest.mark.parametrize("name", ["", "nowhere/mail.log"])
def test_what_cannot_be_watched(tmp_path: Path, name: str) -> None:
    with pytest.raises(NothingToRead):
        sl.watch(tmp_path / name)
    with pytest.raises(NothingToRead):
        sl.watch([])

"""Dialogues and tables in a dataset: what `parse` keeps is what `read` gives, however their files are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from archived import assert_same, manifest
from planted import b64
from rewrite_samples import READ
from smtplogs import borders, declaring, parsing, stamps, whole_files
from smtplogs.errors import UnknownName
from smtplogs.logformats import DIALOGUES, TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from smtplogs.logformats import Dialogue, Table

WHOLE = sorted(n for n in READ if n.partition("/")[0] in {f.name for f in (*DIALOGUES, *TABLES)} | {"example-relay"})

QUICK = (
    "haraka/protocol", "exchange/receive", "swaks/starttls", "hmailserver/wrong-password", "mdaemon/wrong-password",
    "entra/graph", "entra-csv/portal", "iis-smtp/smart-host", "kumomta/rejections", "mimecast/audit", "msmtp-log/lab",
    "oracle-ims/u-entries", "powermta/throttled", "example-relay/export",
)  # fmt: skip
"""One of each way to be read: dialogues one after the other and mixed, JSON, CSV, W3C, XML, key=value, no year, declared."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in WHOLE])
def test_a_dataset_holds_what_read_gives(name: str, tmp_path: Path) -> None:
    paths = sl.sample(name)
    told = sl.parse(paths, tmp_path / "data", **READ[name])
    events = assert_same(tmp_path / "data", paths, **READ[name])

    assert told["records"].sum() > 0
    assert told["error"].null_count() == told.height
    assert events.filter(pl.col("outcome") != "info").height > 0
    assert set(sl.verify(tmp_path / "data")["status"]) == {"ok"}


@pytest.mark.slow
def test_all_samples_at_once_or_one_by_one(tmp_path: Path) -> None:
    paths = [p for name in WHOLE if not READ[name] for p in sl.sample(name)]
    sl.parse(paths, tmp_path / "once")
    assert_same(tmp_path / "once", paths)
    for path in paths[::-1]:
        sl.parse(path, tmp_path / "steps")
    assert_same(tmp_path / "steps", paths)


@pytest.mark.parametrize("step", [31, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["exchange/receive", "haraka/protocol"])
def test_sessions_that_go_from_file_to_file(name: str, step: int, tmp_path: Path) -> None:
    text = sl.sample(name)[0].read_bytes().decode("utf-8-sig").splitlines()
    whole = sl.read(sl.sample(name))
    for cut in range(8, len(text), step):
        folder = tmp_path / str(cut)
        (folder / "logs").mkdir(parents=True)
        first, second = folder / "logs" / "b.log", folder / "logs" / "a.log"
        first.write_text("\n".join(text[:cut]) + "\n")
        second.write_text("\n".join(text[cut:]) + "\n")
        sl.parse([first, second], folder / "data")
        both = assert_same(folder / "data", [first, second])
        shown = ["time", "stage", "outcome", "cause", "user", "mechanism", "tls", "reply_code", "session", "raw"]
        assert_frame_equal(both.select(shown).sort(shown[:3]), whole.select(shown).sort(shown[:3]))
        # one file a run: the session is whole as soon as the second file is there
        sl.parse(second, folder / "steps")
        sl.parse(first, folder / "steps")
        assert_same(folder / "steps", [first, second])


PASSWORD, TOKEN = "hunter2hunter2", "t0k3n-of-ann"
EXCHANGES = {
    "PLAIN at once": ["AUTH PLAIN " + b64("\0ann\0" + PASSWORD)],
    "PLAIN when asked": ["AUTH PLAIN", b64("\0ann\0" + PASSWORD)],
    "LOGIN": ["AUTH LOGIN", b64("ann"), b64(PASSWORD)],
    "LOGIN with the name": ["AUTH LOGIN " + b64("ann"), b64(PASSWORD)],
    "XOAUTH2": ["AUTH XOAUTH2 " + b64(f"user=ann\1auth=Bearer {TOKEN}\1\1")],
    "CRAM-MD5": ["AUTH CRAM-MD5", b64("ann 0123456789abcdef0123456789abcdef")],
}


def session(said: list[str]) -> list[str]:
    """Lines of Haraka, which does not mask what a client sends; the last reply repeats it."""
    head = "[PROTOCOL] [EFF29396-02AF-49CC-B2D3-CA96BA32376F] [core] "
    prompts = {"LOGIN": ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]}.get(said[0].split()[1], ["334 "])
    prompts = prompts[-(len(said) - 1) :] if len(said) > 1 else []
    lines = ["S: 220 mail.example.com ESMTP", "C: EHLO pc state=1", "S: 250-mail", "S: 250 AUTH PLAIN LOGIN"]
    for text, reply in zip(said, [*prompts, f"535 5.7.8 no: {said[-1]}"], strict=True):
        lines += [f"C: {text} state=1", f"S: {reply}"]
    lines += ["C: QUIT state=1", "S: 221 bye"]
    return [f"2026-09-01T08:00:{i:02}.000Z {head}{line}" for i, line in enumerate(lines)]


@pytest.mark.parametrize("way", list(EXCHANGES))
def test_no_secret_of_an_open_session_is_written_and_its_user_is_known(way: str, tmp_path: Path) -> None:
    said = EXCHANGES[way]
    lines = session(said)
    hidden = {*(s.rpartition(" ")[2] for s in said if not s.endswith(("PLAIN", "LOGIN", "CRAM-MD5"))), PASSWORD, TOKEN}
    (tmp_path / "whole.log").write_text("\n".join(lines) + "\n")
    (wanted,) = sl.read(tmp_path / "whole.log").filter(pl.col("stage") == "auth").to_dicts()
    assert wanted["user"] == "ann"
    for cut in range(5, len(lines) - 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        paths = [folder / "one.log", folder / "two.log"]
        paths[0].write_text("\n".join(lines[:cut]) + "\n")
        paths[1].write_text("\n".join(lines[cut:]) + "\n")
        sl.parse(paths, folder / "data")
        events = assert_same(folder / "data", paths)
        (row,) = events.filter(pl.col("stage") == "auth").to_dicts()
        assert (row["outcome"], row["mechanism"]) == (wanted["outcome"], wanted["mechanism"])
        # a response that stands alone at the head of a file is a name or a password: it is not asked
        assert row["user"] in ("ann", None)
        kept = [pl.read_parquet(p).write_ndjson() for p in (folder / "data").rglob("*.parquet")]
        answer = next(i for i, line in enumerate(lines) if said[-1] in line)
        if cut != answer + 1:  # between the two nothing tells that the reply repeats a secret
            assert not [s for s in hidden for text in kept if s in text], cut
        turns = [pl.read_parquet(p) for p in (folder / "data").rglob("turns-*")]
        client = [text for t in turns for text in t.filter(pl.col("speaker") == "client")["text"]]
        assert not [s for s in hidden for text in client if s in text], cut


def guarded(format_: Dialogue | Table, lines: list[str]) -> pl.DataFrame:
    frame = pl.DataFrame({"line_no": range(1, len(lines) + 1), "line": lines}, schema=parsing.LINES)
    tail = whole_files.of_lines(iter([frame]), format_, stamps.anchor(year=2026), "log").tail
    assert tail is not None
    return tail.turns


def test_of_an_open_session_the_user_is_kept_and_what_proves_it_is_not() -> None:
    turns = guarded(declaring.format_named("haraka"), session(EXCHANGES["LOGIN"])[:9])

    said = turns.filter(pl.col("speaker") == "client").select("text", "user").rows()
    assert said == [("EHLO pc", None), ("AUTH LOGIN", "ann"), (borders.CUT, None), (borders.CUT, None)]


def test_a_response_without_its_prompt_is_no_name() -> None:
    lines = session(EXCHANGES["LOGIN"])
    password = guarded(declaring.format_named("haraka"), lines[8:9])
    name = guarded(declaring.format_named("haraka"), lines[6:9])

    assert password.select("text", "user").rows() == [(borders.CUT, None)]
    assert name.filter(pl.col("user").is_not_null()).select("text", "user").rows() == [(borders.CUT, "ann")]


def test_lines_not_understood_are_kept_by_their_shape(tmp_path: Path) -> None:
    log = tmp_path / "haraka.log"
    log.write_text("\n".join([*session(EXCHANGES["LOGIN"]), "a stray Word 42"]) + "\n")
    sl.parse(log, tmp_path / "data")

    missed = pl.read_parquet(tmp_path / "data" / "not_understood" / "*.parquet")
    assert missed.select("line_no", "line").rows() == [(13, "x xxxxx xxxx 99")]
    assert sl.coverage(tmp_path / "data")["not_understood"][0] == 1


def test_a_file_that_could_be_two_is_an_error_of_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smtplogs import onefile

    tie = onefile.recognising.Recognised(None, ("one", "two"))
    monkeypatch.setattr(onefile.recognising, "recognise", lambda *_: tie)
    told = sl.parse(sl.sample("swaks/starttls"), tmp_path / "data")

    assert told["error"].to_list() == ["could be one or two: say which with format="]
    assert sl.load(tmp_path / "data").collect().is_empty()


def test_a_named_format_is_kept_with_the_input(tmp_path: Path) -> None:
    (path,) = sl.sample("example-relay/export")
    own = tmp_path / "own.toml"
    own.write_bytes(declaring.definitions()["example-relay"].read_bytes())
    sl.parse(path, tmp_path / "data", format=str(own))
    (entry,) = manifest(tmp_path / "data")["inputs"]
    assert entry["format"].startswith("example-relay ")

    assert sl.parse(path, tmp_path / "data", format=str(own))["status"].to_list() == ["unchanged"]
    own.write_text(own.read_text().replace("cannot_show = [", 'cannot_show = ["more", ', 1))
    assert sl.parse(path, tmp_path / "data", format=str(own))["status"].to_list() == ["read"]


def test_watch_follows_formats_of_single_lines_only(tmp_path: Path) -> None:
    log = tmp_path / "haraka.log"
    log.write_text("\n".join(session(EXCHANGES["LOGIN"])) + "\n")
    with pytest.raises(UnknownName, match="no format of single lines named 'haraka'"):
        next(iter(sl.watch(log, format="haraka")))

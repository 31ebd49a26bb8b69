"""Files made to fill memory, to take for ever, or to be something else when they are opened: bounded, and said by name."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl
from small_logs import FAILED, line, told
from smtplogs import cli, whole_files
from smtplogs.errors import NothingToRead
from smtplogs.sources import CHUNK, MAX_LINE, Problem, Reading, _expanding, find, open_source
from smtplogs.sources import _feeding as feeding
from smtplogs.sources._expanding import expand
from smtplogs.sources._pieces import PIECE, Damaged, file_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MB = 1 << 20
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}
GOOD = (line("10:00:00", FAILED) + "\n").encode()
NEXT = (line("10:00:05", FAILED) + "\n").encode()


@pytest.fixture
def small_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is true of 4 GiB is true of a megabyte."""
    monkeypatch.setattr(_expanding, "MOST_BYTES", MB)
    monkeypatch.setattr(_expanding, "MOST_FOLD", 50)


def whole(coverage: pl.DataFrame) -> dict[str, dict]:
    return {row["source"]: row for row in coverage.filter(pl.col("program").is_null()).iter_rows(named=True)}


# --- compressed data that become too much


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.usefixtures("small_bombs")
def test_data_that_swell_beyond_any_log_are_read_no_further(here: Path, kind: str) -> None:
    name = f"mail.log.{kind}"
    Path(name).write_bytes(PACK[kind](GOOD + bytes(20 * MB)))
    Path("good.log").write_bytes(GOOD)
    events, coverage, _ = sl.read([name, "good.log"], full=True)
    row = whole(coverage)[name]

    assert told(events, "source") == ["good.log", name]  # what stands before the zeros is read
    assert "data expand more than 50-fold" in row["error"]
    assert MB < row["bytes"] < 6 * MB
    assert whole(coverage)["good.log"]["error"] is None


def test_a_terabyte_of_zeros_comes_piece_by_piece_and_not_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of bzip2 streams of 45 MB each."""
    assert _expanding.MOST_BYTES == 4 << 30  # it would take a minute to get there
    monkeypatch.setattr(_expanding, "MOST_BYTES", 64 * MB)
    packed = bz2.compress(bytes(45_000_000)) * 25_000
    sizes = []
    with pytest.raises(Damaged, match="bzip2 data expand more than 1,000-fold: no log does"):
        sizes.extend(map(len, expand(lambda: iter([packed]))))

    assert max(sizes) <= PIECE
    assert 64 * MB < sum(sizes) <= 66 * MB


@pytest.mark.parametrize("kind", PACK)
def test_a_log_that_shrinks_well_is_no_bomb(here: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same line two hundred thousand times: beyond the fold, below the bytes."""
    monkeypatch.setattr(_expanding, "MOST_FOLD", 5)
    data = GOOD * 2000
    Path(f"mail.log.{kind}").write_bytes(PACK[kind](data))
    _, coverage, _ = sl.read(f"mail.log.{kind}", full=True)

    assert whole(coverage)[f"mail.log.{kind}"]["bytes"] == len(data)
    assert coverage["error"].drop_nulls().is_empty()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
@pytest.mark.usefixtures("small_bombs")
def test_a_tar_that_swells_gives_what_stands_before(here: Path, mode: str) -> None:
    with tarfile.open("logs.tar", mode) as tar:  # pyright: ignore[reportCallIssue, reportArgumentType]
        for name, data in (("a.log", GOOD), ("zeros.log", bytes(20 * MB)), ("b.log", NEXT)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    events, coverage, _ = sl.read("logs.tar", full=True)
    said = " ".join(coverage["error"].drop_nulls())

    if mode == "w":  # nothing is packed, so that nothing swells: a long line, which is cut
        assert told(events, "source") == ["logs.tar!a.log", "logs.tar!b.log"]
        assert "longer than 16 MiB were cut" in said
    else:
        assert told(events, "source") == ["logs.tar!a.log"]
        assert "logs.tar" in set(coverage["source"])
        assert "data expand more than 50-fold" in said


@pytest.mark.usefixtures("small_bombs")
def test_a_zip_member_that_swells_is_named(here: Path) -> None:
    with zipfile.ZipFile("logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.log", bytes(20 * MB))
        archive.writestr("good.log", GOOD)
    events, coverage, _ = sl.read("logs.zip", full=True)

    assert told(events, "source") == ["logs.zip!good.log"]
    assert "deflate data expand more than 50-fold" in whole(coverage)["logs.zip!zeros.log"]["error"]


def test_members_that_share_their_bytes_are_not_read(here: Path) -> None:
    """Fifield's zip bomb: thousands of names for one stretch of the archive."""
    with zipfile.ZipFile("logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", GOOD)
        archive.writestr("b.log", NEXT * 20)
        shared = archive.getinfo("b.log")
        for n in range(3):
            again = zipfile.ZipInfo(f"c{n}.log")
            again.header_offset, again.CRC, again.compress_type = shared.header_offset + n, shared.CRC, 8
            again.compress_size, again.file_size = shared.compress_size - n, shared.file_size
            archive.filelist.append(again)
    sources, problems = find("logs.zip")

    assert [s.name for s in sources] == ["logs.zip!a.log"]
    assert {p.name for p in problems} == {f"logs.zip!{n}.log" for n in ("b", "c0", "c1", "c2")} or {
        p.name for p in problems
    } == {f"logs.zip!c{n}.log" for n in range(3)}
    assert all("another member's too" in p.message for p in problems)


def test_archives_in_archives_are_named_and_not_opened(here: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("mail.log", GOOD)
    for name in ("in.zip", "in.tar.gz"):
        with tarfile.open(name, "w:gz") if "tar" in name else zipfile.ZipFile(name, "w") as archive:
            if isinstance(archive, tarfile.TarFile):
                info = tarfile.TarInfo("deep.zip")
                info.size = len(inner.getvalue())
                archive.addfile(info, io.BytesIO(inner.getvalue()))
            else:
                archive.writestr("deep.zip", inner.getvalue())
    Path("mail.log").write_bytes(GOOD)
    sources, problems = find(["in.zip", "in.tar.gz", "mail.log"])

    assert [s.name for s in sources] == ["mail.log"]
    told_ = "an archive in an archive: extract the outer one first"
    assert sorted((p.name, p.message) for p in problems) == [
        ("in.tar.gz!deep.zip", told_),
        ("in.zip!deep.zip", told_),
    ]


# --- lines without end, and without length


@pytest.mark.parametrize("filler", [b"x", b"\0", b"SASL authentication failed ", b"[", b'{"a":'])
def test_a_line_without_end_is_cut_and_the_next_is_read(here: Path, filler: bytes, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(Reading.__init__, "__kwdefaults__", {"hash": False, "chunk_bytes": CHUNK, "max_line": MB})
    endless = filler * (5 * MB // len(filler))
    Path("mail.log").write_bytes(GOOD + endless + b"\n" + NEXT)
    events, coverage, _ = sl.read("mail.log", full=True)
    row = whole(coverage)["mail.log"]

    assert told(events, "line_no") == [1, 3]
    assert row["error"] == "1 line(s) longer than 16 MiB were cut"
    assert row["bytes"] == len(GOOD + endless + NEXT) + 1


def test_two_hundred_megabytes_without_a_newline_pass_in_small_pieces() -> None:
    reading = Reading.__new__(Reading)
    reading._max_line, reading.cut_lines = MAX_LINE, 0
    kept = [len(piece) for piece in reading._cut(bytes(PIECE) for _ in range(200 * MB // PIECE))]  # type: ignore[arg-type]

    assert sum(kept) == MAX_LINE
    assert reading.cut_lines == 1


def test_lines_without_length_come_in_chunks_of_few(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "MOST_LINES", 1000)
    data = b"\n" * 5000 + GOOD + b"x" * 30_000 + b"\n" * 3001 + NEXT
    Path("mail.log").write_bytes(data)
    with open_source(find("mail.log")[0][0]) as reading:
        chunks = list(reading)
    events, coverage, _ = sl.read("mail.log", full=True)

    assert b"".join(c.data for c in chunks) == data
    assert max(c.n_lines for c in chunks) <= 1000
    assert [c.first_line for c in chunks] == [1 + sum(c.n_lines for c in chunks[:n]) for n in range(len(chunks))]
    assert told(events, "line_no") == [5001, 8003]
    assert coverage["lines"][0] == 8003


def test_a_session_without_end_is_finished_now_and_then(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_files, "STALE", 500)
    monkeypatch.setattr(feeding, "MOST_LINES", 200)
    head = (
        "Trying 192.0.2.25...\nConnected to mail.example.com.\nEscape character is '^]'.\n220 mail.example.com ESMTP\n"
    )
    again = "AUTH PLAIN AGFubgBwYXNz\n535 5.7.8 no\n"
    Path("telnet.log").write_text(f"{head}EHLO pc\n250-mail.example.com\n250 AUTH PLAIN\n{again * 2000}")
    most = 0
    really = whole_files.dialogue.records

    def watched(turns: pl.DataFrame, **how: bool) -> pl.DataFrame:
        nonlocal most
        most = max(most, turns.height)
        return really(turns, **how)

    monkeypatch.setattr(whole_files.dialogue, "records", watched)
    events = sl.read("telnet.log")

    tried = events.filter(stage="auth")

    assert tried.height == 2000
    assert tried.filter(outcome="failure").height >= 1997  # a cut may part a command from its reply
    assert most < 1200


# --- files that are none, or are others when they are opened


def test_links_in_circles_and_to_elsewhere(here: Path) -> None:
    Path("logs").mkdir()
    outside = here / "outside.log"
    outside.write_bytes(GOOD)
    Path("logs/a").symlink_to("b")
    Path("logs/b").symlink_to("a")
    Path("logs/self").symlink_to(".")
    Path("logs/root").symlink_to("/")
    Path("logs/out.log").symlink_to(outside)
    events, coverage, _ = sl.read("logs", full=True)
    notes = {row["source"]: row["error"] or row["note"] for row in whole(coverage).values()}

    assert told(events, "source") == ["logs/out.log"]  # /var/log/containers is made of such links
    assert notes["logs/a"] == notes["logs/b"] == "too many levels of symbolic links"
    assert "2 linked folder" in notes["logs"]


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null", "/dev/urandom", "fifo", "link to fifo"])
def test_devices_and_pipes_are_named_and_never_waited_for(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    os.mkfifo("fifo")
    Path("link to fifo").symlink_to("fifo")
    with pytest.raises(SystemExit) as end:
        cli.main(["triage", name])
    said = capsys.readouterr().err

    assert end.value.code == 2
    assert name in said
    assert ("a device, not a file" if "/dev" in name else "a named pipe, not a file: give -") in said


def test_a_pipe_that_took_the_place_of_a_log_is_not_waited_for(here: Path) -> None:
    Path("mail.log").write_bytes(GOOD)
    source = find("mail.log")[0][0]
    Path("mail.log").unlink()
    os.mkfifo("mail.log")
    with open_source(source) as reading:
        chunks = list(reading)

    assert (chunks, reading.error) == ([], "reading failed: it is no file any more")


def test_process_substitution_and_pipes_on_purpose(here: Path) -> None:
    Path("mail.log").write_bytes(GOOD)
    code = "import sys; from smtplogs.cli import main; main()"
    command = [sys.executable, "-c", code, "read"]
    given = subprocess.run([*command, "-"], input=GOOD, capture_output=True, timeout=60, check=False)
    read, write = os.pipe()
    os.close(write)
    named = subprocess.run([*command, f"/dev/fd/{read}"], capture_output=True, timeout=60, check=False, pass_fds=[read])
    os.close(read)

    assert b"bad_credentials" in given.stdout
    assert named.returncode == 2
    assert b"a named pipe, not a file: give - and pipe it to standard input" in named.stderr


@pytest.mark.parametrize("left", [0, 1, len(GOOD)])
def test_a_file_that_shrank_after_it_was_found_says_so(here: Path, left: int) -> None:
    Path("mail.log").write_bytes(GOOD + NEXT)
    source = find("mail.log")[0][0]
    os.truncate("mail.log", left)
    with open_source(source) as reading:
        data = b"".join(c.data for c in reading)

    assert data == (GOOD + NEXT)[:left]
    assert reading.error == f"the file shrank while it was read: {left} of {len(GOOD + NEXT)} bytes are left"


def test_a_file_that_grew_after_it_was_found_is_read_to_its_end(here: Path) -> None:
    Path("mail.log").write_bytes(GOOD)
    source = find("mail.log")[0][0]
    Path("mail.log").write_bytes(GOOD + NEXT)
    with open_source(source) as reading:
        data = b"".join(c.data for c in reading)

    assert (data, reading.error) == (GOOD + NEXT, None)


def test_a_file_that_vanishes_costs_the_others_nothing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.log", "b.log"):
        Path(name).write_bytes(GOOD if name == "b.log" else NEXT)

    def gone(path: Path, offset: int = 0) -> object:
        Path("a.log").unlink(missing_ok=True)
        return file_pieces(path, offset)

    sources, _ = find(["a.log", "b.log"])
    monkeypatch.setattr("smtplogs.reading.sources.find", lambda _: (sources, [Problem("c.log", "no such file")]))
    monkeypatch.setattr("smtplogs.sources._archives.file_pieces", gone)
    events, coverage, _ = sl.read("*.log", full=True)

    assert told(events, "source") == ["b.log"]
    errors = {row["source"]: row["error"] for row in whole(coverage).values()}
    assert errors == {
        "a.log": "reading failed: no such file or directory",
        "b.log": None,
        "c.log": "no such file",
    }


@pytest.fixture
def closed_logs() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:  # a folder that others may enter, unlike those of pytest
        Path(name).chmod(0o755)
        for path, data in (("a.log", GOOD), ("b.log", NEXT), ("closed/c.log", NEXT)):
            Path(name, path).parent.mkdir(exist_ok=True)
            Path(name, path).write_bytes(data)
        Path(name, "b.log").chmod(0)
        Path(name, "closed").chmod(0)
        yield Path(name)
        Path(name, "closed").chmod(0o755)


@pytest.fixture
def as_anybody(closed_logs: Path) -> Iterator[None]:
    """Root may read everything, so root steps down for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.usefixtures("as_anybody")
def test_what_may_not_be_read_is_named_and_the_rest_is_read(closed_logs: Path) -> None:
    events, coverage, _ = sl.read(closed_logs, full=True)

    assert told(events, "source") == [f"{closed_logs}/a.log"]
    assert {s.removeprefix(f"{closed_logs}/"): row["error"] for s, row in whole(coverage).items()} == {
        "a.log": None,
        "b.log": "permission denied",
        "closed": "permission denied",
    }
    with pytest.raises(NothingToRead, match=r"b\.log: permission denied"):
        sl.read(closed_logs / "b.log")

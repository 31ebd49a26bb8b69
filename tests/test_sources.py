"""Paths to numbered lines: what is found, in which order, and that no byte is lost on the way."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import pickle
import random
import socket
import sys
import tarfile
import threading
import zipfile
import zlib
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from smtplogs.errors import NothingToRead
from smtplogs.sources import (
    CHUNK,
    MAX_LINE,
    Chunk,
    Problem,
    Reading,
    Source,
    _pieces,
    find,
    lines_of,
    open_source,
    series,
    stored_bytes,
)
from smtplogs.sources import _feeding as feeding
from smtplogs.sources._expanding import compression_of, expand
from smtplogs.sources._pieces import LARGE_PIECE, Damaged
from smtplogs.sources._rotation import rotation

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = b"".join(b"Jun  1 00:00:01 mx1 postfix/smtpd[%d]: line %d\n" % (n * 7919 % 1000, n) for n in range(20_000))
CHECKED = {zstd.CompressionParameter.checksum_flag: 1}  # as the zstd command does
PACK = {
    "gzip": lambda data: gzip.compress(data, 1),
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=1),
    "zstd": lambda data: zstd.compress(data, options=CHECKED),
}
HOSTILE = (b"\n", b"\n", b"\r", b"\r\n", b"\0", b"\x01", b'"', b"'", b",", b"a", b"bc", b"\xff", b"\xe2\x82",
           b"\xef\xbb\xbf", b"\xc3\xa9", b"\xe2\x80\xa8", b"\x1a", b"\\", b"#", b"\t", b" ")  # fmt: skip


def put(name: str, data: bytes = b"a line\n") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def source_of(data: bytes) -> Source:
    put("mail.log", data)
    return find("mail.log")[0][0]


def names(paths: str | list[str]) -> list[str]:
    return [source.name for source in find(paths)[0]]


def read(source: Source, **options: int) -> tuple[bytes, Reading]:
    reading = Reading(source, **options)
    return b"".join(chunk.data for chunk in reading), reading


def frame_of(reading: Reading) -> pl.DataFrame:
    frames = [lines_of(chunk).collect() for chunk in reading]
    return pl.concat(frames) if frames else pl.DataFrame(schema={"line_no": pl.UInt64, "line": pl.String})


def split_by_python(data: bytes) -> list[str]:
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1]:
        lines.pop()
    return [line.decode("utf-8", "replace").removesuffix("\r") for line in lines]


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> Source:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    return find("-")[0][0]


# ---------------------------------------------------------------------------------------------- what is found


@pytest.mark.parametrize(
    "oldest_first",
    [
        ["mail.log.10.gz", "mail.log.3.gz", "mail.log.2.gz", "mail.log.1", "mail.log.0", "mail.log"],
        ["mail.log-20251231.gz", "mail.log-20260101", "mail.log-20260601.xz", "mail.log"],
        ["mail.log-2026060109", "mail.log-2026060110", "mail.log-2026060111.gz", "mail.log"],
        ["mail.log-20260601-1780272000", "mail.log-20260601-1780275600", "mail.log"],
        ["mail-20260601-1200.log", "mail-20260601-1300.log.zst", "mail.log"],
        ["mail.log.2026-05-31", "mail.log.2026-06-01", "mail.log"],
        ["mail.log.2026-05-31_23-00-00", "mail.log.2026-06-01_00-00-00", "mail.log"],
        ["mail-202605", "mail-202606", "mail"],
        ["mail-2026-05.log", "mail-2026-06.log", "mail.log"],
        ["SEND20260601-1.LOG", "SEND20260601-2.LOG", "SEND20260601-10.LOG", "SEND20260602-1.LOG"],
        ["mail.2.log", "mail.1.log", "mail.log"],
        ["mail.log.old", "mail.log"],
        ["mainlog.02.gz", "mainlog.01", "mainlog"],
        ["2026/05/31/mail.log", "2026/06/01/mail.log.1", "2026/06/01/mail.log"],
        ["2026-05-31/mail.log", "2026-06-01/mail.log", "mail.log"],
        ["192.0.2.1.log", "192.0.2.2.log"],
        ["dovecot.log.1", "dovecot.log", "mail.log.1", "mail.log"],
        ["a/mail.log.1", "a/mail.log", "b/mail.log.1", "b/mail.log"],
    ],
    ids=lambda files: files[0],
)
def test_rotated_files_come_oldest_first_series_by_series(here: Path, oldest_first: list[str]) -> None:
    for name in sorted(oldest_first, key=lambda n: hashlib.sha256(n.encode()).digest()):
        put(name, name.encode())
    expected = [f"./{name}" for name in oldest_first]
    assert names(".") == expected
    assert names(list(reversed(oldest_first))) == oldest_first


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("mail.log", None),
        ("mail.log.1", None),
        ("mail.log-20260601.gz", date(2026, 6, 1)),
        ("maillog-20260601.xz", date(2026, 6, 1)),
        ("mail.log.2026-06-01", date(2026, 6, 1)),
        ("2026-06-01.log", date(2026, 6, 1)),
        ("mail-20260601-1200.log", datetime(2026, 6, 1, 12)),  # noqa: DTZ001
        ("mail.log-2026060112", datetime(2026, 6, 1, 12)),  # noqa: DTZ001
        ("mail.log.2026-06-01_12-30-59", datetime(2026, 6, 1, 12, 30, 59)),  # noqa: DTZ001
        ("mail.log-20260601-1780272000", datetime(2026, 6, 1, tzinfo=UTC)),
        ("mail.log-202602", date(2026, 2, 28)),
        ("mail-2028-02.log", date(2028, 2, 29)),
        ("2026/06/01/mail.log", date(2026, 6, 1)),
        ("logs/202606/mail.log", date(2026, 6, 30)),
        ("2026/06/30/mail.log-20260601", date(2026, 6, 1)),
        ("2026-06-01-incident/mail.log", None),
        ("mail.log-20260230", None),
        ("mail.log-20261301", None),
        ("mail.log-120260601", None),
        ("2001-db8/203.0.113.9.log", None),
        ("mail.log.1780272000", None),
    ],
)
def test_the_date_in_a_name(path: str, expected: date | None) -> None:
    assert rotation(Path(path)).date == expected


def test_the_date_of_a_member_is_its_own_else_the_archives() -> None:
    assert rotation(Path("logs-20260601.tar.gz"), "var/log/mail.log").date == date(2026, 6, 1)
    assert rotation(Path("logs-20260601.tar.gz"), "var/log/mail.log-20260520").date == date(2026, 5, 20)


def test_all_files_of_one_rotated_log_are_one_series(here: Path) -> None:
    for name in ("mail.log", "mail.log.1", "mail.log.2.gz", "mail.log-20260601", "a/mail.log", "dovecot.log"):
        put(name, name.encode())
    found = find(".")[0]
    assert len({series(s) for s in found if s.name.startswith("./mail.log")}) == 1
    assert len({series(s) for s in found}) == 3


def test_a_source_tells_what_the_file_system_and_the_gzip_header_know(here: Path) -> None:
    path = put("mail.log-20260601.gz", gzip.compress(b"x\n", mtime=1_780_272_000))
    os.utime(path, (0, 1_780_300_000))
    assert find(path) == (
        [
            Source(
                name="mail.log-20260601.gz",
                path=path,
                compression="gzip",
                stored_bytes=path.stat().st_size,
                mtime=datetime(2026, 6, 1, 7, 46, 40, tzinfo=UTC),
                gzip_mtime=datetime(2026, 6, 1, tzinfo=UTC),
                rotation_date=date(2026, 6, 1),
            )
        ],
        [],
    )


def test_a_gzip_header_without_a_time_says_nothing(here: Path) -> None:
    assert source_of(gzip.compress(b"x\n", mtime=0)).gzip_mtime is None


def test_sources_can_be_pickled_and_used_as_keys(here: Path) -> None:
    with tarfile.open("a.tar", "w") as tar:
        tar.add(put("mail.log"))
    for source in (source_of(b"x\n"), find("a.tar")[0][0], Source("-")):
        assert pickle.loads(pickle.dumps(source)) == source
        assert {source: 1}[source] == 1


def test_a_file_is_found_once_however_it_is_named(here: Path) -> None:
    put("logs/mail.log")
    given = ["logs/mail.log", "./logs/../logs/mail.log", str(here / "logs" / "mail.log"), "logs", "logs/*.log"]
    assert names(given) == ["logs/mail.log"]


def test_a_linked_file_is_read_once_under_its_real_name(here: Path) -> None:
    put("mail.log-20260601")
    Path("current").symlink_to("mail.log-20260601")
    assert names(["current", "mail.log-20260601"]) == ["mail.log-20260601"]
    assert names("current") == ["current"]


def test_links_to_folders_are_not_followed_and_this_is_said(here: Path) -> None:
    put("logs/mail.log")
    Path("logs/again").symlink_to(here / "logs")
    sources, problems = find("logs")
    assert [s.name for s in sources] == ["logs/mail.log"]
    assert problems == [Problem("logs", "left out: 1 linked folder; a file named itself is read", on_purpose=True)]


def test_what_exists_under_the_very_name_wins_over_the_glob(here: Path) -> None:
    put("mail[1].log", b"1\n")
    put("mail1.log", b"2\n")
    assert names("mail[1].log") == ["mail[1].log"]
    assert names("mail[12].log") == ["mail1.log"]


def test_globs_home_and_pathlike(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    put("mail.log")
    put("deep/er/mail.log.1")
    assert names("~/mail*") == [str(here / "mail.log")]
    assert names("**/mail.log.*") == ["deep/er/mail.log.1"]
    assert find(Path("mail.log"))[0] == find("mail.log")[0] == find([Path("mail.log")])[0]


def test_a_folder_leaves_out_hidden_files_and_what_is_no_log_and_says_so(here: Path) -> None:
    for name in ("mail.log", "a.json", "noext", ".hidden", ".git/mail.log", "lastlog", "x.csv", "y.CSV", "ORIGIN.md"):
        put(f"logs/{name}", name.encode())
    sources, problems = find("logs")
    assert [s.name for s in sources] == ["logs/a.json", "logs/mail.log", "logs/noext"]
    told = "left out: 2 .csv, 1 .md, 2 hidden, 1 lastlog; a file named itself is read"
    assert problems == [Problem("logs", told, on_purpose=True)]
    assert names(["logs/x.csv", "logs/.hidden"]) == ["logs/.hidden", "logs/x.csv"]


def test_pipes_sockets_devices_and_dead_links_are_reported_never_opened(here: Path) -> None:
    put("logs/mail.log")
    os.mkfifo("logs/pipe")
    Path("logs/dead").symlink_to("nowhere")
    Path("logs/null").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("logs/log")
        sources, problems = find("logs")
    assert [s.name for s in sources] == ["logs/mail.log"]
    assert sorted((p.name, p.message) for p in problems) == [
        ("logs/dead", "a symbolic link that leads nowhere"),
        ("logs/log", "a socket, not a file"),
        ("logs/null", "a device, not a file"),
        ("logs/pipe", "a named pipe, not a file: give - and pipe it to standard input"),
    ]


def test_an_unreadable_file_is_a_problem_not_the_end(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.log")
    put("b.log", b"b\n")
    really = Path.open

    def guarded(path: Path, *args: object, **kwargs: object) -> object:
        if path.name == "a.log":
            raise PermissionError(13, "Permission denied")
        return really(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", guarded)
    sources, problems = find(["a.log", "b.log"])
    assert [s.name for s in sources] == ["b.log"]
    assert problems == [Problem("a.log", "permission denied")]


@pytest.mark.parametrize(
    ("head", "word"),
    [
        (b"LPKSHHRH....", "journalctl"),
        (b"ElfFile\0", "evtx"),
        (b"PAR1xxxx", "Parquet"),
        (b"\x1f\x9d\x90", "compress"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"\x04\x22\x4d\x18", "lz4"),
    ],
)
def test_foreign_files_are_named_with_the_remedy(here: Path, head: bytes, word: str) -> None:
    put("mail.log")
    put("odd", head)
    (problem,) = find(["mail.log", "odd"])[1]
    assert problem.name == "odd"
    assert word in problem.message


def test_nothing_to_read_names_what_was_tried(here: Path) -> None:
    Path("empty").mkdir()
    for given, told in {
        "mail.log*": "nothing to read: mail.log*: no file matches",
        "mail.log": "nothing to read: mail.log: no such file",
        "": "nothing to read: : no such file",
        "a\0b*": "nothing to read: a\0b*: no file matches",
        "mail.log/x": "nothing to read: mail.log/x: no such file",
        "empty": "nothing to read: no log in empty",
    }.items():
        with pytest.raises(NothingToRead) as caught:
            find(given)
        assert str(caught.value) == told
    with pytest.raises(NothingToRead, match="no path was given"):
        find([])
    with pytest.raises(NothingToRead, match=r"x0: no such file; .*and 2 more"):
        find([f"x{n}" for n in range(7)])


def test_a_missing_path_among_good_ones_is_a_problem(here: Path) -> None:
    put("mail.log")
    assert find(["mail.log", "gone", "no*"])[1] == [Problem("gone", "no such file"), Problem("no*", "no file matches")]


def test_a_name_that_is_no_utf8_can_stand_in_a_column(here: Path) -> None:
    with open(b"m\xffil.log", "wb") as file:  # noqa: PTH123
        file.write(b"x\n")
    (source,) = find("*.log")[0]
    assert source.name == "m\\xffil.log"
    assert read(source)[0] == b"x\n"
    assert pl.Series([source.name]).to_list() == [source.name]


# ---------------------------------------------------------------------------------------------- archives


def tar_of(name: str, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(name, mode) as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size, info.mtime = len(data), 1_780_272_000
            tar.addfile(info, io.BytesIO(data))
    return Path(name)


MEMBERS = {
    "var/log/mail.log": LINES[-500_000:],
    "var/log/mail.log.1": LINES[:200_000],
    "var/log/mail.log.2.gz": gzip.compress(LINES[:100_000], mtime=1_780_000_000),
    "./var/log/empty": b"",
    "var/log/" + "long/" * 40 + "mail.log": b"deep\n",
    ".hidden/mail.log": b"h\n",
    "report.html": b"<html>",
}
SHOWN = {
    "./var/log/empty": b"",
    "var/log/" + "long/" * 40 + "mail.log": b"deep\n",
    "var/log/mail.log.2.gz": LINES[:100_000],
    "var/log/mail.log.1": LINES[:200_000],
    "var/log/mail.log": LINES[-500_000:],
}


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip", "deflated.zip", "bz2.zip"])
def test_members_of_archives_are_read_as_streams(here: Path, suffix: str) -> None:
    name = f"logs.{suffix}"
    if suffix.endswith("zip"):
        method = {"z": zipfile.ZIP_STORED, "d": zipfile.ZIP_DEFLATED, "b": zipfile.ZIP_BZIP2}[suffix[0]]
        with zipfile.ZipFile(name, "w", method) as archive:
            for member, data in MEMBERS.items():
                archive.writestr(zipfile.ZipInfo(member, (2026, 6, 1, 0, 0, 0)), data, method)
    else:
        tar_of("plain.tar", MEMBERS)
        pack = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd"}.get(suffix.removeprefix("tar."), "")
        put(name, PACK.get(pack, bytes)(Path("plain.tar").read_bytes()))
        Path("plain.tar").unlink()
    before = sorted(here.iterdir())
    sources, problems = find(name)
    assert {s.name: read(s)[0] for s in sources} == {f"{name}!{m}": data for m, data in SHOWN.items()}
    assert [s.name for s in sources if "mail.log" in str(s.member) and "long" not in str(s.member)] == [
        f"{name}!var/log/mail.log.2.gz",
        f"{name}!var/log/mail.log.1",
        f"{name}!var/log/mail.log",
    ]
    packed = next(s for s in sources if s.member == "var/log/mail.log.2.gz")
    assert packed.compression == "gzip"
    assert packed.gzip_mtime == datetime(2026, 5, 28, 20, 26, 40, tzinfo=UTC)
    assert {s.mtime for s in sources} == {datetime(2026, 6, 1, tzinfo=UTC)}
    assert problems == [Problem(name, "left out: 1 .html, 1 hidden; a file named itself is read", on_purpose=True)]
    assert all(read(s)[1].error is None for s in sources)
    assert sorted(here.iterdir()) == before


def test_an_archive_is_known_by_content_not_by_name(here: Path) -> None:
    tar_of("mail.log", {"a.log": b"a\n"})
    put("mail.tar.gz", b"plain text\n")
    assert names(["mail.log", "mail.tar.gz"]) == ["mail.log!a.log", "mail.tar.gz"]


def test_a_member_can_be_named(here: Path) -> None:
    tar_of("a.tar", {"x/mail.log": b"1\n", "x/mail.log.1": b"2\n", "x/y.csv": b"3\n"})
    assert names("a.tar!x/mail.log") == ["a.tar!x/mail.log"]
    assert names("a.tar!*.csv") == ["a.tar!x/y.csv"]
    assert names(["a.tar!x/mail*", "a.tar!x/mail.log"]) == ["a.tar!x/mail.log.1", "a.tar!x/mail.log"]
    with pytest.raises(NothingToRead, match=r"a\.tar!nope: no such member"):
        find("a.tar!nope")
    put("mail.log")
    with pytest.raises(NothingToRead, match=r"mail\.log: not an archive"):
        find("mail.log!x")


def test_of_members_with_one_name_the_last_is_read(here: Path) -> None:
    tar_of("a.tar", {"mail.log": b"old\n"})
    tar_of("a.tar", {"mail.log": b"new\n"}, "a")
    (source,), problems = find("a.tar")
    assert read(source)[0] == b"new\n"
    assert problems == [Problem("a.tar", "left out: 1 older copy; a file named itself is read", on_purpose=True)]


def test_links_and_folders_in_archives_are_no_logs_and_archives_in_archives_a_problem(here: Path) -> None:
    inner = tar_of("inner.tar", {"a.log": b"a\n"})
    with tarfile.open("a.tar", "w") as tar:
        tar.add(put("mail.log"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        tar.add(inner)
        tar.add(put("inner.tgz", gzip.compress(inner.read_bytes())))
    sources, problems = find("a.tar")
    assert [s.name for s in sources] == ["a.tar!mail.log"]
    told = "an archive in an archive: extract the outer one first"
    assert problems == [Problem("a.tar!inner.tar", told), Problem("a.tar!inner.tgz", told)]


def test_a_cut_tar_gives_what_it_holds(here: Path) -> None:
    whole = tar_of("whole.tar", {"a.log": b"a\n", "b.log": LINES}).read_bytes()
    put("cut.tar", whole[:50_000])
    (first, second), (problem,) = find("cut.tar")
    assert problem.name == "cut.tar"
    assert problem.message.startswith("archive damaged or cut off")
    assert read(first)[0] == b"a\n"
    data, reading = read(second)
    assert data == LINES[: 50_000 - 1536]
    assert reading.error == (
        f"archive cut off in line {data.count(10) + 1} (byte 48464): the rest of this member is missing"
    )


def test_a_cut_tar_gz_gives_what_it_holds(here: Path) -> None:
    packed = gzip.compress(tar_of("whole.tar", {"a.log": b"a\n", "b.log": LINES}).read_bytes())
    put("cut.tar.gz", packed[: len(packed) // 2])
    (first, second), (problem,) = find("cut.tar.gz")
    assert problem.message.startswith("gzip data cut off: ")
    assert read(first)[0] == b"a\n"
    data, reading = read(second)
    assert LINES.startswith(data)
    assert len(data) > 100_000
    assert str(reading.error).startswith(f"gzip data cut off in line {reading.lines} (byte {len(data)}): ")


def test_a_damaged_tar_header_costs_its_member_only_and_is_said(here: Path) -> None:
    data = bytearray(tar_of("a.tar", {"a.log": b"a\n", "b.log": b"b\n", "c.log": b"c\n"}).read_bytes())
    data[1024 + 150] ^= 0xFF  # in the check sum of b.log
    put("a.tar", bytes(data))
    sources, problems = find("a.tar")
    assert [s.member for s in sources] == ["a.log", "c.log"]
    assert problems == [Problem("a.tar", "archive damaged: no readable header at byte 1024; that member is lost")]


def test_a_damaged_zip_member_says_so_and_gives_what_it_holds(here: Path) -> None:
    with zipfile.ZipFile("a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mail.log", LINES)
        archive.writestr("other.log", b"fine\n")
    good = find("a.zip")[0]
    data = bytearray(Path("a.zip").read_bytes())
    place = good[0].place
    assert place
    data[place.offset + place.size // 2] ^= 0x55
    put("a.zip", bytes(data))
    first, second = find("a.zip")[0]
    text, reading = read(first)
    assert text[:100_000] == LINES[:100_000]
    assert "damaged" in str(reading.error)
    assert read(second)[0] == b"fine\n"


def test_a_zip_without_its_directory_is_a_problem(here: Path) -> None:
    with zipfile.ZipFile("a.zip", "w") as archive:
        archive.writestr("mail.log", LINES)
    put("a.zip", Path("a.zip").read_bytes()[:-200])
    put("mail.log")
    (problem,) = find(["a.zip", "mail.log"])[1]
    assert problem.message.startswith("archive damaged or cut off: ")


# ---------------------------------------------------------------------------------------------- compression


@pytest.mark.parametrize("kind", PACK)
def test_compression_is_told_by_content(here: Path, kind: str) -> None:
    packed = PACK[kind](LINES)
    put("mail.log", packed)
    (source,) = find("mail.log")[0]
    assert source.compression == kind
    data, reading = read(source)
    assert data == LINES
    assert (reading.lines, reading.bytes, reading.error, reading.note) == (20_000, len(LINES), None, None)


def test_a_plain_file_with_a_packed_name_is_plain(here: Path) -> None:
    put("mail.log.gz", b"plain\n")
    (source,) = find("mail.log.gz")[0]
    assert source.compression is None
    assert read(source)[0] == b"plain\n"


@pytest.mark.parametrize("head", [b"", b"\x1f", b"\x1f\x8b", b"BZh9 is a word", b"\xfd7zXZ", b"\x28\xb5\x2f"])
def test_almost_a_magic_is_text(here: Path, head: bytes) -> None:
    assert compression_of(head) is None
    assert read(source_of(head))[0] == head


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("padding", [b"", b"\0" * 512])
def test_several_members_frames_or_streams_are_one_file(here: Path, kind: str, padding: bytes) -> None:
    source = source_of(PACK[kind](b"a\n") + padding + PACK[kind](b"") + PACK[kind](b"b\nc") + padding)
    data, reading = read(source)
    assert data == b"a\nb\nc"
    assert (reading.error, reading.note) == (None, None)


def test_members_may_begin_anywhere_in_what_is_read_at_once() -> None:
    packed = gzip.compress(b"a\n") + b"\0\0" + gzip.compress(b"b\n")
    for size in range(1, len(packed)):
        pieces = [packed[n : n + size] for n in range(0, len(packed), size)]
        assert b"".join(expand(lambda pieces=pieces: iter(pieces))) == b"a\nb\n"


def test_a_skippable_frame_may_come_first(here: Path) -> None:
    source = source_of(b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd.compress(b"a\n"))
    assert source.compression == "zstd"
    assert read(source)[0] == b"a\n"


@pytest.mark.parametrize("kind", PACK)
def test_other_data_behind_the_end_cost_no_line_and_are_noted(here: Path, kind: str) -> None:
    data, reading = read(source_of(PACK[kind](b"a\n") + b"trailing garbage"))
    assert data == b"a\n"
    assert reading.error is None
    assert reading.note == (f"{kind} data end after line 1 (byte 2): 16 bytes behind them are no {kind} and not read")


def prefix_by_zlib(packed: bytes) -> bytes:
    """Return every byte that there is to be had, one at a time."""
    decoder, out = zlib.decompressobj(31), b""
    try:
        out = decoder.decompress(packed, 1)
        while made := decoder.decompress(decoder.unconsumed_tail, 1):
            out += made
    except zlib.error:
        pass
    return out


def test_a_cut_gzip_gives_every_byte_before_the_cut(here: Path) -> None:
    packed = gzip.compress(LINES[:3000])
    for cut in range(3, len(packed), 7):
        data, reading = read(source_of(packed[:cut]))
        assert data == prefix_by_zlib(packed[:cut])
        assert reading.lines == len(split_by_python(data))
        assert "gzip data cut off" in str(reading.error)


def test_a_damaged_gzip_gives_every_byte_before_the_damage(here: Path) -> None:
    rng = random.Random(5)
    packed = gzip.compress(LINES[:20_000])
    seen_invalid = 0
    for _ in range(20):
        broken = bytearray(packed)
        place = rng.randrange(12, len(packed) - 8)
        broken[place : place + 8] = rng.randbytes(8)
        data, reading = read(source_of(bytes(broken)))
        expected = prefix_by_zlib(bytes(broken))
        assert data[: len(expected)] == expected
        assert reading.error
        seen_invalid += len(data) < 20_000
    assert seen_invalid > 2


@pytest.mark.parametrize("kind", PACK)
def test_damaged_and_cut_data_give_the_lines_before_and_a_sentence(here: Path, kind: str) -> None:
    noise = random.Random(7)
    text = b"".join(b"line %d %x\n" % (n, noise.getrandbits(64)) for n in range(80_000))
    packed = PACK[kind](text)
    half = len(packed) // 2
    data, reading = read(source_of(packed[:half]))
    assert text.startswith(data)
    assert len(data) > len(text) // 4
    ends = "after" if data.endswith(b"\n") else "in"
    assert reading.error == (
        f"{kind} data cut off {ends} line {reading.lines} (byte {len(data)}): "
        "the end is missing, what stands before is read"
    )
    data, reading = read(source_of(packed[:half] + b"\xaa" * 64 + packed[half + 64 :]))
    sane = len(text) // 4
    assert data[:sane] == text[:sane]
    assert str(reading.error).startswith(f"{kind} data damaged ")
    assert str(reading.error).endswith("; what stands before is read")


@pytest.mark.parametrize(("kind", "place"), [("gzip", -6), ("gzip", -2), ("zstd", -2), ("bzip2", -3), ("xz", -1)])
def test_a_wrong_check_sum_at_the_end_loses_nothing(here: Path, kind: str, place: int) -> None:
    packed = bytearray(PACK[kind](LINES))
    packed[place] ^= 0xFF
    data, reading = read(source_of(bytes(packed)))
    assert data == LINES
    assert str(reading.error).startswith(f"{kind} data damaged after line 20000 (byte {len(LINES)}): ")


def test_a_file_that_vanished_is_an_error_not_an_exception(here: Path) -> None:
    source = source_of(b"x\n")
    Path("mail.log").unlink()
    data, reading = read(source)
    assert (data, reading.lines, reading.error) == (b"", 0, "reading failed: no such file or directory")


def test_a_disk_error_keeps_what_was_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Dying(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(3) or b""

    source = source_of(b"x\nyz\n")
    monkeypatch.setattr(_pieces, "open", lambda *_, **__: Dying("mail.log"), raising=False)
    data, reading = read(source)
    assert data == b"x\ny"
    assert reading.error == "reading failed in line 2 (byte 3): input/output error"


# ---------------------------------------------------------------------------------------------- lines and chunks


def test_lines_are_those_of_python_for_hostile_bytes_at_every_chunk_size(here: Path) -> None:
    rng = random.Random(11)
    for _ in range(120):
        data = b"".join(rng.choices(HOSTILE, k=rng.randrange(25)))
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        source = source_of(data)
        for chunk_bytes in (1, 2, 3, 7, 1 << 20):
            reading = Reading(source, chunk_bytes=chunk_bytes)
            frame = frame_of(reading)
            assert frame["line"].to_list() == split_by_python(data), (data, chunk_bytes)
            assert frame["line_no"].to_list() == list(range(1, len(frame) + 1))
            assert (reading.lines, reading.bytes) == (len(frame), len(data))
            assert (reading.cut_lines, reading.error) == (0, None)


def test_a_chunk_border_at_every_byte_changes_nothing(here: Path) -> None:
    data = b'\xef\xbb\xbfa\r\n\n"b,\0\n\xef\xbb\xbf\xff\r\r\n\x01\n\xc3\xa9\n\nend'
    source = source_of(data)
    for chunk_bytes in range(1, len(data) + 2):
        reading = Reading(source, chunk_bytes=chunk_bytes)
        chunks = list(reading)
        assert b"".join(c.data for c in chunks) == data[3:]
        assert all(c.data.endswith(b"\n") for c in chunks[:-1])
        assert [c.n_lines for c in chunks] == [len(split_by_python(b"." + c.data)) for c in chunks]
        assert [c.first_line for c in chunks] == [1 + sum(c.n_lines for c in chunks[:n]) for n in range(len(chunks))]
        lines = pl.concat([lines_of(c).collect() for c in chunks])["line"].to_list()
        assert lines == ["a", "", '"b,\0', "\ufeff\ufffd\r", "\x01", "é", "", "end"]


def test_the_shape_of_the_lines_frame() -> None:
    frame = lines_of(Chunk([b"a\nb"], 5_000_000_000, 2)).collect()
    assert frame.schema == {"line_no": pl.UInt64, "line": pl.String}
    assert frame.rows() == [(5_000_000_000, "a"), (5_000_000_001, "b")]
    both = lines_of(Chunk([b"a\nb\n", b"a\n"], 1, 3)).filter(pl.col("line") == "a").collect()
    assert both["line_no"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", 0),
        (b"\xef\xbb\xbf", 0),
        (b"\n", 1),
        (b"\n\n", 2),
        (b"\xef\xbb\xbf\n", 1),
        (b"a", 1),
        (b"a\n", 1),
        (b"a\nb", 2),
        (b"\r\n", 1),
        (b"\0\0\0", 1),
        (b"\xef\xbb\xbf\xef\xbb\xbf", 1),
    ],
)
def test_small_files_are_counted_right(here: Path, data: bytes, lines: int) -> None:
    _, reading = read(source_of(data))
    assert (reading.lines, reading.bytes) == (lines, len(data))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_read_as_utf8(here: Path, encoding: str) -> None:
    text = "\ufeffgrüße 😀\r\nsecond \u0a0d line\r\n" * 3000
    source = source_of(text.encode(encoding))
    for chunk_bytes in (1000, 16 << 20):
        reading = Reading(source, chunk_bytes=chunk_bytes)
        lines = frame_of(reading)["line"].to_list()
        assert lines[:3] == ["grüße 😀", "second \u0a0d line", "\ufeffgrüße 😀"]
        assert (len(lines), reading.bytes) == (6000, len(text.encode(encoding)))
    assert open_source(source).peek()[:2] == ["grüße 😀", "second \u0a0d line"]


def test_half_a_character_of_utf16_at_the_end_is_shown_as_such(here: Path) -> None:
    assert frame_of(Reading(source_of("\ufeffab".encode("utf-16-le") + b"x")))["line"].to_list() == ["ab\ufffd"]


@pytest.mark.parametrize("chunk_bytes", [1, 3, 10, 11, 100])
@pytest.mark.parametrize("newline", [b"\n", b""])
def test_a_line_is_cut_beyond_the_limit_and_numbers_stay_true(here: Path, chunk_bytes: int, newline: bytes) -> None:
    exact, over, endless = b"e" * 10, b"o" * 11, b"x" * 57
    source = source_of(b"\n".join([b"a", exact, over, b"b", endless, b"", exact, over]) + newline)
    reading = Reading(source, chunk_bytes=chunk_bytes, max_line=10)
    frame = frame_of(reading)
    expected = ["a", "e" * 10, "o" * 10, "b", "x" * 10, "", "e" * 10, "o" * 10]
    assert frame["line"].to_list() == expected
    assert frame["line_no"].to_list() == list(range(1, 9))
    assert reading.cut_lines == 3


def test_the_limit_of_a_line_is_16_mib(here: Path) -> None:
    data = b"a\n" + b"x" * MAX_LINE + b"\n" + b"y" * (3 * MAX_LINE) + b"\nb\n"
    reading = open_source(source_of(data))
    frame = frame_of(reading)
    assert frame["line"].str.len_bytes().to_list() == [1, MAX_LINE, MAX_LINE, 1]
    assert (reading.lines, reading.cut_lines, reading.bytes) == (4, 1, len(data))


def test_a_log_larger_than_a_chunk_comes_in_whole_lines(here: Path) -> None:
    copies = (14 << 20) // len(LINES) + 1
    chunks = list(open_source(source_of(LINES * copies)))
    assert len(chunks) == 2
    assert chunks[0].data.endswith(b"\n")
    assert 0 <= len(chunks[0].data) - CHUNK < LARGE_PIECE
    assert all(part.endswith(b"\n") for part in chunks[0].parts)
    assert chunks[1].first_line == chunks[0].n_lines + 1
    assert sum(c.n_lines for c in chunks) == 20_000 * copies


@pytest.mark.parametrize("look", [1, 5, 40])
def test_a_plain_file_comes_in_pieces_that_end_where_a_line_ends(
    here: Path, monkeypatch: pytest.MonkeyPatch, look: int
) -> None:
    for name, size in (("PIECE", 10), ("LARGE_PIECE", 64), ("LOOK", look)):
        monkeypatch.setattr(_pieces, name, size)
    data = b"".join(b"%d %s\n" % (n, b"x" * (n % 13)) for n in range(200)) + b"y" * 300 + b"\n\nend"
    source = source_of(data)
    pieces = list(_pieces.file_pieces(source.path))
    assert b"".join(pieces) == data
    assert len(pieces[0]) == 10
    assert 64 <= min(map(len, pieces[1:-1])) <= max(map(len, pieces)) < 64 + look
    ended = [piece.endswith(b"\n") for piece in pieces[1:-1]]
    assert all(ended[:20]) if look > 17 else not all(ended)
    assert frame_of(Reading(source, chunk_bytes=100))["line"].to_list() == data.decode().split("\n")


@pytest.mark.parametrize("kind", [None, *PACK])
def test_the_hash_is_that_of_the_expanded_bytes(here: Path, kind: str | None) -> None:
    source = source_of(PACK[kind](LINES) if kind else LINES)
    reading = open_source(source, hash=True)
    assert reading.sha256 is None
    reading.peek()
    list(reading)
    assert reading.sha256 == hashlib.sha256(LINES).hexdigest()
    list(reading)
    assert reading.sha256 == hashlib.sha256(LINES).hexdigest()
    assert read(source)[1].sha256 is None


# ---------------------------------------------------------------------------------------------- peeking, stdin


@pytest.mark.parametrize("kind", [None, *PACK])
def test_peeking_shows_first_lines_and_consumes_nothing(here: Path, kind: str | None) -> None:
    reading = open_source(source_of(PACK[kind](LINES) if kind else LINES))
    lines = reading.peek(1000)
    assert lines == split_by_python(LINES[:1000])[:-1]
    assert reading.peek(100_000)[: len(lines)] == lines
    assert (reading.lines, reading.bytes) == (0, 0)
    assert b"".join(c.data for c in reading) == LINES


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"ab\ncdef", ["ab"]),
        (b"ab\nc", ["ab", "c"]),
        (b"ab\n\n", ["ab", ""]),
        (b"abcdefgh", ["abcd"]),
        (b"\xef\xbb\xbfa\r\n", ["a"]),
    ],
)
def test_peeking_leaves_off_a_line_that_it_would_cut(here: Path, data: bytes, lines: list[str]) -> None:
    assert open_source(source_of(data)).peek(max(4, len(data) if data[:1] == b"\xef" else 4)) == lines


def test_peeking_at_damaged_data_tells_later(here: Path) -> None:
    reading = open_source(source_of(gzip.compress(LINES[:3000])[:300]))
    assert reading.peek()
    assert reading.error is None
    data = b"".join(c.data for c in reading)
    assert LINES.startswith(data)
    assert str(reading.error).startswith("gzip data cut off in line")


@pytest.mark.parametrize("kind", [None, *PACK])
def test_standard_input_is_read_once_and_can_be_peeked(monkeypatch: pytest.MonkeyPatch, kind: str | None) -> None:
    source = standard_input(monkeypatch, PACK[kind](LINES) if kind else LINES)
    assert source == Source("-")
    reading = open_source(source)
    assert reading.peek(1000) == split_by_python(LINES[:1000])[:-1]
    assert b"".join(c.data for c in reading) == LINES
    assert reading.error is None


def test_cut_data_on_standard_input_keep_their_first_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    data, reading = read(standard_input(monkeypatch, bz2.compress(b"a\n") + bz2.compress(LINES)[:100]))
    assert data == b"a\n"
    assert str(reading.error).startswith("bzip2 data cut off after line 1 (byte 2)")


def test_an_archive_on_standard_input_is_refused_with_the_remedy(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(tar_of("a.tar", {"mail.log": b"a\n"}).read_bytes())
    data, reading = read(standard_input(monkeypatch, packed))
    assert data == b""
    assert reading.error == "standard input cannot be read: it is a tar archive: give it by its path"


def test_standard_input_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert read(Source("-"))[1].error == "standard input cannot be read: there is none"


def test_standard_input_is_found_once_and_beside_files(here: Path) -> None:
    put("mail.log")
    assert names(["-", "mail.log", "-"]) == ["-", "mail.log"]


# ---------------------------------------------------------------------------------------------- the thread


def ahead_threads() -> int:
    return sum(thread.name == "smtplogs-ahead" for thread in threading.enumerate())


def test_the_reading_thread_ends_when_the_reader_stops_early(here: Path) -> None:
    source = source_of(gzip.compress(LINES * 20, 1))
    with Reading(source, chunk_bytes=1000) as reading:
        for _ in reading:
            assert ahead_threads() <= 1  # so little may have been read by now
            break
    assert ahead_threads() == 0


def test_the_reading_thread_ends_when_the_reading_is_dropped(here: Path) -> None:
    source = source_of(gzip.compress(LINES * 20, 1))
    for _ in Reading(source, chunk_bytes=1000):
        break
    assert ahead_threads() == 0


def test_the_reading_thread_is_never_far_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def pieces() -> object:
        for n in range(1000):
            drawn.append(n)
            yield b"x"

    stream = feeding.ahead(pieces(), 3)  # type: ignore[arg-type]
    assert next(stream) == b"x"
    threading.Event().wait(0.05)
    assert len(drawn) <= 5
    stream.close()
    assert ahead_threads() == 0


@pytest.mark.parametrize("error", [Damaged("it", "broke"), RuntimeError("x"), MemoryError(), KeyboardInterrupt()])
def test_errors_of_the_reading_thread_come_out(error: BaseException) -> None:
    def pieces() -> object:
        yield b"a"
        raise error

    stream = feeding.ahead(pieces(), 3)  # type: ignore[arg-type]
    assert next(stream) == b"a"
    with pytest.raises(type(error)):
        next(stream)
    assert ahead_threads() == 0


def test_plain_files_and_standard_input_need_no_thread(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for source in (source_of(LINES), standard_input(monkeypatch, gzip.compress(LINES))):
        for _ in Reading(source, chunk_bytes=1000):
            assert ahead_threads() == 0


def test_bytes_on_disk_are_told_without_opening_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs" / "old").mkdir(parents=True)
    (tmp_path / "logs/mail.log").write_bytes(b"x" * 100)
    (tmp_path / "logs/old/mail.log.1.gz").write_bytes(gzip.compress(b"x" * 1000))
    packed = (tmp_path / "logs/old/mail.log.1.gz").stat().st_size
    monkeypatch.setattr("builtins.open", None)

    assert stored_bytes([str(tmp_path / "logs"), "-", str(tmp_path / "none")]) == 100 + packed
    assert stored_bytes([str(tmp_path / "logs/*.log")]) == 100

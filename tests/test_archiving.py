"""Archives: however logs are cut, packed, split over runs, killed or copied, the dataset is what one run would give."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import smtplogs as sl
from archived import assert_same, lines_of, manifest, ordered
from small_logs import FAILED, PEER, SAMPLES, SUBMISSION, line, write
from smtplogs import cli, part_files, parts, runs, slicing
from smtplogs.errors import InUse, NothingToRead, NotWhole, UnknownName
from smtplogs.sources import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = ("source", "line_no", "also")
LOGS = {
    name: sorted(p for p in (SAMPLES / name).iterdir() if ".log" in p.name)
    for name in ("postfix/lockout", "postfix/new-year", "postfix/postfix3.7-dovecot2.3", "dovecot/log-path")
}
LINKED = {
    name: sorted(p for p in (SAMPLES / name).iterdir() if p.name in ("mainlog", "rejectlog", "mail.log"))
    for name in ("exim/panel", "exim/smarthost", "sendmail/office", "opensmtpd/office")
}


def statuses(told: pl.DataFrame) -> dict[str, str]:
    return {Path(s).name: status for s, status in told.select("source", "status").iter_rows()}


# --- one run


@pytest.mark.parametrize("sample", sorted(LOGS))
def test_a_dataset_holds_what_read_gives(tmp_path: Path, sample: str) -> None:
    sl.parse(LOGS[sample], tmp_path / "out")

    assert assert_same(tmp_path / "out", LOGS[sample]).height > 20


@pytest.mark.slow
@pytest.mark.parametrize("sample", ["postfix/lockout", *LINKED])
def test_small_pieces_everywhere_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: str) -> None:
    """Chunks, row limits and slices a hundred times smaller than usual: every border is crossed."""
    monkeypatch.setitem(Reading.__init__.__kwdefaults__, "chunk_bytes", 50_000)
    monkeypatch.setattr(parts, "ROWS", 100)
    monkeypatch.setattr(slicing, "ROWS", 50)
    monkeypatch.setattr(slicing, "SLICE_ROWS", 20)
    logs = (LOGS | LINKED)[sample]
    sl.parse(logs, tmp_path / "out", by="day")

    assert len(manifest(tmp_path / "out")["slices"]) > 2
    assert_same(tmp_path / "out", logs)


def test_linked_records_are_settled_where_a_file_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exim's records are tied slice by slice: a log that comes later does not have all the others linked again."""
    monkeypatch.setattr(slicing, "SLICE_ROWS", 60)
    main, reject = LINKED["exim/panel"]
    lines = lines_of([main])
    first = write(tmp_path / "mainlog.1", *lines[: len(lines) // 2])
    second = write(tmp_path / "mainlog", *lines[len(lines) // 2 :])
    out = tmp_path / "out"
    sl.parse([first, reject], out)
    before = {s["slice"]: s["fingerprint"] for s in manifest(out)["slices"]}
    sl.parse(second, out)
    after = {s["slice"]: s["fingerprint"] for s in manifest(out)["slices"]}

    assert_same(out, [first, second, reject])
    assert len(before.items() & after.items()) > 2
    assert len(after) > len(before)


def test_all_samples_at_once_or_one_by_one_backwards(tmp_path: Path) -> None:
    """Doubled lines, shared addresses, other hosts: what files have to do with each other does not hang on runs."""
    paths = [p for name in sorted(LOGS) for p in LOGS[name]]
    sl.parse(paths, tmp_path / "once")
    for path in reversed(paths):
        sl.parse(path, tmp_path / "late")

    assert_same(tmp_path / "once", paths)
    assert_same(tmp_path / "late", paths)


@pytest.mark.parametrize("sample", ["postfix/postfix3.7-dovecot2.3", "dovecot/log-path"])
@pytest.mark.parametrize(
    "order", [(2, 0, 1), *(pytest.param(o, marks=pytest.mark.slow) for o in ((0, 1, 2), (1, 2, 0)))]
)
def test_rotated_files_that_arrive_in_several_runs(tmp_path: Path, sample: str, order: tuple[int, ...]) -> None:
    lines = lines_of([p for p in LOGS[sample] if p.name.startswith("mail.log")])
    third = len(lines) // 3
    cuts = [lines[:third], lines[third : 2 * third], lines[2 * third :]]
    files = [
        write(tmp_path / name, *cut) for name, cut in zip(("mail.log.2", "mail.log.1", "mail.log"), cuts, strict=True)
    ]
    files += [p for p in LOGS[sample] if not p.name.startswith("mail.log")]
    out = tmp_path / "out"
    for n in order:
        sl.parse(files[n], out, year=2026)
        sl.parse(files[3:] or files[n], out, year=2026)

    assert_same(out, files, year=2026)


def test_one_log_by_programs_and_copies_of_its_errors(tmp_path: Path) -> None:
    """Rsyslog writes failures to mail.log and mail.err: they are counted once, whichever file comes first."""
    lines = lines_of(LOGS["postfix/postfix3.7-dovecot2.3"])
    mail = write(tmp_path / "mail.log", *(t for t in lines if " dovecot: " not in t))
    dovecot = write(tmp_path / "dovecot.log", *(t for t in lines if " dovecot: " in t))
    errors = write(tmp_path / "mail.err", *(t for t in lines if "warning" in t))
    alone = sum(sl.read(path).height for path in (mail, dovecot, errors))
    for n, order in enumerate(([mail, dovecot, errors], [errors, mail, dovecot], [dovecot, errors, mail])):
        for path in order:
            sl.parse(path, tmp_path / f"out{n}")
        events = assert_same(tmp_path / f"out{n}", [mail, dovecot, errors])
        assert events.height < alone


def test_yearless_logs_take_their_year_from_a_younger_file_of_a_later_run(tmp_path: Path) -> None:
    old = write(tmp_path / "mail.log.1", line("10:00:00", FAILED).replace("2026-11-03T10:00:00Z", "Nov 20 10:00:00"))
    new = write(tmp_path / "mail.log", line("10:00:00", FAILED).replace("2026-11-03T10:00:00Z", "Feb  1 10:00:00"))
    for path in (old, new):  # copied just now, both of them
        os.utime(path, (1_795_500_000, 1_795_500_000))
    out = tmp_path / "out"
    sl.parse(old, out)
    first = sl.load(out).collect()["time"].dt.year().unique().to_list()
    told = sl.parse([old, new], out)

    assert first == [2026]
    assert sorted(sl.load(out).collect()["time"].dt.year().unique()) == [2025, 2026]
    assert "earlier year" in str(told.filter(pl.col("source") == str(old))["note"][0])
    assert_same(out, [old, new])


# --- again: unchanged, grown, moved, twins


def test_a_second_run_reads_nothing_and_changes_no_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/lockout"], out)
    before = {p: p.read_bytes() for p in out.rglob("*.parquet")}
    monkeypatch.setattr(runs, "make_part", None)
    told = sl.parse(LOGS["postfix/lockout"], out)

    assert set(told["status"]) == {"unchanged"}
    assert {p: p.read_bytes() for p in out.rglob("*.parquet")} == before


def test_a_grown_log_adds_its_new_lines_only(tmp_path: Path) -> None:
    lines = lines_of(LOGS["postfix/lockout"])
    path, out = write(tmp_path / "mail.log", *lines[:5000]), tmp_path / "out"
    sl.parse(path, out)
    with path.open("a") as file:
        file.writelines(f"{t}\n" for t in lines[5000:])
    told = sl.parse(path, out)

    assert told["status"].to_list() == ["grown"]
    assert len(manifest(out)["inputs"]) == 1
    assert_same(out, path)


@pytest.mark.parametrize("pack", [None, gzip.compress, pytest.param(lzma.compress, marks=pytest.mark.slow)])
def test_logrotate_between_two_runs(tmp_path: Path, pack: Callable[[bytes], bytes] | None) -> None:
    """The live log has grown, was moved and packed, and another one stands in its place."""
    lines = lines_of(LOGS["postfix/lockout"])
    live, out = write(tmp_path / "mail.log", *lines[:4000]), tmp_path / "out"
    sl.parse(live, out)
    old = write(tmp_path / "mail.log.1", *lines[:6000])
    if pack is not None:
        old.write_bytes(pack(old.read_bytes()))
    write(live, *lines[6000:])
    told = sl.parse([live, old], out)

    assert statuses(told) == {"mail.log.1": "grown", "mail.log": "read"}
    assert_same(out, [live, old])
    assert set(sl.verify(out)["status"]) == {"ok"}


def test_a_log_that_was_only_renamed_carries_its_new_name(tmp_path: Path) -> None:
    lines = lines_of(LOGS["postfix/lockout"])
    live, out = write(tmp_path / "mail.log", *lines[:4000]), tmp_path / "out"
    sl.parse(live, out)
    live.rename(tmp_path / "mail.log.1")
    write(live, *lines[4000:])
    sl.parse(tmp_path / "mail.log*", out)

    assert_same(out, tmp_path / "mail.log*")


def test_copytruncate_without_a_copy_keeps_both_contents_apart(tmp_path: Path) -> None:
    lines = lines_of(LOGS["postfix/lockout"])
    live, out = write(tmp_path / "mail.log", *lines[:4000]), tmp_path / "out"
    sl.parse(live, out)
    first = sl.load(out).collect()
    write(live, *lines[4000:])
    sl.parse(live, out)
    events = sl.load(out).collect()

    assert set(events["source"]) == {str(live), f"{live}#2"}
    assert events.filter(pl.col("source") == str(live)).height == first.height
    assert statuses(sl.parse(live, out)) == {"mail.log": "unchanged"}


@pytest.mark.parametrize("runs", [1, 2])
def test_the_same_content_under_another_name_counts_once_and_is_told(tmp_path: Path, runs: int) -> None:
    path = write(tmp_path / "mail.log", *lines_of(LOGS["postfix/lockout"]))
    twin = tmp_path / "copy" / "mail.log.gz"
    twin.parent.mkdir()
    twin.write_bytes(gzip.compress(path.read_bytes()))
    out = tmp_path / "out"
    for given in [[path, twin]] if runs == 1 else [[path], [path, twin]]:
        told = sl.parse(given, out)

    assert sorted(statuses(told).values()) == sorted(["same content", "read" if runs == 1 else "unchanged"])
    assert sl.load(out).collect().height == sl.read(path).height
    notes = sl.coverage(out)["note"].drop_nulls().to_list()
    assert len(notes) == 1
    assert notes[0].startswith("same content as ")
    assert sl.parse([path, twin], out).filter(pl.col("status") == "read").is_empty()


def test_other_parameters_read_a_log_again(tmp_path: Path) -> None:
    path = write(tmp_path / "mail.log", line("10:00:00", FAILED).replace("2026-11-03T10:00:00Z", "Nov  3 10:00:00"))
    out = tmp_path / "out"
    sl.parse(path, out, year=2025)
    told = sl.parse(path, out, year=2026, tz="Europe/Warsaw")

    assert told["status"].to_list() == ["read"]
    assert sl.load(out).collect()["time"].unique().to_list() == [datetime(2026, 11, 3, 9, tzinfo=UTC)]


# --- trouble


def test_a_damaged_log_gives_what_it_holds_and_strict_says_so(tmp_path: Path) -> None:
    lines = [line("10:00:00", FAILED.replace("alice", f"u{n}"), f"postfix/smtpd[{n}]") for n in range(4000)]
    data = gzip.compress("".join(f"{t}\n" for t in lines).encode())
    bad, out = tmp_path / "mail.log.1.gz", tmp_path / "out"
    bad.write_bytes(data[: len(data) // 2])
    good = write(tmp_path / "mail.log", *lines[:10])
    told = sl.parse([good, bad], out)

    entry = next(i for i in manifest(out)["inputs"] if i["source"] == str(bad))
    assert f"line {entry['lines']}" in entry["error"]
    assert told.filter(pl.col("error").is_not_null())["source"].to_list() == [str(bad)]
    assert_same(out, [good, bad])
    with pytest.raises(NotWhole, match=r"1 input\(s\) not read whole .*mail.log.1.gz"):
        sl.parse([good, bad], out, strict=True)


def test_members_of_archives_are_inputs(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as tar:
        for path in LOGS["postfix/new-year"]:
            tar.add(path, f"mx1/{path.name}")
    out = tmp_path / "out"
    sl.parse(tmp_path / "logs.tar.gz", out)

    assert [i["member"] for i in manifest(out)["inputs"]] == ["mx1/mail.log.1", "mx1/mail.log"]
    assert_same(out, tmp_path / "logs.tar.gz")
    assert set(sl.verify(out)["status"]) == {"ok"}
    assert set(sl.parse(tmp_path / "logs.tar.gz", out)["status"]) == {"unchanged"}


RUN = """
import os, signal, sys
import smtplogs as sl
from smtplogs import _durable, making
at, n = int(sys.argv[1]), 0
real = _durable.Path.replace
def replace(self, target):  # every file of a dataset gets its name here
    global n
    n += 1
    if n == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, target)
_durable.Path.replace = replace
making.GROUP_BYTES = 300_000
sl.parse(sys.argv[3:], sys.argv[2])
"""


@pytest.mark.parametrize("at", [8, 20, 29, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 14, 23, 26, 32))])
def test_killed_anywhere_and_run_again(tmp_path: Path, at: int) -> None:
    """Between files of a part, between parts, while settling, while files get their names; the slow tier has more."""
    paths = [str(p) for p in LOGS["postfix/lockout"]]
    out = tmp_path / "out"
    sl.parse(paths[0], out)
    before = sl.load(out).collect()
    done = subprocess.run([sys.executable, "-c", RUN, str(at), str(out), *paths], check=False)
    if done.returncode == -signal.SIGKILL:
        assert_frame_equal(ordered(sl.load(out).collect()), ordered(before))  # the old state still stands
    sl.parse(paths, out)

    assert_same(out, paths)
    assert {p.name for p in (out / "loose").iterdir()} == set(manifest(out)["parts"])


def test_what_a_killed_run_had_read_is_not_read_again(tmp_path: Path) -> None:
    paths = [str(p) for p in LOGS["postfix/lockout"]]
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", RUN, "16", str(out), *paths], check=False)
    kept = [p.name for p in (out / "loose").iterdir() if not p.name.startswith(".")]
    told = sl.parse(paths, out)

    assert done.returncode == -signal.SIGKILL
    assert len(kept) >= 1
    assert "unchanged" in told["status"].to_list()
    assert_same(out, paths)


def test_a_killed_run_over_other_files_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    wrong = [str(p) for p in LOGS["dovecot/log-path"]]
    subprocess.run([sys.executable, "-c", RUN, "6", str(out), *wrong], check=False)
    assert not (out / "manifest.json").exists()
    sl.parse(LOGS["postfix/new-year"], out)

    assert_same(out, LOGS["postfix/new-year"])


def test_of_runs_at_once_one_writes_and_the_others_say_so(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "import sys, smtplogs as sl; sl.parse(sys.argv[2:], sys.argv[1])"
    command = [sys.executable, "-c", code, str(out), *map(str, LOGS["postfix/lockout"])]
    runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [r.communicate()[1] for r in runs]

    assert 0 in [r.returncode for r in runs]
    assert all("InUse: another run (process" in text for r, text in zip(runs, said, strict=True) if r.returncode)
    assert_same(out, LOGS["postfix/lockout"])


def test_a_run_in_the_same_process_waits_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    real = runs.Run.plan

    def slowly(self: runs.Run, found: Any) -> None:
        time.sleep(0.5)
        real(self, found)

    monkeypatch.setattr(runs.Run, "plan", slowly)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(sl.parse, LOGS["postfix/new-year"], out) for _ in range(2)]
        errors = [r.exception() for r in both]

    assert sorted(type(e).__name__ for e in errors) == ["InUse", "NoneType"]
    assert any(isinstance(e, InUse) for e in errors)


@pytest.mark.parametrize("after", [0, pytest.param(3, marks=pytest.mark.slow), 9])
def test_a_full_disk_is_a_clear_error_and_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/new-year"], out)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}
    written = []

    def full(handle: int) -> None:
        written.append(handle)
        if len(written) > after:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        sl.parse([*LOGS["postfix/new-year"], *LOGS["postfix/lockout"]], out)
    monkeypatch.undo()

    assert {p: p.read_bytes() for p in before} == before
    assert not list((out / "loose").glob(".*"))
    sl.parse([*LOGS["postfix/new-year"], *LOGS["postfix/lockout"]], out)
    assert_same(out, [*LOGS["postfix/new-year"], *LOGS["postfix/lockout"]])


@pytest.mark.skipif(not Path("/dev/shm").is_dir() or os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_really_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(OSError, match="No space left on device"):
            sl.parse(LOGS["postfix/lockout"], disk / "out")
        assert not (disk / "out" / "manifest.json").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_ctrl_c_stops_cleanly_and_the_run_can_be_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr("smtplogs.making.GROUP_BYTES", 300_000)
    real = runs.make_part

    def interrupted(task: Any, advance: Any = None) -> Any:
        if any("mail.log.1" not in i.source.name for i in task.inputs):
            raise KeyboardInterrupt
        return real(task, advance)

    monkeypatch.setattr(runs, "make_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sl.parse(LOGS["postfix/lockout"], out, workers=1)
    monkeypatch.setattr(runs, "make_part", real)
    assert not (out / "manifest.json").exists()
    told = sl.parse(LOGS["postfix/lockout"], out)

    assert "unchanged" in told["status"].to_list()
    assert_same(out, LOGS["postfix/lockout"])


# --- what stands there


def test_the_manifest_is_a_chain_of_custody(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/lockout"], out)
    entries = {Path(i["source"]).name: i for i in manifest(out)["inputs"]}
    packed, plain = entries["mail.log.1.gz"], entries["mail.log"]

    assert packed["compression"] == "gzip"
    assert packed["stored_sha256"] != packed["sha256"]
    assert plain["stored_sha256"] == plain["sha256"]
    assert plain["bytes"] == plain["stored_bytes"] == LOGS["postfix/lockout"][0].stat().st_size
    assert plain["lines"] == 8439
    assert plain["kept"] == plain["records"] + plain["context"] + plain["dismissed"] + plain["not_understood"]
    assert plain["first_time"].startswith("2026-09-05T22:00:07")
    assert plain["year_evidence"]
    assert plain["zone_evidence"]
    assert (plain["version"], plain["schema"], plain["tz"]) == (sl.__version__, 1, None)


def test_files_say_who_wrote_them_and_how(tmp_path: Path) -> None:
    sl.parse(LOGS["postfix/new-year"], tmp_path / "out", tz="Europe/Warsaw")
    for path in (tmp_path / "out" / "events").rglob("*.parquet"):
        about = pl.read_parquet_metadata(path)
        assert about["smtplogs.version"] == sl.__version__
        assert about["smtplogs.schema"] == "1"
        assert json.loads(about["smtplogs.parameters"])["tz"] == "Europe/Warsaw"


@pytest.mark.parametrize(("by", "names"), [("month", {"month=2025-12", "month=2026-01"}), ("day", None)])
def test_events_lie_in_the_partition_of_their_time(tmp_path: Path, by: str, names: set[str] | None) -> None:
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/new-year"], out, by=by)
    folders = {p.name for p in (out / "events").iterdir()}

    assert names is None or folders == names
    for folder in (out / "events").iterdir():
        times = pl.read_parquet(folder / "*.parquet", hive_partitioning=False)["time"]
        assert set(times.dt.strftime(part_files.BY[by])) == {folder.name.partition("=")[2]}


def test_other_readers_need_nothing_of_ours(tmp_path: Path) -> None:
    """Plain strings instead of enums, one schema in all files."""
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/lockout"], out)
    events = pl.read_parquet(out / "events" / "*" / "*.parquet", hive_partitioning=False)

    assert events.height == sl.read(LOGS["postfix/lockout"]).height
    assert events.schema["outcome"] == pl.String
    frame = __import__("pandas").read_parquet(out / "events")
    assert len(frame) == events.height


def test_lines_not_understood_are_kept_whole_and_redacted(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mail.log",
        *(line("10:00:00", f"connect from oddity {n}, user=Hunter2!xyz AUTH PLAIN AGFsaWNlAHM=") for n in range(20)),
    )
    sl.parse(path, tmp_path / "out")
    missed = pl.read_parquet(tmp_path / "out" / "not_understood" / "*.parquet")
    seen = sl.coverage(tmp_path / "out")

    assert missed["line_no"].to_list() == list(range(1, 21))
    assert seen["not_understood"][0] == 20
    assert not missed["line"].str.contains("Hunter2|AGFsaWNlAHM").any()


def test_pseudonyms_link_over_runs_and_need_a_key_that_only_the_owner_reads(tmp_path: Path) -> None:
    text = FAILED.replace("alice", "Hunter2!xyz")
    out = tmp_path / "out"
    for n in (1, 2):
        sl.parse(write(tmp_path / f"{n}.log", line(f"10:00:0{n}", text)), out)

    users = sl.load(out).collect()["user"].drop_nulls()
    assert users.n_unique() == 1
    assert users[0].startswith("[redacted:user]#")
    assert (out / ".key").stat().st_mode & 0o777 == 0o600


def test_a_dataset_inside_the_archive_is_no_log(tmp_path: Path) -> None:
    write(tmp_path / "mail.log", line("10:00:00", FAILED))
    sl.parse(tmp_path, tmp_path / "events")
    told = sl.parse(tmp_path, tmp_path / "events")

    assert told.filter(pl.col("status") != "left out")["status"].to_list() == ["unchanged"]
    assert "1 dataset" in str(told["note"].to_list())


def test_detectors_charts_and_report_work_without_the_logs(tmp_path: Path) -> None:
    logs = [Path(shutil.copy(p, tmp_path)) for p in LOGS["postfix/lockout"]]
    events, coverage, traffic = sl.read(logs, full=True)
    out = tmp_path / "out"
    sl.parse(logs, out)
    for path in logs:
        path.unlink()
    found = sl.findings(sl.load(out), coverage=sl.coverage(out), traffic=sl.load(out, table="traffic").collect())

    assert_frame_equal(found, sl.findings(events, coverage=coverage, traffic=traffic))
    assert sl.report(sl.load(out).collect(), tmp_path / "r.html", coverage=sl.coverage(out)).stat().st_size > 10_000
    assert sl.plot_timeline(sl.load(out)) is not None


def test_load_opens_only_the_months_it_needs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/new-year"], out)
    everything = sl.load(out).collect()
    shutil.rmtree(out / "events" / "month=2026-01")
    december = sl.load(out, until="2026-01-01").collect()

    assert 0 < december.height < everything.height
    assert december["time"].max() < datetime(2026, 1, 1, tzinfo=UTC)
    assert_frame_equal(ordered(december), ordered(everything.filter(pl.col("time") < datetime(2026, 1, 1, tzinfo=UTC))))


def test_without_hashes_files_are_known_by_size_and_ends(tmp_path: Path) -> None:
    out = tmp_path / "out"
    sl.parse(LOGS["postfix/lockout"], out, hash=False)

    assert {i["sha256"] for i in manifest(out)["inputs"]} == {None}
    assert set(sl.parse(LOGS["postfix/lockout"], out, hash=False)["status"]) == {"unchanged"}
    assert_same(out, LOGS["postfix/lockout"])


def test_ten_small_files_are_one_part(tmp_path: Path) -> None:
    for n in range(10):
        write(tmp_path / f"{n}.log", line(f"10:00:0{n}", FAILED, f"postfix/smtpd[{n}]"))
    sl.parse(tmp_path / "*.log", tmp_path / "out")

    assert len(manifest(tmp_path / "out")["parts"]) == 1
    assert_same(tmp_path / "out", tmp_path / "*.log")


@pytest.mark.parametrize("bad", [{"by": "week"}, {"format": "postfx"}, {"tz": "Europe/Warszawa"}])
def test_mistakes_are_told_before_anything_is_read(tmp_path: Path, bad: dict[str, str]) -> None:
    with pytest.raises((ValueError, UnknownName)):
        sl.parse(LOGS["postfix/new-year"], tmp_path / "out", **bad)  # type: ignore[arg-type]
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_another_partition_is_refused(tmp_path: Path) -> None:
    sl.parse(LOGS["postfix/new-year"], tmp_path / "out")
    with pytest.raises(ValueError, match="partitioned by month"):
        sl.parse(LOGS["postfix/new-year"], tmp_path / "out", by="day")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"dataset": "other"}'])
def test_a_folder_without_a_manifest_is_no_dataset(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(NothingToRead):
        sl.load(tmp_path).collect()
    with pytest.raises(NothingToRead):
        sl.verify(tmp_path)


def test_empty_logs_make_an_empty_dataset(tmp_path: Path) -> None:
    (tmp_path / "mail.log").write_bytes(b"")
    sl.parse(tmp_path / "mail.log", tmp_path / "out")

    assert sl.load(tmp_path / "out").collect().shape == (0, len(sl.schema.EVENTS))  # type: ignore[attr-defined]
    assert sl.coverage(tmp_path / "out").height == 1


def test_progress_is_quiet_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sl.parse(LOGS["postfix/new-year"], tmp_path / "a")
    assert capfd.readouterr() == ("", "")
    sl.parse(LOGS["postfix/new-year"], tmp_path / "b", progress=True)
    shown = capfd.readouterr().err
    assert "reading" in shown
    assert f"{len(LOGS['postfix/new-year'])} of {len(LOGS['postfix/new-year'])} files" in shown


def test_the_session_of_two_files_and_its_events(tmp_path: Path) -> None:
    """Connect in the old file, failure and disconnect in the new one, which comes first."""
    old = write(tmp_path / "mail.log.1", line("10:00:00", f"connect from {PEER}", SUBMISSION))
    new = write(
        tmp_path / "mail.log",
        line("10:00:04", FAILED, SUBMISSION),
        line("10:00:09", f"disconnect from {PEER} ehlo=2 auth=0/1 commands=2/3", SUBMISSION),
    )
    out = tmp_path / "out"
    sl.parse(new, out)
    alone = sl.load(out).collect()["session"].unique().to_list()
    sl.parse(old, out)

    assert alone == ["mx1/postfix/submission/smtpd/10@~2026-11-03T10:00:04Z"]
    assert sl.load(out).collect()["session"].unique().to_list() == [
        "mx1/postfix/submission/smtpd/10@2026-11-03T10:00:00Z"
    ]
    assert_same(out, [old, new])


def test_a_report_of_a_dataset_tells_the_chain_of_custody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sl.parse(LOGS["postfix/new-year"], tmp_path / "out")
    inputs = sl.load(tmp_path / "out", table="inputs").collect()

    assert inputs["sha256"].to_list() == [
        hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in inputs["path"]
    ]
    for ending in ("html", "md"):
        with pytest.raises(SystemExit):
            cli.main(["report", str(tmp_path / "out"), "-o", str(tmp_path / f"page.{ending}")])
        page = (tmp_path / f"page.{ending}").read_text("utf-8")
        assert all(value in page for value in inputs["stored_sha256"])
    with pytest.raises(ValueError, match="chain of custody"):
        sl.report(sl.load(tmp_path / "out"), tmp_path / "x.md", inputs=inputs, share_safe=True)

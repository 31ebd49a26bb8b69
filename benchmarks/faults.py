"""Break things under `parse` and see that the totals still add up: memory, kills, full disk, clocks, rotation, damage.

Every case ends in two questions: does each input say how many bytes and lines it had and what became of them, and is the
dataset what an undisturbed run gives? Exit 1 if not. Everything happens in one folder that is removed.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import lzma
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from generate import generate

import smtplogs as sl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "sample_logs"
COUNTED = ("time", "stage", "outcome", "cause", "basis", "count", "client_ip", "user", "line_no")
TOTALS = ("records", "context", "dismissed", "not_understood")

PARSE = "import sys, smtplogs as sl; sl.parse(sys.argv[1], sys.argv[2], progress=False)"


class Unsound(AssertionError):
    """A total that does not add up."""


def holds(what: bool, told: str) -> None:
    """Raise Unsound unless it is so."""
    if not what:
        raise Unsound(told)


def events(dataset: Path) -> pl.DataFrame:
    """Return the events of a dataset in an order of their own."""
    frame = sl.load(dataset).select("source", *COUNTED).collect()
    return frame.with_columns(pl.col("source").str.replace(r"^.*/", "")).sort("source", *COUNTED)


def whole(coverage: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of whole files."""
    return coverage.filter(pl.col("program").is_null())


def adds_up(coverage: pl.DataFrame, sizes: dict[str, int] | None = None) -> str:
    """Check every file: each kept line has a fate, the bytes are those of the file; return the totals."""
    files = whole(coverage)
    for row in files.iter_rows(named=True):
        if row["kept"] is None:
            holds(row["error"] is not None or row["note"] is not None, f"{row['source']}: no counts and no word why")
            continue
        fates = sum(row[c] or 0 for c in TOTALS)
        holds(fates == row["kept"], f"{row['source']}: kept {row['kept']}, but {fates} have a fate")
        holds((row["lines"] or 0) >= row["kept"], f"{row['source']}: more kept than read")
        size = (sizes or {}).get(Path(row["source"]).name)
        if size is not None and row["compression"] is None:
            holds(row["bytes"] == size, f"{row['source']}: {row['bytes']} of {size} bytes")
    return f"{files.height} files, {files['lines'].sum():,} lines, {files['kept'].sum():,} kept"


def in_process(code: str, *words: str, limit: str = "") -> subprocess.Popen[str]:
    """Start Python on code, behind the words by which it limits itself."""
    known = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"{limit}
{code}", *words]
    return subprocess.Popen(command, env=known, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def log_of(folder: Path, megabytes: int, name: str = "mail.log", seed: int = 1) -> Path:
    """Make a log."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    generate("rfc3164", megabytes, 5, path, seed)
    truth = path.with_name(path.name + ".truth.json")
    truth.unlink(missing_ok=True)
    return path


# --- the cases


def memory(folder: Path, args: argparse.Namespace) -> str:
    """Parse a large log while the OS grants the process little memory."""
    log = log_of(folder / "logs", args.megabytes)
    limit = args.memory_mb * 1_000_000

    little = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))"
    began = time.monotonic()
    child = in_process(PARSE, str(log), str(folder / "out"), limit=little)
    _, said = child.communicate(timeout=args.timeout)
    holds(child.returncode == 0, f"exit {child.returncode}: {said[-300:]}")
    took = time.monotonic() - began
    coverage = sl.coverage(folder / "out")
    told = adds_up(coverage, {log.name: log.stat().st_size})
    with log.open("rb") as file:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    holds(int(whole(coverage)["lines"].sum()) == lines, "lines are missing")
    return f"{args.megabytes:,} MB in {args.memory_mb} MB of data (RLIMIT_DATA), {took:.0f} s; {told}, as many as there are"


def killed(folder: Path, args: argparse.Namespace) -> str:
    """Kill the run again and again at random moments; the last one finishes what they began."""
    for n in range(6):
        log_of(folder / "logs", 4, f"mx{n}.log", seed=n)
    sl.parse(folder / "logs", folder / "undisturbed", progress=False)
    dice, kills = random.Random(args.seed), 0
    for _ in range(args.kills):
        child = in_process(PARSE, str(folder / "logs"), str(folder / "out"))
        try:
            child.wait(dice.uniform(0.8, 4))
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            kills += 1
    sl.parse(folder / "logs", folder / "out", progress=False)
    told = adds_up(sl.coverage(folder / "out"))
    holds(events(folder / "out").equals(events(folder / "undisturbed")), "the dataset is another one")
    return f"killed {kills} of {args.kills} times; {told}; the same events as undisturbed"


def worker(folder: Path, args: argparse.Namespace) -> str:
    """Kill a worker of a Dask cluster in the middle of a run."""
    from distributed import Client, LocalCluster

    for n in range(8):
        log_of(folder / "logs", 4, f"mx{n}.log", seed=n)
    sl.parse(folder / "logs", folder / "undisturbed", progress=False)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        first = next(iter(client.run(os.getpid).values()))
        code = "import os, signal, sys, time; time.sleep(float(sys.argv[2])); os.kill(int(sys.argv[1]), signal.SIGKILL)"
        killer = in_process(code, str(first), str(args.after))
        sl.parse(folder / "logs", folder / "out", cluster=client, progress=False)
        killer.wait()
    told = adds_up(sl.coverage(folder / "out"))
    holds(events(folder / "out").equals(events(folder / "undisturbed")), "the dataset is another one")
    return f"one of two workers killed after {args.after} s; {told}; the same events"


def disk(folder: Path, args: argparse.Namespace) -> str:
    """Let the disk be full: files may grow to so much and no further; then there is room again."""
    log_of(folder / "logs", 30)
    sl.parse(folder / "logs", folder / "undisturbed", progress=False)
    refused = []
    for kilobytes in (1, 16, 64, 256):
        full = (
            "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({kilobytes * 1024}, {kilobytes * 1024}))"
        )
        command = "import sys; from smtplogs.cli import main; sys.argv[0] = 'smtplogs'; main()"
        child = in_process(command, "parse", str(folder / "logs"), "-o", str(folder / "out"), limit=full)
        _, said = child.communicate(timeout=300)
        if child.returncode:
            holds("Traceback" not in said, f"a traceback at {kilobytes} kB: {said[-400:]}")
            holds(bool(said.strip()), f"no word at {kilobytes} kB")
            refused.append(kilobytes)
    holds(bool(refused), "the disk was never full")
    sl.parse(folder / "logs", folder / "out", progress=False)
    told = adds_up(sl.coverage(folder / "out"))
    holds(events(folder / "out").equals(events(folder / "undisturbed")), "the dataset is another one")
    mounted = _small_mount(folder)
    return f"full at {refused} kB (RLIMIT_FSIZE), one line each; {mounted}; with room again {told}, the same events"


def _small_mount(folder: Path) -> str:
    """The same on a file system of 1 MB, where this machine lets us mount one."""
    place = folder / "small"
    place.mkdir()
    script = 'mount -t tmpfs -o size=1m tmpfs "$1" || exit 77; shift; exec "$@"'
    code = "import sys; from smtplogs.cli import main; sys.argv[0] = 'smtplogs'; main()"
    told = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", str(place), sys.executable, "-c", code, "parse", str(folder / "logs"),
         "-o", str(place / "out")], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if told.returncode == 77 or "unshare" in told.stderr:
        return "no tmpfs may be mounted here"
    holds(told.returncode != 0, "1 MB was enough")
    holds("Traceback" not in told.stderr, f"a traceback on tmpfs: {told.stderr[-400:]}")
    words = told.stderr.strip().splitlines()[-1]
    holds("space" in words.lower(), f"the reason is not said: {words}")
    return f"on a tmpfs of 1 MB: exit {told.returncode}, `{re.sub(r'/[^ ]*/', '.../', words)}`"


def clocks(folder: Path, args: argparse.Namespace) -> str:
    """Let the clock jump backwards: by seconds, an hour, a day, a month, in the middle of sessions."""
    log = log_of(folder / "logs", 3)
    lines = log.read_text().splitlines()
    straight = sl.read(log, year=2026)
    told = []
    for name, seconds in (("1 s", 1), ("5 min", 300), ("1 h", 3600), ("1 day", 86400), ("40 days", 40 * 86400)):
        back = folder / "back" / f"{seconds}.log"
        back.parent.mkdir(exist_ok=True)
        half = len(lines) // 2
        back.write_text("\n".join([*lines[:half], *(_earlier(line, seconds) for line in lines[half:])]) + "\n")
        found, coverage, _ = sl.read(back, year=2026, full=True)
        adds_up(coverage, {back.name: back.stat().st_size})
        n, expected = (int(f.filter(pl.col("outcome") != "info")["count"].sum()) for f in (found, straight))
        told.append(f"{name}: {n - expected:+d}")
    return (
        f"{len(lines):,} lines, the second half earlier; attempts and mails against the straight log: {', '.join(told)}"
    )


def _earlier(line: str, seconds: int) -> str:
    """Write an RFC 3164 line with an earlier stamp."""
    stamp = time.strptime("2026 " + line[:15], "%Y %b %d %H:%M:%S")
    then = time.gmtime(int(time.mktime((*stamp[:8], 0)) - time.timezone) - seconds)
    return time.strftime("%b ", then) + f"{then.tm_mday:2d}" + time.strftime(" %H:%M:%S", then) + line[15:]


def growing(folder: Path, args: argparse.Namespace) -> str:
    """Parse a folder over and over while its log grows and is rotated and compressed; at the end nothing is missing."""
    source = log_of(folder / "source", 12).read_bytes().splitlines(keepends=True)
    logs, out = folder / "logs", folder / "out"
    logs.mkdir()
    writer = in_process(WRITER, str(folder / "source" / "mail.log"), str(logs), "150000")
    runs = 0
    while writer.poll() is None:
        if any(logs.iterdir()):
            sl.parse(logs, out, progress=False)
            runs += 1
        time.sleep(0.3)
    sl.parse(logs, out, progress=False)
    holds(writer.returncode == 0, writer.stderr.read()[-300:] if writer.stderr else "the writer failed")
    sl.parse(logs, folder / "at-once", progress=False)
    coverage = sl.coverage(out)
    told = adds_up(coverage)
    # no double and no hole, whatever names the pieces had when they were read
    lines, now = int(whole(coverage)["lines"].sum()), list(logs.iterdir())
    holds(lines == len(source), f"{lines:,} of {len(source):,} lines")
    holds(
        events(out).drop("source").sort(COUNTED).equals(events(folder / "at-once").drop("source").sort(COUNTED)),
        "the dataset is another one",
    )
    return f"{runs} runs while {len(source):,} lines were written into {len(now)} files; {told}; the same events as at once"


WRITER = """
import gzip, sys, time
from pathlib import Path
source, logs, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
data, at, n = source.read_bytes(), 0, 0
log = logs / "mail.log"
while at < len(data):
    end = data.find(b"\\n", at + size) + 1 or len(data)
    half = (at + end) // 2          # the reader sees half a line now and then
    with log.open("ab") as file:
        file.write(data[at:half])
        file.flush()
        time.sleep(0.2)
        file.write(data[half:end])
    at, n = end, n + 1
    if n % 8 == 0:
        for k in range(40, 0, -1):
            for ending in ("", ".gz"):
                old = logs / f"mail.log.{k}{ending}"
                if old.exists():
                    old.rename(logs / f"mail.log.{k + 1}{ending}")
        log.rename(logs / "mail.log.1")
        second = logs / "mail.log.2"
        if second.exists():
            packed = logs / ".packing"
            packed.write_bytes(gzip.compress(second.read_bytes()))
            packed.rename(logs / "mail.log.2.gz")
            second.unlink()
    time.sleep(0.2)
"""


def damaged(folder: Path, args: argparse.Namespace) -> str:
    """Damage many files at random places: bits, holes, cuts, repeats, NULs, endless lines, broken compression."""
    logs = folder / "logs"
    logs.mkdir()
    origins = [p.read_bytes()[:60_000] for p in sorted(SAMPLES.rglob("mail.log"))[:40]]
    dice = random.Random(args.seed)
    sizes, newlines = {}, {}
    for n in range(args.files):
        data = bytearray(dice.choice(origins))
        for _ in range(dice.randint(1, 6)):
            _hurt(data, dice)
        name = f"{n:04d}.log"
        kind = dice.choice(("plain", "plain", "plain", "gz", "bz2", "xz"))
        if kind == "plain":
            sizes[name] = len(data)
            newlines[name] = len([x for x in re.split(rb"\n", bytes(data)) if x]) if data else 0
        else:
            packed = bytearray({"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[kind](bytes(data)))
            for _ in range(dice.randint(0, 2)):
                at = dice.randrange(len(packed))
                if dice.random() < 0.5:
                    del packed[at:]
                elif packed:
                    packed[at] ^= 1 << dice.randrange(8)
                if not packed:
                    break
            data, name = packed, f"{name}.{kind}"
        (logs / name).write_bytes(data)
    began = time.monotonic()
    sl.parse(logs, folder / "out", progress=False)
    took = time.monotonic() - began
    coverage = sl.coverage(folder / "out")
    told = adds_up(coverage, sizes)
    files = whole(coverage)
    named = set(files["source"].str.replace(r"^.*/", ""))
    silent = [p.name for p in logs.iterdir() if p.name not in named]
    holds(not silent, f"not a word on {silent[:5]}")
    broken = files.filter(pl.col("error").is_not_null()).height
    return f"{args.files:,} files in {took:.0f} s; {told}; {broken} say what is wrong with them, none is missing"


def _hurt(data: bytearray, dice: random.Random) -> None:
    """Damage bytes in one way."""
    at = dice.randrange(len(data)) if data else 0
    how = dice.randrange(8)
    length = dice.choice((1, 10, 300, 5000))
    if how == 0 and data:
        data[at] ^= 1 << dice.randrange(8)
    elif how == 1:
        del data[at : at + length]
    elif how == 2:
        data[at:at] = bytes(length)
    elif how == 3:
        data[at:at] = dice.randbytes(length)
    elif how == 4:
        data[at:at] = data[at : at + length]
    elif how == 5:
        del data[at:]
    elif how == 6:
        data[at : at + length] = data[at : at + length].replace(b"\n", b"\r\n" if dice.random() < 0.5 else b"\r")
    else:
        data[at:at] = b"x" * dice.choice((100, 70_000, 2_000_000))


CASES = {f.__name__: f for f in (memory, killed, worker, disk, clocks, growing, damaged)}


def main() -> int:
    """Run the cases; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], default=list(CASES))
    parser.add_argument(
        "--megabytes", type=int, default=1000, help="size of the log for `memory`; 20000 for a quiet hour"
    )
    parser.add_argument("--memory-mb", type=int, default=900)
    parser.add_argument("--timeout", type=int, default=1800)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--after", type=float, default=1.5, help="seconds until a worker is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the files are made; default: the temporary folder")
    args = parser.parse_args()
    failed = 0
    print("| case | what happened |\n| --- | --- |", flush=True)
    for name in args.cases:
        with tempfile.TemporaryDirectory(dir=args.folder, prefix="smtplogs-faults-") as place:
            try:
                told = CASES[name](Path(place), args)
            except Exception as error:
                failed += 1
                told = f"**{type(error).__name__}**: {str(error).strip()[-300:]}".replace("\n", " ")
        print(f"| {name} | {told} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

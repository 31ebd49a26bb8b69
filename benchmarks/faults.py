"""Break things under `parse` and see that the totals still add up: memory, kills, full disk, clocks, rotation, damage.

Every case ends in two questions: does each input say how many bytes and lines it had and what became of them, and is the
dataset what an undisturbed run gives? Exit 1 if not. Everything happens in one folder that is removed.
"""

from __future__ import annotations

import argparse
import bz2
import datetime as dt
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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from compare import expected
from generate import generate

import smtplogs as sl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
    command = [sys.executable, "-c", f"{limit}\n{code}", *words]
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


def big(folder: Path, args: argparse.Namespace) -> str:
    """Parse a log of many gigabytes under a limit of the OS: bytes, lines and counts are so many times those of one part."""
    part = folder / "part.log"
    gigabytes = args.gigabytes or 2
    n = max(1, round(gigabytes * 1000 / args.part))
    truth = generate("rfc3164", args.part, 20, part, args.seed)
    part.with_name(part.name + ".truth.json").unlink()
    log = folder / "logs" / "mail.log"
    log.parent.mkdir()
    repeated(part, log, n)
    part.unlink()
    size, out = log.stat().st_size, folder / "out"
    limit = bytes_of(args.limit)
    began = time.monotonic()
    with under(limit) as (how, words, join):
        child = in_process(MEASURED, str(log), str(out), limit=words)
        join(child.pid)
        said, complaint = child.communicate(timeout=args.timeout * max(1, gigabytes))
    took = time.monotonic() - began
    holds(child.returncode == 0, f"exit {child.returncode} under {how}: {complaint[-300:]}")
    told = adds_up(sl.coverage(out), {log.name: size})
    lines = int(whole(sl.coverage(out))["lines"].sum())
    holds(lines == n * truth["lines"], f"{lines:,} lines of {n * truth['lines']:,}")
    n_checked = counts_fit(out, truth, n)
    return (
        f"{size / 1e9:.1f} GB ({n} parts of {args.part} MB, days apart) under {args.limit} ({how}), {took:.0f} s, peak RSS "
        f"{int(said) / 1024:.0f} MB; {told}; bytes, lines and {n_checked} counts are {n} times those of one part"
    )


MEASURED = (
    "import sys, resource, smtplogs as sl; sl.parse(sys.argv[1], sys.argv[2], progress=False); "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)


def bytes_of(text: str) -> int:
    """Read `1.5G`, `800M`."""
    number, unit = re.fullmatch(r"([0-9.]+)([KMG]?)B?", text.upper()).groups()  # type: ignore[union-attr]
    return int(float(number) * {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}[unit])


@contextmanager
def under(limit: int) -> Iterator[tuple[str, str, Callable[[int], None]]]:
    """Give a way to limit a child: a cgroup of version 2 if one may be made, else what the child does to itself."""
    group = Path(f"/sys/fs/cgroup/smtplogs-faults-{os.getpid()}")
    try:
        if "memory" not in (group.parent / "cgroup.controllers").read_text():
            raise OSError("no memory controller")
        group.mkdir()
        (group / "memory.max").write_text(str(limit))
        (group / "memory.swap.max").write_text("0")
    except OSError:
        if group.exists():
            group.rmdir()
        words = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({limit}, {limit}))"
        yield "RLIMIT_DATA, which counts what is reserved as well", words, lambda _: None
        return
    try:
        yield "cgroup memory.max", "", lambda pid: _join(group, pid)
    finally:
        group.rmdir()


def _join(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(str(pid))


def repeated(part: Path, log: Path, n: int) -> None:
    """Write n copies of a log one after the other, each so many days later that they do not overlap."""
    with part.open("rb") as file:
        pieces = iter(lambda: file.read(1 << 26), b"")
        heads = {head for text in pieces for head in re.findall(rb"\n([A-Z][a-z]{2} [ 0-9][0-9]) ", text)}
    days = sorted(dt.datetime.strptime(f"2026 {head.decode()}", "%Y %b %d") for head in heads)  # noqa: DTZ007
    span = (days[-1] - days[0]).days + 1
    with log.open("wb") as out:
        for k in range(n):
            later = dt.timedelta(days=k * span)
            # the last day first: what it becomes is no day that is still to be moved
            moves = [(b"\n" + written(day), b"\n" + written(day + later)) for day in reversed(days)]
            with part.open("rb") as file:
                rest = b"\n"
                while piece := file.read(1 << 26):
                    piece = rest + piece
                    end = piece.rfind(b"\n")
                    piece, rest = piece[:end], piece[end:]
                    for old, new in moves:
                        piece = piece.replace(old, new)
                    out.write(piece[1:] + b"\n")
                holds(rest == b"\n", "a part must end with a newline")


def written(day: dt.datetime) -> bytes:
    """Return a day as syslog writes it."""
    return f"{day:%b} {day.day:2d} ".encode()


def counts_fit(out: Path, truth: dict, n: int) -> int:
    """Compare counts of the events with n times the truth; return how many were compared."""
    every = sl.load(out)
    for name, number, wanted, column in expected(truth):
        rows = every.filter(pl.all_horizontal(pl.col(c).cast(pl.String).is_in(list(w)) for c, w in wanted.items()))
        found = rows.select(pl.len() if column == "rows" else pl.col("count").sum()).collect(engine="streaming").item()
        holds(found == n * number, f"{name}: {found:,}, not {n} times {number:,}")
    return len(expected(truth))


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


CASES = {f.__name__: f for f in (memory, big, killed, worker, disk, clocks, growing, damaged)}


def main() -> int:
    """Run the cases; print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], default=[])
    parser.add_argument(
        "--megabytes", type=int, default=1000, help="size of the log for `memory`; 20000 for a quiet hour"
    )
    parser.add_argument(
        "--gigabytes", type=float, help="size of the log for `big`, alone: 20 takes half an hour and 25 GB"
    )
    parser.add_argument("--limit", default="1.5G", help="memory granted to `big`")
    parser.add_argument("--part", type=float, default=1000, help="megabytes of the part that `big` repeats")
    parser.add_argument("--memory-mb", type=int, default=1500)
    parser.add_argument("--timeout", type=int, default=1800)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--after", type=float, default=1.5, help="seconds until a worker is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the files are made; default: the temporary folder")
    args = parser.parse_args()
    args.cases = args.cases or (["big"] if args.gigabytes else [name for name in CASES if name != "big"])
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

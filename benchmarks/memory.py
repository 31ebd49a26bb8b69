"""Show whether the peak memory of smtplogs is flat at 100 MB, 1 GB and, if asked, 5 GB of log."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from _measure import ROOT, python, run, table
from generate import generate

CALLS = {
    "read": "import smtplogs as sl; sl.read(sys.argv[1])",
    "full": "import smtplogs as sl; sl.read(sys.argv[1], full=True)",
    "parse": "import smtplogs as sl; sl.parse(sys.argv[1], sys.argv[2])",
}


def log_of(megabytes: int, auth_percent: float, folder: Path) -> Path:
    """Give the log of that size, made once and kept."""
    path = folder / f"pf-{megabytes}-{auth_percent:g}.log"
    if not path.with_name(path.name + ".truth.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        generate("rfc3164", megabytes, auth_percent, path, 1)
    return path


def main() -> None:
    """Measure each call on each size and print the growth against the smallest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "benchmarks" / "data")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000], metavar="MB")
    parser.add_argument("--five", action="store_true", help="also 5 GB")
    parser.add_argument("--auth-percent", type=float, default=5)
    parser.add_argument("--calls", nargs="+", choices=sorted(CALLS), default=["parse", "read"])
    parser.add_argument("--table", action="store_true", help="Markdown rows")
    args = parser.parse_args()
    sizes = [*args.sizes, 5000] if args.five else args.sizes
    lines = []
    for call in args.calls:
        smallest = 0.0
        for size in sizes:
            path = log_of(size, args.auth_percent, args.folder)
            with tempfile.TemporaryDirectory(dir=args.folder) as out:
                usage = run(python(CALLS[call], str(path), str(Path(out) / "dataset")))
            smallest = smallest or usage.rss_mb
            failed = f" (exit {usage.exit_code})" if usage.exit_code else ""
            anon = "-" if usage.anon_mb is None else f"{usage.anon_mb:.0f}"
            speed = f"{size / usage.wall_s:.0f}"
            lines.append(
                [call + failed, f"{size:,}", f"{usage.rss_mb:.0f}", anon, f"{usage.rss_mb / smallest:.2f}", speed]
            )
    print(table(["call", "MB of log", "peak RSS MB", "anon MB", "RSS / smallest", "MB/s"], lines, markdown=args.table))


if __name__ == "__main__":
    main()

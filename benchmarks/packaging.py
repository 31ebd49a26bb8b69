"""Build, install and start the package in fresh environments: sizes and seconds, as docs/budget.md states them.

    python benchmarks/packaging.py [--all]

For each Python from 3.11 to 3.14 on the path (or of pyenv): the wheel installed from the index's wheels, `smtplogs triage` run
on a packaged sample, the import timed (best of seven). `--all` also installs `smtplogs[all]` once. Needs the network;
part of the slow tier.
"""

from __future__ import annotations

import argparse
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def run(*words: object) -> str:
    """Run a program; return what it printed."""
    return subprocess.run([str(w) for w in words], check=True, capture_output=True, text=True).stdout


def cost(*words: object) -> tuple[float, str]:
    """Run a program; return the processor seconds it took, which other work on the machine leaves alone, and its words."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = run(*words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


def best(python: Path, code: str) -> float:
    """Return the best of seven: processor seconds of a fresh interpreter, less those of an empty one."""
    return min(cost(python, "-c", code)[0] for _ in range(7)) - min(cost(python, "-c", "pass")[0] for _ in range(7))


def pythons() -> dict[str, str]:
    """Return the interpreters to try, by version."""
    found = {}
    for version in VERSIONS:
        named = [shutil.which(f"python{version}")]
        named += [str(p) for p in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))]
        for place in filter(None, named):
            told = subprocess.run([place, "-V"], capture_output=True, text=True, check=False)
            if told.returncode == 0 and told.stdout.startswith(f"Python {version}."):
                found[version] = place
    return found


def megabytes(folder: Path) -> float:
    """Return the size of a folder in MB."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6


def main() -> None:
    """Print a row for each Python."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also install smtplogs[all]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", place / "dist", ROOT)
        wheel = next((place / "dist").glob("*.whl"))
        print(f"wheel {wheel.stat().st_size / 1e6:.2f} MB\n")
        print(
            "| Python | installed MB | of it smtplogs | import smtplogs cpu-s | of it polars | triage of a small log cpu-s |"
        )
        print("|---|---|---|---|---|---|")
        for version, python in pythons().items():
            home = place / version
            run(python, "-m", "venv", home)
            run(home / "bin" / "pip", "install", "-q", "--only-binary=:all:", wheel)
            packages = next((home / "lib").glob("python3*")) / "site-packages"
            ours, polars = (
                best(home / "bin" / "python", "import smtplogs"),
                best(home / "bin" / "python", "import polars"),
            )
            logs = sorted((packages / "smtplogs" / "_data" / "sample_logs" / "postfix" / "new-year").glob("mail.log*"))
            run(home / "bin" / "smtplogs", "triage", *logs)  # compiles the modules
            triage, said = cost(home / "bin" / "smtplogs", "triage", *logs)
            if not re.search(r"^AUTH ", said, re.MULTILINE):
                raise SystemExit(f"{version}: triage said {said!r}")
            sizes = f"{megabytes(packages):.0f} | {megabytes(packages / 'smtplogs'):.1f}"
            print(f"| {version} | {sizes} | {ours:.2f} | {polars:.2f} | {triage:.1f} |", flush=True)
        if given.all:
            home = place / "all"
            run(sys.executable, "-m", "venv", home)
            run(home / "bin" / "pip", "install", "-q", f"{wheel}[all]")
            run(home / "bin" / "python", "-c", "import smtplogs, jupyterlab, distributed, maxminddb, sphinx, pytest")
            print(f"\nsmtplogs[all] installs: {megabytes(home):.0f} MB")


if __name__ == "__main__":
    main()

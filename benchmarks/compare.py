"""Time smtplogs beside other readers of mail logs on one file, and check our counts against its truth."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from _measure import Usage, middle, python, run, table

READ = "import smtplogs as sl; sl.read(sys.argv[1])"
READ_FULL = "import smtplogs as sl; sl.read(sys.argv[1], full=True)"
PARSE = "import smtplogs as sl; sl.parse(sys.argv[1], sys.argv[2])"
PARSE_NO_HASH = "import smtplogs as sl; sl.parse(sys.argv[1], sys.argv[2], hash=False)"
LINE = (
    r"^(.{15}) ([^ ]+) postfix/(?:([^/\[]+)/)?smtpd\[([0-9]+)\]: warning: ([^\[]*)\[([^\]]+)\]: "
    r"SASL ([^ ]+) authentication failed: ([^,]*)(?:, sasl_username=(.*))?$"
)
"""One expression for failures alone: what people write for themselves. No successes, sessions or silent refusals."""
DUCKDB = f"""
import duckdb
lines = "read_csv(?, columns={{'line': 'VARCHAR'}}, header=false, delim='\\x01', quote='', escape='', auto_detect=false)"
names = "['time','host','service','pid','name','ip','mechanism','detail','user']"
duckdb.execute("COPY (SELECT unnest(regexp_extract(line, ?, " + names + ")) FROM " + lines
               + " WHERE contains(line, ']: SASL ')) TO '" + sys.argv[2] + ".parquet' (FORMAT parquet)",
               [{LINE!r}, sys.argv[1]])
"""
PANDAS = f"""
import pandas as pd
lines = pd.read_csv(sys.argv[1], sep=chr(1), header=None, names=["line"], dtype=str, quoting=3, engine="c")["line"]
lines.str.extract({LINE!r}).dropna(how="all").rename(columns=str).to_parquet(sys.argv[2] + ".parquet")
"""
MAWK = r"""
/\]: SASL .* authentication failed/ {
    match($0, /\[[0-9a-fA-F.:]+\]: SASL/); ip = substr($0, RSTART + 1, RLENGTH - 8)
    n = index($0, "sasl_username="); print substr($0, 1, 15), ip, n ? substr($0, n + 14) : ""
}
"""
COUNT = """
import json
import polars as pl
import smtplogs as sl
events = sl.read(sys.argv[1])
keys = ("protocol", "stage", "outcome", "cause")
rows = events.group_by(keys).agg(pl.col("count").sum().alias("n"), pl.len().alias("rows"))
print(json.dumps([{k: (v if isinstance(v, int) else str(v)) for k, v in row.items()} for row in rows.to_dicts()]))
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program under test. `cut_mb`: it is slow, so it sees only the first megabytes; figures are per MB of what it saw."""

    name: str
    gives: str
    command: list[str]
    cut_mb: float | None = None
    needs: str = ""


def tools(path: Path) -> list[Tool]:
    """List what is installed here.

    Parameters
    ----------
    path
        The log; `{}` in a command stands for the file (or its cut).

    Returns
    -------
    list of Tool
        `rg` is the yardstick and comes first.
    """
    exim = "main" in path.name
    words, jail = (
        ((" authenticator failed ", " A="), "exim") if exim else (("]: SASL ", ", sasl_method="), "postfix[mode=auth]")
    )
    found = [
        Tool("rg -c", "count of AUTH lines", ["rg", "-a", "-c", "-F", "-e", words[0], "-e", words[1], "{}"]),
        Tool("import smtplogs", "nothing: the start", python("import smtplogs as sl; sl.read")),
        Tool("sl.read", "events, stitched", python(READ, "{}")),
        Tool("sl.read(full=True)", "events, coverage, traffic", python(READ_FULL, "{}")),
        Tool("sl.parse", "dataset, hashed", python(PARSE, "{}", "{out}")),
        Tool("sl.parse --no-hash", "dataset", python(PARSE_NO_HASH, "{}", "{out}")),
        Tool("mawk", "time, address, user of failures", ["mawk", MAWK, "{}"]),
        Tool("DuckDB, one regex", "nine fields of failures", python(DUCKDB, "{}", "{out}"), needs="duckdb"),
        Tool("pandas, one regex", "nine fields of failures", python(PANDAS, "{}", "{out}"), 100, needs="pandas"),
        Tool("eximstats", "traffic report (Exim logs only)", ["eximstats", "{}"], 100),
        Tool("pflogsumm", "traffic report", ["pflogsumm", "{}"], 100),
        Tool(
            "lnav -n",
            "SQL count",
            ["lnav", "-n", "-c", ";SELECT count(*) FROM syslog_log WHERE log_body LIKE '%SASL%'", "{}"],
            20,
        ),
        Tool("fail2ban-regex", "address per failure", ["fail2ban-regex", "{}", jail], 20),
    ]
    others = ("mawk", "DuckDB, one regex", "pandas, one regex", "pflogsumm", "lnav -n") if exim else ("eximstats",)
    found = [t for t in found if t.name not in others]
    return [t for t in found if shutil.which(t.command[0]) and (not t.needs or find_spec(t.needs))]


def cut(path: Path, megabytes: float, folder: Path) -> Path:
    """Copy the first megabytes, up to a line's end; the file itself if it is small."""
    size = int(megabytes * 1e6)
    if path.stat().st_size <= size:
        return path
    target = folder / f"first-{megabytes:g}-MB.log"
    if not target.exists():
        with path.open("rb") as source, target.open("wb") as out:
            while source.tell() < size - (1 << 20):  # in small pieces: a child's peak RSS begins with ours
                out.write(source.read(1 << 20))
            last = source.read(1 << 20)
            out.write(last[: last.rfind(b"\n") + 1])
    return target


def measure(path: Path, rounds: int, skipped: list[str]) -> list[tuple[Tool, float, Usage]]:
    """Run all tools in turn, some rounds, each in a fresh process.

    Parameters
    ----------
    path
        The log.
    rounds
        How often.
    skipped
        Names to leave out.

    Returns
    -------
    list of (Tool, MB it read, medians)
        In the order of the table.
    """
    with tempfile.TemporaryDirectory() as name:
        chosen = [tool for tool in tools(path) if tool.name not in skipped]
        files = [cut(path, tool.cut_mb, Path(name)) if tool.cut_mb else path for tool in chosen]
        for file in set(files):
            with file.open("rb") as warm:  # page cache
                while warm.read(1 << 20):
                    pass
        usages: list[list[Usage]] = [[] for _ in chosen]
        for _ in range(rounds):
            for tool, file, mine in zip(chosen, files, usages, strict=True):
                with tempfile.TemporaryDirectory() as out:
                    names = {"{}": str(file), "{out}": f"{out}/dataset"}
                    mine.append(run([names.get(part, part) for part in tool.command]))
        sizes = [file.stat().st_size / 1e6 for file in files]
    return [(tool, size, middle(mine)) for tool, size, mine in zip(chosen, sizes, usages, strict=True)]


def rows(results: list[tuple[Tool, float, Usage]]) -> list[list[str]]:
    """Write the figures: per MB and GB of what each tool read, and against `rg -c`."""
    yard = next((usage.wall_s / size for tool, size, usage in results if tool.name == "rg -c"), None)
    lines = []
    for tool, size, usage in results:
        failed = f" (exit {usage.exit_code})" if usage.exit_code else ""
        starts = tool.name.startswith("import")
        lines.append(
            [
                tool.name + failed,
                tool.gives,
                "-" if starts else f"{size:.0f}",
                f"{usage.wall_s:.2f}",
                "-" if starts else f"{size / usage.wall_s:.0f}",
                "-" if starts else f"{usage.cpu_s / size * 1000:.2f}",
                f"{usage.rss_mb:.0f}",
                "-" if usage.anon_mb is None else f"{usage.anon_mb:.0f}",
                "-" if starts or yard is None else f"{usage.wall_s / size / yard:.1f}",
            ]
        )
    return lines


def expected(truth: dict) -> list[tuple[str, int, dict[str, tuple[str, ...]], str]]:
    """Say which events should come out: name, number, filter on the event columns, column to add up.

    Parameters
    ----------
    truth
        What `generate.py` wrote beside the log.

    Returns
    -------
    list of tuple
        One per check.
    """
    auth = truth["auth"]
    smtp = {"protocol": ("smtp",), "stage": ("auth",)}
    imap = {"protocol": ("imap",), "stage": ("auth",)}
    # a lost connection is deferred or, by its context, throttled: the two are checked as one number
    late = auth["connection_lost"] + auth["throttled"]
    refused = auth["refused_mechanism"] + auth["refused_silent"]
    return [
        ("logins", auth["success"], {**smtp, "outcome": ("success",)}, "n"),
        ("wrong credentials", auth["failure"], {**smtp, "outcome": ("failure",)}, "n"),
        ("not judged or throttled", late, {**smtp, "outcome": ("deferred", "throttled")}, "n"),
        ("refused commands", refused, {**smtp, "outcome": ("refused",)}, "n"),
        ("aborted", auth["aborted"], {**smtp, "outcome": ("aborted",)}, "n"),
        ("mails with a login", truth["mail_success"], {"stage": ("mail",), "outcome": ("success",)}, "rows"),
        ("relay denied", truth["relay_denied"], {"cause": ("relay_denied",)}, "n"),
        ("TLS failed", truth["tls_failed"], {"stage": ("tls",), "outcome": ("aborted",)}, "n"),
        ("IMAP logins", truth["imap"]["success"], {**imap, "outcome": ("success",)}, "n"),
        ("IMAP failures", truth["imap"]["failure"], {**imap, "outcome": ("failure",)}, "n"),
    ]


def check(path: Path) -> bool:
    """Compare our counts with OUT.truth.json, print both; true if all agree (or there is no truth)."""
    beside = path.with_name(path.name + ".truth.json")
    if not beside.exists():
        print("no truth beside this file: counts not checked")
        return True
    truth = json.loads(beside.read_text(encoding="ascii"))
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "counts.json"
        usage = run(python(COUNT, str(path)), output)
        if usage.exit_code:
            print(f"counting failed: exit {usage.exit_code}")
            return False
        found = json.loads(output.read_text(encoding="utf-8"))
    lines, good = [], True
    for name, number, wanted, column in expected(truth):
        ours = sum(row[column] for row in found if all(row[key] in words for key, words in wanted.items()))
        good = good and ours == number
        lines.append([name, f"{ours:,}", f"{number:,}", "ok" if ours == number else f"{ours - number:+,}"])
    print(table(["counts", "ours", "truth", ""], lines, markdown=False))
    return good


def main() -> int:
    """Measure, print, check; 1 if a count is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave a tool out")
    parser.add_argument("--table", action="store_true", help="Markdown rows")
    parser.add_argument("--check-only", action="store_true", help="counts, no timing")
    args = parser.parse_args()
    if not args.check_only:
        header = ["tool", "gives", "MB read", "wall s", "MB/s", "cpu-s/GB", "RSS MB", "anon MB", "time / rg -c"]
        print(table(header, rows(measure(args.file, args.rounds, args.skip)), markdown=args.table))
        print()
    return 0 if check(args.file) else 1


if __name__ == "__main__":
    sys.exit(main())

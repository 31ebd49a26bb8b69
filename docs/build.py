"""Build the documentation site; any warning is an error.

    pip install -e ".[docs]" && python docs/build.py site

Pages that say what the code says (functions, commands, columns, formats, samples) are made here, from the code.
"""

from __future__ import annotations

import argparse
import inspect
import shutil
import sys
import tempfile
from pathlib import Path

import polars as pl
from sphinx.cmd.build import build_main
from tried import told

import smtplogs as sl
from smtplogs import cli
from smtplogs.logformats import EVERY

HERE = Path(__file__).parent
ROOT = HERE.parent

KINDS = {
    "Read": ("read", "load", "parse", "coverage", "watch", "verify"),
    "Sum up and explain": ("summary", "sessions", "clients", "explain", "evidence", "geo", "to_ecs"),
    "Judge": (
        "findings",
        "lockouts",
        "stale_credentials",
        "misconfigured_clients",
        "throttling",
        "attacks",
        "compromises",
        "incidents",
        "relay_refusals",
        "exposure",
        "client_hints",
    ),
    "Tell": ("report", "notebook"),
    "Ask a server": ("probe", "compare_probe"),
}
"""Public functions in the order in which people need them; what is missing here comes under its own heading."""


def table(frame: pl.DataFrame) -> str:
    """Return a frame as a Markdown table."""

    def cell(value: object) -> str:
        text = "" if value is None else ", ".join(value) if isinstance(value, list) else str(value)
        return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    rows = [frame.columns, ["---"] * frame.width, *frame.iter_rows()]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in rows) + "\n"


def fenced(text: str) -> str:
    """Return text as a code block, whatever backticks it holds."""
    return f"``````text\n{text}\n``````\n"


def functions() -> str:
    """Return the page of public functions, from their docstrings."""
    named = {name for names in KINDS.values() for name in names}
    charts = tuple(n for n in sl.__all__ if n.startswith("plot_"))
    kinds = KINDS | {"Draw": charts, "More": tuple(n for n in sl.__all__ if n not in named and n not in charts)}
    parts = [
        "# Functions\n\nAll are in `import smtplogs as sl`. Frames may be Polars or pandas; answers come in kind.\n"
    ]
    for kind, names in kinds.items():
        parts += [f"## {kind}\n", *(f"```{{eval-rst}}\n.. autofunction:: smtplogs.{name}\n```\n" for name in names)]
    return "\n".join(parts)


def commands() -> str:
    """Return the page of commands, from what `--help` takes: first words and options."""
    parts = ["# Commands\n\nThe library spelled with dashes. `smtplogs --help` lists them by what people want.\n"]
    for name in sorted(n for n in cli.app if not n.startswith("-")):
        about = inspect.getdoc(cli.app[name].default_command) or ""
        rows = [
            {"option": f"`{', '.join(a.names)}`", "meaning": a.parameter.help}
            for a in cli.app[name].assemble_argument_collection()
            if a.parameter.help and a.names
        ]
        parts += [f"## {name}\n", about, "", table(pl.DataFrame(rows)) if rows else ""]
    return "\n".join(parts)


def tables() -> str:
    """Return the page of tables and columns, from the schema."""
    parts = ["# Tables and columns\n\nAlso as a frame: `sl.columns()`.\n"]
    for (name,), part in sl.columns().group_by("table", maintain_order=True):
        parts += [f"## {name}\n", table(part.drop("table"))]
    return "\n".join(parts)


def formats() -> str:
    """Return the page of formats, from the formats: kind, writers, what their logs cannot show, a line of each pattern."""
    known = sl.formats()
    parts = [f"# Formats\n\n{len(EVERY)} formats, {known.height} patterns; each carries the line it is for.\n"]
    for one in sorted(EVERY, key=lambda f: f.name):
        rows = known.filter(pl.col("format") == one.name)
        parts.append(f"## {one.name}\n\n{one.title} ({type(one).__name__.lower()}). {told(one.name)}\n")
        writers = rows["written_by"].drop_nulls().unique(maintain_order=True).head(3).to_list()
        parts += [f"Written by {'; '.join(w.rstrip('.') for w in writers)}.\n".replace("<", "&lt;")] if writers else []
        parts += [f"- cannot show {text}" for text in one.cannot_show] + [""]
        samples = rows["sample"].drop_nulls().head(12).to_list()
        parts.append(fenced("\n".join(line[:300] for line in samples)))
    return "\n".join(parts)


def examples() -> str:
    """Return the page of sample logs: what each shows and where it comes from."""
    return "# Sample logs\n\n`sl.sample(name)` gives the files.\n\n" + table(
        sl.samples().select("name", "about", "bytes")
    )


def notebooks() -> str:
    """Return the page that lists the notebooks."""
    names = sorted(p.stem for p in (ROOT / "notebooks").glob("*.ipynb"))
    return "# Notebooks\n\n`smtplogs lab` opens them on copies.\n\n```{toctree}\n" + "\n".join(names) + "\n```\n"


GENERATED = {
    "notebooks/index.md": notebooks,
    "reference/functions.md": functions,
    "reference/commands.md": commands,
    "reference/columns.md": tables,
    "reference/formats.md": formats,
    "reference/samples.md": examples,
}


def assemble(place: Path) -> None:
    """Put everything that the site is made of into one folder."""
    shutil.copytree(HERE, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "_build"))
    shutil.copytree(ROOT / "notebooks", place / "notebooks", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(ROOT / "CHANGELOG.md", place / "changelog.md")
    for name, make in GENERATED.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(make(), "utf-8")


def main() -> None:
    """Build the site into a folder; exit with 1 if Sphinx has anything to complain of."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path, help="folder for the site")
    parser.add_argument("--no-run", action="store_true", help="do not run notebooks: faster, for proofreading")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "docs"
        assemble(place)
        more = ["-D", "nb_execution_mode=off"] if given.no_run else ["-W"]  # only what was run can be coloured
        sys.exit(build_main(["-q", "--keep-going", "-b", "html", *more, str(place), str(given.out)]))


if __name__ == "__main__":
    main()

"""Write smtplogs/_parsed.jsonl anew from the TOML files of the package; `test_toml` holds it to them.

Run `python tests/rewrite_parsed.py` after a change of such a file. Without it all works, but starts more slowly.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import smtplogs
from smtplogs._toml import COPY, digest

PACKAGE = Path(smtplogs.__file__).parent


def texts() -> dict[str, str]:
    """Return every TOML file of the package: its path below the package, and its text as rooms read it."""
    files = sorted(p for p in PACKAGE.rglob("*.toml") if "_data" not in p.parts)
    return {p.relative_to(PACKAGE).as_posix(): p.read_text("utf-8-sig") for p in files}


def copies() -> str:
    """Return the file as it should be."""
    lines = [
        f"{digest(text)} {json.dumps(tomllib.loads(text), ensure_ascii=True, separators=(',', ':'))}\n"
        for text in texts().values()
    ]
    return "".join(lines)


if __name__ == "__main__":
    (PACKAGE / COPY).write_text(copies(), "utf-8", newline="\n")

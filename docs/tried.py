"""Which versions of which servers were tried live, as the table in live.md has it."""

from __future__ import annotations

import re
from pathlib import Path

from smtplogs.logformats import EVERY

PAGE = Path(__file__).parent / "live.md"

BESIDE = ("haproxy", "stunnel", "authdaemond")
"""Servers of the table that write nothing of logins that is read: no formats of ours."""


def tried_live() -> dict[str, list[str]]:
    """Return the versions by the names of our formats, in the order of the table.

    Raises
    ------
    ValueError
        If the table names a server that is no format of ours, or there is no table.
    """
    found: dict[str, list[str]] = {}
    for row in re.findall(
        r"^\| ((?:[A-Za-z]+ [0-9][^ ,|]*(?:, )?)+) \| [a-z0-9_ ]+ \|", PAGE.read_text("utf-8"), re.MULTILINE
    ):
        for server, version in re.findall(r"([A-Za-z]+) ([0-9][^ ,|]*)", row):
            if server in BESIDE:
                continue
            versions = found.setdefault(server.lower(), [])
            if version not in versions:
                versions.append(version)
    if not found:
        raise ValueError("live.md: there is no table of servers")
    if strange := set(found) - {f.name for f in EVERY}:
        raise ValueError(f"live.md: no formats of ours: {', '.join(sorted(strange))}")
    return found


def told(name: str) -> str:
    """Return the sentence about a format."""
    versions = tried_live().get(name)
    if versions is None:
        return "Not tried against a live server: from its source, its documentation and samples."
    return f"Tried against live servers, versions {' and '.join(versions)}: [what was asked and what came out](../live.md)."

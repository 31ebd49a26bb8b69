"""The command line: the library spelled with dashes, plus `triage`, `plot`, `lab` and exit codes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from smtplogs.cli import _allocating, options
from smtplogs.cli.running import COMMANDS, every_command, main

if TYPE_CHECKING:
    from smtplogs.cli import answers, functions, learning, logs, pages, servers
    from smtplogs.cli.options import app

__all__ = ["_allocating", "answers", "app", "functions", "learning", "logs", "main", "options", "pages", "servers"]


def __getattr__(name: str) -> Any:
    """Give all commands, or a room of them: loaded when it is asked for, since a command needs only its own."""
    if name == "app":
        return every_command()
    if name in COMMANDS:
        return import_module(f"smtplogs.cli.{name}")
    raise AttributeError(f"module 'smtplogs.cli' has no attribute {name!r}")

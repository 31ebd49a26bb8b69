"""The command line: the library spelled with dashes, plus `triage`, `plot`, `lab` and exit codes."""

from smtplogs.cli import _allocating, answers, functions, learning, logs, options, pages, servers
from smtplogs.cli.options import app
from smtplogs.cli.running import main

__all__ = ["_allocating", "answers", "app", "functions", "learning", "logs", "main", "options", "pages", "servers"]

"""What `--help` looks like: the list of commands with a line each, so that it fits one screen; text that flows."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

NAMES = 21
"""Width of the column of names: the longest command."""

Command = TypeVar("Command", bound=Callable[..., int])


def flowing(command: Command) -> Command:
    """Let the paragraphs of a command's help fill the width of the terminal, not that of its source."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    command.__doc__ = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return command


def a_line_each(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print a group of commands: its title, and below it name and first sentence of each, without a box."""
    if not panel.entries:
        return
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=False, min_width=min(NAMES, options.max_width // 3), style="cyan")
    lines.add_column(overflow="fold")
    for entry in panel.entries:
        lines.add_row(", ".join(entry.all_options), entry.description)
    console.print(Text(str(panel.title), style="bold"))
    console.print(Padding(lines, (0, 0, 0, 2)))


def in_one_line(console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
    """Print a group by its names alone: where they say enough."""
    if panel.entries:
        names = ", ".join(name for entry in panel.entries for name in entry.all_options)
        console.print(Text.assemble((str(panel.title), "bold"), "  ", names), soft_wrap=False)

"""Docker, CRI, compose and journald come off, and what people and log stores add; continued lines are joined, repeats counted."""

from smtplogs.unwrapping._broken import BEGINS
from smtplogs.unwrapping._colours import without_colours
from smtplogs.unwrapping._detecting import detect, plain
from smtplogs.unwrapping._journal import export_lines
from smtplogs.unwrapping._peeling import unwrap
from smtplogs.unwrapping._repeats import REPEAT_LITERAL, Previous, repeats
from smtplogs.unwrapping._texts import MAX_JOINED
from smtplogs.unwrapping._wrapper import Wrapper
from smtplogs.unwrapping._wrappers import COLOURED, WRAPPERS

__all__ = [
    "BEGINS",
    "COLOURED",
    "MAX_JOINED",
    "REPEAT_LITERAL",
    "WRAPPERS",
    "Previous",
    "Wrapper",
    "detect",
    "export_lines",
    "plain",
    "repeats",
    "unwrap",
    "without_colours",
]

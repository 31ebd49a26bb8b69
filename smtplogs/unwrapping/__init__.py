"""Docker, CRI, compose and journald come off; continued lines are joined, repeats are counted."""

from smtplogs.unwrapping._journal import export_lines
from smtplogs.unwrapping._repeats import REPEAT_LITERAL, Previous, repeats
from smtplogs.unwrapping._texts import MAX_JOINED
from smtplogs.unwrapping._wrappers import WRAPPERS, Wrapper, detect, unwrap

__all__ = [
    "MAX_JOINED",
    "REPEAT_LITERAL",
    "WRAPPERS",
    "Previous",
    "Wrapper",
    "detect",
    "export_lines",
    "repeats",
    "unwrap",
]

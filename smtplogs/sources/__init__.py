"""Paths, globs, folders, archives, rotation order, compression -> numbered chunks of whole lines."""

from smtplogs.sources._feeding import CHUNK, MAX_LINE, START, Chunk, Reading, lines_of, open_source
from smtplogs.sources._finding import find, series, turn
from smtplogs.sources._source import Problem, Source

__all__ = [
    "CHUNK",
    "MAX_LINE",
    "START",
    "Chunk",
    "Problem",
    "Reading",
    "Source",
    "find",
    "lines_of",
    "open_source",
    "series",
    "turn",
]

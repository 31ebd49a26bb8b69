"""Paths, globs, folders, archives, rotation order, compression -> numbered chunks of whole lines."""

from smtplogs.sources._feeding import (
    CHUNK,
    FILE,
    MAX_LINE,
    START,
    Chunk,
    Reading,
    Whole,
    before,
    lines_of,
    lines_of_all,
    open_source,
    whole,
)
from smtplogs.sources._finding import find, series, stored_bytes, turn
from smtplogs.sources._source import Problem, Source

__all__ = [
    "CHUNK",
    "FILE",
    "MAX_LINE",
    "START",
    "Chunk",
    "Problem",
    "Reading",
    "Source",
    "Whole",
    "before",
    "find",
    "lines_of",
    "lines_of_all",
    "open_source",
    "series",
    "stored_bytes",
    "turn",
    "whole",
]

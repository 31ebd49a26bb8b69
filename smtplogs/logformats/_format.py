"""What a log format is, in three kinds: lines, dialogues, tables. Everything a format is written with, in one place."""

from smtplogs.logformats._dialogue import SPEECH, Dialogue, Speaker, Turn, Verdict
from smtplogs.logformats._lines import Lines, Part, Pattern, Sample
from smtplogs.logformats._table import PARTS, Field, Layout, Shape, Table
from smtplogs.logformats._terms import DEFAULTS, ENVELOPE_COLUMNS, Excerpt, Role

__all__ = [
    "DEFAULTS",
    "ENVELOPE_COLUMNS",
    "PARTS",
    "SPEECH",
    "Dialogue",
    "Excerpt",
    "Field",
    "Layout",
    "Lines",
    "Part",
    "Pattern",
    "Role",
    "Sample",
    "Shape",
    "Speaker",
    "Table",
    "Turn",
    "Verdict",
]

"""Every error that smtplogs raises on purpose.

::

    Exception
    ├── SmtplogsError            base: catch this to catch them all
    │   ├── NothingToRead        no readable file, or none that holds a known log
    │   ├── UnknownName          a format, sample or column that does not exist
    │   ├── InUse                another run is writing to the same dataset
    │   ├── MissingExtra         (also an ImportError) an optional extra is needed and not installed
    │   ├── TooLittleMemory      the system grants less memory than a run needs
    │   └── NotWhole             asked to be strict: an input was damaged, or evidence is not what it was
    └── ValueError
        ├── BadFormat            (also a SmtplogsError) a declared format that is not as it must be
        ├── MissingColumns       (also a SmtplogsError) the frame lacks columns that the function needs
        └── BadCatalogue         (also a SmtplogsError) rows for the reply catalogue that cannot be used

A bad file inside a good set is no exception: it is a row in the coverage table. Wrong arguments are plain
``ValueError`` or ``TypeError`` with the remedy in the text.
"""

from __future__ import annotations


class SmtplogsError(Exception):
    """Base of the errors below; its text is meant to be shown to the user as it is."""


class NothingToRead(SmtplogsError):
    """No path matched, or none of the files could be read."""


class UnknownName(SmtplogsError):
    """A name given by the caller that is not in the list of known ones; the text names those."""


class InUse(SmtplogsError):
    """Another run is writing to the same place."""


class MissingExtra(SmtplogsError, ImportError):
    """What was asked for needs an optional extra that is not installed; the text says how to get it."""


def missing_extra(what: str, extra: str) -> MissingExtra:
    """Return the error of something that needs an extra: a function, since errors must survive pickling."""
    return MissingExtra(f'{what} needs the extra "{extra}"; install it with: pip install "smtplogs[{extra}]"')


class TooLittleMemory(SmtplogsError):
    """The system grants less memory than a run needs; the text says how much, and which limit it is."""


class NotWhole(SmtplogsError):
    """Something is damaged or missing, and the caller asked not to overlook that."""


class BadFormat(SmtplogsError, ValueError):
    """A file that declares a format and has an unknown key, a wrong word, or a sample that does not pass."""


class MissingColumns(SmtplogsError, ValueError):
    """A frame that lacks columns which a function needs."""


class BadCatalogue(SmtplogsError, ValueError):
    """Rows for the reply catalogue that cannot be used; the text names file, row and fault."""

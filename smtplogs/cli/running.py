"""The program: runs one command and says every mistake in one line."""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING

import polars as pl
from cyclopts import CycloptsError, MissingArgumentError, UnknownCommandError, UnusedCliTokensError

from smtplogs._visible import visible
from smtplogs.cli import _allocating
from smtplogs.cli.options import PIPE, app, complain, console
from smtplogs.errors import SmtplogsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cyclopts import App

COMMANDS = {
    "answers": "coverage evidence explain findings triage",
    "functions": "attacks causes client-hints clients columns compromises exposure geo incidents lockouts misconfigured-clients "
    "relay-refusals samples sessions stale-credentials summary throttling to-ecs",
    "learning": "formats lab sample simulate unpack",
    "logs": "parse read share verify watch",
    "pages": "notebook plot report",
    "servers": "compare-probe probe",
}
"""Room -> its commands."""

_ROOM_OF = {command: room for room, commands in COMMANDS.items() for command in commands.split()}


def every_command() -> App:
    """Return the program with all its commands."""
    return _with(*COMMANDS)


def _app_for(given: Sequence[str]) -> App:
    """Return the program with the command that was asked for; with all of them if that is not certain."""
    room = _ROOM_OF.get(given[0]) if given else None
    return every_command() if room is None else _with(room)


def _with(*rooms: str) -> App:
    for room in rooms:
        import_module(f"smtplogs.cli.{room}")
    _allocating.loaded()
    return app


def _as_meant(given: Sequence[str]) -> list[str]:
    """Return the arguments, with `help COMMAND` as other programs have it."""
    return [*given[1:2], "--help"] if given[:1] == ["help"] else list(given)


def _no_command(word: str) -> str | None:
    """Say what was forgotten where a log stands in place of a command."""
    return f"{word} is not a command; did you mean: smtplogs triage {word}" if os.access(word, os.F_OK) else None


def main(arguments: list[str] | None = None) -> None:
    """Run a command; exit 0 (clean), 1 (findings, with --check) or 2 (a mistake, or nothing readable)."""
    given = _as_meant(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that lacks a character is no mistake
    if hasattr(signal, "siginterrupt"):
        signal.siginterrupt(signal.SIGINT, True)  # the handler of Polars lets a read of a silent pipe go on
    try:
        code = _app_for(given)(
            [PIPE if word == "-" else word for word in given],
            console=console(),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0  # the reader of a pipe went away (`| head`)
    except KeyboardInterrupt:
        code = complain("interrupted")
    except UnusedCliTokensError as error:
        code = complain(f"unexpected words: {' '.join(error.unused_tokens or [])}; name all files in one place")
    except UnknownCommandError as error:
        code = complain(_no_command(given[0]) or str(error).strip())
    except MissingArgumentError as error:
        code = complain(f"{str(error).strip()} See: smtplogs {given[0]} --help")
    except CycloptsError as error:
        code = complain(str(error).strip() or type(error).__name__)
    except pl.exceptions.PolarsError as error:
        code = complain(str(error).partition("\n")[0])
    except OSError as error:
        code = complain(
            f"{visible(error.filename)}: {error.strerror}" if error.filename else error.strerror or str(error)
        )
    except (SmtplogsError, ValueError) as error:
        code = complain(str(error))
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        code = complain(f"a bug in smtplogs: {error!r} at {place.filename}:{place.lineno}; please report it")
    try:
        sys.stdout.flush()
    except OSError:
        # what is left cannot be written, and the interpreter must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code if isinstance(code, int) else 0)

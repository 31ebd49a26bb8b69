"""Files that appear whole or not at all, that survive a power cut, and folders that one run writes at a time."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from smtplogs.errors import InUse

try:
    import fcntl
except ImportError:  # Windows: the lock file alone stands there
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole(path: Path, *, sync: bool = False) -> Iterator[BinaryIO]:
    """Open a file that appears under its name whole, or not at all; with `sync` it is on the disk before that.

    Raises
    ------
    OSError
        If it cannot be written (a full disk); what stood there before still does.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as pipe:  # a named pipe or device is written to, never replaced
            yield pipe
        return
    path = path.resolve()  # a link stays a link
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".smtplogs.")
    except OSError as error:
        raise plain_error(error, path) from error  # it would name a file that nobody asked for
    place = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        place.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        place.replace(path)
        if sync:
            sync_folder(path.parent)
    except (OSError, pl.exceptions.PolarsError) as error:
        place.unlink(missing_ok=True)
        raise plain_error(error, path) from error
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def plain_error(error: OSError | pl.exceptions.PolarsError, path: Path) -> OSError:
    """Return the error with the name of the file; Polars hides a full disk in words of its own."""
    text = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    number = getattr(error, "errno", None)
    if number is None and "No space left" in str(error):
        number, text = 28, "No space left on device"
    return OSError(number, text, str(path))


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as it is stored."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def case_key(path: Path) -> bytes:
    """Return the secret in a file; a file that is not there is made, for its owner alone.

    Raises
    ------
    ValueError
        If there are less than 16 bytes in it.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes().strip()
        if len(key) < 16:
            raise ValueError(f"{path} is not a key: it holds fewer than 16 bytes") from None
        return key
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_hex(32).encode()
        file.write(key)
    return key


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Let one run at a time write to a folder.

    The lock goes with the process, however it ends.

    Raises
    ------
    InUse
        If another run holds it.
    """
    path = folder / ".lock"
    with path.open("a+") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                holder = file.read().strip()
                who = f" (process {holder})" if holder else ""
                raise InUse(f"another run{who} is writing to {folder}; wait for it to end") from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield

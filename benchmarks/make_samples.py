"""Write the longer sample logs: `python benchmarks/make_samples.py [FOLDER]`; same code, same bytes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import _story_clients as clients
import _story_exim as exim
import _story_lockout as lockout
import _story_others as others
import _story_outage as outage
import _story_paths as paths
import _story_takeover as takeover
from _consistency import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from _server import Log

    Story = Callable[[], tuple[Log, dict | None]]

SAMPLES = Path(__file__).resolve().parent.parent / "sample_logs"


def tell_lockout() -> tuple[Log, dict]:
    """Nine days with locks."""
    log, office = lockout.make()
    return log, lockout.truth(log, office)


def tell_outage() -> tuple[Log, dict]:
    """Twenty minutes without authentication."""
    log, office = outage.make()
    return log, outage.truth(log, office)


def tell_log_path() -> tuple[Log, dict]:
    """Dovecot in its own file."""
    log, _, truth = paths.make_log_path()
    return log, truth


def tell_new_year() -> tuple[Log, None]:
    """Over New Year."""
    return paths.make_new_year()[0], None


def tell_quiet() -> tuple[Log, dict]:
    """Two quiet days."""
    log, office = clients.make_quiet()
    return log, {"locks": [], "auth_attempts": dict(office.dovecot.tally)}


def tell_misconfigured() -> tuple[Log, dict]:
    """Clients with faults."""
    log, _, truth = clients.make_misconfigured()
    return log, truth


STORIES: dict[str, tuple[Story, str]] = {
    "postfix/lockout": (tell_lockout, lockout.ORIGIN),
    "postfix/quiet": (tell_quiet, clients.QUIET_ORIGIN),
    "postfix/outage": (tell_outage, outage.ORIGIN),
    "postfix/new-year": (tell_new_year, paths.NEW_YEAR_ORIGIN),
    "postfix/takeover": (takeover.make, takeover.ORIGIN),
    "postfix/misconfigured": (tell_misconfigured, clients.MISCONFIGURED_ORIGIN),
    "dovecot/log-path": (tell_log_path, paths.LOG_PATH_ORIGIN),
    "exim/panel": (exim.make_panel, exim.PANEL_ORIGIN),
    "exim/smarthost": (exim.make_smarthost, exim.SMARTHOST_ORIGIN),
    "sendmail/office": (others.make_sendmail, others.SENDMAIL_ORIGIN),
    "opensmtpd/office": (others.make_opensmtpd, others.OPENSMTPD_ORIGIN),
}


def write(name: str, folder: Path) -> dict[str, list[str]]:
    """Write one sample and check that its log agrees with itself.

    Parameters
    ----------
    name
        Such as `postfix/lockout`.
    folder
        Where it goes: logs, ORIGIN.md, truth.json. Other files there stay.

    Returns
    -------
    dict of str to list of str
        Lines by file.
    """
    story, origin = STORIES[name]
    log, truth = story()
    files = log.write(folder)
    (folder / "ORIGIN.md").write_text(origin, encoding="ascii")
    if truth is not None:
        (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="ascii")
    if not name.startswith(("postfix/", "dovecot/")):
        return files
    whole = [row for file in sorted(files, reverse=True) if file != "dovecot.log" for row in files[file]]
    complaints = check(whole)
    if complaints:
        raise SystemExit(f"{name}: the log contradicts itself: {complaints[:3]}")
    return files


def main() -> None:
    """Write all samples, print their sizes."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    for name in STORIES:
        files = write(name, root / name)
        for file, rows in files.items():
            size = (root / name / file).stat().st_size
            print(f"{name}/{file}: {len(rows):,} lines, {size:,} bytes")
    shutil.rmtree(Path(__file__).parent / "__pycache__", ignore_errors=True)


if __name__ == "__main__":
    main()

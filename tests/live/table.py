"""The table of a run for docs/live.md: `python -m live.table RECORDINGS`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from live import judging
from live.play import SETUPS
from live.roots import root_of

SHOWN = {
    "postfix": ("postfix", "dovecot-core"),
    "exim": ("exim4-daemon-heavy",),
    "opensmtpd": ("opensmtpd",),
    "sendmail": ("sendmail-bin",),
    "cyrus": ("postfix",),
    "relaying": ("postfix",),
    "mailboxes": ("cyrus-imapd",),
    "courier": ("courier-mta", "courier-authdaemon"),
    "modes": ("dovecot-core",),
    "fronts": ("postfix", "dovecot-core"),
}
JUDGES = {
    ("cyrus", "saslauthd"): ("sasl2-bin",),
    ("eximauth", "saslauthd"): ("sasl2-bin",),
    ("eximauth", "dovecot"): ("dovecot-core",),
    ("fronts", "nginx"): ("nginx",),
    ("fronts", "nginx_syslog"): ("nginx",),
    ("fronts", "haproxy"): ("haproxy",),
    ("fronts", "stunnel"): ("stunnel4",),
    ("fronts", "perdition"): ("perdition",),
    ("smaller", "haraka"): ("Haraka",),
    ("smaller", "haraka_protocol"): ("Haraka",),
    ("smaller", "haraka_json"): ("Haraka",),
    ("smaller", "aiosmtpd"): ("python3-aiosmtpd",),
    ("smaller", "chasquid"): ("chasquid",),
}
"""Who judges logins for the server, where it is not the server's root's own; what stands before it; the server of a variant."""

NAMES = {
    "postfix": "Postfix",
    "dovecot-core": "Dovecot",
    "exim4-daemon-heavy": "Exim",
    "opensmtpd": "OpenSMTPD",
    "sendmail-bin": "Sendmail",
    "sasl2-bin": "Saslauthd",
    "cyrus-imapd": "Cyrus IMAP",
    "courier-mta": "Courier",
    "courier-authdaemon": "authdaemond",
    "nginx": "nginx",
    "haproxy": "haproxy",
    "stunnel4": "stunnel",
    "perdition": "Perdition",
    "Haraka": "Haraka",
    "python3-aiosmtpd": "aiosmtpd",
    "chasquid": "chasquid",
}


def row(folder: Path) -> str:
    """Return one line of the table."""
    recording = judging.load(folder)
    truth = recording.truth
    programs = SHOWN[root_of(*recording.setup)] if truth["variant"] == "exim" else SHOWN.get(truth["software"])
    programs = (programs or SHOWN.get(root_of(*recording.setup), ())) + JUDGES.get(recording.setup, ())
    versions = ", ".join(
        f"{NAMES[p]} {truth['versions'][p].split(':')[-1].split('-')[0].split('+')[0]}" for p in programs
    )
    by_scenario: dict[str, list[dict[str, object]]] = {}
    for command in truth["commands"]:
        by_scenario.setdefault(command["scenario"], []).append(command)
    traced = sum(
        judging.visible(recording.setup, name, command, sent[i + 1 :])
        for name, sent in by_scenario.items()
        for i, command in enumerate(sent)
    )
    outcomes = Counter(next(iter(sorted(judging.fitting(recording.setup, c)))) for c in truth["commands"])
    wrong = judging.deviations(recording)
    cells = (
        versions, " ".join(dict.fromkeys(recording.setup)), len(truth["scenarios"]), len(truth["commands"]), outcomes["success"], traced,
        len(truth["relays"]), len(wrong), len(judging.confusions(recording)), truth["seconds"],
    )  # fmt: skip
    return "| " + " | ".join(str(c) for c in cells) + " |"


def main() -> int:
    """Print the table."""
    out = Path(sys.argv[1])
    print(
        "| server | variant | scenarios | AUTH commands | accepted | with a trace | at smarthosts | deviations | confused | s |"
    )
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for setup in SETUPS:
        folder = out / "-".join(setup)
        print(row(folder) if (folder / "truth.json").exists() else f"| {folder.name} | not recorded |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

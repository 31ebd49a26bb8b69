"""Write what is expected of each sample log: `python tests/rewrite_samples.py [NAME ...]`; its diff is the review.

`events.csv` holds every event that is not context, or of a long log the first failing ones beside a `summary.csv` of
all; `findings.csv` holds what `findings` finds, numbered, so that `part_of` can be read. `test_samples.py` compares the
same text with the files.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

import smtplogs as sl

SAMPLES = Path(__file__).resolve().parent.parent / "sample_logs"

READ: dict[str, dict[str, Any]] = {
    "aiosmtpd/debug": {},
    "application/refused": {},
    "assp/blocked": {},
    "bans/cut-off": {},
    "blat/debug": {},
    "chasquid/lab": {},
    "cisco-esa/old-password": {},
    "claws/network-log": {},
    "courier/guesser": {"year": 2026},
    "courier/lab": {"year": 2026},
    "courier/mailbox": {"year": 2026},
    "curl/starttls": {},
    "cyrus/imap": {"year": 2026},
    "directadmin/panel": {},
    "dma/host": {"year": 2026},
    "domino/old-password": {},
    "dovecot/log-path": {"year": 2026},
    "dovecot/tls-mode": {"year": 2026},
    "entra-csv/portal": {},
    "entra/diagnostic": {},
    "entra/graph": {},
    "esmtp/trace": {},
    "evolution/debug": {},
    "example-relay/export": {"format": "example-relay"},
    "exchange-event/event-1035": {},
    "exchange-imap/wrong-password": {},
    "exchange-pop/wrong-password": {},
    "exchange/receive": {},
    "exchange/send": {},
    "exim-v/terminal": {},
    "exim/exim4.96-lab": {},
    "exim/panel": {"tz": "Europe/Warsaw"},
    "exim/smarthost": {},
    "haraka/info": {},
    "haraka/json": {},
    "haraka/notice": {},
    "haraka/protocol": {},
    "hmailserver/wrong-password": {},
    "icewarp/wrong-password": {},
    "iis-smtp/smart-host": {},
    "indy/wrong-password": {},
    "javamail/wrong-password": {},
    "kerio/security": {},
    "kumomta-acct/guesser": {},
    "kumomta/rejections": {},
    "mailenable/wrong-password": {},
    "mailu/two-logs": {},
    "mdaemon/wrong-password": {},
    "mimecast/audit": {},
    "mox/guesser": {"year": 2026},
    "msmtp-log/lab": {"year": 2026},
    "msmtp/wrong-password": {},
    "mutt/debug": {},
    "net_smtp/shop": {},
    "nginx/behind": {"year": 2026},
    "nginx/lab": {},
    "nodemailer/wrong-password": {},
    "nullmailer/host": {"year": 2026},
    "opensmtpd/office": {"year": 2026},
    "oracle-ims/u-entries": {},
    "outlook/opmlog": {},
    "perdition/proxy": {"year": 2026},
    "perl-net-smtp/script": {},
    "phpmailer/wrong-password": {},
    "postal/old-key": {},
    "postfix/auth-debug": {"year": 2026},
    "postfix/forgotten-application": {},
    "postfix/lockout": {},
    "postfix/misconfigured": {"year": 2026},
    "postfix/new-year": {"year": 2026},
    "postfix/outage": {"year": 2026},
    "postfix/outbound-relay": {"year": 2026},
    "postfix/postfix3.10-dovecot2.4": {"year": 2026},
    "postfix/postfix3.7-dovecot2.3": {"year": 2026},
    "postfix/quiet": {},
    "postfix/takeover": {},
    "powermta/throttled": {},
    "roundcube/webmail": {},
    "rspamd/ratelimit": {},
    "ruby-net-smtp/mailer": {},
    "s-nail/verbose": {},
    "s_client/piped": {},
    "plesk/qmail": {"year": 2026},
    "saslauthd/behind-postfix": {"year": 2026},
    "saslauthd/plesk": {"year": 2026},
    "sendemail/script": {"year": 2026},
    "sendmail/office": {"year": 2026},
    "smartermail/wrong-password": {},
    "smtp-server/recorded": {},
    "smtplib/three-failures": {},
    "spamdyke/office": {"year": 2026},
    "spelled/documentation": {},
    "ssmtp-v/cron": {},
    "stalwart-json/webhook": {},
    "ssmtp/container": {"year": 2026},
    "stalwart/old-password": {},
    "swaks/starttls": {},
    "swift-mailer/wrong-password": {},
    "symfony/wrong-password": {},
    "telnet/by-hand": {},
    "thunderbird/console": {},
    "vpopmail/guesser": {"year": 2026},
    "zimbra/one-attempt": {"year": 2026},
}
"""Folder -> what `read` is told beside the paths: the year in which the newest log ends, where stamps have none."""

FEW = 200
"""A log with more events than this is told by a summary."""

HEAD = 30
"""Failing events of such a log that are written all the same."""

EVENTS = (
    "source", "line_no", "time", "stage", "outcome", "cause", "basis", "count", "user", "client_ip",
    "mechanism", "tls", "service", "also",
)  # fmt: skip
SUMMARY = ("stage", "outcome", "cause", "basis", "protocol")
FINDINGS = (
    "no", "part_of", "detector", "kind", "status", "severity", "subject", "user", "client_ip", "start", "end", "n_events",
    "confidence", "title",
)  # fmt: skip

_PSEUDONYM = re.compile(r"(\[redacted:user\])#[0-9a-f]{8}")


def read(name: str, *, backwards: bool = False) -> pl.DataFrame:
    """Return the events of a sample, `backwards` with its files given in the other order."""
    paths = sorted(sl.sample(name), reverse=backwards)
    return sl.read(paths, **READ[name])


@cache
def as_given(name: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return events, coverage and traffic of a sample, read once for all tests."""
    return sl.read(sorted(sl.sample(name)), **READ[name], full=True)


def read_tables(name: str) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return events, coverage and traffic of a sample, whose files go by their names alone, wherever they lie."""
    events, coverage, traffic = as_given(name)
    folder = f"{Path(sl.sample(name)[0]).parent}/"
    bare = pl.col("source").str.strip_prefix(folder)
    also = pl.col("also").list.eval(pl.element().str.strip_prefix(folder))
    return events.with_columns(bare, also), coverage.with_columns(bare), traffic.with_columns(bare)


def told_findings(name: str, found: pl.DataFrame) -> pl.DataFrame:
    """Return findings without what depends on where the sample lies: numbers for ids, files by their name alone."""
    folder = f"{Path(sl.sample(name)[0]).parent}/"
    no = pl.int_range(1, pl.len() + 1)
    numbers = dict(zip(found["finding_id"], range(1, found.height + 1), strict=True))
    return found.with_columns(
        pl.col("subject", "title").str.replace_all(folder, "", literal=True),
        pl.col("part_of").replace_strict(numbers, default=None, return_dtype=pl.Int64),
        no=no,
    ).select(FINDINGS)


def expectations(name: str) -> dict[str, str]:
    """Return file name -> text of the tables that belong into the folder of a sample."""
    events, coverage, traffic = read_tables(name)
    found = sl.findings(events, coverage=coverage, traffic=traffic)
    told = told_events(events)
    tables = {"events.csv": told, "findings.csv": told_findings(name, found)}
    if told.height > FEW:
        failing = told.filter(pl.col("outcome") != "success")
        tables = tables | {"events.csv": failing.head(HEAD), "summary.csv": summary(events)}
    return {file: as_csv(table) for file, table in sorted(tables.items())}


def told_events(events: pl.DataFrame) -> pl.DataFrame:
    """Return the events that are not context, by file and line; files by their name alone."""
    folders = r"(?:[^:/]*/)+"
    told = events.filter(pl.col("outcome") != "info").with_columns(
        pl.col("source").str.replace(folders, ""),
        pl.col("also").list.eval(pl.element().str.replace(folders, "")).list.join("; "),
    )
    columns = EVENTS if events["source"].n_unique() > 1 else EVENTS[1:]
    order = ("time", "source", "line_no", "stage", "outcome", "cause")
    return told.sort(*(pl.col(c).cast(pl.String) if c in order[3:] else pl.col(c) for c in order)).select(columns)


def summary(events: pl.DataFrame) -> pl.DataFrame:
    """Return a row per kind of event: how many attempts, of how many users and addresses."""
    words = [pl.col(c).cast(pl.String) for c in SUMMARY]
    rows = events.filter(pl.col("outcome") != "info").group_by(words)
    return rows.agg(
        n=pl.col("count").sum(),
        n_users=pl.col("user").drop_nulls().n_unique(),
        n_client_ips=pl.col("client_ip").drop_nulls().n_unique(),
    ).sort(*SUMMARY)


def as_csv(table: pl.DataFrame) -> str:
    """Return CSV text with times in ISO 8601 (UTC), and without the pseudonyms that change from run to run."""
    times = pl.selectors.datetime().dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ")
    return _PSEUDONYM.sub(r"\1", table.with_columns(times).write_csv())


def main() -> None:
    """Write the tables of the named samples, or of all; take away those that no longer belong there."""
    for name in sys.argv[1:] or READ:
        tables = expectations(name)
        for file in ("events.csv", "summary.csv", "findings.csv"):
            place = SAMPLES / name / file
            if file in tables:
                place.write_text(tables[file], encoding="utf-8", newline="")
            else:
                place.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

"""What tests/live found of fronts and smaller servers: lines that they wrote (addresses changed), and what clients had seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

import smtplogs as sl

if TYPE_CHECKING:
    from pathlib import Path

PEER = "user=<>, rip=203.0.113.42, lip=192.0.2.25"


def read(folder: Path, *lines: str) -> pl.DataFrame:
    log = folder / "mail.log"
    log.write_text("".join(f"{line}\n" for line in lines))
    return sl.read(log, year=2026).filter(pl.col("outcome") != "info")


@pytest.mark.parametrize("error", ["wrong version number", "http request"])
def test_plain_text_on_dovecots_tls_port_is_a_client_with_the_wrong_tls_mode_unless_it_is_a_browser(
    error: str, tmp_path: Path
) -> None:
    text = f"SSL_accept() failed: error:0A00010B:SSL routines::{error}"
    ended = f"Login aborted: Connection closed: {text} (disconnected during TLS handshake) (tls_handshake_not_finished)"
    lines = [
        f"Nov 26 0{i}:50:52 mx1 dovecot: submission-login: {ended}: {PEER}, TLS handshaking: {text}, session=<FZnSqixhibd/AAE{i}>"
        for i in range(6)
    ]
    login = "Logged in: user=<ann@example.com>, method=PLAIN, rip=203.0.113.42, lip=192.0.2.25, TLS, session=<FZnSqixhibd/AAEy>"
    events = read(tmp_path, *lines, f"Nov 26 12:00:00 mx1 dovecot: submission-login: {login}")
    broken = events.filter(pl.col("stage") == "tls")

    assert broken.select("outcome", "cause", "basis", "service").unique().rows() == [
        ("aborted", "wrong_host_or_port", "assumed", "submission")
    ]
    assert broken.height == 6
    kinds = sl.misconfigured_clients(events)["kind"].to_list()
    assert kinds.count("tls_mode") == (error == "wrong version number")


def test_a_client_that_leaves_in_dovecots_handshake_is_no_event(tmp_path: Path) -> None:
    ended = "Login aborted: Connection closed (disconnected during TLS handshake) (tls_handshake_not_finished)"
    line = f"Nov 26 11:51:52 mx1 dovecot: imap-login: {ended}: {PEER}, TLS handshaking: Connection closed, session=<FZnSqix/AAE1>"

    assert read(tmp_path, line).is_empty()

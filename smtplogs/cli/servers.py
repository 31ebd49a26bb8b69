"""Commands that ask a live server, the only ones that open a connection."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import smtplogs as sl
from smtplogs import tables
from smtplogs.cli.helping import flowing
from smtplogs.cli.options import HOW, SERVERS, Files, How, Json, Output, app, console, give, ready, tables_of


@app.command(group=SERVERS)
@flowing
def probe(
    host: Annotated[str, Parameter(help="HOST, HOST:PORT or [IPV6]:PORT; without a port, 25, 465 and 587 are asked in turn.")],
    /,
    *,
    ports: Annotated[list[int] | None, Parameter(help="Ports to ask instead of those.")] = None,
    user: Annotated[str | None, Parameter(help="Try ONE login, which counts towards lockouts; you are asked for the secret.")] = None,
    password_env: Annotated[str | None, Parameter(help="Environment variable that holds the password.")] = None,
    token_env: Annotated[str | None, Parameter(help="Environment variable that holds an OAuth token.")] = None,
    mechanism: Annotated[str | None, Parameter(help="PLAIN, LOGIN, CRAM-MD5, XOAUTH2 or OAUTHBEARER.")] = None,
    mode: Annotated[str, Parameter(help="wrapper (TLS from the first byte), starttls, or auto: wrapper on 465.")] = "auto",
    ip: Annotated[int | None, Parameter(help="4 or 6: use only IPv4 or only IPv6 addresses.")] = None,
    timeout: Annotated[float, Parameter(help="Seconds for each step.")] = 10.0,
    cafile: Annotated[Path | None, Parameter(help="PEM file of certificate issuers to trust.")] = None,
    insecure: Annotated[bool, Parameter(show_default=False, help="Send the secret even over a connection that is not safe.")] = False,
    quick: Annotated[bool, Parameter(show_default=False, help="Do not try old versions of TLS.")] = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print everything as JSON.")] = False,
    transcript: Annotated[Path | None, Parameter(help="File for the transcript (.txt, .log), which `smtplogs read` can read.")] = None,
) -> int:  # fmt: skip
    """Ask a live server what it offers; sends no mail.

    This is the only command that opens a network connection, and only to that server. It exits with 0 if AUTH is offered
    and nothing is wrong, 1 if there is a problem, 2 if there is no connection.
    """
    if transcript is not None:
        tables.ready(transcript, ".txt", ".log")
    oauth = token_env is not None or (mechanism or "").upper() in ("XOAUTH2", "OAUTHBEARER")
    secret = None
    if user is not None:
        print("smtplogs: one login will be tried; it counts towards lockouts", file=sys.stderr)
        secret = _secret(token_env if token_env is not None else password_env, "token" if oauth else "password")
    elif password_env or token_env:
        raise ValueError("a secret needs --user")
    told = sl.probe(
        host, ports=ports, user=user, password=None if oauth else secret, token=secret if oauth else None,
        mechanism=mechanism, mode=mode, ip=ip, timeout=timeout, cafile=cafile, insecure=insecure, versions=not quick,
    )  # fmt: skip
    if transcript is not None:
        with tables.whole(transcript) as file:
            file.write(told.transcript.encode())
    if json:
        print(told.to_json())
    else:
        console().print(told.text(), crop=False, soft_wrap=True)
    return told.exit_code


def _secret(variable: str | None, kind: str) -> str:
    """Return a secret from the environment, else from the terminal; never from the command line."""
    if variable is None:
        return getpass.getpass(f"{kind}: ")
    if not os.environ.get(variable):
        raise ValueError(f"the environment has no variable {variable}, or it is empty")
    return os.environ[variable]


@app.command(name="compare-probe", group=SERVERS)
def compare_probe(
    files: Files,
    /,
    *,
    probe: Annotated[Path, Parameter(help="File with the output of `smtplogs probe --json`.")],
    output: Output = None,
    json: Json = False,
    how: How = HOW,
) -> int:
    """Show clients that can never succeed with what a server offers."""
    ready(output, json=json)
    found = sl.compare_probe(tables_of(files, how).events, probe)
    return give(found, output, "client_ip", "user", "cause", "tries", "offered", "n_events", "fix", json=json)

"""Haraka: its default, logfmt and JSON lines. The dialogue stands there at level PROTOCOL, a last reply at NOTICE."""

from __future__ import annotations

from smtplogs.logformats._envelopes import STAMP
from smtplogs.logformats._format import Dialogue, Excerpt, Turn

_ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z"
_BEFORE = rf"^(?:{STAMP.removeprefix('^')} (?:[^ ]+ haraka(?:\[[0-9]+\])?: )?)?"
_UUID = r"(?P<session>[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})(?:\.[0-9]+)*"
_HEADS = {
    "": rf"{_BEFORE}\[[A-Z]+\] *\[{_UUID}\] *\[[^\]]*\] +",
    "_logfmt": rf"{_BEFORE}level=[A-Z]+ uuid={_UUID} origin=[^ ]+ message=\"?",
    "_json": rf'{_BEFORE}\{{"level":"[A-Z]+","uuid":"{_UUID}","origin":"[^"]*","message":"',
}
"""`[LEVEL] [UUID] [origin] text`, and its two kin; a transaction is `UUID.n`."""

_ORIGIN = r"(?:auth/(?:flat_file|auth_(?:vpopmaild|bridge|ldap)|[a-z_]*sql[a-z_]*)|auth[-_](?:ldap|enc_file|imap|[a-z_]*sql[a-z_]*))"
"""Plugins that check passwords, but auth_proxy, which has a line of its own for each attempt."""

_ASKED = {
    "": _HEADS[""].replace(r"\[[^\]]*\]", rf"\[{_ORIGIN}\]"),
    "_logfmt": _HEADS["_logfmt"].replace("origin=[^ ]+", f"origin={_ORIGIN}"),
    "_json": _HEADS["_json"].replace('"origin":"[^"]*"', f'"origin":"{_ORIGIN}"'),
}
"""The same for lines of these plugins."""

_LR = r"(?P<reply_code>535|534|538|504|454) ?(?P<enhanced_code>[245]\.[0-9]+\.[0-9]+)? ?"
_AUTH_LR = {"stage": "auth"}


def _turns(kind: str, head: str) -> tuple[Turn, ...]:
    """Return the turns of one of the three formats."""
    if kind == "_json":
        pairs = r'.*"ip":"(?P<client_ip>[^"]+)".*"helo":"(?P<helo>[^"]*)"'
        tls = r'.*"tls":"(?:(?P<tls>Y)|N)".*"lr":"'
        end = r'".*$'
    else:
        pairs = r".*ip=(?P<client_ip>[^ ]+) rdns=[^ ]* helo=(?P<helo>[^ ]*)"
        tls = r".* tls=(?:(?P<tls>Y)|N) .*lr=\"?"
        end = r'"?(?: time=.*)?$'
    end_of_text = r'".*$' if kind == "_json" else r'"?$'
    connect = (
        r'connect".*"ip":"(?P<client_ip>[^"]+)","port":"?(?P<client_port>[0-9]+)"?,"local_ip":"(?P<server_ip>[^"]+)","local_port":"?(?P<server_port>[0-9]+).*$'
        if kind == "_json"
        else r"connect ip=(?P<client_ip>[^ ]+) port=(?P<client_port>[0-9]+) local_ip=(?P<server_ip>[^ ]+) local_port=(?P<server_port>[0-9]+).*$"
    )
    return (
        Turn(f"client{kind}", rf"{head}C: (?P<text>.*?)(?: state=[0-9]+)?{end_of_text}", speaker="client"),
        Turn(f"server{kind}", rf"{head}S: (?P<text>.*?){end_of_text}", speaker="server"),
        Turn(f"connect{kind}", f"{head}{connect}", begins=True),
        Turn(f"secured{kind}", rf"{head}secured:? ?cipher=(?P<cipher>[^ ]+) version=(?P<tls>[^ ]+).*$"),
        # auth_base.js waits after each wrong password: at NOTICE and INFO all that tells of it
        Turn(
            f"delay{kind}",
            rf"{_ASKED[kind]}delaying for (?P<duration_s>[0-9.]+) seconds.*$",
            verdict="attempt",
            sets={"stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line"},
        ),
        Turn(f"delay_other{kind}", rf"{head}delaying for (?P<duration_s>[0-9.]+) seconds.*$"),
        Turn(
            f"tls_failed{kind}",
            rf"{head}client connection error: (?:Error: )?(?P<detail>(?:[0-9A-F]+:)?error:[0-9A-F]*:SSL routines:[^:]*:[^:]+):?.*$",
            verdict="line",
            sets={"stage": "tls"},
        ),
        Turn(
            f"plugin_failed{kind}",
            rf'{head}AUTH user=\\?"(?P<user>[^"]*?)\\?" host=\\?"[^"]*" success=false.*$',
            verdict="attempt",
            sets={"stage": "auth", "outcome": "failure", "cause": "unknown"},
        ),
        Turn(
            f"plugin_accepted{kind}",
            rf'{head}AUTH user=\\?"(?P<user>[^"]*?)\\?" host=\\?"[^"]*" success=true.*$',
            verdict="attempt",
            sets={"stage": "auth", "outcome": "success", "cause": "success"},
        ),
        Turn(
            f"refused_last{kind}",
            rf"{head}disconnect{pairs}{tls}{_LR}(?P<detail>[^\"]*?){end}",
            verdict="session",
            sets=_AUTH_LR,
            ends=True,
        ),
        Turn(f"disconnect{kind}", rf"{head}disconnect.*$", ends=True),
        Turn(f"other{kind}", rf"{head}.*$"),
    )


HARAKA = Dialogue(
    "haraka",
    "Haraka",
    looks=rf"{_BEFORE}(?:\[[A-Z]+\] *\[(?:[0-9A-F-]{{36}}(?:\.[0-9]+)*|-)\] *\[[^\]]*\] |level=[A-Z]+ uuid=[0-9A-F-]{{36}}|"
    r'level=[A-Z]+ (?:uuid=- )?origin=[^ ]+ message=|\{"level":"[A-Z]+","uuid":"[0-9A-F-]{36})',
    side="server",
    written_by="Haraka 3.x (logger.js); measured with 3.3.4; `[-]` in place of the UUID: lines of no connection",
    turns=(
        *(turn for kind, head in _HEADS.items() for turn in _turns(kind, head)),
        Turn("no_connection", rf"{_BEFORE}\[[A-Z]+\] *\[-\].*$", speaker="noise"),
        Turn("start", r"^(?:Using iconv-lite only\..*|Reloaded file: /.*|loaded [A-Za-z ]+: [0-9= ]+)$", speaker="noise"),
        Turn("start_stamped", rf"{_BEFORE}(?:loglevel|log format|Starting up Haraka)\b.*$", speaker="noise"),
        Turn("no_connection_logfmt", rf"{_BEFORE}level=[A-Z]+ (?:uuid=- )?origin=.*$", speaker="noise"),
        Turn("no_connection_json", rf'{_BEFORE}\{{"level":"[A-Z]+","(?:uuid":"-"|origin").*$', speaker="noise"),
    ),
    cannot_show=(
        "AUTH commands and successes, unless it logs at level PROTOCOL",
        "at NOTICE and INFO all but the last refusal of a session",
        "time, unless timestamps are switched on or syslog or docker add one",
    ),
    samples=(
        Excerpt(
            "2026-09-01T08:05:43.000Z [NOTICE] [EFF29396-02AF-49CC-B2D3-CA96BA32376F] [core] disconnect ip=203.0.113.20 rdns=NXDOMAIN "
            "helo=vm relay=N early=N esmtp=Y tls=Y pipe=N errors=0 txns=0 rcpts=0/0/0 msgs=0/0/0 bytes=0 "
            'lr="535 5.7.8 Authentication failed" time=1.033\n',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed",
                    "side": "server", "client_ip": "203.0.113.20", "helo": "vm", "tls": "yes", "reply_code": 535,
                    "enhanced_code": "5.7.8", "detail": "Authentication failed",
                },
            ),
        ),
    ),
)  # fmt: skip

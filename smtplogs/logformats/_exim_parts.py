"""Pieces that Exim patterns share: the peer, message ids, what stands before a verb, the login.

Every piece goes left to right through what Exim itself wrote; the name that a client gave, which Exim does not escape,
comes last and runs to the end of the line. Sources: Exim src/host.c (sender_fullhost), src/receive.c, src/smtp_in.c,
4.69 to 4.100.
"""

from __future__ import annotations

from smtplogs.logformats._postfix_parts import always

PROGRAM = "exim.*"
"""The tag, where syslog gives one: syslog_processname is `exim` unless changed."""

IP = r"[0-9A-Fa-f:.]+"

ID = r"(?P<queue_id>[0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4}))"
"""A message id: 6-6-2 characters up to 4.96, 6-11-4 since."""

ANY_ID = ID.replace("?P<queue_id>", "?:")

HEAD = rf"^(?:\[[0-9]+\] )?(?:{ID} )?"
"""Before the words: the pid again (`+pid` over syslog), and the message that the line is about."""

ANY_HEAD = HEAD.replace("?P<queue_id>", "?:")
"""The same where nobody asks which message it is."""

_TAIL = (
    rf"\[(?P<client_ip>{IP})\](?::(?P<client_port>[0-9]+))?(?: I=\[(?P<server_ip>{IP})\](?::(?P<server_port>[0-9]+))?)?"
    r"(?: TFO\*?)?(?: U=[^ ]+)?(?: Ci=(?P<session>[0-9A-Za-z]+))?"
)
_NAME = r"(?:(?P<client_name>[^ \t()\[\]]+) )?"

CORE = rf"{_NAME}(?:\((?P<helo>\[[^\]\s]*\]|[^()\s]*)\) )?{_TAIL}"
"""The peer: `name (helo) [address]:port I=[our address]:port U=ident Ci=connection`, all but the address optional."""

PEER = rf"(?:H=)?{CORE}"
"""CORE, with the H= that failed logins have since 4.99 and refusals always had."""

JUNK = rf"(?:H=)?{_NAME}\((?P<helo>.*?)\) {_TAIL}"
"""The same under helo_accept_junk_hosts: HELO is anything, blanks and brackets included."""

LOCAL = r"(?:U=)?[^ \t\[\]()]+"
"""A local user instead of a peer."""

TLS = r"(?: X=(?P<tls>[^: ]+)(?::(?P<cipher>[^: ]*))?[^ ]*)?(?: CV=[^ ]+)?(?: DN=\"[^\"]*\")?(?: SNI=[^ ]+)?"

LOGIN = r"A=(?P<authenticator>[0-9A-Za-z_]+)(?::(?P<user>.*?))?(?::(?P<sasl_sender><>|[^ :]*@[^ :]*))?"
"""`A=name:id:sender`: the sender only under +smtp_mailauth. No quotes: it ends where the next field begins."""

RELAY = rf"H=(?P<relay_host>[^ ]+) \[(?P<server_ip>{IP})\](?::(?P<server_port>[0-9]+))?"

DEFER = r" defer(?: \(-?[0-9]+\))?:?"
"""A deferral; 4.100 leaves its number out."""

auth = always(stage="auth", side="server")
login = always(stage="auth", side="server", outcome="success", cause="success", basis="line")
mail = always(stage="mail", side="server", outcome="success", cause="success", basis="line")
context = always(side="server", outcome="info")
client = always(side="client")

failed = always(
    stage="auth",
    side="server",
    reply_code=535,
    detail="Incorrect authentication data",
    outcome="failure",
    cause="bad_credentials",
    basis="assumed",
)

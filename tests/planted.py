"""Secrets planted in logs of every format: one password of its own for each shape and mechanism, and its forms."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

USER = "ann@example.com"

Session = list[tuple[str, str]]
"""(`S` or `C`, a line)."""


COMMON = "wXkP+4vHt9"
"""What stands in every secret but the proofs that are hashes."""


class Planted:
    """Passwords that were planted, by the place where they stand."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def new(self, place: str) -> str:
        """Return a secret that is nowhere else."""
        number = len(self.secrets)
        self.secrets[place] = f"Zq{number:03d}{COMMON}{hashlib.sha256(place.encode()).hexdigest()[:4]}"
        return self.secrets[place]

    def leaks(self, data: bytes | str) -> list[str]:
        """Return the places whose secret stands in some bytes, in the clear or in any base64."""
        text = data.decode("latin-1") if isinstance(data, bytes) else data
        # most texts hold nothing of what nearly all secrets have in common: of these there only a hash could stand
        common = any(form in text for form in forms(COMMON))
        return [
            place
            for place, secret in self.secrets.items()
            if any(form in text for form in (forms if common or COMMON not in secret else hashes)(secret))
        ]


def b64(text: str) -> str:
    """Return base64."""
    return base64.b64encode(text.encode()).decode()


@cache
def hashes(secret: str) -> tuple[str, ...]:
    """Return the hash of a secret."""
    return (hashlib.sha1(secret.encode()).hexdigest(),)


@cache
def forms(secret: str) -> tuple[str, ...]:
    """Return a secret, its hash, and what every base64 text that holds it somewhere must hold."""
    cores = []
    for shift in range(3):
        core = b64("\0" * shift + secret)
        whole = (shift + len(secret)) // 3 * 4
        cores.append(core[(0, 2, 3)[shift] : whole])
    cores += [core.replace("+", "-").replace("/", "_") for core in cores]
    cores += [core.upper() for core in cores]  # as the name of a mechanism
    return tuple(dict.fromkeys((secret, *hashes(secret), *cores)))


def sessions(planted: Planted, shape: str) -> Iterable[Session]:
    """Yield sessions: every mechanism, accepted and refused, and words of a client where no secret is expected."""
    offers: Session = [("S", "220 mail.example.com ESMTP"), ("C", "EHLO pc"), ("S", "250-mail.example.com")]
    offers.append(("S", "250 AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER"))
    refused, end = ("S", "535 5.7.8 Authentication failed"), [("C", "QUIT"), ("S", "221 2.0.0 Bye")]

    def one(name: str, *middle: tuple[str, str]) -> Session:
        return [*offers, *middle, *end]

    def new(name: str) -> str:
        return planted.new(f"{shape}: {name}")

    ask = ("S", "334 VXNlcm5hbWU6")
    ask2 = ("S", "334 UGFzc3dvcmQ6")
    yield one("PLAIN", ("C", f"AUTH PLAIN {b64(f'{chr(0)}{USER}{chr(0)}' + new('PLAIN'))}"), refused)
    yield one(
        "PLAIN ok", ("C", f"AUTH PLAIN {b64(f'{chr(0)}{USER}{chr(0)}' + new('PLAIN ok'))}"), ("S", "235 2.7.0 ok")
    )
    yield one(
        "PLAIN late", ("C", "AUTH PLAIN"), ("S", "334 "), ("C", b64(f"{USER}\0{USER}\0{new('PLAIN late')}")), refused
    )
    yield one("LOGIN", ("C", "AUTH LOGIN"), ask, ("C", b64(USER)), ask2, ("C", b64(new("LOGIN"))), refused)
    yield one("LOGIN first", ("C", f"AUTH LOGIN {b64(USER)}"), ask2, ("C", b64(new("LOGIN first"))), refused)
    yield one(
        "LOGIN swapped", ("C", "AUTH LOGIN"), ask, ("C", b64(new("LOGIN swapped"))), ask2, ("C", b64(USER)), refused
    )
    yield one(
        "LOGIN clear",
        ("C", "AUTH LOGIN"),
        ask,
        ("C", b64(USER)),
        ask2,
        ("C", new("LOGIN clear")),
        ("S", "501 5.5.2 not base64"),
    )
    proof = hashlib.md5(new("CRAM-MD5").encode()).hexdigest()
    planted.secrets[f"{shape}: CRAM-MD5"] = proof
    yield one("CRAM-MD5", ("C", "AUTH CRAM-MD5"), ("S", "334 PDEyMz4="), ("C", b64(f"{USER} {proof}")), refused)
    token = new("XOAUTH2")
    yield one(
        "XOAUTH2", ("C", f"AUTH XOAUTH2 {b64(f'user={USER}{chr(1)}auth=Bearer {token}{chr(1)}{chr(1)}')}"), refused
    )
    token = new("OAUTHBEARER")
    yield one(
        "OAUTHBEARER",
        ("C", f"AUTH OAUTHBEARER {b64(f'n,a={USER},{chr(1)}auth=Bearer {token}{chr(1)}{chr(1)}')}"), refused,
    )  # fmt: skip
    yield one(
        "unknown mechanism",
        ("C", f"AUTH {b64(new('no mechanism'))}"),
        ("S", "504 5.5.4 Unrecognized authentication type"),
    )
    yield one("no command", ("C", b64(new("no command"))), ("S", "500 5.5.1 command unrecognized"))
    echoed = b64(new("echo"))
    yield one(
        "echo", ("C", f"AUTH PLAIN {echoed}"), ("S", f"535 5.7.8 Error: authentication failed: AUTH PLAIN {echoed}")
    )
    yield one("cut", ("C", "AUTH LOGIN"), ask, ("C", b64(USER)), ask2, ("C", b64(new("cut"))))[:-2]


def _swaks(session: Session) -> str:
    lines = [f"{'<-  ' if side == 'S' else ' -> '}{text}" for side, text in session]
    return "\n".join(
        [
            "=== Trying mail.example.com:587...",
            "=== Connected to mail.example.com.",
            *lines,
            "=== Connection closed with remote host.\n",
        ]
    )


def _curl(session: Session) -> str:
    head = "*   Trying 192.0.2.25:587...\n* Connected to 192.0.2.25 (192.0.2.25) port 587 (#0)\n"
    return (
        head + "".join(f"{'<' if side == 'S' else '>'} {text}\n" for side, text in session) + "* Closing connection 0\n"
    )


def _smtplib(session: Session) -> str:
    lines = ["connect: to ('192.0.2.25', 587) None"]
    for side, text in session:
        if side == "C":
            lines.append(f"send: {text + chr(13) + chr(10)!r}")
        else:
            lines.append(f"reply: {(text + chr(13) + chr(10)).encode()!r}")
            if text[3:4] != "-":
                lines.append(f"reply: retcode ({text[:3]}); Msg: {text[4:].encode()!r}")
    return "\n".join(lines) + "\n"


def _nodemailer(session: Session) -> str:
    head = (
        "[2026-10-19 09:07:22] DEBUG Creating transport: nodemailer (10.6.0; +https://nodemailer.com/; SMTP/10.6.0)\n"
        "[2026-10-19 09:07:22] INFO  [IK4AJXt1ALY] Connection established to 192.0.2.25:587\n"
    )
    return head + "".join(f"[2026-10-19 09:07:23] DEBUG [IK4AJXt1ALY] {side}: {text}\n" for side, text in session)


def _msmtp(session: Session) -> str:
    head = "loaded user configuration file /home/ann/.msmtprc\nhost = mail.example.com\nport = 587\npassword = *\ntls = off\n"
    return head + "".join(f"{'<--' if side == 'S' else '-->'} {text}\n" for side, text in session)


def _telnet(session: Session) -> str:
    head = "Trying 192.0.2.25...\nConnected to mail.example.com.\nEscape character is '^]'.\n"
    return head + "".join(f"{text}\n" for _, text in session) + "Connection closed by foreign host.\n"


def _s_client(session: Session) -> str:
    head = "CONNECTED(00000003)\n---\nServer certificate\nsubject=CN = mail.example.com\n---\n"
    return head + "".join(f"{text}\n" for _, text in session) + "closed\n"


def _hmailserver(session: Session) -> str:
    lines = []
    for n, (side, text) in enumerate(session):
        word = "SENT" if side == "S" else "RECEIVED"
        lines.append(f'"SMTPD"\t5196\t26\t"2026-10-19 09:11:{n:02d}.000"\t"203.0.113.50"\t"{word}: {text}"\n')
    return "".join(lines)


def _mdaemon(session: Session) -> str:
    stamp = "Mon 2026-10-19 09:10:37.100"
    head = f"{stamp}: 05: Session 00012345; child 0001\n{stamp}: 05: Accepting SMTP connection from 203.0.113.20:51544 to 192.0.2.5:587\n"
    lines = [f"{stamp}: {'03: -->' if side == 'S' else '02: <--'} {text}\n" for side, text in session]
    return head + "".join(lines) + f"{stamp}: 05: SMTP session terminated (Bytes in/out: 80/310)\n"


def _mailenable(session: Session) -> str:
    lines, said = [], ("", "")
    user = ""
    for side, text in [*session, ("S", "")]:  # what nobody answered as well
        if side == "C":
            word, _, rest = text.partition(" ")
            said = (word, rest) if word in ("EHLO", "AUTH", "QUIT") else ("AUTH", text)
        elif text[3:4] != "-":
            lines.append(
                f"10/19/26 09:00:35\tSMTP-IN\t25E7EB033CE24B45B7CD8E3EEEE8726F.MAI\t908\t203.0.113.24\t{said[0]}\t{said[1]}\t{text}\t34\t14\t{user}\t\n"
            )
            said = ("", "")
    return "".join(lines)


HARAKA = "EFF29396-02AF-49CC-B2D3-CA96BA32376F"


def _haraka(session: Session) -> str:
    stamp = "2026-10-19T09:05:42.300Z"
    head = f"{stamp} [NOTICE] [{HARAKA}] [core] connect ip=203.0.113.20 port=39506 local_ip=192.0.2.5 local_port=587\n"
    lines = []
    for side, text in session:
        lines.append(f"{stamp} [PROTOCOL] [{HARAKA}] [core] {side}: {text}{'' if side == 'S' else ' state=1'}\n")
        if side == "C":
            lines.append(_hook(stamp, text))
    return (
        head
        + "".join(lines)
        + f"{stamp} [NOTICE] [{HARAKA}] [core] disconnect ip=203.0.113.20 rdns=NXDOMAIN helo=pc relay=N\n"
    )


def _hook(stamp: str, text: str) -> str:
    """Haraka's line at its shipped level: it holds what was no command."""
    return (
        f"{stamp} [INFO] [{HARAKA}] [core]  hook=unrecognized_command plugin=auth/flat_file "
        f'function=hook_unrecognized_command params="{text}," retval=OK msg=""\n'
    )


def _haraka_info(session: Session) -> str:
    """Without the protocol: what the shipped level shows."""
    stamp = "2026-10-19T09:05:42.300Z"
    lines = [_hook(stamp, text) for side, text in session if side == "C"]
    return (
        f"{stamp} [NOTICE] [{HARAKA}] [core] connect ip=203.0.113.20 port=39506 local_ip=192.0.2.5 local_port=587\n"
        + "".join(lines)
    )


def _haraka_json(session: Session) -> str:
    lines = []
    for side, text in session:
        told = {"level": "PROTOCOL", "uuid": HARAKA, "origin": "core", "message": f"{side}: {text}"}
        lines.append(f"2026-10-19T09:05:57.860Z {json.dumps(told)}\n")
    return "".join(lines)


def _exchange(session: Session) -> str:
    head = (
        "#Software: Microsoft Exchange Server\n#Version: 15.0.0.0\n#Log-type: SMTP Receive Protocol Log\n"
        "#Date: 2026-10-19T09:00:04.113Z\n"
        "#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\n"
    )
    token = f"08DC0000{zlib.crc32(repr(session).encode()):08X}"
    return head + "".join(
        f"2026-10-19T09:00:{n:02d}.000Z,EX1\\Default,{token},{n},192.0.2.5:587,203.0.113.20:56026,"
        f"{'>' if side == 'S' else '<'},{text},\n"
        for n, (side, text) in enumerate(session)
    )


def _postfix_v(session: Session) -> str:
    """`smtpd -v` or `debug_peer_list`."""
    lines = [f"{'>' if side == 'S' else '<'} pc.example.net[203.0.113.9]: {text}" for side, text in session]
    return "".join(f"2026-10-19T09:00:{n:02d}Z mx postfix/smtpd[7]: {text}\n" for n, text in enumerate(lines))


def _postfix_client_v(session: Session) -> str:
    lines = [f"{'<' if side == 'S' else '>'} smtp.example.net[192.0.2.25]:587: {text}" for side, text in session]
    return "".join(f"2026-10-19T09:00:{n:02d}Z mx postfix/smtp[8]: {text}\n" for n, text in enumerate(lines))


DIALOGUES: dict[str, Callable[[Session], str]] = {
    "swaks": _swaks, "curl": _curl, "smtplib": _smtplib, "nodemailer": _nodemailer, "msmtp": _msmtp, "telnet": _telnet,
    "s_client": _s_client, "hmailserver": _hmailserver, "mdaemon": _mdaemon, "mailenable": _mailenable,
    "haraka": _haraka, "haraka-info": _haraka_info, "haraka-json": _haraka_json, "exchange": _exchange,
    "postfix-v": _postfix_v, "postfix-client-v": _postfix_client_v,
}  # fmt: skip
"""Shape -> how it writes a session down."""

SYSLOG = {
    "Dovecot, given password": "dovecot: auth-worker(12): sql(ann@example.com,192.0.2.9): Password mismatch (given password: {p})",
    "Dovecot, cut line": "dovecot: auth: passwd-file(bob@example.com,192.0.2.9): unknown user (given password: {p} and mo",
    "Dovecot, SHA1": "dovecot: auth-worker(12): sql(ann@example.com,192.0.2.9): Password mismatch (SHA1 of given password: {h}) - trying the next passdb",
    "Dovecot, resp=": "dovecot: auth: Debug: client in: AUTH\t1\tPLAIN\tservice=smtp\tresp={plain}",
    "Dovecot, CONT": "dovecot: auth: Debug: client in: CONT\t1\t{b} authentication failed",
    "Dovecot, conn log": "dovecot: submission-login: Debug: auth client: authentication failed: AUTH PLAIN {plain}",
    "Dovecot, not understood": "dovecot: auth: what is this authentication failed resp={plain}",
    "Dovecot, LDAP URL": "dovecot: auth: Error: ldap authentication failed: ldaps://cn=proxy:{p}@ldap.example.com/ down",
    "Dovecot, dsn": "dovecot: auth: Error: sql(ann@example.com): authentication failed: connect host=db password={p} no",
    "Dovecot, password quoted": 'dovecot: auth: Error: sql(ann@example.com): authentication failed: connect host=db password="{p} x" no',
    "Dovecot, user": "dovecot: auth: passwd-file({p},203.0.113.9): unknown user",
    "Dovecot, user in login": "dovecot: submission-login: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<{p}>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.1, TLS, session=<abc>",
    "Postfix, pipelining": "postfix/smtpd[7]: improper command pipelining after AUTH from unknown[203.0.113.9]: AUTH PLAIN {plain}\\r\\nMAIL FROM:",
    "Postfix, pipelined text": "postfix/smtpd[7]: improper command pipelining after AUTH from unknown[203.0.113.9]: {b}\\r\\n",
    "Postfix, non-SMTP": "postfix/smtpd[7]: warning: non-SMTP command from unknown[203.0.113.9]: {b}",
    "Postfix, non-SMTP in the clear": "postfix/smtpd[7]: warning: non-SMTP command from unknown[203.0.113.9]: {p}",
    "Postfix, init_response": "postfix/smtpd[7]: smtpd_sasl_authenticate: sasl_method PLAIN, init_response {plain}",
    "Postfix, decoded initial response": "postfix/smtpd[7]: xsasl_dovecot_server_first: sasl_method PLAIN, init_response {plain}",
    "Postfix, uncoded": "postfix/smtpd[7]: xsasl_cyrus_server_next: decoded initial response {p}",
    "Postfix, client password": "postfix/smtp[8]: smtp_sasl_passwd_lookup: host `smtp.example.net' user `ann' pass `{p}'",
    "Postfix, uncoded client": "postfix/smtp[8]: xsasl_cyrus_client_first: uncoded initial reply: ?ann?{p}",
    "Postfix, user": "postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: (reason unavailable), sasl_username={p}",
    "Postfix, base64 as user": "postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed: (reason unavailable), sasl_username={b}",
    "Postfix, user, odd": "postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL LOGIN authentication failed in a new way, sasl_username={p}",
    "Postfix, base64 as mechanism": "postfix/smtpd[7]: warning: unknown[203.0.113.9]: SASL {b} authentication failed: Invalid authentication mechanism",
    "Postfix, relay echoes": "postfix/smtp[12]: 4AA: to=<a@example.org>, relay=smtp.example.net[198.51.100.25]:587, delay=1, delays=0/0/0/1, dsn=5.7.8, status=bounced (SASL authentication failed; server smtp.example.net[198.51.100.25] said: 535 5.7.8 Error: authentication failed: AUTH PLAIN {plain})",
    "Exim, not advertised": 'exim[5]: SMTP protocol error in "AUTH PLAIN {plain}" H=(pc) [203.0.113.9] AUTH command used when not advertised',
    "Exim, ACL": "exim[5]: H=(pc) [203.0.113.9] rejected AUTH PLAIN {plain}: blocked by policy",
    "Exim, syntax": 'exim[5]: SMTP syntax error in "{b}" H=(pc) [203.0.113.9] unrecognized command',
    "Exim, unrecognized": "exim[5]: SMTP call from (pc) [203.0.113.9] dropped: too many syntax or protocol errors (last command was \"{b}\", C=EHLO,AUTH)",
    "Exim, user": "exim[5]: login authenticator failed for (pc) [203.0.113.9]: 535 Incorrect authentication data (set_id={p})",
    "Sendmail, decode64": "sendmail[9]: x8F1: AUTH decode64 error [-1 for \"{b}\"], relay=[203.0.113.9]",
    "Sendmail, whitespace": "sendmail[9]: x8F1: All-whitespace username., user={p}, relay=[203.0.113.9]",
    "OpenSMTPD": 'smtpd[4]: 1e336778c1baec60 smtp failed-command command="{b}" result="500 5.5.1 Invalid command: Command unrecognized"',
    "OpenSMTPD, AUTH": 'smtpd[4]: 1e336778c1baec60 smtp failed-command command="AUTH PLAIN {plain}" result="503 5.5.1 Invalid command: Command not supported"',
    "Courier": 'courieresmtpd: error,relay=::ffff:203.0.113.9,port=5,msg="535 Authentication failed.",cmd: {b}',
    "Courier, AUTH": 'courieresmtpd: error,relay=::ffff:203.0.113.9,port=5,msg="535 Authentication failed.",cmd: AUTH PLAIN {plain}',
    "vpopmail": "vpopmail[3]: vchkpw-smtp: password fail (pass: '{p}') ann@example.com:203.0.113.9",
    "vpopmail, failed": "vpopmail[3]: vchkpw-smtp: authentication failed (pass: '{p}') ann@example.com:203.0.113.9",
    "Zimbra": "zmmailboxd[3]: authentication failed: cmd=ModifyDomain; zimbraAuthLdapSearchBindPassword={p}",
    "milter": "milter[9]: connect from 203.0.113.9: authentication failed: AUTH LOGIN {b}",
    "bearer": "milter[9]: authentication failed for 203.0.113.9: Authorization: Bearer {p}",
    "bearer, JSON": 'milter[9]: authentication failed {{"ip":"203.0.113.9","access_token":"{p}","password": "{p}"}}',
    "saslauthd": "saslauthd[9]: auth failure: [user={p}] [service=smtp] [realm=] [mech=pam] [reason=PAM auth error]",
    "PAM user": "auth: pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser={p} rhost=203.0.113.9",
    "log line of a web mail": "roundcube: IMAP Error: Login failed for ann from 203.0.113.9. AUTHENTICATE PLAIN: authentication failed: AUTHENTICATE PLAIN {plain}",
}  # fmt: skip
"""Kind -> line after its stamp: `p` the secret, `b` its base64, `plain` a PLAIN response, `h` SHA1."""


def syslog(planted: Planted) -> str:
    """Return a syslog file with every kind of line, each twice."""
    lines = []
    for n, (kind, shape) in enumerate(SYSLOG.items()):
        p = planted.new(f"syslog: {kind}")
        told = shape.format(p=p, b=b64(p), plain=b64(f"\0{USER}\0{p}"), h=hashlib.sha1(p.encode()).hexdigest())
        lines += [f"2026-10-19T09:{minute:02d}:{n:02d}.000000+00:00 mx {told}" for minute in (0, 1)]
    return "\n".join(lines) + "\n"


def kumomta(planted: Planted) -> str:
    """Return records of refused commands, which hold what the client had sent."""
    commands = {
        "AUTH PLAIN": (535, "AUTH PLAIN {plain}", "AUTH invalid"),
        "response": (535, "{plain}", "AUTH invalid"),
        "no TLS": (524, "AUTH PLAIN {plain}", "AUTH PLAIN requires an encrypted channel"),
        "echoed": (501, "AUTH PLAIN {plain}", "Syntax error in command or arguments: AUTH PLAIN {plain}"),
        "lone word": (501, "{b}", "Syntax error in command or arguments: {b}"),
        "in the clear": (500, "{p}", "Syntax error in command or arguments: {p}"),
        "too many": (421, "{b}", "too many errors: {b}"),
        "relay": (535, "AUTH PLAIN {plain}", "5.7.8 no: {plain}"),
    }
    lines = []
    for n, (kind, (code, command, content)) in enumerate(commands.items()):
        p = planted.new(f"kumomta: {kind}")
        words = {"p": p, "b": b64(p), "plain": b64(f"\0{USER}\0{p}")}
        response = {"code": code, "content": content.format(**words), "command": command.format(**words)}
        record = {"type": "TransientFailure" if kind == "relay" else "Rejection", "id": "", "response": response}
        record |= {"peer_address": {"name": "pc", "addr": "203.0.113.9"}, "event_time": f"2026-03-02T09:00:0{n}Z"}
        lines.append(json.dumps(record | {"session_id": f"s{n}"}))
    return "\n".join(lines) + "\n"


def plant(folder: Path) -> Planted:
    """Write a file for each shape, and return what was planted."""
    planted = Planted()
    for shape, written in DIALOGUES.items():
        text = "".join(written(session) for session in sessions(planted, shape))
        (folder / f"{shape}.log").write_text(text, newline="")
    (folder / "kumomta.log").write_text(kumomta(planted))
    (folder / "mail.log").write_text(syslog(planted))
    return planted

"""What stands before a message: syslog in its dialects, journal short forms, Dovecot's and Exim's own log files, multilog.

Each envelope captures `stamp` and `message`, and `host`, `program`, `pid` where it holds them. Order is part of the
meaning: the first that fits takes the line. Sources: RFC 3164, RFC 5424, rsyslog and systemd manuals, postlogd(8),
Dovecot's `log_path`, multilog(8), Exim src/log.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_ISO = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?:[.,][0-9]{{1,9}})?(?:Z| ?[+-][0-9]{{2}}:?[0-9]{{2}})?"
_BSD = rf"{_MONTH} {{1,2}}[0-9]{{1,2}}(?: [0-9]{{4}})? {_CLOCK}(?:\.[0-9]{{1,9}})?(?: [0-9]{{4}})?"
_SLASHED = rf"[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} {_CLOCK}"
_DASHED = rf"{_MONTH}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}"
STAMP = rf"^\x00*(?:<[0-9]{{1,3}}>)?(?:1 )?(?:dovecot: |\[)?(?P<stamp>{_ISO}|{_SLASHED}|{_DASHED}|{_BSD}|[0-9]{{9,11}}\.[0-9]{{6}}|@[0-9a-f]{{24}})"
"""The stamp of a line, whatever follows it."""

_HOST = r"[0-9A-Za-z_.:%-]*[0-9A-Za-z_.%-]"
_PROGRAM = r"[^ \[\]:(]+"
_TAIL = (
    rf"(?P<host>{_HOST}) (?P<program>{_PROGRAM})(?:\[(?P<pid>[0-9]+)\]|\[[0-9a-f]+(?:\.[0-9a-f]+)?\])?: "
    r"(?:\[ID [0-9]+ [^ \]]+\] )?(?P<message>.*)$"
)
_PRI = r"^\x00*(?:<[0-9]{1,3}>)?"
_EXIM_STAMP = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}(?:\.[0-9]{{3}})?(?: [+-][0-9]{{4}})?"
_EXIM = r"(?P<program>exim[^ \[\]:(]*)"
_EXIM_TAG = rf"{_EXIM}(?:\[(?P<pid>[0-9]+)\])?: (?:\[ID [0-9]+ [^ \]]+\] )?"
_PIECE = r"(?:\[[0-9]+[/\\][0-9]+\] )?"
_NO_OFFSET = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}(?:[.,][0-9]{{1,9}})?"
_DOVECOT_PROCESS = (
    r"(?:auth|auth-worker|imap|pop3|submission|managesieve|lmtp|[a-z0-9-]+-login|master|log|config|anvil|stats)"
)


@dataclass(frozen=True, eq=False)
class Envelope:
    """One way to frame a message.

    Attributes
    ----------
    name
        Word for the coverage table.
    regex
        For the whole line; groups stamp, message and, where present, host, program, pid.
    program
        Tag that a line without one belongs to.
    sample, expect
        A line, and its groups.
    """

    name: str
    regex: str
    program: str | None
    sample: str
    expect: dict[str, str] = field(default_factory=dict)


ENVELOPES = (
    # Exim over syslog writes its own stamp as well: where the outer one names no zone, the inner one knows the year
    Envelope(
        "exim_rfc5424",
        rf"^(?:<[0-9]{{1,3}}>)?1 (?P<stamp>{_ISO}) (?P<host>[^ ]+) {_EXIM} (?P<pid>[0-9]+|-) [^ ]+ "
        r'(?:-|(?:\[(?:[^\]\\"]|\\.|"(?:[^"\\]|\\.)*")*\])+) ?(?:\x{feff})?'
        rf"{_PIECE}{_EXIM_STAMP} (?P<message>.*)$",
        None,
        "<22>1 2025-11-03T09:05:01+01:00 mx1 exim 42 - - 2025-11-03 09:05:01 no MAIL in SMTP connection from [192.0.2.1] D=1s",
        {
            "stamp": "2025-11-03T09:05:01+01:00",
            "host": "mx1",
            "program": "exim",
            "pid": "42",
            "message": "no MAIL in SMTP connection from [192.0.2.1] D=1s",
        },
    ),
    Envelope(
        "exim_iso",
        rf"{_PRI}(?P<stamp>{_NO_OFFSET}(?:Z|[+-][0-9]{{2}}:?[0-9]{{2}})) (?P<host>{_HOST}) "
        rf"{_EXIM_TAG}{_PIECE}{_EXIM_STAMP} (?P<message>.*)$",
        None,
        "2025-11-03T09:05:01.123456+01:00 mx1 exim[42]: 2025-11-03 09:05:01 no MAIL in SMTP connection from [192.0.2.1] D=1s",
        {
            "stamp": "2025-11-03T09:05:01.123456+01:00",
            "host": "mx1",
            "program": "exim",
            "pid": "42",
            "message": "no MAIL in SMTP connection from [192.0.2.1] D=1s",
        },
    ),
    Envelope(
        "exim_syslog",
        rf"{_PRI}(?:(?:{_BSD}|{_NO_OFFSET}|[A-Z][a-z]{{2}} [0-9-]{{10}} {_CLOCK} [A-Z+0-9-]+|[0-9]{{9,11}}\.[0-9]{{6}}) (?:<[a-z0-9]+\.[a-z0-9]+> )?)?(?:(?P<host>{_HOST}) )?"
        rf"{_EXIM_TAG}{_PIECE}(?P<stamp>{_EXIM_STAMP}) (?P<message>.*)$",
        None,
        "Nov  3 09:05:01 mx1 exim[42]: 2025-11-03 09:05:01 no MAIL in SMTP connection from [192.0.2.1] D=1s",
        {
            "stamp": "2025-11-03 09:05:01",
            "host": "mx1",
            "program": "exim",
            "pid": "42",
            "message": "no MAIL in SMTP connection from [192.0.2.1] D=1s",
        },
    ),
    Envelope(
        "exim_authenticator",
        rf"^(?P<stamp>{_EXIM_STAMP}) (?:\[(?P<pid>[0-9]+)\] )?(?P<message>[0-9A-Za-z_]+ authenticator: .*)$",
        "exim",
        "2025-11-03 09:05:01 cram authenticator: Cyrus SASL doesn't know about mechanism X.",
        {"stamp": "2025-11-03 09:05:01", "message": "cram authenticator: Cyrus SASL doesn't know about mechanism X."},
    ),
    Envelope(
        "rfc5424",
        rf"^(?:<[0-9]{{1,3}}>)?1 (?P<stamp>{_ISO}) (?P<host>[^ ]+) (?P<program>[^ ]+) (?P<pid>[0-9]+|-) [^ ]+ "
        r'(?:-|(?:\[(?:[^\]\\"]|\\.|"(?:[^"\\]|\\.)*")*\])+) ?(?:\x{feff})?(?P<message>.*)$',
        None,
        '<20>1 2025-11-03T09:05:01Z mx1 postfix/smtpd 42 - [meta sequenceId="7"] connect from unknown[192.0.2.1]',
        {
            "stamp": "2025-11-03T09:05:01Z",
            "host": "mx1",
            "program": "postfix/smtpd",
            "pid": "42",
            "message": "connect from unknown[192.0.2.1]",
        },
    ),
    Envelope(
        "iso",
        rf"{_PRI}(?P<stamp>{_ISO}) {_TAIL}",
        None,
        "2025-11-03T09:05:01.123456+01:00 mx1 postfix/smtpd[42]: connect from unknown[192.0.2.1]",
        {
            "stamp": "2025-11-03T09:05:01.123456+01:00",
            "host": "mx1",
            "program": "postfix/smtpd",
            "pid": "42",
            "message": "connect from unknown[192.0.2.1]",
        },
    ),
    Envelope(
        "rfc3164",
        rf"{_PRI}(?P<stamp>{_BSD}) (?:<[a-z0-9]+\.[a-z0-9]+> )?{_TAIL}",
        None,
        "Nov  3 09:05:01 mx1 postfix/smtpd[42]: connect from unknown[192.0.2.1]",
        {
            "stamp": "Nov  3 09:05:01",
            "host": "mx1",
            "program": "postfix/smtpd",
            "pid": "42",
            "message": "connect from unknown[192.0.2.1]",
        },
    ),
    Envelope(
        "rfc3164_nohost",
        rf"{_PRI}(?P<stamp>{_BSD}) (?P<program>postfix[^ \[\]:]*|dovecot|exim[^ \[\]:]*|sendmail|sm-[a-z-]+|smtpd)(?:\[(?P<pid>[0-9]+)\])?: (?P<message>.*)$",
        None,
        "<22>Nov  3 09:05:01 postfix/smtpd[42]: connect from unknown[192.0.2.1]",
        {
            "stamp": "Nov  3 09:05:01",
            "program": "postfix/smtpd",
            "pid": "42",
            "message": "connect from unknown[192.0.2.1]",
        },
    ),
    Envelope(
        "journal_unix",
        rf"^(?P<stamp>[0-9]{{9,11}}\.[0-9]{{6}}) {_TAIL}",
        None,
        "1762157101.123456 mx1 postfix/smtpd[42]: connect from unknown[192.0.2.1]",
        {
            "stamp": "1762157101.123456",
            "host": "mx1",
            "program": "postfix/smtpd",
            "pid": "42",
            "message": "connect from unknown[192.0.2.1]",
        },
    ),
    Envelope(
        "journal_full",
        rf"^(?P<stamp>[A-Z][a-z]{{2}} [0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK} [A-Z+0-9-]+) {_TAIL}",
        None,
        "Mon 2025-11-03 09:05:01 UTC mx1 postfix/smtpd[42]: connect from unknown[192.0.2.1]",
        {
            "stamp": "Mon 2025-11-03 09:05:01 UTC",
            "host": "mx1",
            "program": "postfix/smtpd",
            "pid": "42",
            "message": "connect from unknown[192.0.2.1]",
        },
    ),
    Envelope(
        "tai64n",
        r"^(?P<stamp>@[0-9a-f]{24}) (?:(?P<program>dovecot-auth|postfix[^ \[\]:]*)(?:\[(?P<pid>[0-9]+)\])?: )?"
        r"(?P<message>.*)$",
        "dovecot",
        "@400000004c91b044077a9e94 imap-login: Info: Aborted login: rip=192.0.2.1",
        {"stamp": "@400000004c91b044077a9e94", "message": "imap-login: Info: Aborted login: rip=192.0.2.1"},
    ),
    Envelope(
        "dovecot1_file",
        rf"^(?:dovecot: )?(?P<stamp>{_MONTH} [0-9]{{2}} {_CLOCK}) (?P<message>(?:Info|Warn|Error|Fatal): .*)$",
        "dovecot",
        "dovecot: Mar 13 15:25:07 Info: auth(default): pam(ann,192.0.2.1): pam_authenticate() failed",
        {
            "stamp": "Mar 13 15:25:07",
            "message": "Info: auth(default): pam(ann,192.0.2.1): pam_authenticate() failed",
        },
    ),
    Envelope(
        "dovecot_file",
        rf"^(?P<stamp>(?:{_MONTH} [ 0-9][0-9] {_CLOCK}|{_ISO})(?:\.[0-9]{{1,9}})?) (?P<message>{_DOVECOT_PROCESS}[:(].*)$",
        "dovecot",
        "Nov 03 09:05:01 auth: Info: passwd-file(ann,192.0.2.1): Password mismatch",
        {"stamp": "Nov 03 09:05:01", "message": "auth: Info: passwd-file(ann,192.0.2.1): Password mismatch"},
    ),
    Envelope(
        "fail2ban_file",
        rf"^(?P<stamp>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}),[0-9]{{3}} (?P<program>fail2ban\.[a-z]+) +"
        r"\[(?P<pid>[0-9]+)\]: (?P<message>.*)$",
        None,
        "2026-11-03 09:05:01,123 fail2ban.actions        [42]: NOTICE  [postfix-sasl] Ban 192.0.2.1",
        {
            "stamp": "2026-11-03 09:05:01",
            "program": "fail2ban.actions",
            "pid": "42",
            "message": "NOTICE  [postfix-sasl] Ban 192.0.2.1",
        },
    ),
    Envelope(
        "crowdsec_file",
        r'^time="(?P<stamp>[0-9-]{10}T[0-9:]{8}(?:Z|[+-][0-9]{2}:[0-9]{2}))" level=[a-z]+ '
        r'msg="(?P<message>(?:[^"\\]|\\.)*)".*$',
        "crowdsec",
        'time="2026-11-03T09:05:01Z" level=info msg="Starting"',
        {"stamp": "2026-11-03T09:05:01Z", "message": "Starting"},
    ),
    Envelope(
        "mailcow_netfilter",
        rf"^(?P<stamp>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}) (?P<message>(?:INFO|WARN|CRIT): .*)$",
        "netfilter",
        "2026-05-09 13:50:00 CRIT: Banning 192.0.2.1/32 for 60 minutes",
        {"stamp": "2026-05-09 13:50:00", "message": "CRIT: Banning 192.0.2.1/32 for 60 minutes"},
    ),
    Envelope(
        "nginx_file",
        rf"^(?P<stamp>{_SLASHED}) (?P<message>\[[a-z]+\] [0-9]+#[0-9]+: .*)$",
        "nginx",
        "2025/11/03 09:05:01 [info] 42#42: *4 client 192.0.2.1:40001 connected to 192.0.2.25:587",
        {
            "stamp": "2025/11/03 09:05:01",
            "message": "[info] 42#42: *4 client 192.0.2.1:40001 connected to 192.0.2.25:587",
        },
    ),
    Envelope(
        "mailu_file",
        rf"^\[(?P<stamp>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK},[0-9]{{3}})\] (?P<message>[A-Z]+ in [a-z_.]+: .*)$",
        "mailu",
        "[2025-11-03 09:05:01,123] WARNING in limiter: Authentication attempt from 192.0.2.1 has been rate-limited.",
        {
            "stamp": "2025-11-03 09:05:01,123",
            "message": "WARNING in limiter: Authentication attempt from 192.0.2.1 has been rate-limited.",
        },
    ),
    Envelope(
        "zimbra_file",
        rf"^(?P<stamp>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK},[0-9]{{3}}) (?P<message>(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +\[.*)$",
        "zimbra",
        "2025-11-03 09:05:01,123 INFO  [Pop3Server-1] [ip=192.0.2.1;] security - cmd=Auth; account=ann; protocol=pop3;",
        {
            "stamp": "2025-11-03 09:05:01,123",
            "message": "INFO  [Pop3Server-1] [ip=192.0.2.1;] security - cmd=Auth; account=ann; protocol=pop3;",
        },
    ),
    Envelope(
        "msmtp_file",
        rf"^(?P<stamp>{_BSD}|{_ISO}) (?P<message>host=[^ ]+ tls=(?:on|off) auth=(?:on|off) .*)$",
        "msmtp",
        "Nov 03 09:05:01 host=smtp.example.net tls=on auth=off from=ann@example.com recipients=bob@example.org exitcode=EX_OK",
        {
            "stamp": "Nov 03 09:05:01",
            "message": "host=smtp.example.net tls=on auth=off from=ann@example.com recipients=bob@example.org exitcode=EX_OK",
        },
    ),
    Envelope(
        "chasquid_file",
        rf"^(?P<stamp>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}} {_CLOCK}\.[0-9]{{6}}) "
        r"(?P<message>(?:\[?[0-9A-Fa-f.:]+\]?:[0-9]+ (?:auth|rejected|queued) |[^ ] [a-z]+\.go:[0-9]+ |daemon ).*)$",
        "chasquid",
        "2025-11-03 09:05:01.178585 203.0.113.9:46821 auth failed for ann@example.com",
        {"stamp": "2025-11-03 09:05:01.178585", "message": "203.0.113.9:46821 auth failed for ann@example.com"},
    ),
    Envelope(
        "mox_bare",
        r"^(?P<stamp>)(?P<message>l=[a-z]+ m=.*)$",  # its time is that of the wrapper, if there is one
        "mox",
        'l=info m="login attempt" pkg=smtpserver',
        {"stamp": "", "message": 'l=info m="login attempt" pkg=smtpserver'},
    ),
    Envelope(
        "assp_file",
        rf"^(?P<stamp>{_DASHED}) (?P<message>.*)$",
        "assp",
        "Nov-03-25 09:05:01 Blocking 192.0.2.1 - too much AUTH errors (8);",
        {"stamp": "Nov-03-25 09:05:01", "message": "Blocking 192.0.2.1 - too much AUTH errors (8);"},
    ),
    Envelope(
        "oracle_xml",
        r"""^<co ts="(?P<stamp>[0-9-]{10}T[0-9:.]+)" (?P<message>.*)/>$""",
        "oracle-ims",
        '<co ts="2025-11-03T09:05:01.94" pi="72a9.3b4.3774" dr="+" ac="U"/>',
        {"stamp": "2025-11-03T09:05:01.94", "message": 'pi="72a9.3b4.3774" dr="+" ac="U"'},
    ),
    Envelope(
        "exim_file",
        rf"^(?P<stamp>{_EXIM_STAMP}) (?:\[(?P<pid>[0-9]+)\] )?(?P<message>.*)$",
        "exim",
        "2025-11-03 09:05:01.123 +0100 [42] no MAIL in SMTP connection from [192.0.2.1] D=1s",
        {
            "stamp": "2025-11-03 09:05:01.123 +0100",
            "pid": "42",
            "message": "no MAIL in SMTP connection from [192.0.2.1] D=1s",
        },
    ),
)


SHOWN = {
    "tag": Envelope(
        "shown_tag",
        rf"^(?P<stamp>)(?:(?P<host>{_HOST}) )?(?P<program>[^ \[\]:(]+)(?:\[(?P<pid>[0-9]+)\])?: (?P<message>.*)$",
        None,
        "postfix/smtpd[42]: connect from unknown[192.0.2.1]",
        {"stamp": "", "program": "postfix/smtpd", "pid": "42", "message": "connect from unknown[192.0.2.1]"},
    ),
    **{
        program: Envelope(
            f"shown_{program}", r"^(?P<stamp>)(?P<message>.*)$", program, message, {"stamp": "", "message": message}
        )
        for program, message in (
            ("postfix", "warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: UGFzc3dvcmQ6"),
            ("dovecot", "auth: passwd-file(ann,192.0.2.1): Password mismatch"),
            ("exim", "plain authenticator failed for (pc-7) [192.0.2.1]: 535 Incorrect authentication data"),
        )
    },
}
"""Lines as people show them, by what `unwrapping` says in the column `shown`: without stamp and host, or without the tag as
well. Nothing in the text of a line makes it one of these."""

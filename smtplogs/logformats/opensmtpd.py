"""OpenSMTPD, 5.3 to 7.9: server, and mta on the way to a relay. Sources: usr.sbin/smtpd/smtp_session.c, mta_session.c."""

from __future__ import annotations

from smtplogs.logformats._format import Lines, Pattern, Sample
from smtplogs.logformats._opensmtpd_server import LOGINS, OLD, PROGRAM, SESSION, SID, context
from smtplogs.logformats._postfix_delivery import CODES, OURS, TEXT
from smtplogs.logformats._postfix_parts import always

_MTA = "smtpd/mta_session.c"

client = always(side="client")

_EVPID = "5d668a02aa11bb22"
_WAYS = (
    ("relay_bounced", "PermFail", "bounced", rf"(?P<detail>{TEXT}{OURS}.*)", (550, "5.7.1"), "Relaying denied", "relay_denied"),
    ("relay_deferred", "TempFail", "deferred", rf"(?P<detail>{TEXT}{OURS}.*)", (451, "4.7.1"), "Relaying denied", "relay_denied"),
    ("relay_bounced_by_code", "PermFail", "bounced", "(?P<detail>.*)", (530, "5.7.0"), "Sorry", "auth_required"),
    ("relay_deferred_by_code", "TempFail", "deferred", "(?P<detail>.*)", (530, "5.7.0"), "Sorry", "auth_required"),
)  # fmt: skip


def _refused_delivery(
    name: str, result: str, delivery: str, said: str, codes: tuple[int, str], detail: str, cause: str
) -> Pattern:
    """Return the pattern of a delivery that a relay refused, in words of ours or by codes that are."""
    code = CODES if name.endswith("code") else "[45][0-9]{2}"
    line = (
        f'5d668a023311330e mta delivery evpid={_EVPID} from=<ann@example.com> to=<bob@example.org> rcpt=<-> source="192.0.2.25" '
        f'relay="198.51.100.25 (smtp.example.net)" delay=1s result="{result}" stat="{codes[0]} {codes[1]} '
    )
    return Pattern(
        name,
        program=PROGRAM,
        literal=result,
        regex=rf"^{SID} mta (?:event=)?delivery evpid=[0-9a-f]+ from=<(?P<sender>[^ ]*)> to=<[^ ]*> rcpt=<[^ ]*> source=\"[^\"]*\" "
        r'relay="\[?(?P<server_ip>[0-9A-Fa-f:.]+)\]?(?: \((?P<relay_host>[^ ()]+)\))?" delay=[^ ]+ '
        rf'result="{result}" stat="(?P<reply_code>{code})(?:[ -](?P<enhanced_code>[45]\.[0-9]{{1,3}}\.[0-9]{{1,3}}))?[ -]{said}"$',
        sets=client(stage="mail", delivery=delivery),
        written_by="smtpd/mta_session.c, mta.c: the relay's own words on the mail, 6.0 and later",
        samples=(
            Sample(
                f'{line}{detail}"',
                client(
                    stage="mail",
                    delivery=delivery,
                    session="5d668a023311330e",
                    sender="ann@example.com",
                    server_ip="198.51.100.25",
                    relay_host="smtp.example.net",
                    reply_code=codes[0],
                    enhanced_code=codes[1],
                    detail=detail,
                    outcome="refused",
                    cause=cause,
                    basis="line",
                ),
            ),
        ),
        not_these=(f'{line.replace(str(codes[0]), "550").replace(codes[1], "5.1.1")}No such user"',),
    )


RELAY = (
    Pattern(
        "relay_connecting",
        program=PROGRAM,
        literal=(" mta connecting ", " mta event=connecting "),
        regex=rf"^{SID} mta (?:event=)?connecting address=[a-z+]+://\[?(?P<server_ip>[0-9A-Fa-f:.]+?)\]?:(?P<server_port>[0-9]+) "
        r"host=(?P<relay_host>[^ ]+)$",
        sets=client(outcome="info"),
        role="context",
        written_by=f"{_MTA}, 6.0 and later",
        samples=(
            Sample(
                "816f6b92fd6f25cc mta connecting address=smtp+tls://198.51.100.25:587 host=smtp.example.net",
                client(
                    outcome="info",
                    session="816f6b92fd6f25cc",
                    server_ip="198.51.100.25",
                    server_port=587,
                    relay_host="smtp.example.net",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_tls",
        program=PROGRAM,
        literal=" mta tls ciphers=",
        regex=rf"^{SID} mta tls (?:ciphers=)?(?P<tls>[^: ]+):(?P<cipher>[^: ]+)(?::[0-9]+)?$",
        sets=client(outcome="info"),
        role="context",
        written_by=f"{_MTA}, 6.6 and later",
        samples=(
            Sample(
                "816f6b92fd6f25cc mta tls ciphers=TLSv1.3:TLS_AES_256_GCM_SHA384:256",
                client(outcome="info", session="816f6b92fd6f25cc", tls="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384"),
            ),
        ),
    ),
    Pattern(
        "relay_auth_rejected",
        program=PROGRAM,
        literal=" reason=AUTH rejected: ",
        regex=rf"^{SID} mta (?:event=)?error reason=AUTH rejected: (?P<reply_code>[245][0-9]{{2}})[ -]"
        r"(?:(?P<enhanced_code>[245]\.[0-9]{1,3}\.[0-9]{1,3}) )?(?P<detail>.*)$",
        sets=client(stage="auth"),
        written_by=_MTA,
        samples=(
            Sample(
                "816f6b92fd6f25cc mta error reason=AUTH rejected: 454 4.7.0 Temporary authentication failure",
                client(
                    stage="auth",
                    session="816f6b92fd6f25cc",
                    reply_code=454,
                    enhanced_code="4.7.0",
                    detail="Temporary authentication failure",
                    outcome="deferred",
                    cause="backend_unavailable",
                    basis="line",
                ),
            ),
        ),
    ),
    Pattern(
        "relay_auth_impossible",
        program=PROGRAM,
        literal=("AUTH not advertised", "no supported AUTH method", "Refuse to AUTH over insecure channel"),
        regex=rf"^{SID} mta (?:event=)?error reason=(?P<detail>AUTH not advertised|no supported AUTH method"
        r"|Refuse to AUTH over insecure channel)$",
        sets=client(stage="auth"),
        written_by=_MTA,
        samples=(
            Sample(
                "5d668a023311330e mta error reason=AUTH not advertised",
                client(
                    stage="auth",
                    session="5d668a023311330e",
                    detail="AUTH not advertised",
                    outcome="refused",
                    cause="auth_not_offered",
                    basis="line",
                ),
            ),
        ),
    ),
    *(_refused_delivery(*way) for way in _WAYS),
    Pattern(
        "lookup_detail",
        program=PROGRAM,
        literal=("user credentials lookup fail", "needed for authentication"),
        regex=r"^warn: (?P<detail>user credentials lookup fail for .*|could not find table .* needed for authentication)$",
        sets=context(),
        role="context",
        written_by="smtpd/lka.c: why the login before or after it ended in tempfail",
        samples=(
            Sample(
                "warn: user credentials lookup fail for creds:alice@example.com",
                context(detail="user credentials lookup fail for creds:alice@example.com"),
            ),
        ),
    ),
    Pattern(
        "ordinary",
        program=PROGRAM,
        regex=r"^(?:[0-9a-f]{16} (?:smtp|mta|mda) .*|smtp-(?:in|out): .*|(?:info|warn|debug): .*)$",
        role="dismiss",
        written_by="smtpd: the ordinary course of sessions and deliveries",
        samples=(
            Sample("1e336778c1baec60 smtp disconnected reason=quit"),
            Sample(
                '1e336778c1baec60 smtp failed-command command="RCPT TO:<a@example.org>" result="550 Invalid recipient"'
            ),
        ),
    ),
)

OPENSMTPD = Lines(
    "opensmtpd",
    "OpenSMTPD mail log",
    tag=PROGRAM,
    patterns=(*LOGINS, *OLD, *SESSION, *RELAY),
    cannot_show=(
        "whether a refused login was a wrong password or an unknown name",
        "limits on AUTH: it has none but a pause",
        "logins at a relay that succeeded",
        "port of the client, its HELO, our own port",
        "who was refused as a relay: `550 Invalid recipient` stands for unknown recipients as well",
    ),
)

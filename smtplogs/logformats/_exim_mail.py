"""Exim's server: mails that came in with a login, and what it says at the end of a session."""

from __future__ import annotations

from smtplogs.logformats._exim_parts import (
    ANY_HEAD,
    ANY_ID,
    CORE,
    HEAD,
    ID,
    IP,
    LOCAL,
    LOGIN,
    PEER,
    PROGRAM,
    TLS,
    context,
    login,
    mail,
)
from smtplogs.logformats._format import Part, Pattern, Sample

_SMTP_IN = "exim src/smtp_in.c"
_FLAGS = r"(?: L[*.]?-?)?"
_AFTER = (
    r"(?:$| (?:M8S|RT|Q|id\*?|DKIM|T|ARC|DMARC)[=*].*| (?:from <|for ).*)$"  # a key, or the end: not text of the client
)
_SIZE = r"(?: PRDR)?(?: PRX=[^ ]+)?(?: K)?(?: SPF=[^ ]+)?(?: DMARC=[^ ]+)? S=(?:[0-9]+|sss)"

_PEER = (
    r"(?:(?P<client_name>[^ ()\[\]]+) )?(?:\((?P<helo>[^ ()]*)\) )?"
    rf"\[(?P<client_ip>{IP})\](?::(?P<client_port>[0-9]+))?(?: I=\[(?P<server_ip>{IP})\]:(?P<server_port>[0-9]+))?"
)
_LOGIN = r"(?P<authenticator>[0-9A-Za-z_]+):(?P<user>[^ :]+)(?: K)?"

MAIL = (
    Pattern(
        "mail_login",
        program=PROGRAM,
        literal=" A=",
        parts=(
            Part("", ID, own=True),
            Part(" <= ", r"(?P<sender>[^ ]+)", own=True),
            Part(" H=", _PEER),
            Part(" P=", rf"[a-z]+sa{TLS}"),
            Part(" A=", _LOGIN),
            Part(" S=", r"[0-9]+(?: id=[^ ]+)?", own=True),
        ),
        sets=mail(),
        harmless=True,
        written_by="exim src/receive.c, a line per message",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A <= alice@example.com H=(pc-7) [203.0.113.9]:51234 P=esmtpsa "
                "X=TLS1.3:TLS_AES_256_GCM_SHA384:256 CV=no A=dovecot_plain:alice@example.com S=1234 id=1@pc-7",
                mail(
                    queue_id="1rXaBc-0004uc-2A",
                    sender="alice@example.com",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=51234,
                    tls="TLSv1.3",
                    cipher="TLS_AES_256_GCM_SHA384",
                    authenticator="dovecot_plain",
                    mechanism="PLAIN",
                    user="alice@example.com",
                ),
            ),
        ),
    ),
    Pattern(
        "mail_login_plain",
        program=PROGRAM,
        literal="pa A=",
        regex=rf"^{ID} <= (?P<sender>[^ ]+) H={_PEER} P=[a-z]+pa A={_LOGIN} S=[0-9]+(?: id=[^ ]+)?$",
        sets=mail(tls="none"),
        harmless=True,
        written_by="exim src/smtp_in.c: the protocol has an s before its a if TLS is on: esmtpa proves that it was not",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A <= ann@example.com H=(pc-8) [203.0.113.8] P=esmtpa A=login_server:ann@example.com "
                "S=1234 id=1@pc-8",
                mail(
                    queue_id="1rXaBc-0004uc-2A",
                    sender="ann@example.com",
                    helo="pc-8",
                    client_ip="203.0.113.8",
                    tls="none",
                    authenticator="login_server",
                    mechanism="LOGIN",
                    user="ann@example.com",
                ),
            ),
        ),
    ),
    Pattern(
        "mail_login_odd",
        program=PROGRAM,
        literal=" A=",
        regex=rf"{HEAD}(?:<=|\(=) (?P<sender>[^ ]+)(?: R=[^ ]+)?(?: DS)?(?: H={CORE})?(?: TFO\*?)?(?: U=[^ ]+)?(?: Ci=[0-9A-Za-z]+)?"
        rf" P=[^ ]+{_FLAGS}{TLS}{_FLAGS} {LOGIN}{_SIZE}{_AFTER}",
        sets=mail(),
        written_by="exim src/receive.c, a line per message; the login ends at the first size that a key or nothing follows",
        samples=(
            Sample(
                "1xVZRK-000000007Cc-1hzW <= a@example.org H=(pc-7) [203.0.113.9]:38785 I=[192.0.2.1]:587 Ci=27690 P=esmtpa "
                'L.- A=dovecot_login:a b S=259 M8S=0 RT=0.000s id=1@x T="A=root S=1 id=2"',
                mail(
                    queue_id="1xVZRK-000000007Cc-1hzW",
                    sender="a@example.org",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=38785,
                    server_ip="192.0.2.1",
                    server_port=587,
                    session="27690",
                    authenticator="dovecot_login",
                    mechanism="LOGIN",
                    user="a b",
                ),
            ),
            Sample(
                "1xVZRK-0002hE-0E <= a@example.org H=(pc-7) [203.0.113.9] P=esmtpsa X=TLS1.2:ECDHE-RSA-AES256-GCM-SHA384:256 "
                "CV=no A=plain_server:ann:ann@example.org S=259 id=1@x",
                mail(
                    queue_id="1xVZRK-0002hE-0E",
                    sender="a@example.org",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    tls="TLSv1.2",
                    cipher="ECDHE-RSA-AES256-GCM-SHA384",
                    authenticator="plain_server",
                    mechanism="PLAIN",
                    user="ann",
                    sasl_sender="ann@example.org",
                ),
            ),
        ),
        not_these=(
            '1xVZRK-0002hE-0E <= a@example.org H=(pc-7) [203.0.113.9] P=esmtp S=259 id=1@x T="x A=plain:root S=1 id=1"',
        ),
    ),
    Pattern(
        "mail_plain",
        program=PROGRAM,
        literal=" P=",
        parts=(Part("", ANY_ID, own=True), Part(" <= ", ".*", own=True)),
        role="context",
        traffic=True,
        sets=context(stage="mail"),
        harmless=True,
        written_by="exim src/receive.c: a message without a login",
        samples=(
            Sample(
                "1xVZRK-000000007Cc-1hzW <= a@example.org H=mx.example.net [198.51.100.9] P=esmtps S=1234",
                context(stage="mail"),
            ),
        ),
    ),
    Pattern(
        "mail",
        program=PROGRAM,
        literal=" P=",
        regex=rf"{ANY_HEAD}(?:<=|\(=) .*$",
        role="context",
        traffic=True,
        sets=context(stage="mail"),
        written_by="exim src/receive.c: a message without a login",
        samples=(
            Sample(
                "1rXaBc-0004uc-2A (= a@example.org H=mx.example.net [198.51.100.9] P=esmtps S=1234",
                context(stage="mail"),
            ),
        ),
    ),
    Pattern(
        "mail_without",
        program=PROGRAM,
        regex=rf"{ANY_HEAD}(?:<=|\(=) .*$",
        role="dismiss",
        written_by="exim src/receive.c: a message without a login, whose words look like one",
        samples=(Sample('1rXaBc-0004uc-2A <= a@example.org H=(x) [198.51.100.9] P=esmtp S=1 T="A=root"'),),
    ),
)


SESSION = (
    Pattern(
        "no_mail_login",
        program=PROGRAM,
        literal="no MAIL in ",
        regex=rf"{HEAD}no MAIL in (?:TFO\*? )?SMTP connection from (?:{PEER}|{LOCAL}) D=[^ ]+ {LOGIN}{TLS}"
        r"(?: C=(?P<stats>[0-9A-Za-z_.,|]+))?$",
        sets=login(),
        written_by=f"{_SMTP_IN} smtp_log_no_mail; only with +smtp_no_mail: a login that sent nothing",
        samples=(
            Sample(
                "no MAIL in SMTP connection from (pc-7) [203.0.113.9]:37881 I=[192.0.2.1]:587 Ci=27620 D=0.151s "
                "A=dovecot_login:alice@example.com X=TLS1.3:TLS_AES_256_GCM_SHA384:256 C=EHLO,STARTTLS,EHLO,AUTH,QUIT",
                login(
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=37881,
                    server_ip="192.0.2.1",
                    server_port=587,
                    session="27620",
                    authenticator="dovecot_login",
                    mechanism="LOGIN",
                    user="alice@example.com",
                    tls="TLSv1.3",
                    cipher="TLS_AES_256_GCM_SHA384",
                    stats="EHLO,STARTTLS,EHLO,AUTH,QUIT",
                ),
            ),
        ),
    ),
    Pattern(
        "no_mail",
        program=PROGRAM,
        literal="no MAIL in ",
        regex=rf"{HEAD}no MAIL in (?:TFO\*? )?SMTP connection from (?:{PEER}|{LOCAL}) D=[^ ]+{TLS}"
        r"(?: C=(?P<stats>[0-9A-Za-z_.,|]+))?$",
        sets=context(),
        role="context",
        written_by=f"{_SMTP_IN} smtp_log_no_mail; only with +smtp_no_mail",
        samples=(
            Sample(
                "no MAIL in SMTP connection from host.example.com (SERVER) [203.0.113.9]:1418 D=34s C=EHLO,AUTH",
                context(
                    client_name="host.example.com",
                    helo="SERVER",
                    client_ip="203.0.113.9",
                    client_port=1418,
                    stats="EHLO,AUTH",
                ),
            ),
        ),
    ),
    Pattern(
        "session_lost",
        program=PROGRAM,
        literal=("unexpected disconnection while reading SMTP", "SMTP command timeout on", " lost D="),
        regex=rf"{HEAD}(?P<detail>unexpected disconnection while reading SMTP command|SMTP command timeout on(?: TLS)? connection"
        rf"|SMTP connection(?: Ci=[0-9A-Za-z]+)?)(?: from)? (?:{PEER}|{LOCAL})(?: \(error: [^()]*\))?(?: D=[^ ]+)?(?: lost)?(?: D=[^ ]+)?$",
        sets=context(),
        role="context",
        written_by=f"{_SMTP_IN}; +lost_incoming_connection, on by default",
        samples=(
            Sample(
                "unexpected disconnection while reading SMTP command from (pc-7) [203.0.113.9]:51234 D=0.2s",
                context(
                    detail="unexpected disconnection while reading SMTP command",
                    helo="pc-7",
                    client_ip="203.0.113.9",
                    client_port=51234,
                ),
            ),
            Sample(
                "unexpected disconnection while reading SMTP command from (pc-7) [203.0.113.9] (error: Connection reset by peer) D=3s",
                context(
                    detail="unexpected disconnection while reading SMTP command", helo="pc-7", client_ip="203.0.113.9"
                ),
            ),
        ),
    ),
)

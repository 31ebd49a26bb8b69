"""hMailServer, MDaemon, MailEnable, SmarterMail, IIS: mail servers for Windows whose logs are dialogues."""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Turn

_HMAIL = (
    r'^"SMTP{}"\t[0-9]+\t(?P<session>[0-9]+)\t"(?P<stamp>[0-9-]{{10}} [0-9:]{{8}}\.[0-9]{{3}})"\t"(?P<{}>[^"]*)"\t'
    r'"(?P<arrow>SENT|RECEIVED): (?P<text>.*)"$'
)

HMAILSERVER = Dialogue(
    "hmailserver",
    "hMailServer",
    looks=r'^"(?:SMTP[DC]"\t[0-9]+\t[0-9]+|(?:APPLICATION|TCPIP|ERROR|DEBUG|POP3D|IMAPD)"\t[0-9]+)\t',
    key=("side", "client_ip", "server_ip"),
    line_break="[nl]",
    written_by="hMailServer 5.6 (Common/Util/Logging); it masks passwords by *** itself",
    turns=(
        Turn(
            "server", _HMAIL.format("D", "client_ip"), sets={"side": "server"},
            arrows={"SENT": "server", "RECEIVED": "client"},
        ),
        Turn(
            "client", _HMAIL.format("C", "server_ip"), sets={"side": "client"},
            arrows={"SENT": "client", "RECEIVED": "server"},
        ),
        Turn("other", r'^"(?:APPLICATION|TCPIP|ERROR|DEBUG|POP3D|IMAPD|POP3C)"\t.*$', speaker="noise"),
    ),
    cannot_show=("ports", "TLS from the first byte (port 465)"),
    samples=(
        Excerpt(
            '"SMTPD"\t5196\t26\t"2026-04-20 14:11:03.003"\t"203.0.113.50"\t"RECEIVED: AUTH LOGIN"\n'
            '"SMTPD"\t5196\t26\t"2026-04-20 14:11:04.004"\t"203.0.113.50"\t"SENT: 334 VXNlcm5hbWU6"\n'
            '"SMTPD"\t5196\t26\t"2026-04-20 14:11:05.005"\t"203.0.113.50"\t"RECEIVED: YW5uQGV4YW1wbGUuY29t"\n'
            '"SMTPD"\t5196\t26\t"2026-04-20 14:11:06.006"\t"203.0.113.50"\t"SENT: 334 UGFzc3dvcmQ6"\n'
            '"SMTPD"\t5196\t26\t"2026-04-20 14:11:07.007"\t"203.0.113.50"\t"RECEIVED: ***"\n'
            '"SMTPD"\t5196\t26\t"2026-04-20 14:11:08.008"\t"203.0.113.50"\t"SENT: 535 Authentication failed. Restarting authentication process."\n',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line",
                    "side": "server", "client_ip": "203.0.113.50", "user": "ann@example.com", "mechanism": "LOGIN",
                    "reply_code": 535, "detail": "Authentication failed. Restarting authentication process.",
                },
            ),
        ),
    ),
)  # fmt: skip

_MD = r"^(?P<stamp>[A-Z][a-z]{2} [0-9-]{10} [0-9:]{8}(?:\.[0-9]{3})?): (?:[0-9]{2}: )?(?:\[[0-9:]+\] )?"
_IP = r"[0-9A-Fa-f.:]+"

MDAEMON = Dialogue(
    "mdaemon",
    "MDaemon",
    looks=r"^[A-Z][a-z]{2} [0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{3})?: ",
    side="server",
    blocks=True,
    written_by="MDaemon 20 and later (SMTP-(in), Screening); blocks of a session are written whole",
    turns=(
        Turn("session", rf"{_MD}Session (?P<session>[0-9]+); child [0-9]+.*$", begins=True),
        Turn(
            "accepting",
            rf"{_MD}Accepting SMTP connection from \[?(?P<client_ip>{_IP}?)\]?:(?P<client_port>[0-9]+) to \[?(?P<server_ip>{_IP}?)\]?:(?P<server_port>[0-9]+)$",
        ),
        Turn("server", rf"{_MD}--> (?P<text>.*)$", speaker="server"),
        Turn("client", rf"{_MD}<-- (?P<text>.*)$", speaker="client"),
        Turn("user", rf"{_MD}(?:\* +)?Authenticated as (?P<user>[^ ]+)$"),
        Turn("tls", rf"{_MD}SSL negotiation successful \((?P<tls>TLS ?[0-9.]+)[,)]?.*$"),
        Turn(
            "screened",
            rf"{_MD}(?P<detail>Location Screening: IP (?P<client_ip>{_IP}) .*connection blocked; port (?P<server_port>[0-9]+))$",
            verdict="line",
            begins=True,
            sets={"stage": "connect", "outcome": "refused", "cause": "access_policy_denied"},
        ),
        Turn(
            "host_screened",
            rf"{_MD}(?P<detail>Host [Ss]creening refused .*)$",
            verdict="line",
            begins=True,
            sets={"stage": "connect", "outcome": "refused", "cause": "access_policy_denied"},
        ),
        Turn("ended", rf"{_MD}SMTP session (?:terminated|successful|ended).*$", ends=True),
        Turn("other", rf"{_MD}.*$"),
        Turn("rule", r"^-*$", speaker="noise"),
    ),
    cannot_show=("the zone of its clock",),
    samples=(
        Excerpt(
            "Tue 2026-08-18 12:10:37.100: 05: Session 00012345; child 0001\n"
            "Tue 2026-08-18 12:10:37.100: 05: Accepting SMTP connection from 203.0.113.20:51544 to 192.0.2.5:587\n"
            "Tue 2026-08-18 12:10:37.101: 03: --> 220 mail.example.com ESMTP MDaemon ready\n"
            "Tue 2026-08-18 12:10:37.200: 02: <-- EHLO pc\n"
            "Tue 2026-08-18 12:10:37.201: 03: --> 250-mail.example.com Hello pc\n"
            "Tue 2026-08-18 12:10:37.201: 03: --> 250 AUTH LOGIN PLAIN\n"
            "Tue 2026-08-18 12:10:37.300: 02: <-- AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBzM2NyZXQ=\n"
            "Tue 2026-08-18 12:10:38.432: 03: --> 535 5.7.8 Authentication failed\n",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed",
                    "side": "server", "client_ip": "203.0.113.20", "client_port": 51544, "server_ip": "192.0.2.5",
                    "server_port": 587, "helo": "pc", "user": "ann@example.com", "mechanism": "PLAIN", "tls": "none",
                    "auth_offered": ["LOGIN", "PLAIN"], "reply_code": 535, "enhanced_code": "5.7.8",
                    "detail": "Authentication failed",
                },
            ),
        ),
    ),
)  # fmt: skip

_ME = (
    r"^(?P<stamp>[0-9]{{2}}/[0-9]{{2}}/[0-9]{{2}} [0-9:]{{8}})\tSMTP-{}\t(?P<session>[0-9A-Fa-f]{{20,40}}\.[A-Z]+)\t[0-9]+\t(?P<{}>[0-9A-Fa-f.:]+)\t"
    r"(?P<text>[A-Za-z]*(?:\t[^\t]*)?)\t(?P<answer>[2-5][0-9]{{2}}[^\t]*)\t[0-9]*\t[0-9]*(?:\t(?P<user>[^\t]*)\t?)?$"
)

MAILENABLE = Dialogue(
    "mailenable",
    "MailEnable SMTP activity log",
    looks=r"^[0-9]{2}/[0-9]{2}/[0-9]{2} [0-9:]{8}\tSMTP-(?:IN|OU)\t",
    written_by="MailEnable 9 (SMTP-Activity); command, parameter and reply stand in one line",
    turns=(
        Turn("server", _ME.format("IN", "client_ip"), speaker="client", sets={"side": "server"}),
        Turn("client", _ME.format("OU", "server_ip"), speaker="client", sets={"side": "client"}),
    ),
    cannot_show=("the order of day and month, which follows the server's locale", "ports and TLS"),
    samples=(
        Excerpt(
            "10/19/26 00:00:35\tSMTP-IN\t25E7EB033CE24B45B7CD8E3EEEE8726F.MAI\t908\t203.0.113.24\tAUTH\tMTIzNDU2Nzg5\t"
            "535 Invalid Username or Password\t34\t14\tann@example.com\t\n",
            (
                {
                    "stage": "auth",
                    "outcome": "failure",
                    "cause": "bad_credentials",
                    "basis": "line",
                    "side": "server",
                    "client_ip": "203.0.113.24",
                    "user": "ann@example.com",
                    "reply_code": 535,
                    "detail": "Invalid Username or Password",
                },
            ),
        ),
    ),
)

_SM_WHO = r"\[(?P<client_ip>[0-9A-Fa-f.:]+)\]\[(?P<session>[0-9]+)\] "
_SM_CLOCK = r"[0-9:]{8}(?:\.[0-9]{1,3})?"
_SM = rf"^(?:(?P<stamp>\[[0-9]{{4}}\.[0-9]{{2}}\.[0-9]{{2}}\] {_SM_CLOCK})|{_SM_CLOCK}) {_SM_WHO}"

SMARTERMAIL = Dialogue(
    "smartermail",
    "SmarterMail SMTP log",
    looks=r"^(?:\[[0-9]{4}\.[0-9]{2}\.[0-9]{2}\] )?[0-9:]{8}(?:\.[0-9]{1,3})? \[[0-9A-Fa-f.:]+\]\[[0-9]+\] ",
    side="server",
    key=("client_ip",),
    written_by="SmarterMail (smtpLog); releases before 15 put no date in front: it stands where a client connects",
    turns=(
        Turn("dated", rf"^{_SM_CLOCK} {_SM_WHO}connected at (?P<stamp>[0-9./-]+ [0-9:]+(?: [AP]M)?)$"),
        Turn("glued", rf"{_SM}rsp: 250-.*250 .*$"),  # the lines of a reply without a break: what is offered cannot be read
        Turn("server", rf"{_SM}rsp: (?P<text>.*)$", speaker="server"),
        Turn("client", rf"{_SM}cmd: (?P<text>.*)$", speaker="client"),
        Turn("user", rf"{_SM}Authenticating as (?P<user>[^ ]+)$"),
        Turn("ended", rf"{_SM}disconnected at .*$", ends=True),
        Turn("other", rf"{_SM}.*$"),
    ),
    cannot_show=("the zone of its clock", "ports", "where no date stands in front: when, but for the last connection before"),
    samples=(
        Excerpt(
            "10:00:00 [203.0.113.5][12345678] connected at 11/20/2026 10:00:00 AM\n"
            "10:00:01 [203.0.113.5][12345678] cmd: AUTH LOGIN\n"
            "10:00:01 [203.0.113.5][12345678] rsp: 334 VXNlcm5hbWU6\n"
            "10:00:02 [203.0.113.5][12345678] Authenticating as ann@example.com\n"
            "10:00:02 [203.0.113.5][12345678] rsp: 334 UGFzc3dvcmQ6\n"
            "10:00:03 [203.0.113.5][12345678] rsp: 235 Authentication successful\n"
            "10:00:04 [203.0.113.5][12345678] disconnected at 11/20/2026 10:00:04 AM\n",
            (
                {
                    "stage": "auth", "outcome": "success", "cause": "success", "basis": "line", "side": "server",
                    "client_ip": "203.0.113.5", "user": "ann@example.com", "mechanism": "LOGIN", "reply_code": 235,
                    "detail": "Authentication successful",
                },
            ),
        ),
        Excerpt(
            "[2026.11.20] 10:00:00.100 [203.0.113.5][12345678] rsp: 220 mail.example.com\n"
            "[2026.11.20] 10:00:00.100 [203.0.113.5][12345678] connected at 11/20/2026 10:00:00 AM\n"
            "[2026.11.20] 10:00:00.200 [203.0.113.5][12345678] cmd: EHLO pc\n"
            "[2026.11.20] 10:00:00.200 [203.0.113.5][12345678] rsp: 250-mail.example.com Hello [203.0.113.5]250-SIZE 31457280250-AUTH LOGIN CRAM-MD5250-8BITMIME250-DSN250 OK\n"
            "[2026.11.20] 10:00:00.300 [203.0.113.5][12345678] cmd: AUTH LOGIN\n"
            "[2026.11.20] 10:00:00.300 [203.0.113.5][12345678] rsp: 334 VXNlcm5hbWU6\n"
            "[2026.11.20] 10:00:00.400 [203.0.113.5][12345678] Authenticating as ann@example.com\n"
            "[2026.11.20] 10:00:00.400 [203.0.113.5][12345678] rsp: 334 UGFzc3dvcmQ6\n"
            "[2026.11.20] 10:00:00.500 [203.0.113.5][12345678] rsp: 535 Authentication failed\n"
            "[2026.11.20] 10:00:00.600 [203.0.113.5][12345678] cmd: QUIT\n"
            "[2026.11.20] 10:00:00.600 [203.0.113.5][12345678] rsp: 221 Service closing transmission channel\n"
            "[2026.11.20] 10:00:00.600 [203.0.113.5][12345678] disconnected at 11/20/2026 10:00:00 AM\n",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed",
                    "side": "server", "client_ip": "203.0.113.5", "helo": "pc", "user": "ann@example.com",
                    "mechanism": "LOGIN", "reply_code": 535, "detail": "Authentication failed",
                },
            ),
        ),
    ),
)  # fmt: skip

_IIS_AT = r"^(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}) "
_IIS_IN = rf"{_IIS_AT}(?P<client_ip>{_IP}) (?P<helo>[^ ]+) (?P<service>SMTPSVC[0-9]+) (?P<host>[^ ]+) (?P<server_ip>{_IP}) (?:0|(?P<server_port>[0-9]+)) "
_IIS_OUT = r"(?P<service>SMTPSVC[0-9]+) (?P<host>[^ ]+) [^ ]+ (?P<server_port>[0-9]+) "
_IIS_HEARD = rf"{_IIS_AT}(?P<server_ip>{_IP}) OutboundConnectionResponse {_IIS_OUT}"
_IIS_SAID = rf"{_IIS_AT}(?P<server_ip>{_IP}) OutboundConnectionCommand {_IIS_OUT}"

IIS = Dialogue(
    "iis-smtp",
    "IIS SMTP service (W3C log)",
    looks=r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [^ ]+ [^ ]+ SMTPSVC[0-9]+ ",
    least=0.25,
    key=("side", "server_ip", "client_ip", "helo"),
    space="+",
    written_by="IIS 6 to 10, SMTP virtual server, W3C extended log with all fields in their default order; UTC",
    turns=(
        Turn("reply", rf"{_IIS_HEARD}- - (?P<text>[^ ]+) .*$", speaker="server", sets={"side": "client"}),
        Turn(
            "auth", rf"{_IIS_SAID}(?P<text>AUTH) - \+?(?P<mechanism>[A-Za-z0-9-]{{3,}}) .*$",
            speaker="client", sets={"side": "client"},
        ),
        Turn("command", rf"{_IIS_SAID}(?P<text>[A-Za-z]+) .*$", speaker="client", sets={"side": "client"}),
        Turn(
            "login", rf"{_IIS_IN}(?P<text>AUTH) - \+?(?P<mechanism>[A-Za-z0-9-]{{3,}}) (?P<answer>[2-5][0-9]{{2}}) .*$",
            speaker="client", sets={"side": "server"},
        ),
        Turn(
            "asked", rf"{_IIS_IN}(?P<text>AUTH|MAIL|STARTTLS) [^ ]+ [^ ]+ (?P<answer>[2-5][0-9]{{2}}) .*$",
            speaker="client", sets={"side": "server"},
        ),
        Turn("other", r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [^ ]+ [^ ]+ SMTPSVC[0-9]+ .*$", speaker="noise"),
        Turn("header", r"^#.*$", speaker="noise"),
    ),
    cannot_show=("sessions: its lines carry no token", "the user", "what was said to clients, but for the code", "TLS"),
    samples=(
        Excerpt(
            "#Fields: date time c-ip cs-username s-sitename s-computername s-ip s-port cs-method cs-uri-stem cs-uri-query sc-status sc-win32-status sc-bytes cs-bytes time-taken cs-version cs-host cs(User-Agent) cs(Cookie) cs(Referer)\n"
            "2026-11-20 09:00:01 198.51.100.25 OutboundConnectionResponse SMTPSVC1 WEB1 - 587 - - 220+mail.example.com+ESMTP 0 0 26 0 15 SMTP - - - -\n"
            "2026-11-20 09:00:01 198.51.100.25 OutboundConnectionCommand SMTPSVC1 WEB1 - 587 EHLO - WEB1 0 0 4 0 15 SMTP - - - -\n"
            "2026-11-20 09:00:01 198.51.100.25 OutboundConnectionResponse SMTPSVC1 WEB1 - 587 - - 250-mail.example.com 0 0 20 0 31 SMTP - - - -\n"
            "2026-11-20 09:00:01 198.51.100.25 OutboundConnectionResponse SMTPSVC1 WEB1 - 587 - - 250+AUTH+LOGIN 0 0 14 0 31 SMTP - - - -\n"
            "2026-11-20 09:00:01 198.51.100.25 OutboundConnectionCommand SMTPSVC1 WEB1 - 587 AUTH - LOGIN 0 0 4 0 31 SMTP - - - -\n"
            "2026-11-20 09:00:01 198.51.100.25 OutboundConnectionResponse SMTPSVC1 WEB1 - 587 - - 334+VXNlcm5hbWU6 0 0 16 0 46 SMTP - - - -\n"
            "2026-11-20 09:00:02 198.51.100.25 OutboundConnectionResponse SMTPSVC1 WEB1 - 587 - - 535+5.7.8+Authentication+failed 0 0 31 0 62 SMTP - - - -\n"
            "2026-11-20 09:00:02 198.51.100.25 OutboundConnectionCommand SMTPSVC1 WEB1 - 587 QUIT - - 0 0 4 0 62 SMTP - - - -\n"
            "2026-11-20 09:00:04 203.0.113.5 PC1 SMTPSVC1 WEB1 192.0.2.25 0 EHLO - +PC1 250 0 200 8 0 SMTP - - - -\n"
            "2026-11-20 09:00:05 203.0.113.5 PC1 SMTPSVC1 WEB1 192.0.2.25 0 MAIL - +FROM:<ann@example.com> 530 0 43 31 0 SMTP - - - -\n",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed",
                    "side": "client", "server_ip": "198.51.100.25", "server_port": 587, "mechanism": "LOGIN",
                    "auth_offered": ["LOGIN"], "tls": "none", "reply_code": 535, "enhanced_code": "5.7.8",
                    "detail": "Authentication failed",
                },
                {
                    "stage": "mail", "outcome": "refused", "cause": "auth_required", "basis": "assumed",
                    "side": "server", "client_ip": "203.0.113.5", "server_ip": "192.0.2.25", "helo": "PC1",
                    "reply_code": 530, "detail": "530",
                },
            ),
        ),
    ),
)  # fmt: skip

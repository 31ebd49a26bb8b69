"""Microsoft Exchange: SMTP protocol logs (Receive and Send) as dialogues, the IMAP and POP ones as tables."""

from __future__ import annotations

from smtplogs.logformats._format import Dialogue, Excerpt, Field, Table, Turn

_ROW = (
    r"^(?:\x{feff})?(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{1,7}Z),"
    r"(?:(?P<host>[^,\\]*)\\)?(?P<service>[^,]*),(?P<session>[0-9A-Fa-f]{12,16}),(?P<seq>[0-9]+),"
    r"(?P<local>[^,]*),(?P<remote>[^,]*),"
)
"""date-time, connector-id (`SERVER\\connector` on the receiving side), session-id, sequence-number, end points. The two
columns that follow, data and context, are not quoted reliably: they are told apart by what they say."""

_LOOKS = r"^(?:\x{feff})?[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{1,7}Z,[^,]*,[0-9A-Fa-f]{12,16},[0-9]+,[^,]*,[^,]*,[-+<>*],"
_NOTE = rf'{_ROW}\*,(?:[^,]*,)?"?'

EXCHANGE = Dialogue(
    "exchange",
    "Exchange SMTP protocol log (Receive, Send)",
    looks=_LOOKS,
    key=("client_ip", "client_port"),
    written_by="Exchange 2007 to 2019, ProtocolLog/SmtpReceive and SmtpSend, where the connector logs verbosely",
    turns=(
        Turn(
            "said",
            rf'{_ROW}(?P<arrow>[<>]),"?(?P<text>.*?)"?,[^,]*$',
            speaker="sent",
            arrows={"<": "received", ">": "sent"},
        ),
        Turn("tls", rf"{_NOTE}TLS protocol SP_PROT_(?P<tls>[A-Z0-9_]+?)_(?:SERVER|CLIENT) negotiation succeeded.*$"),
        Turn(
            "tls_failed",
            rf'{_NOTE}(?P<detail>TLS negotiation failed with error (?P<vendor_code>[A-Za-z0-9]+))[^,]*$',
            verdict="line",
            sets={"stage": "tls", "outcome": "aborted", "cause": "tls_handshake_failed", "basis": "line"},
        ),
        Turn(
            "failed",
            rf'{_NOTE}(?P<detail>Inbound (?:AUTH|authentication) ?(?P<mechanism>[A-Za-z0-9-]*) ?failed (?:because of|with error) (?P<vendor_code>[A-Za-z]+))[^,]*$',
            verdict="attempt",
            sets={"side": "server", "stage": "auth"},
        ),
        Turn("user", rf'{_NOTE}User Name: (?P<user>[^,"]+)"?$'),
        Turn("authenticated", rf'{_ROW}\*,"?(?P<user>[^,"]+)"?,authenticated$'),
        Turn("tarpit", rf"{_NOTE}Tarpit for '0\.00:00:(?P<duration_s>[0-9]{{2}})'.*$"),
        Turn(
            "unreachable",
            rf"{_NOTE}(?P<detail>Failed to connect\. Winsock error code: (?P<vendor_code>[0-9]+).*?)\"?$",
            verdict="line",
            sets={"side": "client", "stage": "connect", "outcome": "deferred", "cause": "service_unavailable"},
        ),
        Turn("connect", rf"{_ROW}\+,.*$", begins=True),
        Turn("disconnect", rf"{_ROW}-,.*$", ends=True),
        Turn("other", rf"{_ROW}\*,.*$"),
        Turn("header", r"^(?:\x{feff})?#.*$", speaker="noise"),
    ),
    cannot_show=(
        "anything, unless the connector's protocol logging is set to Verbose",
        "the user of a failure that has no `User Name:` row",
        "passwords: Exchange masks them",
    ),
    samples=(
        Excerpt(
            "2026-09-01T08:00:00.106Z,EX1\\Client Frontend EX1,08DC00000000A001,1,192.0.2.5:587,203.0.113.20:56026,>,220 mail.example.com ready,\n"
            "2026-09-01T08:00:00.206Z,EX1\\Client Frontend EX1,08DC00000000A001,2,192.0.2.5:587,203.0.113.20:56026,<,EHLO scanner,\n"
            "2026-09-01T08:00:00.306Z,EX1\\Client Frontend EX1,08DC00000000A001,3,192.0.2.5:587,203.0.113.20:56026,>,250  mail.example.com Hello [203.0.113.20] SIZE 37748736 STARTTLS AUTH GSSAPI NTLM 8BITMIME,\n"
            "2026-09-01T08:00:00.406Z,EX1\\Client Frontend EX1,08DC00000000A001,4,192.0.2.5:587,203.0.113.20:56026,<,AUTH LOGIN,\n"
            "2026-09-01T08:00:00.506Z,EX1\\Client Frontend EX1,08DC00000000A001,5,192.0.2.5:587,203.0.113.20:56026,*,,Tarpit for '0.00:00:05'\n"
            "2026-09-01T08:00:05.506Z,EX1\\Client Frontend EX1,08DC00000000A001,6,192.0.2.5:587,203.0.113.20:56026,>,504 5.7.4 Unrecognized authentication type,\n",
            (
                {
                    "stage": "auth", "outcome": "refused", "cause": "mechanism_unsupported", "basis": "line",
                    "side": "server", "client_ip": "203.0.113.20", "client_port": 56026, "server_ip": "192.0.2.5",
                    "server_port": 587, "helo": "scanner", "mechanism": "LOGIN", "auth_offered": ["GSSAPI", "NTLM"],
                    "tls": "none", "reply_code": 504, "enhanced_code": "5.7.4",
                    "detail": "Unrecognized authentication type", "duration_s": 5.0,
                },
            ),
        ),
        Excerpt(
            "2026-09-01T08:00:00.106Z,EX1\\Client Frontend EX1,08DC00000000A002,1,192.0.2.5:587,203.0.113.20:56028,>,220 mail.example.com ready,\n"
            "2026-09-01T08:00:00.206Z,EX1\\Client Frontend EX1,08DC00000000A002,2,192.0.2.5:587,203.0.113.20:56028,<,EHLO scanner,\n"
            "2026-09-01T08:00:00.306Z,EX1\\Client Frontend EX1,08DC00000000A002,3,192.0.2.5:587,203.0.113.20:56028,>,250  mail.example.com Hello [203.0.113.20] SIZE 37748736 STARTTLS AUTH GSSAPI NTLM 8BITMIME,\n"
            "2026-09-01T08:00:00.406Z,EX1\\Client Frontend EX1,08DC00000000A002,4,192.0.2.5:587,203.0.113.20:56028,<,STARTTLS,\n"
            "2026-09-01T08:00:00.506Z,EX1\\Client Frontend EX1,08DC00000000A002,5,192.0.2.5:587,203.0.113.20:56028,>,220 2.0.0 SMTP server ready,\n"
            "2026-09-01T08:00:00.606Z,EX1\\Client Frontend EX1,08DC00000000A002,6,192.0.2.5:587,203.0.113.20:56028,*,,TLS negotiation failed with error SocketError\n",
            (
                {
                    "stage": "tls", "outcome": "aborted", "cause": "tls_handshake_failed", "basis": "line",
                    "side": "server", "client_ip": "203.0.113.20", "client_port": 56028, "server_ip": "192.0.2.5",
                    "server_port": 587, "helo": "scanner", "vendor_code": "SocketError",
                    "detail": "TLS negotiation failed with error SocketError",
                },
            ),
        ),
    ),
)  # fmt: skip

_POPIMAP = (
    "dateTime", "sessionId", "seqNumber", "sIp", "cIp", "user", "duration", "rqsize", "rpsize", "command",
    "parameters", "context", "puid",
)  # fmt: skip


def _mailbox(name: str, title: str, protocol: str, port: str, sample: str, detail: str) -> Table:
    return Table(
        name,
        title,
        layout="csv",
        header=_POPIMAP,
        comment="#",
        needs=("context", rf"sIp=:(?:{port})$", r"sessionId=^[0-9A-Fa-f]{16}$", r"dateTime=^[0-9]{4}-.*Z$"),
        keep={"command": ("authenticate", "login", "auth", "pass", "AUTHENTICATE", "LOGIN", "AUTH", "PASS")},
        fields={
            "stamp": Field(("dateTime",)),
            "session": Field(("sessionId",)),
            "server": Field(("sIp",)),
            "client": Field(("cIp",)),
            "user": Field(("user",)),
            "mechanism": Field(("parameters",), r"^ *(PLAIN|NTLM|GSSAPI|LOGIN|XOAUTH2) *$"),
            "vendor_code": Field(("context",), r"ErrMsg=\"*(?:[A-Za-z]+:)?([A-Za-z]+)"),
            "detail": Field(("context",), r'^(?:.*?Msg="?)?"?(?:AuthFailed:)?([^";]*)'),
            "outcome": Field(("context",), r"(AuthFailed|R=ok|\bOK\b|\+OK|ErrMsg=)"),
        },
        words={"outcome": {"AuthFailed": "failure", "R=ok": "success", "OK": "success", "+OK": "success", "ErrMsg=": "failure"}},
        sets={"stage": "auth", "side": "server", "protocol": protocol},
        written_by="Exchange 2010 to 2019, Logging/Imap4 and Logging/Pop3",
        samples=(
            Excerpt(
                sample,
                (
                    {
                        "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line",
                        "side": "server", "protocol": protocol, "user": "ann", "mechanism": "PLAIN",
                        "client_ip": "203.0.113.20", "client_port": 35070, "server_ip": "192.0.2.5",
                        "server_port": int(port.partition("|")[0]), "vendor_code": "LogonDenied", "detail": detail,
                    },
                ),
            ),
        ),
        cannot_show=("TLS", "what happens before the login command"),
    )  # fmt: skip


EXCHANGE_IMAP = _mailbox(
    "exchange-imap", "Exchange IMAP4 protocol log", "imap", "143|993",
    "2026-09-01T08:28:50.530Z,000000000000000E,2,192.0.2.5:143,203.0.113.20:35070,ann,168,31,31,authenticate,PLAIN,"
    '"R=""2 NO AUTHENTICATE failed."";Msg=""AuthFailed:LogonDenied,User: ann"";ErrMsg=AuthFailed:LogonDenied",',
    "LogonDenied,User: ann",
)  # fmt: skip
EXCHANGE_POP = _mailbox(
    "exchange-pop", "Exchange POP3 protocol log", "pop3", "110|995",
    "2026-09-01T08:23:48.514Z,0000000000000005,1,192.0.2.5:110,203.0.113.20:35070,ann,193,21,69,auth, PLAIN,"
    '"R=""-ERR Authentication failure: unknown user name or bad password."";Msg=""AuthFailed:LogonDenied,User: ann"";ErrMsg=AuthFailed:LogonDenied",',
    "LogonDenied,User: ann",
)  # fmt: skip

_RECEIVE = (
    "Empfangsconnector|connecteur de réception|conector de recepción|connettore di ricezione|conector de recebimento"
)
_COPIED = (
    "(?:Source|Date|Level|Keywords|User|Computer|Quelle|Datum|Ebene|Benutzer|Niveau|Utilisateur|Ordinateur|Origen|Fecha|Nivel|"
    "Usuario|Equipo): {2,}|(?:Log Name|Event ID|Task Category|Protokollname|Ereignis-ID|Aufgabenkategorie|Schlüsselwörter|"
    "Nom du journal|ID de l.événement|Catégorie de la tâche|Mots clés|Nombre de registro|Id\\. del evento|Categoría de la tarea|"
    "Palabras clave): *|(?:Description|Beschreibung|Descripción):"
)

EXCHANGE_EVENT = Table(
    "exchange-event",
    "Exchange event 1035 (text of the Windows event log)",
    layout="regex",
    patterns=(
        r"^(?:(?P<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}[^ ]*) .*?)?Inbound authentication failed with error (?P<vendor_code>[A-Za-z]+) for Receive connector (?P<service>.+)\. "
        r"The authentication mechanism is (?P<mechanism>[A-Za-z0-9-]+)\. The source IP address of the client who tried to "
        r"authenticate to Microsoft Exchange is \[(?P<client_ip>[0-9A-Fa-f.:]+)\]\.$",
        # the event viewer's list as CSV (level, time, source, id, category, text), and what else it lists
        r'^[^",]*,(?P<stamp>[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4},? [0-9:]+(?: ?[AP]M)?),MSExchange[A-Za-z]*,1035,[^,]*,"?Inbound '
        r"authentication failed with error (?P<vendor_code>[A-Za-z]+) for Receive connector (?P<service>.+)\. The authentication mechanism "
        r"is (?P<mechanism>[A-Za-z0-9-]+)\. The source IP address of the client who tried to authenticate to Microsoft Exchange is "
        r'\[(?P<client_ip>[0-9A-Fa-f.:]+)\]\."?$',
        r'^(?:[^",]*,[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4},? [0-9:]+(?: ?[AP]M)?,(?:[^,]*,){3}.*|"?Level"?,"?Date and Time"?,"?Source"?,.*)$',
        # a Windows of another language: error, connector, mechanism and address stand in the same order
        rf"^.*[ :](?P<vendor_code>[A-Z][a-z]+[A-Z][A-Za-z]+)[ ,.].*(?:{_RECEIVE}).* (?P<mechanism>[A-Z][A-Za-z0-9-]+)\. .*"
        r"\[(?P<client_ip>[0-9A-Fa-f.:]+)\]\.?$",
        # what a window of the event viewer copies around the text
        rf"^(?:{_COPIED})(?:[^ ].*)?$",
    ),
    keep={"vendor_code": ("~.",)},
    fields={c: Field((c,)) for c in ("stamp", "vendor_code", "service", "mechanism", "client_ip")},
    sets={"stage": "auth", "side": "server", "outcome": "failure"},
    written_by="MSExchangeTransport, event 1035; the time stands in the record around the message",
    cannot_show=("the user", "successes", "the time, unless the export puts it in front"),
    samples=(
        Excerpt(
            "Inbound authentication failed with error LogonDenied for Receive connector Client Frontend EX01. The "
            "authentication mechanism is Login. The source IP address of the client who tried to authenticate to "
            "Microsoft Exchange is [203.0.113.9].",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line",
                    "side": "server", "client_ip": "203.0.113.9", "mechanism": "LOGIN", "vendor_code": "LogonDenied",
                },
            ),
        ),
        Excerpt(
            "Level,Date and Time,Source,Event ID,Task Category\n"
            'Warning,11/26/2026 10:00:05 AM,MSExchangeTransport,1035,SmtpReceive,"Inbound authentication failed with error LogonDenied '
            "for Receive connector Client Frontend EX1. The authentication mechanism is Login. The source IP address of the client who "
            'tried to authenticate to Microsoft Exchange is [203.0.113.9]."\n'
            'Information,11/26/2026 10:01:00 AM,MSExchangeTransport,1036,SmtpReceive,"Another event, of no login."\n',
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line",
                    "side": "server", "client_ip": "203.0.113.9", "mechanism": "LOGIN", "vendor_code": "LogonDenied",
                    "service": "Client Frontend EX1",
                },
            ),
        ),
        Excerpt(
            "Protokollname: Application\nQuelle:        MSExchangeFrontEndTransport\nDatum:         20.11.2026 10:00:01\n"
            "Ereignis-ID:   1035\nAufgabenkategorie:SmtpReceive\nEbene:         Warnung\nBeschreibung:\n"
            "Fehler bei der eingehenden Authentifizierung. Fehler: LogonDenied. Empfangsconnector: Client Frontend EX01. "
            "Authentifizierungsmechanismus: Login. Die Quell-IP-Adresse des Clients, der versucht hat, sich bei Microsoft Exchange zu "
            "authentifizieren, ist [203.0.113.9].",
            (
                {
                    "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "line",
                    "side": "server", "client_ip": "203.0.113.9", "mechanism": "LOGIN", "vendor_code": "LogonDenied",
                },
            ),
        ),
    ),
)  # fmt: skip

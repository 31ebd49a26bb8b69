"""What applications write into their own logs when a relay refuses them: an exception that quotes the reply, once an entry.

Sources: CPython smtplib, jakarta.mail, Ruby's net-smtp, nodemailer, Symfony and Swift Mailer, PHPMailer, PEAR Mail, MailKit,
System.Net.Mail, Go's net/smtp as in Gitea, Grafana and Alertmanager, lettre; entries as people post them.
"""

from __future__ import annotations

from typing import Any

from smtplogs.logformats._format import Dialogue, Excerpt, Turn
from smtplogs.logformats.libraries import NO_AUTH

_DAY = r"[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}"
_STAMP = (
    rf"(?P<stamp>{_DAY}[T ][0-9:]{{8}}(?:[.,][0-9]{{1,9}})?(?: ?(?:Z|UTC|[+-][0-9]{{2}}:?[0-9]{{2}}))?"
    r"|[0-9]{2}-[A-Z][a-z]{2}-[0-9]{4} [0-9:]{8}(?: UTC)?|(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}(?:(?:\.[0-9]+)? [0-9]{4})?"
    r"|[0-9]{13}\b|[A-Z][a-z]{2} [0-9]{1,2}, [0-9]{4} [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AP]M)"
)
_AT = rf'^(?:\{{(?:.*[,{{ ])?"(?:@?time(?:stamp)?|ts|date|datetime|asctime)": ?"?|(?:[A-Za-z_.]+=[^ ]* )*(?:t|ts|time)="?|(?:[A-Za-z]+,? +)?(?:[^ ]*[\[(])?)?{_STAMP}'
"""How an entry begins: a stamp first or in brackets, or as a field of JSON or key=value."""

_NUMBER = r"(?:(?P<enhanced_code>[45]\.[0-9]{1,3}\.[0-9]{1,3}) )?"
_REPLY = rf"(?P<reply_code>[45][0-9]{{2}})[ -]{_NUMBER}(?P<detail>.*)"
_QUOTED = rf"(?P<reply_code>[45][0-9]{{2}})[ -]{_NUMBER}(?P<detail>[^\"\\]*).*"
_OF_AUTH = rf"(?P<reply_code>53[458]|454|432)[ -]{_NUMBER}(?P<detail>[^\"\\]*).*"
"""A reply to AUTH: where no words around it say so, only codes of RFC 4954 that nothing else is answered with."""

_GO = (
    r"(?:authenticate SMTP(?: connection)?|\*(?:smtp|email)\.[A-Za-z0-9]+ auth|gomail: could not send email [0-9]+"
    r"|(?:performing|perform|SMTP|smtp) AUTH[a-zA-Z ]*|[^A-Za-z][Aa]uthentication failed)"
)
"""What Go programs put before the reply to AUTH that net/smtp gives them."""

_auth: dict[str, Any] = {"stage": "auth"}
_mail: dict[str, Any] = {"stage": "mail", "outcome": "refused", "cause": "auth_required", "basis": "line"}

_ERRORS: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    # name, what no other text has, the words, what they set
    (
        "smtplib", "SMTPAuthenticationError(?:: )?\\([45]",
        rf"SMTPAuthenticationError(?:: )?\((?P<reply_code>[45][0-9]{{2}}), b?['\"]{_NUMBER}(?P<detail>.*)['\"]\).*", _auth,
    ),
    (
        "smtplib_sender", "SMTPSenderRefused: \\(530",
        rf"SMTPSenderRefused: \((?P<reply_code>530), b?['\"]{_NUMBER}(?P<detail>.*)['\"], .*", _mail,
    ),
    (
        "smtplib_no_auth", "SMTP AUTH extension not supported by server",
        r"(?P<detail>SMTP AUTH extension not supported by server).*", NO_AUTH,
    ),
    ("java", "mail\\.AuthenticationFailedException: [45][0-9]{2}[ -]", rf"mail\.AuthenticationFailedException: {_REPLY}", _auth),
    ("java_sender", "SMTPSendFailedException: 530[ -]", rf"SMTPSendFailedException: {_REPLY}", _mail),
    ("ruby", "Net::SMTPAuthenticationError(?:: | \\()[45][0-9]{2}[ -]", rf"Net::SMTPAuthenticationError(?:: | \(){_REPLY}", _auth),
    (
        "ruby_job", '"error_message":"[45][0-9]{2}[ -].*"error_class":"Net::SMTPAuthenticationError"',
        rf'"error_message":"(?P<reply_code>[45][0-9]{{2}})[ -]{_NUMBER}(?P<detail>[^"\\]*).*"error_class":"Net::SMTPAuthenticationError".*',
        _auth,
    ),
    ("nodemailer", "Invalid login: [45][0-9]{2}[ -]", rf"Invalid login: {_QUOTED}", _auth),
    (
        "nodemailer_response", "response[\"']?: ?[\"'](?:53[458]|454|432)[ -]",
        rf"response[\"']?: ?[\"'](?P<reply_code>53[458]|454|432)[ -]{_NUMBER}(?P<detail>[^\"'\\]*).*", _auth,
    ),
    (
        "twisted", "(?:AUTHDeclinedError|AuthenticationError): 53[458][ -]",
        rf"(?:AUTHDeclinedError|AuthenticationError): {_QUOTED}", _auth,
    ),
    (
        "laminas", r"(?:Laminas|Zend)[\\_]+Mail[\\_]+Protocol[\\_]+Exception.*: 5\.7\.[0-9]+ ",
        r"(?:Laminas|Zend)[\\_]+Mail[\\_]+Protocol[\\_]+Exception[A-Za-z\\_]*: "
        r"(?P<enhanced_code>5\.7\.(?:3|8|9|139)) (?P<detail>.*?)(?: in /[^ ]*)?",
        _auth,
    ),
    (
        "gen_smtp", "permanent_failure, (?:~c)?[\"'][^\"']*[\"'], :?auth_failed",
        r"(?P<detail>permanent_failure, (?:~c)?[\"'](?P<relay_host>[^\"']*)[\"'], :?auth_failed).*",
        _auth | {"outcome": "failure", "cause": "bad_credentials", "basis": "assumed"},
    ),
    ("monit", "Sendmail error: 53[458][ -]", rf"Sendmail error: {_OF_AUTH}", _auth),
    (
        "home_assistant", "Login not possible\\. Please check your setting",
        r"(?P<detail>Login not possible)\. Please check your setting.*",
        _auth | {"outcome": "failure", "cause": "bad_credentials", "basis": "assumed"},
    ),
    (
        "symfony", "Failed to authenticate on SMTP server with username",
        rf'Failed to authenticate on SMTP server with username \\?"(?P<user>[^"\\]*)\\?" using .*with message \\?"{_QUOTED}', _auth,
    ),
    (
        "swift", "Failed to authenticate on SMTP server with username",
        r'(?P<detail>Failed to authenticate on SMTP server) with username \\?"(?P<user>[^"\\]*).*',
        _auth | {"outcome": "failure", "cause": "bad_credentials", "basis": "assumed"},
    ),
    (
        "mailkit", "MailKit\\.Security\\.AuthenticationException: [45][0-9]{2}: ",
        rf"MailKit\.Security\.AuthenticationException: (?P<reply_code>[45][0-9]{{2}}): {_NUMBER}(?P<detail>.*)", _auth,
    ),
    (
        "dotnet_auth", "client was not authenticated\\. The server response was: .* Error: 53[0-9] ",
        r"The SMTP server requires a secure connection or the client was not authenticated\. The server response was: .* Error: "
        rf"(?P<reply_code>53[458]) {_NUMBER}(?P<detail>.*)",
        _auth,
    ),
    (
        "dotnet", "client was not authenticated\\. The server response was: ",
        rf"The SMTP server requires a secure connection or the client was not authenticated\. The server response was: {_NUMBER}(?P<detail>.*)",
        _mail,
    ),
    (
        "phpmailer", "SMTP Error: Could not authenticate\\.", r"(?P<detail>SMTP Error: Could not authenticate\.).*",
        _auth | {"outcome": "failure", "cause": "bad_credentials", "basis": "assumed"},
    ),
    (
        "pear", "authentication failure \\[SMTP: .*\\(code: [45][0-9]{2}, response: ",
        rf"authentication failure \[SMTP: .*\(code: (?P<reply_code>[45][0-9]{{2}}), response: {_NUMBER}(?P<detail>.*)\)\].*", _auth,
    ),
    (
        "go", f"{_GO}: (?:53[458]|454|432)[ -]",
        rf"{_GO}: "
        rf"{_OF_AUTH}",
        _auth,
    ),
    (
        "json", '"err(?:or)?": ?"(?:53[458]|454|432)[ -](?:[45]\\.[0-9]|[^"]*uthentic)',
        rf'"err(?:or)?": ?"{_OF_AUTH}', _auth,
    ),
    (
        "logfmt", ' err(?:or)?="(?:53[458]|454|432)[ -](?:[45]\\.[0-9]|[^"]*uthentic)',
        rf' err(?:or)?="{_OF_AUTH}', _auth,
    ),
    (
        "go_plain", "\\*(?:smtp|email)\\.[A-Za-z0-9]+ auth: unencrypted connection",
        r"\*(?:smtp|email)\.[A-Za-z0-9]+ auth: (?P<detail>unencrypted connection).*",
        _auth | {"outcome": "refused", "cause": "tls_required", "basis": "line"},
    ),
    (
        "codeigniter", "Failed to authenticate (?:username|password)\\. Error: 53[458][ -]",
        rf"Failed to authenticate (?:username|password)\. Error: {_QUOTED}", _auth,
    ),
    (
        "lettre", "(?:permanent|transient) error \\((?:53[458]|454|432)\\): ",
        rf"(?:permanent|transient) error \((?P<reply_code>53[458]|454|432)\): {_NUMBER}(?P<detail>.*)", _auth,
    ),
)  # fmt: skip


def _turns() -> tuple[Turn, ...]:
    """Return for each error its turns: with the stamp of its entry, in JSON without one, and on a line of its own."""
    made = []
    for name, _, words, sets in _ERRORS:
        said: dict[str, Any] = {"verdict": "session", "sets": sets}
        made.append(Turn(f"{name}_entry", rf"{_AT}.*?{words}$", begins=True, **said))
        made.append(Turn(f"{name}_json", rf"^\{{.*?{words}$", begins=True, **said))
        made.append(Turn(name, rf"^.*?{words}$", **said))
    return tuple(made)


def _refused(**columns: Any) -> tuple[dict[str, Any], ...]:
    """Return the one event of a sample: a login refused with 535."""
    common = {
        "stage": "auth", "outcome": "failure", "cause": "bad_credentials", "basis": "assumed", "side": "client",
        "reply_code": 535, "enhanced_code": "5.7.8", "detail": "Error: authentication failed",
    }  # fmt: skip
    return ({k: v for k, v in (common | columns).items() if v is not None},)


_SAID = "535 5.7.8 Error: authentication failed"

APPLICATION = Dialogue(
    "application",
    "an application's log that quotes a relay's refusal",
    looks="|".join(sorted({f"(?:{mark})" for _, mark, _, _ in _ERRORS})),
    least=0.002,
    side="client",
    blocks=True,
    written_by="applications that log the error of their mailing library: an entry is an attempt, however often it quotes the reply",
    turns=(
        *_turns(),
        Turn("entry", rf"{_AT}.*$", begins=True),
        Turn("other", r"^.*$", speaker="noise"),
    ),
    cannot_show=(
        "logins that succeed",
        "how many mechanisms were tried before the error",
        "the client's address and mostly the user",
    ),
    samples=(
        Excerpt(
            "2026-11-26 10:00:00,123 ERROR app.mail: could not send\nTraceback (most recent call last):\n"
            '  File "/srv/app/send.py", line 12, in send\n'
            "smtplib.SMTPAuthenticationError: (535, b'5.7.8 Error: authentication failed')\n",
            _refused(),
        ),
        Excerpt(
            "2026-11-26T10:00:02.123Z ERROR 1 --- [exec-1] o.a.c.c.C : nested exception is "
            f"javax.mail.AuthenticationFailedException: {_SAID}\n] with root cause\n\n"
            f"javax.mail.AuthenticationFailedException: {_SAID}\n\tat com.sun.mail.smtp.SMTPTransport.authenticate(SMTPTransport.java:876)\n",
            _refused(),
        ),
        Excerpt(
            f"logger=notifier.email t=2026-11-26T10:00:00.123456789Z level=error msg=\"Failed to send email\" err=\"{_SAID}\"\n",
            _refused(),
        ),
        Excerpt(
            '{"level":3,"time":"2026-11-26T10:00:00+00:00","message":"Failed to authenticate on SMTP server with username '
            '\\"ann@example.com\\" using the following authenticators: \\"LOGIN\\". Authenticator \\"LOGIN\\" returned \\"Expected '
            f'response code \\"235\\" but got code \\"535\\", with message \\"{_SAID}\\".\\"."}}\n',
            _refused(user="ann@example.com"),
        ),
        Excerpt(
            "[26-Nov-2026 10:00:01 UTC] WP Mail SMTP: SMTP Error: Could not authenticate.\n",
            _refused(reply_code=None, enhanced_code=None, detail="SMTP Error: Could not authenticate."),
        ),
        Excerpt(
            "2026/11/26 10:00:00 ...mailer.go:391:func3() [E] Failed to send emails [bob@example.org]: gomail: could not send "
            f"email 1: failed to authenticate SMTP: {_SAID}\n",
            _refused(),
        ),
    ),
)  # fmt: skip

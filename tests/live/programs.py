"""Mailing programs and libraries, each told to log in at many relays and to print all that it can print of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from live.client import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

USER = "ann@example.com"
RCPT = "bob@example.org"
MESSAGE = f"From: {USER}\nTo: {RCPT}\nSubject: a test\n\nHello\n"


@dataclass(frozen=True)
class Call:
    """One mail to one relay."""

    host: str
    address: str
    port: int
    login: bool = True
    starttls: bool = False
    """TLS is wanted."""
    verify: bool = False
    """The certificate must be good."""
    mechanism: str = ""
    """The mechanism that is asked for; the empty word: the program's choice."""


@dataclass(frozen=True)
class Program:
    """How a program is called for one mail."""

    command: Callable[[Call], list[str]]
    files: Callable[[Call], dict[str, str]] = lambda call: {}
    """Files that it reads: path -> text."""
    stdin: str = MESSAGE
    log: str = ""
    """A file that it writes; the empty word: what it prints is its log."""
    tag: str = ""
    """Its tag, where it logs by syslog."""
    stamped: str = ""
    """The tag that the journal gives to what it prints."""
    extra: dict[str, str] = field(default_factory=dict)
    """Environment."""
    limit: int = 60
    """Seconds it may take."""
    can: Callable[[Call], bool] = lambda call: True
    """Whether it can do what is asked."""


def _php(call: Call) -> str:
    auth = "true" if call.login else "false"
    secure = "$m->SMTPSecure = 'tls';" if call.starttls else "$m->SMTPSecure = ''; $m->SMTPAutoTLS = false;"
    checks = (
        ""
        if call.verify
        else "$m->SMTPOptions = ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false, 'allow_self_signed' => true]];"
    )
    return f"""<?php
require '/usr/share/php/libphp-phpmailer/autoload.php';
date_default_timezone_set('UTC');
$m = new PHPMailer\\PHPMailer\\PHPMailer(true);
$m->isSMTP(); $m->SMTPDebug = 3; $m->Debugoutput = 'echo'; $m->Timeout = 10;
$m->Host = '{call.host}'; $m->Port = {call.port}; $m->SMTPAuth = {auth}; $m->Username = '{USER}'; $m->Password = '{PASSWORD}';
{f"$m->AuthType = '{call.mechanism}';" if call.mechanism else ""}
{secure} {checks}
$m->setFrom('{USER}'); $m->addAddress('{RCPT}'); $m->Subject = 'a test'; $m->Body = 'Hello';
try {{ $m->send(); echo "Message has been sent\\n"; }}
catch (Exception $e) {{ echo "Message could not be sent. Mailer Error: {{$m->ErrorInfo}}\\n"; }}
"""


def _pear(call: Call) -> str:
    options = "['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]]" if not call.verify else "[]"
    login = f"$r = $s->auth('{USER}', '{PASSWORD}', '{call.mechanism}', {str(call.starttls).lower()}); if (PEAR::isError($r)) {{ echo 'authentication failure: ' . $r->getMessage() . \"\\n\"; $s->disconnect(); exit; }}"
    return f"""<?php
require 'Net/SMTP.php';
$s = new Net_SMTP('{call.host}', {call.port}, 'shop.example.net', false, 10, {options});
$s->setDebug(true);
if (PEAR::isError($e = $s->connect(10))) {{ die($e->getMessage() . "\\n"); }}
{login if call.login else ""}
if (PEAR::isError($e = $s->mailFrom('{USER}'))) {{ echo $e->getMessage() . "\\n"; $s->disconnect(); exit; }}
if (PEAR::isError($e = $s->rcptTo('{RCPT}'))) {{ echo $e->getMessage() . "\\n"; $s->disconnect(); exit; }}
if (PEAR::isError($e = $s->data("Subject: a test\\r\\n\\r\\nHello\\r\\n"))) {{ echo $e->getMessage() . "\\n"; }}
$s->disconnect();
"""


def _roundcube(call: Call) -> str:
    checks = (
        ""
        if call.verify
        else "$c->set('smtp_conn_options', ['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]]);"
    )
    login = f"'{USER}', '{PASSWORD}'" if call.login else "'', ''"
    return f"""<?php
error_reporting(E_ALL & ~E_DEPRECATED);
define('INSTALL_PATH', '/usr/share/roundcube/'); define('RCUBE_CONFIG_PATH', '/etc/roundcube/'); define('RCUBE_CONFIG_DIR', '/etc/roundcube/');
define('RCUBE_PLUGINS_DIR', '/usr/share/roundcube/plugins/'); define('RCUBE_LOCALIZATION_DIR', '/usr/share/roundcube/program/localization/');
date_default_timezone_set('UTC'); session_id('4hq2mp1se3kd8v6c');
require '/usr/share/roundcube/program/lib/Roundcube/bootstrap.php';
$c = rcube::get_instance()->config;
foreach (['smtp_debug' => true, 'log_driver' => 'file', 'log_dir' => '/tmp/rclog', 'smtp_timeout' => 10, 'smtp_helo_host' => 'webmail.example.net',
  'smtp_auth_type' => '{call.mechanism}'] as $k => $v) $c->set($k, $v);
{checks}
$s = new rcube_smtp();
if ($s->connect('{"tls://" if call.starttls else ""}{call.host}:{call.port}', null, {login}))
  $s->send_mail('{USER}', ['{RCPT}'], "Subject: a test\\r\\n", "Hello\\r\\n");
echo json_encode($s->get_error()), "\\n";
$s->disconnect();
"""


def _symfony(call: Call) -> str:
    login = f"$t->setUsername('{USER}'); $t->setPassword('{PASSWORD}');" if call.login else ""
    checks = (
        ""
        if call.verify
        else "$t->getStream()->setStreamOptions(['ssl' => ['verify_peer' => false, 'verify_peer_name' => false]]);"
    )
    return f"""<?php
require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
date_default_timezone_set('UTC');
$t = new Symfony\\Component\\Mailer\\Transport\\Smtp\\EsmtpTransport('{call.host}', {call.port}, false);
{login} {checks}
$mail = (new Symfony\\Component\\Mime\\Email())->from('{USER}')->to('{RCPT}')->subject('a test')->text('Hello');
try {{ $sent = $t->send($mail); echo $sent->getDebug(); }}
catch (Symfony\\Component\\Mailer\\Exception\\TransportExceptionInterface $e) {{ echo $e->getDebug(), "\\n", get_class($e), ': ', $e->getMessage(), "\\n"; }}
"""


def _java(package: str) -> Callable[[Call], str]:
    def text(call: Call) -> str:
        return f"""
import java.util.Properties;
import {package}.mail.*;
import {package}.mail.internet.*;
public class Send {{
  public static void main(String[] a) throws Exception {{
    Properties p = new Properties();
    p.put("mail.smtp.host", "{call.host}"); p.put("mail.smtp.port", "{call.port}");
    p.put("mail.smtp.auth", "{str(call.login).lower()}"); p.put("mail.debug", "true");
    p.put("mail.smtp.starttls.enable", "{str(call.starttls).lower()}"); p.put("mail.smtp.starttls.required", "{str(call.starttls).lower()}");
    {"" if call.verify else 'p.put("mail.smtp.ssl.trust", "*");'}
    {f'p.put("mail.smtp.auth.mechanisms", "{call.mechanism}");' if call.mechanism else ""}
    p.put("mail.smtp.localhost", "app"); p.put("mail.smtp.timeout", "10000");
    Session s = Session.getInstance(p, {'new Authenticator() { protected PasswordAuthentication getPasswordAuthentication() { return new PasswordAuthentication("' + USER + '", "' + PASSWORD + '"); } }' if call.login else "null"});
    MimeMessage m = new MimeMessage(s);
    m.setFrom(new InternetAddress("{USER}")); m.addRecipients(Message.RecipientType.TO, "{RCPT}");
    m.setSubject("a test"); m.setText("Hello");
    Transport.send(m);
  }}
}}
"""

    return text


def _node(call: Call) -> str:
    auth = {
        "XOAUTH2": f"{{type: 'OAuth2', user: '{USER}', accessToken: '{PASSWORD}'}}",
        "CRAM-MD5": f"{{user: '{USER}', pass: '{PASSWORD}', method: 'CRAM-MD5'}}",
    }.get(call.mechanism, f"{{user: '{USER}', pass: '{PASSWORD}'}}")
    return f"""
const nodemailer = require('/usr/share/nodejs/nodemailer');
const t = nodemailer.createTransport({{host: '{call.address}', port: {call.port}, secure: false, logger: true, debug: true,
  requireTLS: {str(call.starttls).lower()}, ignoreTLS: {str(not call.starttls).lower()}, connectionTimeout: 10000,
  {f"auth: {auth}," if call.login else ""} tls: {{rejectUnauthorized: {str(call.verify).lower()}}}}});
t.sendMail({{from: '{USER}', to: '{RCPT}', subject: 'a test', text: 'Hello'}})
  .then(i => console.log('sent', i.response)).catch(e => console.error(e));
"""


def _ruby(call: Call) -> str:
    auth = "{'CRAM-MD5': :cram_md5, 'PLAIN': :plain, 'LOGIN': :login}"
    login = (
        f", user: '{USER}', secret: '{PASSWORD}', authtype: {auth}.fetch(:'{call.mechanism or 'PLAIN'}')"
        if call.login
        else ""
    )
    tls = "s.enable_starttls(c)" if call.starttls else "s.disable_starttls"
    return f"""
require 'net/smtp'
s = Net::SMTP.new('{call.host}', {call.port})
c = OpenSSL::SSL::SSLContext.new
c.verify_mode = {"OpenSSL::SSL::VERIFY_PEER" if call.verify else "OpenSSL::SSL::VERIFY_NONE"}
{tls}
s.set_debug_output($stderr)
s.start(helo: 'app'{login}) {{ |x| x.send_message("Subject: a test\\r\\n\\r\\nHello\\r\\n", '{USER}', '{RCPT}') }}
"""


def _python(call: Call) -> str:
    return f"""
import smtplib, ssl
c = ssl.create_default_context()
{"" if call.verify else "c.check_hostname, c.verify_mode = False, ssl.CERT_NONE"}
smtplib.SMTP.debuglevel = 1
s = smtplib.SMTP('{call.host}', {call.port}, timeout=10)
{"s.starttls(context=c)" if call.starttls else ""}
{f"s.login('{USER}', '{PASSWORD}')" if call.login else ""}
s.sendmail('{USER}', '{RCPT}', 'Subject: a test')
s.quit()
"""


def _perl(call: Call) -> str:
    tls = (
        f"$s->starttls(SSL_verify_mode => {1 if call.verify else 0}) or print 'no TLS: ', $s->message, $@, qq{{\\n}};"
        if call.starttls
        else ""
    )
    login = (
        f"$s->auth('{USER}', '{PASSWORD}') or do {{ warn 'login failed: ', $s->message; $s->quit; exit 1 }};"
        if call.login
        else ""
    )
    return f"""
use Net::SMTP;
my $s = Net::SMTP->new('{call.host}', Port => {call.port}, Debug => 1, Hello => 'app', Timeout => 10) or die "cannot connect: $@";
{tls} {login}
$s->mail('{USER}'); $s->to('{RCPT}'); $s->data("Subject: a test\\n\\nHello\\n"); $s->quit;
"""


def script(
    path: str, text: Callable[[Call], str], *command: str, can: Callable[[Call], bool] = lambda call: True
) -> Program:
    """Return a program that is a script."""
    return Program(lambda call: [*command, path], lambda call: {path: text(call)}, can=can)


def _known(*mechanisms: str) -> Callable[[Call], bool]:
    return lambda call: call.mechanism in ("", *mechanisms)


JAVA = ("/usr/lib/jvm/default-java/bin/java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp")
PHP = (
    "php",
    "-d",
    "extension=mbstring",
    "-d",
    "extension=iconv",
    "-d",
    "extension=ctype",
    "-d",
    "extension=intl",
    "-d",
    "extension=tokenizer",
)


def _msmtp(call: Call) -> str:
    return (
        f"account default\nhost {call.host}\nport {call.port}\nfrom {USER}\ntls {'on' if call.starttls else 'off'}\n"
        f"tls_certcheck {'on' if call.verify else 'off'}\n"
        f"auth {(call.mechanism.lower() or ('on' if call.starttls else 'plain')) if call.login else 'off'}\n"
        + (f"user {USER}\npassword {PASSWORD}\n" if call.login else "")
        + "timeout 10\nlogfile /tmp/msmtp.log\n"
    )


def _curl(call: Call) -> list[str]:
    return [
        "curl", "-v", "-s", "-S", "--max-time", "10", "--url", f"smtp://{call.host}:{call.port}", "--mail-from", USER, "--mail-rcpt", RCPT, "-T", "/tmp/mail.txt",
        *(["--ssl-reqd"] if call.starttls else []), *([] if call.verify else ["-k"]),
        *(["--user", f"{USER}:{PASSWORD}"] if call.login and call.mechanism != "XOAUTH2" else []),
        *(["--user", USER, "--oauth2-bearer", PASSWORD] if call.mechanism == "XOAUTH2" else []),
        *(["--login-options", f"AUTH={call.mechanism}"] if call.mechanism and call.mechanism != "XOAUTH2" else []),
    ]  # fmt: skip


def _swaks(call: Call) -> list[str]:
    return [
        "swaks", "--server", call.host, "--port", str(call.port), "--from", USER, "--to", RCPT, "--helo", "app", "--timeout", "10",
        *(["--tls"] if call.starttls else []), *(["--tls-verify"] if call.verify else []),
        *(["--auth", *([call.mechanism] if call.mechanism else []), "--auth-user", USER, "--auth-password", PASSWORD] if call.login else []),
    ]  # fmt: skip


def _muttrc(call: Call) -> str:
    who = f"{USER.replace('@', '%40')}:{PASSWORD}@" if call.login else ""
    return (
        f'set smtp_url="smtp://{who}{call.host}:{call.port}"\nset from={USER}\nset realname=""\nset copy=no\nset sendmail_wait=0\n'
        f"set ssl_starttls={'yes' if call.starttls else 'no'}\nset ssl_force_tls={'yes' if call.starttls else 'no'}\n"
        + (f'set smtp_authenticators="{call.mechanism.lower()}"\n' if call.mechanism else "")
        + ("" if call.verify else "set certificate_file=/etc/cert.pem\nset ssl_verify_host=no\n")
    )


def _mailrc(call: Call) -> str:
    who = f"{USER.replace('@', '%40')}:{PASSWORD}@" if call.login else ""
    return (
        f"set v15-compat\nset mta=smtp://{who}{call.host}:{call.port}\nset from={USER}\nset sendwait\nset nosave\n"
        f"set {'smtp-use-starttls' if call.starttls else 'nosmtp-use-starttls'}\nset smtp-config={'all' if not call.login else '-all,+plain,+login'}{',+starttls' if False else ''}\n"
        f"set smtp-auth={(call.mechanism.lower() or 'plain') if call.login else 'none'}\nset smtp-hostname=app\n"
        f"set tls-verify={'strict' if call.verify else 'ignore'}\n"
    )


def _sendemail(call: Call) -> list[str]:
    return [
        "sendEmail", "-f", USER, "-t", RCPT, "-u", "a test", "-m", "Hello", "-s", f"{call.host}:{call.port}", "-l", "/tmp/sendemail.log", "-vv",
        *(["-xu", USER, "-xp", PASSWORD] if call.login else []), "-o", f"tls={'yes' if call.starttls else 'no'}", "-o", "timeout=10",
    ]  # fmt: skip


def _ssmtp(call: Call) -> str:
    return (
        f"root={USER}\nmailhub={call.host}:{call.port}\nhostname=app\nFromLineOverride=YES\n"
        + ("UseSTARTTLS=YES\nUseTLS=YES\n" if call.starttls else "")
        + (f"AuthUser={USER}\nAuthPass={PASSWORD}\n" if call.login else "")
        + (f"AuthMethod={call.mechanism}\n" if call.mechanism else "")
    )


def _dma(call: Call) -> dict[str, str]:
    return {
        "/etc/dma/dma.conf": f"SMARTHOST {call.host}\nPORT {call.port}\nAUTHPATH /etc/dma/auth.conf\nMAILNAME app.example.net\n"
        + ("SECURETRANSFER\nSTARTTLS\n" if call.starttls else "INSECURE\n"),
        "/etc/dma/auth.conf": f"{USER}|{call.host}:{PASSWORD}\n" if call.login else "",
    }


def _esmtp(call: Call) -> str:
    return f"hostname = {call.host}:{call.port}\nstarttls = {'required' if call.starttls else 'disabled'}\n" + (
        f'username = "{USER}"\npassword = "{PASSWORD}"\n' if call.login else ""
    )


def _nullmailer(call: Call) -> dict[str, str]:
    login = f" --user={USER} --pass={PASSWORD}" if call.login else ""
    how = " --auth-login" if call.mechanism == "LOGIN" else ""
    tls = " --starttls" if call.starttls else ""
    remote = f"{call.host} smtp --port={call.port}{login}{how}{tls}{'' if call.verify else ' --insecure'}\n"
    return {
        "/etc/nullmailer/remotes": remote,
        "/etc/nullmailer/me": "app.example.net\n",
        "/etc/nullmailer/pausetime": "600\n",
        "/var/spool/nullmailer/queue/1795680000.1": f"{USER}\n{RCPT}\n\n{MESSAGE}",
    }


PROGRAMS = {
    "phpmailer": script("/tmp/phpmailer.php", _php, *PHP, can=_known("PLAIN", "LOGIN", "CRAM-MD5")),
    "net_smtp": script("/tmp/pear.php", _pear, *PHP, can=_known("PLAIN", "LOGIN", "CRAM-MD5")),
    "roundcube": Program(
        lambda c: ["sh", "-c", "mkdir -p /tmp/rclog; rm -f /tmp/rclog/*; php -d extension=mbstring -d extension=iconv -d extension=ctype -d extension=intl -d extension=xml -d extension=dom -d extension=fileinfo -d extension=posix /tmp/rc.php; cat /tmp/rclog/* > /tmp/rc.log"],
        lambda c: {"/tmp/rc.php": _roundcube(c)}, log="/tmp/rc.log", can=_known("PLAIN", "LOGIN", "CRAM-MD5"),
    ),
    "symfony": script("/tmp/symfony.php", _symfony, *PHP, can=_known()),
    "javamail": script("/tmp/j/Send.java", _java("javax"), *JAVA, "/usr/share/java/javax.mail.jar:/usr/share/java/javax.activation.jar"),
    "jakarta": script("/tmp/k/Send.java", _java("jakarta"), *JAVA, "/usr/share/java/jakarta-mail.jar:/usr/share/java/jakarta-activation.jar"),
    "nodemailer": script("/tmp/send.js", _node, "node", can=_known("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")),
    "ruby": script("/tmp/send.rb", _ruby, "ruby", can=_known("PLAIN", "LOGIN", "CRAM-MD5")),
    "smtplib": script("/tmp/send.py", _python, "python3", can=_known()),
    "net_smtp_perl": script("/tmp/send.pl", _perl, "perl", can=_known()),
    "msmtp": Program(lambda c: ["msmtp", "-d", "-C", "/tmp/msmtprc", RCPT], lambda c: {"/tmp/msmtprc": _msmtp(c)}),
    "curl": Program(_curl, lambda c: {"/tmp/mail.txt": MESSAGE.replace("\n", "\r\n")}, stdin=""),
    "swaks": Program(_swaks, stdin=""),
    "mutt": Program(lambda c: ["mutt", "-d", "3", "-F", "/tmp/muttrc", "-s", "a test", RCPT], lambda c: {"/tmp/muttrc": _muttrc(c)}, stdin="Hello", log="/root/.muttdebug0"),
    "neomutt": Program(lambda c: ["neomutt", "-d", "3", "-l", "/tmp/neomutt.log", "-F", "/tmp/neomuttrc", "-s", "a test", RCPT], lambda c: {"/tmp/neomuttrc": _muttrc(c)}, stdin="Hello", log="/tmp/neomutt.log0"),
    "s-nail": Program(lambda c: ["s-nail", "-:u", "-vv", "-s", "a test", RCPT], lambda c: {"/root/.mailrc": _mailrc(c)}, stdin="Hello\n", extra={"MAILRC": "/root/.mailrc"}),
    "sendemail": Program(_sendemail, stdin="", log="/tmp/sendemail.log", can=lambda c: c.mechanism == "" and (c.verify or not c.starttls)),
    "ssmtp": Program(lambda c: ["/usr/sbin/ssmtp", "-v", RCPT], lambda c: {"/etc/ssmtp/ssmtp.conf": _ssmtp(c)}, tag=" sSMTP["),
    "dma": Program(lambda c: ["/usr/sbin/dma", "-f", USER, "-D", RCPT], _dma, tag=" dma[", limit=4),
    "esmtp": Program(
        lambda c: ["/usr/bin/esmtp", "-X", "/tmp/esmtp.trace", "-v", "-f", USER, RCPT], lambda c: {"/root/.esmtprc": _esmtp(c)}, log="/tmp/esmtp.trace", can=lambda c: not c.starttls),
    "nullmailer": Program(lambda c: ["/usr/sbin/nullmailer-send"], _nullmailer, limit=4, stamped="nullmailer-send", can=_known()),
}  # fmt: skip
"""Name -> how it is called."""

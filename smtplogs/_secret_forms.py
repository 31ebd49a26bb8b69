"""Forms in which logs show secrets, where to look for them, and what is written in their place: data for `redacting`."""

from __future__ import annotations

_MECHANISMS = "PLAIN|LOGIN|XOAUTH2|OAUTHBEARER|CRAM-MD5|DIGEST-MD5|NTLM|GSSAPI|EXTERNAL|SCRAM-[A-Z0-9-]+"

_BLOB = r"[A-Za-z0-9+/]*[a-z][A-Z0-9+/][A-Za-z0-9+/]{6,}={0,2}"
"""Base64 where a mechanism or command belongs: a small letter before a capital or digit is in no name of those."""

NAMED_SO = (
    r'(?i)("[a-z_-]*(?:passw(?:or)?d|passwd|secret|bearer|authorization|api_?key|access_?token|refresh_?token|'
    r'sasl_response|credentials?_value)"\s*:\s*)"(?:[^"\\]|\\.)*"'
)
"""Keys of JSON under which a secret stands."""

RULES = (
    ("password", "given password", r"\((given password): (?:.*\)|.*$)", "($1: [redacted])"),
    (
        "password hash",
        "given password",
        r"\(((?:SHA1|PLAIN|SHA256|MD5)[a-z0-9 ]* of given password): [^)]*\)",
        "($1: [redacted])",
    ),
    ("sasl response", "resp=", r"\bresp=([^<\t#][^\t#]*)", "resp=[redacted]"),
    (
        "sasl response",
        "(?i)auth(?:enticate)?[ \t]",
        rf"(?i)\b(AUTH(?:ENTICATE)?[ \t]+(?:{_MECHANISMS}))[ \t]+\**[A-Za-z0-9+/=][A-Za-z0-9+/=*]*",
        "$1 [redacted]",
    ),
    ("sasl response", "AUTH[ \t]", rf"\b(AUTH[ \t]+){_BLOB}($|[^A-Za-z0-9+/=-])", "$1[redacted]$2"),
    ("sasl response", "mechanism: '", rf"(authentication mechanism: '){_BLOB}(')", "$1[redacted]$2"),
    ("sasl response", "AUTH method ", rf'(AUTH method "){_BLOB}(" not supported)', "$1[redacted]$2"),
    ("sasl response", "SASL ", rf"\b(SASL ){_BLOB}( authentication)", "$1[redacted]$2"),
    ("sasl response", "CONT", r"\b(CONT(?:[ \t]|#011)+[0-9]+(?:[ \t]|#011)+)[A-Za-z0-9+/=]+", "$1[redacted]"),
    ("sasl response", "coded ", r"\b((?:un|de)coded (?:initial )?(?:client )?(?:response|reply):? ).+", "$1[redacted]"),
    ("sasl response", "error in|was", rf'((?:error in|last (?:command )?was) "){_BLOB}(")', "$1[redacted]$2"),
    ("sasl response", "init_response", r"(sasl_method [^,]+, init_response) (?:[^(].*|\([^n].*)", "$1 [redacted]"),
    ("sasl response", "after AUTH", r"(after AUTH from [^ ]+\]:?[0-9]*:) .+", "$1 [redacted]"),
    ("sasl response", "non-SMTP", rf"(non-SMTP command from [^ ]+: ){_BLOB}$", "$1[redacted]"),
    (None, "non-SMTP", r"(non-SMTP command from [^ ]+: )[A-Za-z0-9+/]{8,}={0,2}$", "$1[redacted]"),
    ("sasl response", ": [<>] ", rf"(: [<>] [^ ]*\[[^\] ]*\](?::[0-9]+)?: ){_BLOB}$", "$1[redacted]"),
    (None, ": [<>] ", r"(: [<>] [^ ]*\[[^\] ]*\](?::[0-9]+)?: )[A-Za-z0-9+/]{8,}={0,2}$", "$1[redacted]"),
    ("password", "pass[a-z]*[ =]`", r"(\bpass(?:word|wd)?[ =]`).*'", "$1[redacted]'"),
    (
        "password",
        "All-whitespace username",
        r"(All-whitespace username\.?, user=).*(, relay=.*)$",
        "$1[redacted]$2",
    ),
    ("sasl response", ",cmd: ", rf"(,cmd: ){_BLOB}$", "$1[redacted]"),
    (None, ",cmd: ", r"(,cmd: )[^ @]+$", "$1[redacted]"),
    ("sasl response", "decode64", r'(AUTH decode64 error \[-?[0-9]+ for ").*("\], relay=.*)$', "$1[redacted]$2"),
    ("sasl response", "failed-command", r'(command=")[A-Za-z0-9+/]{8,}={0,2}(" result=)', "$1[redacted]$2"),
    (
        "sasl response",
        'params="',
        r'params="(AUTH[ ,]+[A-Za-z0-9_-]+)[ ,]+[^", ][^"]*(" retval=)',
        "params=$1 [redacted]$2",
    ),
    ("sasl response", 'params="', r'params="(AUTH[ ,]+\[redacted\])[^"]*(" retval=)', "params=$1$2"),
    ("sasl response", 'params="', r'params="[^" ]*[a-z0-9+/=][^" ]*(" retval=)', "params=[redacted]$1"),
    (None, 'params="', r'params="[^"]*(" retval=)', "params=[left out]$1"),
    ("password", "[(]pass: '", r"([(]pass: ').*(')", "$1[redacted]$2"),
    ("password", "(?i)pass", r"(?i)\b([a-z]*passw(?:or)?d=|pass=)(?:\"[^\"]*\"?|'[^']*'?|[^ ,;&<]+)", "$1[redacted]"),
    ("token", "(?i)bearer ", r"(?i)\b(bearer )[a-z0-9._~+/-]{8,}=*", "$1[redacted]"),
    ("password", '"', NAMED_SO, '$1"[redacted]"'),
    ("token", "authToken>", r"(<authToken>)[^<]*", "$1[redacted]"),
    ("password hash", ": failed: badauth: ", r"(: failed: badauth: )[^ ]+$", "$1[redacted]"),
    ("password", "://", r"([a-z][a-z0-9+.-]*://[^:/@ ]+:)[^@/ ]+@", "$1[redacted]@"),
)
"""(kind of secret, where to look, pattern, replacement); kind None: it may be one, and is cut without a word. The words of
Dovecot's auth_verbose_passwords and auth_debug, Postfix's verbose and pipelining lines, Sendmail's and OpenSMTPD's errors,
Mailu's hashes, Zimbra's tokens, and URLs."""

SPOKEN = (
    "init_response ", "coded initial ", "coded response", "coded client ", "sasl_passwd_lookup", "]: < ", "]: > ",
    'syntax error in "', "All-whitespace username",
)  # fmt: skip
"""Words of lines that tell nothing but a secret (`smtpd -v`, `smtp -v`, a response that was taken for a command): they
are read for the sake of the leak."""

TRIGGER = (
    "given password|resp=|AUTH |Auth |auth |AUTH\t|AUTHENTICATE |init_response|non-SMTP|: < |: > "
    "|All-whitespace|,cmd: |decode64|failed-command|pass `|password `|passwd `|pass=|assword=|asswd=|ASSW|://"
    r"|SASL |params=|CONT\t|CONT |CONT#|coded |error in \"|was \"|\(pass: '|earer |assword\"|asswd\"|ecret\"|oken\"|rization\"|_value\"|_response\"|[Kk]ey\"|badauth: |authToken>"
)
"""Plain words, so that the engine looks for them all at once: every rule needs one of them."""

COMMON = {"(?i)auth(?:enticate)?[ \t]", "AUTH[ \t]", "SASL ", "error in|was", "after AUTH", "(?i)pass", '"'}
"""Words of rules that stand in many lines about logins."""

RARE = "|".join(dict.fromkeys(f"(?:{where})" for _, where, _, _ in RULES if where not in COMMON))
"""All the others: where none of them stands, most rules need no look of their own."""

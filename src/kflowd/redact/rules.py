# SPDX-License-Identifier: Apache-2.0
"""The table of rules: what is a secret on a command line. Nothing here does anything.

All of it is about bytes: an argument need not be UTF-8. Names are regular expressions without
regard to case. A name that others end with is listed once: "token" is also that of --auth-token,
GITHUB_TOKEN=, "accessToken": and ?access_token=.
"""

from typing import NamedTuple

# Names of what is secret whatever its value: --NAME VALUE, --NAME=VALUE, NAME=VALUE, "NAME": VALUE.
NAMES = (
    *(
        rb"pass[-_.]?(?:word|wd|phrase|code|wort)s?",
        rb"pass(?:word|wd)?[-_.]?hash",
        rb"contrasena",
        rb"kennwort",
    ),
    *(rb"mot[-_]?de[-_]?passe", rb"pass(?:in|out)", rb"authorization", rb"session[-_.]?id"),
    *(rb"seed[-_.]?phrase", rb"(?:mfa|2fa|otp|totp|recovery|backup|verification)[-_.]?codes?"),
    rb"(?:root|admin|user|db|bind|ldap|mail|store|new|old|ssl|tls)pw",
    # bypass and compass are none
    rb"(?<![a-z])pass",
    (
        rb"(?:store|key|db|ssh|user|usr|auth|require|admin|root|smtp|mail|ftp|http|proxy|ldap|bind|zip"
        rb"|pdf|my|sql|pg|new|old|client|server|cert|wifi|login|web|app|redis|mongo|rabbit)pass"
    ),
    *(rb"pwd", rb"(?<![a-z])[uo]?pw", rb"(?<![a-z])psk", rb"(?<![a-z])pin", rb"(?<![a-z])otp"),
    *(rb"(?:api|auth|access|bearer)[-_.]?tokens", rb"(?-i:(?<=[A-Z0-9]_)PAT)", rb"proxyauth"),
    *(rb"token", rb"secrets?", rb"secret[-_.]?id", rb"jwt", rb"bearer", rb"mnemonic", rb"passkey"),
    rb"secret[-_.]?key[-_.]?base",
    (
        rb"(?:api|app|access|secret|account|shared|storage|admin|consumer|subscription|webhook|hmac"
        rb"|pre[-_]?shared|user|functions?|instrumentation|integration|ingest|write|read|bot|auth|aes"
        rb"|wep|master|fernet|cipher|crypto?)[-_.]?(?:access[-_.]?)?key"
    ),
    *(
        rb"shared[-_.]?access[-_.]?signature",
        rb"master[-_.]?auth",
        rb"[-_]auth",
        rb"set[-_.]cookie",
    ),
    *(rb"PHPSESSID", rb"JSESSIONID", rb"connect\.sid", rb"session[-_.]?(?:cookie|key)"),
)
# Secret too, unless the value is the name of a file.
MATERIAL = (
    rb"(?:private|signing|sign|encryption|encrypt|decryption|deploy|license|service)[-_.]?key",
    rb"credentials?",
    # a variable: STRIPE_KEY=
    rb"(?-i:(?<=[A-Z0-9]_)(?<!PUBLIC_)(?<!PRIMARY_)(?<!FOREIGN_)(?<!SORT_)(?<!HOST_)KEY)",
)
# May stand behind a name: PASSWORD_1, token_value, secretBase64.
BEHIND = (
    rb"[-_.]?(?:[0-9]{1,3}|value|base64|b64|hex|string|text|plain|plaintext|raw|enc|encoded|new|old"
    rb"|current|confirm|confirmation|again)"
)
# An option that begins so says something of a secret and takes none.
WITHOUT_VALUE = (
    rb"no|ask|askpass|prompt|show|print|list|with|without|disabled?|skip|hide|force|reset|use"
)
# Headers: the whole value is secret; but for the word that names the scheme.
HEADERS = (rb"authorization", rb"(?<![a-z])cookie")
SCHEMES = (
    rb"basic|bearer|digest|token|negotiate|ntlm|apikey|api-key|bot|oauth|hawk|ssws|geniekey|splunk"
    rb"|sharedkey|aws4-hmac-sha256|kerberos|mac|key"
)
# Parameters of a query, on top of NAMES.
PARAMETERS = (
    rb"key|sig|signature|code|sas|auth|ticket|session|sessionid|sid|hmac|hash|assertion"
    rb"|x-(?:amz|goog|oss|cos)-(?:signature|security-token)"
)
# What a secret of its own looks like: how it begins, and then of which letters at least how many.
LOOKS = (
    (rb"gh[pousr]_|github_pat_", rb"A-Za-z0-9_", 6),  # GitHub
    (rb"gl(?:pat|rt|dt|cbt|ptt|ft|soat|agent|imt|ffct|feed|oas)-", rb"A-Za-z0-9_.-", 6),  # GitLab
    (rb"(?:AKIA|ASIA|ABIA|ACCA)", rb"A-Z0-9", 12),  # AWS
    (rb"xox[a-z]{1,2}-|xapp-", rb"A-Za-z0-9-", 6),  # Slack
    (rb"eyJ", rb"A-Za-z0-9_.=-", 8),  # JWT
    (rb"sk-|sk_live_|sk_test_|rk_live_|rk_test_|whsec_", rb"A-Za-z0-9_-", 16),  # AI, Stripe
    (rb"AIza", rb"A-Za-z0-9_-", 20),  # Google
    (rb"ya29\.|GOCSPX-|1//0", rb"A-Za-z0-9_.-", 16),
    (rb"npm_|dckr_pat_|dop_v1_|doo_v1_|hf_|rubygems_|shp(?:at|ca|pa|ss)_", rb"A-Za-z0-9_-", 12),
    (rb"pypi-|hv[sbr]\.|SG\.|ATATT|ATBB|tskey-|lin_api_|figd_|NRAK-|PMAK-", rb"A-Za-z0-9_.=-", 12),
    (rb"AGE-SECRET-KEY-1|sq0(?:atp|csp)-|dapi|glsa_|pul-|sntrys_|atlasv1", rb"A-Za-z0-9_.-", 16),
)
# What takes a secret from a pipe: echo SECRET | ...
READERS = (
    rb"(?:ch)?passwd|[a-z-]{0,20}password-stdin|--stdin|sudo[ ](?:-[a-z]{1,8}[ ])?-S"
    rb"|--passphrase-fd|cryptsetup|docker[ ]login|openssl|smbpasswd|-with-token|--with-token"
)
# Addresses whose path is the secret: what stands ahead of it.
HOOKS = (
    rb"hooks\.slack\.com/(?:services|workflows|triggers)/",
    rb"discord(?:app)?\.com/api/webhooks/[0-9]+/",
    rb"api\.telegram\.org/(?:file/)?bot",
    rb"webhook\.office\.com/webhookb2/",
)


EACH = -1
LAST = -2


class Program(NamedTuple):
    """How a program is told a secret by an option that others use for something else.

    Attributes:
        secret: Letters of options that take a secret, behind them or in the next argument.
        glued: Letters of options that take one right behind them; alone they ask.
        user: Letters and long names of options that take user:secret; the user stays.
        longs: Long names, of one dash or two, that take a secret.
        values: Letters of options that take something else.
        begins: Arguments that begin so end with a secret.
        nth: Which of the plain arguments is one, from 1 on; EACH, LAST.
        given: Letter of the option without which that holds not.
        apart: What parts user and secret.
        pair: Any plain argument may be user, this, secret, and perhaps @ with where.
        starts: The first plain argument is another program, which has its own options.
    """

    secret: bytes = b""
    glued: bytes = b""
    user: tuple[bytes, ...] = ()
    longs: tuple[bytes, ...] = ()
    values: bytes = b""
    begins: tuple[bytes, ...] = ()
    nth: int = 0
    given: bytes = b""
    apart: bytes = b":"
    pair: bytes = b""
    starts: bool = False


# Options of any program that take user:secret.
USERS = {b"auth", b"basic", b"userpwd", b"userinfo", b"user-info"}

_MYSQL = Program(glued=b"p", values=b"uhPSDeLBRTrNO")
_CURL = Program(
    user=(b"u", b"U", b"user", b"proxy-user", b"E", b"cert", b"proxy-cert"),
    values=b"AbcCdDeFhHKmoPQrtTwxXyYz",
)
_MONGO = Program(secret=b"p", values=b"hudcqo")
_LDAP = Program(secret=b"w", values=b"DHhbsyXRUYPefOoalzSTdE")
_SMB = Program(user=(b"U", b"user", b"a", b"authenticate"), values=b"IWDTNnLsdp", apart=b"%")
_P = Program(secret=b"p")
_SQL = Program(secret=b"P", values=b"SUdQiobhHwaDp")
_ORACLE = Program(pair=b"/")
_LOGIN = Program(secret=b"p", values=b"ueca")
_NEXT = Program(nth=1)
_SNMP = Program(secret=b"cAXY", values=b"vlunerLmMCOIPTtxaE")
_FREERDP = Program(begins=(b"/p:", b"/gp:", b"/pth:"))

# Programs, and their options that have the name of a secret and are none.
NO_SECRET = {
    b"ffmpeg": (b"pass",),
    b"x264": (b"pass",),
    b"x265": (b"pass",),
    b"aws": (b"secret-id",),
    b"openvpn": (b"auth-user-pass", b"askpass"),
    b"psql": (b"password",),
    b"pg_dump": (b"password",),
    b"pg_restore": (b"password",),
    b"pg_dumpall": (b"password",),
}

# By the name of the program, in small letters and without version; or by it and a word behind it.
PROGRAMS: dict[bytes, Program] = {
    **dict.fromkeys(NO_SECRET, Program()),
    **dict.fromkeys(
        (
            *(b"mysql", b"mysqldump", b"mysqladmin", b"mysqlimport", b"mysqlshow", b"mysqlcheck"),
            *(b"mysqlslap", b"mysqlbinlog", b"mysqlpump", b"mysqlsh", b"mysql_upgrade", b"mycli"),
            *(b"mariadb", b"mariadb-dump", b"mariadb-admin", b"mariadb-import", b"mariadb-show"),
            *(b"mariadb-check", b"mariadb-slap", b"mariadb-binlog", b"mariabackup", b"xtrabackup"),
            *(b"mariadb-backup", b"mariadb-upgrade", b"innobackupex", b"mydumper", b"myloader"),
        ),
        _MYSQL,
    ),
    **dict.fromkeys((b"mysqladmin password", b"mariadb-admin password"), _NEXT),
    b"sshpass": Program(secret=b"p", values=b"fdP", starts=True),
    b"curl": _CURL,
    **dict.fromkeys((b"http", b"https", b"httpie", b"xh", b"xhs"), Program(user=(b"a", b"auth"))),
    **dict.fromkeys(
        (b"redis-cli", b"valkey-cli", b"keydb-cli"), Program(secret=b"a", values=b"hpsnirx")
    ),
    **dict.fromkeys((b"redis-cli auth", b"valkey-cli auth", b"keydb-cli auth"), Program(nth=EACH)),
    **dict.fromkeys(
        (
            *(b"redis-cli requirepass", b"redis-cli masterauth", b"valkey-cli requirepass"),
            *(b"valkey-cli masterauth", b"nmcli password", b"nmcli wifi-sec.psk"),
            *(b"nmcli 802-11-wireless-security.psk", b"aws aws_secret_access_key"),
            *(b"aws aws_session_token", b"vault login", b"openssl passwd", b"pdftk input_pw"),
            *(b"pdftk user_pw", b"pdftk owner_pw", b"snmpusm passwd"),
        ),
        _NEXT,
    ),
    **dict.fromkeys(
        (
            *(b"mongo", b"mongosh", b"mongodump", b"mongorestore", b"mongoexport", b"mongoimport"),
            *(b"mongostat", b"mongotop", b"mongofiles"),
        ),
        _MONGO,
    ),
    **dict.fromkeys(
        (
            *(b"ldapsearch", b"ldapadd", b"ldapmodify", b"ldapdelete", b"ldapwhoami"),
            *(b"ldapmodrdn", b"ldapcompare", b"ldapexop"),
        ),
        _LDAP,
    ),
    b"ldappasswd": Program(secret=b"wsa", values=b"DHhyXRUYPedO"),
    **dict.fromkeys((b"smbclient", b"rpcclient", b"net", b"smbget", b"smbcacls", b"wbinfo"), _SMB),
    **dict.fromkeys((b"sqlcmd", b"bcp", b"isql", b"osql", b"tsql", b"sqsh", b"fisql"), _SQL),
    **dict.fromkeys(
        (b"sqlplus", b"sqlldr", b"exp", b"imp", b"expdp", b"impdp", b"rman"),
        _ORACLE,
    ),
    **dict.fromkeys((b"zip", b"unzip", b"zipcloak", b"funzip"), Program(secret=b"P")),
    **dict.fromkeys((b"7z", b"7za", b"7zr", b"7zz", b"p7zip"), Program(begins=(b"-p",))),
    **dict.fromkeys((b"rar", b"unrar"), Program(begins=(b"-p", b"-hp"))),
    b"openssl": Program(longs=(b"k", b"K", b"hmac", b"psk", b"srppass")),
    b"ssh-keygen": Program(secret=b"NP", values=b"btfCmOIVnDrRsYz"),
    **dict.fromkeys((b"useradd", b"usermod", b"groupadd", b"groupmod"), Program(secret=b"p")),
    b"lftp": Program(user=(b"u",), values=b"pfe", apart=b","),
    **dict.fromkeys((b"ncftp", b"ncftpget", b"ncftpput", b"ncftpls"), Program(secret=b"p")),
    **dict.fromkeys(
        (
            *(b"docker login", b"podman login", b"nerdctl login", b"buildah login", b"oc login"),
            *(b"skopeo login", b"helm login", b"oras login", b"crane login", b"az login"),
            *(b"cf login", b"ibmcloud login", b"regctl login"),
        ),
        _LOGIN,
    ),
    **dict.fromkeys(
        (b"docker", b"podman", b"kubectl", b"oc", b"nmcli", b"aws", b"vault"), Program()
    ),
    **dict.fromkeys(
        (b"nerdctl", b"buildah", b"skopeo", b"helm", b"oras", b"crane", b"az", b"cf"), Program()
    ),
    **dict.fromkeys((b"ibmcloud", b"regctl", b"pdftk", b"snmpusm", b"rabbitmqctl"), Program()),
    **dict.fromkeys(
        (b"rabbitmqctl add_user", b"rabbitmqctl change_password", b"rabbitmqctl authenticate_user"),
        Program(nth=2),
    ),
    b"wpa_passphrase": Program(nth=2),
    **dict.fromkeys(
        (
            *(b"cqlsh", b"cypher-shell", b"beeline", b"rabbitmqadmin", b"twine", b"racadm"),
            *(b"hydra", b"medusa", b"ncrack", b"doveadm pw", b"ilorest"),
        ),
        _P,
    ),
    **dict.fromkeys(
        (
            *(b"rclone obscure", b"bw unlock", b"mkpasswd", b"iwconfig key", b"wpa_cli psk"),
            *(b"wpa_cli password",),
        ),
        _NEXT,
    ),
    **dict.fromkeys((b"rclone", b"bw", b"iwconfig", b"wpa_cli", b"doveadm", b"mc"), Program()),
    **dict.fromkeys((b"samba-tool",), Program()),
    **dict.fromkeys(
        (b"bw login", b"radtest", b"ipmitool password", b"samba-tool create"), Program(nth=2)
    ),
    b"mc alias": Program(nth=5),
    b"mosquitto_passwd": Program(nth=LAST, given=b"b"),
    b"slappasswd": Program(secret=b"s", values=b"hcTo"),
    **dict.fromkeys((b"kadmin", b"kadmin.local"), Program(secret=b"w", values=b"rpkdqescmOx")),
    **dict.fromkeys(
        (b"ipa-client-install", b"ipa-server-install", b"ipa-replica-install"),
        Program(secret=b"wap"),
    ),
    b"influx": Program(secret=b"t"),
    b"ab": Program(user=(b"A", b"P"), values=b"ncstbpuTvwxyzCHXdSegrhkfBi"),
    b"hey": Program(user=(b"a",)),
    b"etcdctl": Program(user=(b"user",)),
    b"lynx": Program(user=(b"auth", b"pauth")),
    b"sendemail": Program(longs=(b"xp",)),
    b"caddy": Program(longs=(b"plaintext",)),
    b"kubectl secret": Program(begins=(b"--from-literal=",), longs=(b"from-literal",)),
    b"oc secret": Program(begins=(b"--from-literal=",), longs=(b"from-literal",)),
    **dict.fromkeys((b"winexe", b"wmic"), _SMB),
    b"htpasswd": Program(nth=LAST, given=b"b", values=b"C"),
    b"ipmitool": Program(secret=b"P", values=b"HUIpLkyCAoD"),
    **dict.fromkeys((b"ipmipower", b"ipmi-sensors", b"bmc-info", b"ipmiconsole"), _LOGIN),
    **dict.fromkeys(
        (b"snmpget", b"snmpwalk", b"snmpbulkwalk", b"snmpset", b"snmptrap", b"snmpgetnext"), _SNMP
    ),
    **dict.fromkeys((b"xfreerdp", b"wlfreerdp", b"sdl-freerdp", b"sfreerdp"), _FREERDP),
    b"rdesktop": Program(secret=b"p", values=b"udsgc"),
    **dict.fromkeys((b"mosquitto_pub", b"mosquitto_sub", b"mosquitto_rr"), Program(secret=b"P")),
    b"swaks": Program(longs=(b"ap",)),
    b"evil-winrm": Program(secret=b"pH", values=b"iu"),
    **dict.fromkeys((b"crackmapexec", b"netexec", b"nxc", b"smbmap"), Program(secret=b"pH")),
}
# Names that are words of other command lines too: programs only where a command begins.
WORDS = {b"exp", b"imp"}
# What runs an argument as a command line: shells that behind -c, the others any.
SHELLS = {b"sh", b"bash", b"dash", b"zsh", b"ksh", b"ash", b"fish", b"su", b"runuser"}
RUNNERS = {b"ssh", b"watch", b"parallel", b"eval", b"system"}

# SPDX-License-Identifier: Apache-2.0
"""Files and lines that hold secrets, of which no content is shown."""

import re

from kflowd.fim.consumers.texts import hide

# Whose content is a secret, or has one, whatever it looks like: by the end of its path.
PATHS = re.compile(
    r"(?:^|/)(?:"
    r"g?shadow-?|opasswd|\.?htpasswd|\.?htdigest|passwd\.client|sasldb2?|chap-secrets|pap-secrets"
    r"|\.pgpass|\.netrc|\.my\.cnf|\.mylogin\.cnf|debian\.cnf|\.git-credentials|\.npmrc|\.pypirc"
    r"|\.dockercfg|\.docker/config\.json|\.aws/credentials|\.kube/config|kubeconfig|\.vault-token"
    r"|\.s3cfg|\.boto|rclone\.conf|credentials(?:\.\w+)?|secrets?(?:\.\w+)?|\.env(?:\.\w+)?"
    r"|[^/]*\.(?:key|pem|p12|pfx|jks|keystore|kdbx|keytab|ppk|gpg|asc|age|ovpn)"
    r"|ssh_host_[^/]*_key|\.ssh/(?:id_[^/]*|identity)(?<!\.pub)|krb5\.keytab|wpa_supplicant[^/]*\.conf"
    r"|system-connections/[^/]*|wireguard/[^/]*|ssl/private/.*|ipsec\.secrets|\.gnupg/.*"
    r"|ppp/(?:peers/)?[^/]*secrets[^/]*|\.(?:bash|zsh|sh|mysql|psql|python|ksh)_?history"
    r")\Z",
    re.IGNORECASE | re.DOTALL,
)
PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY|PuTTY-User-Key-File-|AGE-SECRET-KEY-1"
)
# A text of one piece in small and capital letters and digits, as tokens and keys have.
TOKEN = re.compile(
    rb"(?<![A-Za-z0-9+=])(?=[a-z0-9+=]*[A-Z])(?=[A-Z0-9+=]*[a-z])(?=[A-Za-z+=]*[0-9])"
    rb"[A-Za-z0-9+=]{32,}"
)


def secret_path(path: str) -> bool:
    """Say whether a file has secrets by its name."""
    return PATHS.search(path) is not None


def private_key(content: bytes) -> bool:
    """Say whether a private key is in a content."""
    return PRIVATE_KEY.search(content) is not None


def secret_line(line: bytes) -> bool:
    """Say whether a line looks as if it held a secret."""
    return TOKEN.search(line) is not None or hide(line) != line.replace(b"\0", b"\\x00")

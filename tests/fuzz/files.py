# SPDX-License-Identifier: Apache-2.0
"""Feeds the readers of files with what is nearly right: those of fim, and of others' settings."""

import json
import time
from collections.abc import Callable
from random import Random

from kflowd.fim.consumers import access, authorized_keys, encode, sshd_config, sudoers, users
from kflowd.fim.consumers.diff import diff
from kflowd.fim.importers import converted
from kflowd.fim.importers.imported import FormatError
from tests.fuzz.mutations import mutated

KEY = b"k" * 32
HASH = b"$6$saltsalt$" + b"h4Sh" * 20
_ED25519 = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKs0gT4Jc+rtZdnXY0WjMPy1s7S5c9bYd4NcYhMNoUNU"
_TABLES = [
    b"root:x:0:0:root:/root:/bin/bash\nbob:%s:1000:1000:,,,:/home/bob:/bin/sh\n" % HASH,
    b"root:*:19000:0:99999:7:::\nbob:!%s:19000:0:99999:7::20000:\n" % HASH,
    b"adm:x:4:bob,root\nwheel:!::\n+::::::\n",
]
_SUDOERS = [
    b'Defaults env_reset, secure_path = "/bin:/sbin" \\\n, !x\nDefaults:a,b c+=1\n',
    b"A,%b ALL=(root:adm) NOPASSWD: /bin/a x\\:y, sha224:aa /b : h=^/c$\n#includedir /etc/d\n",
    b"User_Alias A = b : C = d\nCmnd_Alias D = /x --password=abc # c\n",
]
_IMPORTS = [
    (
        b'<?xml version="1.0"?><o><syscheck><directories report_changes="yes">/etc</directories>'
        b'<ignore type="sregex">.log$</ignore><frequency>60</frequency></syscheck></o>'
    ),
    b"auditbeat.modules:\n- module: file_integrity\n  paths: [/x]\n  exclude_files: ['a$']\n",
    b'[consumers]\ngeneric = ["/x"]\nexcludes = ["a"]\n[MetricsConfig]\ngraphiteMode = 1\n',
    b"F = p+i\n@@define A /x\n@@ifdef A\n@@{A}$ f F\n@@endif\n!/y/.*\n=/z/ F\n/(a|b)?c R\n",
]


def _converted(data: bytes) -> bytes:
    try:
        return "\n".join(converted(data).notes).encode()
    except FormatError as error:
        return str(error).encode()


# What each reads, and what it makes of it; HASH is to be in none but the last's.
READERS: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
    "USERS": (lambda it: encode(users.accounts(it, it, it, it, KEY)), _TABLES),
    "KEYS": (
        lambda it: encode(authorized_keys.keys(it, KEY)),
        [_ED25519 + b" a\n", b'no-pty,command="a \\" b" ' + _ED25519, b"# c\n" + HASH],
    ),
    "ACCESS": (lambda it: encode(access.rules(it, KEY)), [b"+ : a EXCEPT b : LOCAL\n-:ALL:::1\n"]),
    "SUDOERS": (lambda it: encode(sudoers.rules(it, KEY)), _SUDOERS),
    "SSHD": (
        lambda it: repr(sshd_config.paths(sshd_config.key_files(it).variants, "a", "/h", 1)),
        [b'AuthorizedKeysFile %h/k "a b"\nMatch User a\n Include x*\nAuthorizedKeysFile none\n'],
    ),
    "DIFF": (lambda it: json.dumps(diff(it, it[::-1], "/x")), [*_SUDOERS, *_TABLES]),
    "IMPORT": (_converted, _IMPORTS),
}
NAMES = sorted(READERS)
# of one file, on a busy machine
SECONDS = 2.0


def fuzz(name: str, count: int, seed: int) -> int:
    """Read so many mutated files, and return how many it were.

    Raises:
        AssertionError: One raised, took too long, or showed a hash; it names the bytes.
    """
    random = Random(seed)
    read, seeds = READERS[name]
    for _ in range(count):
        data = mutated(random, seeds)
        began = time.process_time()
        try:
            made = read(data)
        except Exception as error:
            raise AssertionError(f"{name}: {data.hex()}") from error
        spent = time.process_time() - began
        assert spent < SECONDS, f"{name}: {spent} s: {data.hex()}"
        # a mutation may have cut it, and a part of it is none that is known
        text = made if isinstance(made, bytes) else str(made).encode()
        assert name == "IMPORT" or HASH not in text, f"{name}: {data.hex()}"
    return count

# SPDX-License-Identifier: Apache-2.0
"""One look that tells most arguments from those which may hold a secret.

What no rule could match must be told so in a microsecond or two: it is nearly all that is run.
"""

import re
from collections.abc import Iterable

from kflowd.redact.rules import PROGRAMS, Program

# In small letters; each rule beside those for programs needs one of them.
WORDS = (
    *(b"pass", b"pw", b"psk", b"pin", b"otp", b"token", b"secret", b"jwt", b"bearer", b"mnemonic"),
    *(b"key", b"auth", b"cookie", b"sess", b"connect.sid", b"credential", b"signature", b"basic"),
    *(
        b"contrasena",
        b"kennwort",
        b"seed",
        b"-code",
        b"_code",
        b"2fa",
        b"user-info",
        b"userinfo",
        b"identified",
        b"stdin",
        b"sudo -s",
        b"cryptsetup",
        b"basic",
        b"://",
        b"@",
    ),
    *(
        b"sig=",
        b"code=",
        b"sas=",
        b"ticket=",
        b"sid=",
        b"hmac=",
        b"hash=",
        b"assertion=",
        b"_pat=",
    ),
    *(b"gh", b"gl", b"akia", b"asia", b"abia", b"acca", b"xox", b"xapp-", b"eyj", b"sk-", b"k_"),
    *(b"whsec_", b"aiza", b"ya29.", b"gocspx", b"1//0", b"npm_", b"_pat_", b"do_v1", b"oo_v1"),
    *(b"dop_v1", b"hf_", b"rubygems", b"shp", b"pypi-", b"hv", b"sg.", b"atatt", b"atbb", b"tskey"),
    *(b"lin_api", b"figd_", b"nrak", b"pmak", b"sq0", b"dapi", b"pul-", b"sntrys", b"atlasv1"),
)
# a shorter name is one only where it ends
SHORT = 4
NO_LETTER = b"(?![a-z_-])"


def program_words() -> dict[bytes, bytes]:
    """Return by which words a program is known that a rule has, and what must follow."""
    found: dict[bytes, bytes] = {}
    for name, program in PROGRAMS.items():
        if program != Program():
            word = name.rpartition(b" ")[2]
            found[word] = NO_LETTER if len(word) <= SHORT else b""
    return found


def one_of(words: dict[bytes, bytes]) -> bytes:
    """Return a pattern for any of the words, each letter looked at once.

    Args:
        words: With the pattern of what must follow.
    """
    if b"" in words:
        others = {word: after for word, after in words.items() if word}
        after = words[b""]
        # nothing has to follow: what is longer is the same
        return after if not (after and others) else b"(?:" + after + b"|" + one_of(others) + b")"
    branches = []
    for letter in sorted({word[:1] for word in words}):
        rest = {word[1:]: after for word, after in words.items() if word[:1] == letter}
        branches.append(re.escape(letter) + one_of(rest))
    return branches[0] if len(branches) == 1 else b"(?:" + b"|".join(branches) + b")"


def pattern(words: Iterable[bytes] = WORDS) -> re.Pattern[bytes]:
    """Return what finds a hint in a text in small letters."""
    return re.compile(one_of({**program_words(), **dict.fromkeys(words, b"")}))

# SPDX-License-Identifier: Apache-2.0
"""What is secret by the text of one argument: NAME=VALUE, addresses, headers, tokens, keys, SQL.

All of it takes time linear in the length of the text, whatever that is.
"""

import re

from kflowd.redact import rules

HIDDEN = b"***"
ENDS_WITH_SPACE = re.compile(rb"[^\s\"']*")
# up to what parts a value from the next, by what stands ahead of its name
ENDS = {
    **dict.fromkeys((b"?", b"&"), re.compile(rb"[^\s\"'&#]*")),
    b",": re.compile(rb"[^\s\"',]*"),
    b";": re.compile(rb"[^\s\"';]*"),
    **dict.fromkeys((b"(", b"{", b"["), re.compile(rb"[^\s\"',)}\]]*")),
}
OF_JSON = re.compile(rb"[^\s\"',}\]]*")
OF_HEADER = re.compile(rb"[^\"'\r\n]*")
QUOTE = re.compile(rb"\\*[\"']")
IN_DOUBLE = re.compile(rb"(?:[^\"\\]|\\.)*+", re.DOTALL)
# 'a'"'"'b' and 'a'\''b' are one word
GOES_ON = re.compile(rb"\"'\"'|\\''")
PREFIX = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]%"
# of JSON or a program's text: there is none
NOTHING = re.compile(rb"(?:null|nil|none|undefined|true|false)[;:,)}\]]*\Z", re.IGNORECASE)
# a list or an object: what opens and closes, and what is in quotes
BRACKETS = re.compile(rb"\\*\"(?:[^\"\\]|\\[^\"])*+\\*\"|[\[\]{}]")
# variables that say where a shell is
DIRECTORY = re.compile(rb"(?<!_)PWD=")
# a value that only says where the secret is
ELSEWHERE = re.compile(rb"(?:file|env|fd):|(?:env|file|stdin|prompt)\Z")
FILE = re.compile(
    rb"(?:\.{0,2}|~[\w.-]*)/|@|.*\.(?:pem|key|pub|crt|cer|der|p12|pfx|json|ppk|txt)\Z"
)


def _any(parts: tuple[bytes, ...]) -> bytes:
    return b"(?:" + b"|".join(parts) + b")"


_MATERIAL, _HEADER, _NAME = _any(rules.MATERIAL), _any(rules.HEADERS), _any(rules.NAMES)
KEYED = re.compile(
    rb"(?:(?P<header>" + _HEADER + rb")|(?P<material>" + _MATERIAL + rb")|" + _NAME + rb")"
    rb"(?:" + rules.BEHIND + rb")?"
    rb"(?P<apart>(?:\\*[\"'])?(?:\]|%5d)?[ \t]{0,8}"
    rb"(?:=>|:=|={1,3}|:(?!:|//)|%3[ad])(?:\\?[ \t]){0,8})",
    re.IGNORECASE,
)
SCHEME = re.compile(rb"(?:" + rules.SCHEMES + rb")[ \t]{1,8}(?=\S)", re.IGNORECASE)
PARAMETER = re.compile(
    rb"([?&;](?:amp;)?(?:" + rules.PARAMETERS + rb")=)[^&#\s\"']+", re.IGNORECASE
)
BEARER = re.compile(
    rb"(?<![a-z])(?:(bearer[ \t]{1,8})[\w.~+/=-]+"
    rb"|(basic[ \t]{1,8})(?=[a-z+/]{0,80}(?-i:[A-Z0-9=]))[A-Za-z0-9+/=]{6,})",
    re.IGNORECASE,
)
SQL = re.compile(
    rb"(identified[ ]{1,8}(?:with[ ]{1,8}[\w'\"]{1,64}[ ]{1,8})?(?:by|as)[ ]{1,8}"
    rb"|password(?:[ ]{1,8}|[ ]{0,8}\([ ]{0,8})(?=\\*['\"]))(?:(\\*['\"])|(?=[^\s'\"]))",
    re.IGNORECASE,
)
PEM = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY.*?(?:-----END[^-]{0,60}-----|\Z)", re.DOTALL
)
HOOK = re.compile(rb"(" + _any(rules.HOOKS) + rb")[^\s\"'?#]+", re.IGNORECASE)
AUTHORITY = re.compile(
    rb"(?P<user>[^\s:/?#@\"'<>]*):(?![0-9]{1,5}(?:[/?#,]|\Z))"
    rb"(?P<secret>[^\s/?#\"'<>]*(?=@)|[^\s\"'<>]*(?=@))"
)
ALONE = re.compile(rb"(?=[^@]*[0-9])[A-Za-z0-9_~+%-]{20,}(?=@|:[^\s/@]*@)")
CUT_AUTHORITY = re.compile(rb"([^\s:/?#@\"'<>]*:)[^\s/?#@\"'<>]+\Z")
# no user: an address, a package, a repository
NO_USER = (
    rb"(?:npm|jsr|pkg|file|git|link|patch|portal|workspace|docker|oci|mailto|acct|sips?|xmpp)[:+]"
)


def _bare(*, cut: bool) -> re.Pattern[bytes]:
    """Return what knows user:secret@host without a scheme; `cut`: also without the rest.

    It is not image:tag@sha256:..., nor host:80/image@...
    """
    rest = rb"|\Z" if cut else b""
    return re.compile(
        rb"(?!" + NO_USER + rb")((?:[^\s\"'<>=@]{1,64}=)?(?://)?(?:[\w.-]{1,64}[/\\])?[\w.+-]+:)"
        rb"(?!//|[0-9]{1,5}/" + (rb"|/" if cut else b"") + rb")"
        rb"[^@\s\"'<>]+(?=@(?!sha[0-9]{3}:)[\w.\[(-]" + rest + rb")"
    )


def _other(*, cut: bool) -> re.Pattern[bytes]:
    """Return what knows an address of JDBC or CVS, which has rules of its own."""
    return re.compile(
        rb"(:thin:[\w$#.]{1,64}/|:(?:pserver|ext|gserver):[\w.-]{1,64}:)[^@\s\"']+(?=@"
        + (rb"|\Z" if cut else b"")
        + rb")",
        re.IGNORECASE,
    )


BARE = {cut: _bare(cut=cut) for cut in (False, True)}
OTHER = {cut: _other(cut=cut) for cut in (False, True)}
# an element of XML
ELEMENT = re.compile(
    rb"(<(?:[\w.-]{1,64}:)?(?:[\w-]{0,32}[-_])?(?:" + _NAME + rb")(?:\s[^<>]{0,200})?>)[^<>]+",
    re.IGNORECASE,
)
PIPED = re.compile(
    rb"(?<![\w-])((?:echo|printf)[ \t]{1,8}(?:-[a-z]{1,3}[ \t]{1,8}){0,2})[^|;&\s][^|;&\0]{0,512}"
    rb"(?=\|[^|;&\0]{0,160}?(?:" + rules.READERS + rb"))",
    re.IGNORECASE,
)


def _looks(*, cut: bool) -> re.Pattern[bytes]:
    """Return what knows a secret by its look; `cut`: also the begin of one at the very end."""
    kinds = []
    for begins, letters, least in rules.LOOKS:
        few = rb"|[" + letters + rb"]+\Z" if cut else b""
        kinds.append(
            rb"(?:" + begins + rb")(?:[" + letters + rb"]{" + b"%d" % least + rb",}" + few + rb")"
        )
    return re.compile(rb"(?<![A-Za-z0-9])(?:" + b"|".join(kinds) + rb")")


LOOKS = {cut: _looks(cut=cut) for cut in (False, True)}


def redact_text(text: bytes, *, line: bool = False, cut: bool = False) -> bytes:
    """Return one argument without what is secret by its text.

    Args:
        text: The argument.
        line: It is a command line: blanks end a value at its beginning, too.
        cut: Its end is missing.
    """
    if b"-----BEGIN" in text:
        text = PEM.sub(HIDDEN, text)
    text = _keyed(text, line=line)
    if b"://" in text:
        text = _addresses(text, cut=cut)
        text = HOOK.sub(rb"\1***", text)
    elif (b"@" in text or cut) and (found := BARE[cut].match(text)):
        text = found[1] + HIDDEN + text[found.end() :]
    if b"@" in text or cut:
        text = OTHER[cut].sub(rb"\1***", text)
    if b"|" in text:
        text = PIPED.sub(rb"\1*** ", text)
    if b"<" in text:
        text = ELEMENT.sub(rb"\1***", text)
    text = PARAMETER.sub(rb"\1***", text)
    text = BEARER.sub(rb"\1\2***", text)
    text = LOOKS[cut].sub(HIDDEN, text)
    return _sql(text)


def is_elsewhere(value: bytes, *, material: bool = False) -> bool:
    """Say whether a value only tells where the secret is."""
    return ELSEWHERE.match(value) is not None or (material and FILE.match(value) is not None)


def _keyed(text: bytes, *, line: bool) -> bytes:
    """Hide the value behind each name of a secret."""
    parts: list[bytes] = []
    done = 0
    while (found := KEYED.search(text, done)) is not None:
        start, end, after = _value(text, found, done, line=line)
        value = text[start:end]
        kept = not value or is_elsewhere(value, material=found["material"] is not None)
        told = b'"' in found["apart"] or b"==" in found["apart"]
        kept = kept or (told and NOTHING.match(value) is not None)
        kept = kept or (value[:1] == b"/" and DIRECTORY.match(text, found.start()) is not None)
        parts += (text[done:start], value if kept else HIDDEN)
        # what is kept may itself hold names
        parts.append(b"" if kept else text[end:after])
        done = end if kept else after
    return b"".join((*parts, text[done:])) if parts else text


def _value(text: bytes, found: re.Match[bytes], done: int, *, line: bool) -> tuple[int, int, int]:
    """Return where the value behind a name begins and ends, and where what closes it does."""
    at = found.end()
    if found["header"] is not None and (scheme := SCHEME.match(text, at)):
        at = scheme.end()
    if (quote := QUOTE.match(text, at)) is not None:
        if b"'" not in found["apart"] and b'"' not in found["apart"]:
            begin = done + len(text[done : found.start()].rstrip(PREFIX))
            if begin and text[begin - 1 : begin] == quote[0][-1:]:
                return at, at, at  # it closes what the name is in
        inner = quote.end()
        if found["header"] is not None and (scheme := SCHEME.match(text, inner)):
            inner = scheme.end()
        end = quoted_end(text, quote[0], quote.end(), len(text))
        return inner, max(inner, end), min(len(text), max(inner, end) + len(quote[0]))
    if text[at : at + 1] in (b"[", b"{") and b'"' in found["apart"]:
        end = _closed(text, at)
        return at + 1, max(at + 1, end - 1), end
    end = _plain_end(text, found, at, done, line=line)
    return at, end, end


def _closed(text: bytes, at: int) -> int:
    """Return where a list or an object ends; the end of the text if nothing closes it."""
    depth = 0
    for found in BRACKETS.finditer(text, at):
        if found[0] in (b"[", b"{"):
            depth += 1
        elif found[0] in (b"]", b"}"):
            depth -= 1
            if not depth:
                return found.end()
    return len(text) + 1


def _plain_end(text: bytes, found: re.Match[bytes], at: int, done: int, *, line: bool) -> int:
    """Return where a value without quotes ends: by what stands ahead of its name."""
    closed = b'"' in found["apart"] or b"'" in found["apart"]
    begin = done + len(text[done : found.start()].rstrip(PREFIX))
    ahead = text[begin - 1 : begin]
    if begin == 0 and not line:
        return len(text)
    if ahead in (b'"', b"'") and not closed:
        slashes = begin - 1 - len(text[: begin - 1].rstrip(b"\\"))
        return quoted_end(text, b"\\" * slashes + ahead, at, len(text))
    if found["header"] is not None:
        pattern = OF_HEADER
    else:
        pattern = OF_JSON if closed else ENDS.get(ahead, ENDS_WITH_SPACE)
    matched = pattern.match(text, at)
    end = matched.end() if matched else at
    # an opening quote within a word: abc'def ghi'
    if text[end : end + 1] in (b'"', b"'") and pattern is ENDS_WITH_SPACE and end > at:
        return _open_end(text, end)
    return end


def _open_end(text: bytes, at: int) -> int:
    """Return where a word ends in which a quote stands; a quote that nobody closes ends it."""
    quote = text[at : at + 1]
    end = quoted_end(text, quote, at + 1, len(text))
    return at if end == len(text) else end + 1


def quoted_end(text: bytes, quote: bytes, at: int, most: int) -> int:
    """Return where the text in quotes ends; `most` if nothing closes it.

    Args:
        text: All.
        quote: What opened it: a quote, with backslashes ahead of it in a text in quotes.
        at: Where it begins.
        most: Where it ends at the latest.
    """
    while True:
        if quote == b'"':
            matched = IN_DOUBLE.match(text, at, most)
            end = matched.end() if matched else most
        else:
            end = text.find(quote, at, most)
        if end < 0 or end >= most:
            return most
        more = GOES_ON.match(text, end + len(quote), most) if quote == b"'" else None
        if more is None:
            return end
        at = more.end()


def _addresses(text: bytes, *, cut: bool) -> bytes:
    """Hide the secret in scheme://user:secret@host, and a user that looks like one."""
    first, *rest = text.split(b"://")
    out = [first]
    for number, each in enumerate(rest, 1):
        out.append(_authority(each, cut=cut and number == len(rest)))
    return b"://".join(out)


def _authority(text: bytes, *, cut: bool) -> bytes:
    if found := AUTHORITY.match(text):
        secret = HIDDEN if found["secret"] else b""
        user = HIDDEN if ALONE.match(text) else found["user"]
        return user + b":" + secret + text[found.end() :]
    if found := ALONE.match(text):
        return HIDDEN + text[found.end() :]
    if cut and (found := CUT_AUTHORITY.match(text)):
        return found[1] + HIDDEN
    return text


def _sql(text: bytes) -> bytes:
    parts: list[bytes] = []
    done = 0
    while (found := SQL.search(text, done)) is not None:
        start = found.end()
        if found[2]:
            end = quoted_end(text, found[2], start, len(text))
        else:
            matched = re.compile(rb"[^\s;'\"]*").match(text, start)
            end = matched.end() if matched else start
        parts += (text[done:start], HIDDEN if end > start else b"")
        done = end
    return b"".join((*parts, text[done:])) if parts else text

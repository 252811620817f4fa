# SPDX-License-Identifier: Apache-2.0
"""Accounts and groups: passwd, shadow, group and gshadow together.

passwd(5), shadow(5), group(5), gshadow(5). A line of shadow or gshadow says nothing until passwd or
group has its name. The second line of a name is kept: `getpwnam` finds the first, `getpwuid` may
find the other.
"""

import msgspec

from kflowd.fim.consumers.entries import NONE, Account, Entries, Group, Malformed, Password
from kflowd.fim.consumers.passwords import password
from kflowd.fim.consumers.tables import table
from kflowd.fim.consumers.texts import HASH, fingerprint, number, shown

# Names of programs that let nobody in, wherever they are; an empty shell is /bin/sh.
NO_LOGIN = frozenset(("nologin", "false", "sync", "shutdown", "halt", "true"))
AGEING = slice(2, 8)
LAST_CHANGE, EXPIRES = 2, 7

_Lines = dict[str, list[bytes]]


def accounts(
    passwd: bytes | None,
    shadow: bytes | None,
    group: bytes | None,
    gshadow: bytes | None,
    key: bytes,
) -> Entries:
    """Return the accounts and groups that files hold, and lines that are none, in their order.

    Args:
        passwd: Content; None: it is not there.
        shadow: As passwd.
        group: As passwd.
        gshadow: As passwd.
        key: Of keyed fingerprints.
    """
    found: list[Account | Group | Malformed] = []
    secrets, wrong = _by_name(shadow, 9, key)
    group_secrets, group_wrong = _by_name(gshadow, 4, key)
    memberships: dict[str, set[str]] = {}
    groups: list[Group | Malformed] = []
    for line in table(group or b"", 4, key):
        if isinstance(line, Malformed):
            groups.append(line)
            continue
        made = _group(line.fields, group_secrets, key)
        groups.append(made)
        for member in made.members:
            memberships.setdefault(member, set()).add(made.name)
    for line in table(passwd or b"", 7, key):
        if isinstance(line, Malformed):
            found.append(line)
            continue
        made_account = _account(line.fields, None if shadow is None else secrets, key)
        names = tuple(sorted(memberships.get(made_account.name, ())))
        found.append(msgspec.structs.replace(made_account, groups=names))
    return (*found, *wrong, *groups, *group_wrong)


def _by_name(content: bytes | None, count: int, key: bytes) -> tuple[_Lines, list[Malformed]]:
    """Return the first line of each name, and lines that are none."""
    found: _Lines = {}
    wrong: list[Malformed] = []
    for line in table(content or b"", count, key):
        if isinstance(line, Malformed):
            wrong.append(line)
        else:
            found.setdefault(_text(line.fields[0], key), line.fields)
    return found, wrong


def _account(fields: list[bytes], secrets: _Lines | None, key: bytes) -> Account:
    name = _text(fields[0], key)
    told = password(fields[1], key, points=True)
    ageing: tuple[str, ...] = ()
    expires = NONE
    # shadow counts only where passwd points at it; what stands in passwd is asked for otherwise
    if told.status != "shadow" or secrets is None:
        pass
    elif (secret := secrets.get(name)) is not None:
        told = password(secret[1], key)
        if told.status == "set" and secret[LAST_CHANGE] == b"0":
            told = Password("expired", told.algorithm, told.fingerprint)
        ageing = tuple(_day(each, key) for each in secret[AGEING])
        expires = number(secret[EXPIRES])
    else:
        told = Password("absent")
    shell = _text(fields[6], key)
    uid = number(fields[2])
    # a shell that lets nobody in does not keep a password or UID 0 from being used
    login = uid == 0 or told.status in {"set", "empty", "expired"} or _lets_in(shell)
    return Account(
        name=name,
        uid=uid,
        gid=number(fields[3]),
        comment=_text(fields[4], key),
        home=_text(fields[5], key),
        shell=shell,
        password=told,
        ageing=ageing if any(ageing) else (),
        expired=expires,
        login=login,
    )


def _day(raw: bytes, key: bytes) -> str:
    """Return a field of ageing; what is no number may be anything, a hash as well."""
    return raw.decode() if not raw or raw.isdigit() else f"invalid {fingerprint(key, raw)}"


def _lets_in(shell: str) -> bool:
    return shell.rpartition("/")[2] not in NO_LOGIN


def _group(fields: list[bytes], secrets: _Lines, key: bytes) -> Group:
    name = _text(fields[0], key)
    told = password(fields[1], key, points=True)
    administrators: tuple[str, ...] = ()
    members = _names(fields[3], key)
    if (secret := secrets.get(name)) is not None:
        if told.status == "shadow":
            told = password(secret[1], key)
        administrators = _names(secret[2], key)
    return Group(name, number(fields[2]), told, members, administrators)


def _names(raw: bytes, key: bytes) -> tuple[str, ...]:
    return tuple(sorted({_text(each.strip(), key) for each in raw.split(b",") if each.strip()}))


def _text(raw: bytes, key: bytes) -> str:
    """Return a field as text; a hash that has got into the wrong one is none to be shown."""
    return f"hidden {fingerprint(key, raw)}" if HASH.search(raw) else shown(raw)

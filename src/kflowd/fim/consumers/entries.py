# SPDX-License-Identifier: Apache-2.0
"""What files that are parsed hold: accounts, keys, access rules, rules of sudo.

Entries are compared as they are shown. So what hides a secret shows a keyed fingerprint of it, by
which a change of it is one; no entry holds the secret itself, and all can be kept and sent.
"""

from typing import Literal

import msgspec
from msgspec import Struct

Status = Literal["set", "empty", "locked", "expired", "absent", "shadow"]
Finding = Literal["account", "key", "access_rule", "sudo_rule"]
NONE = -1  # a number that is not there


def pascal(name: str) -> str:
    """Return the key of a field."""
    special = {"uid": "UID", "gid": "GID"}
    return special.get(name) or "".join(part.capitalize() for part in name.split("_"))


class Password(Struct, frozen=True, rename=pascal, omit_defaults=True):
    """What may be told of a password.

    Attributes:
        status: `set`; `empty`: none is asked for; `locked`: none can match ("!", "*", a hash
            behind "!"); `expired`: set, and to be changed at once (`passwd -e`); `absent`: there is
            no line that has it; `shadow`: another file has it, which was not given.
        algorithm: Of the hash, "" none.
        fingerprint: First 16 hex digits of HMAC-SHA-256 of the whole field, "" where it has no
            hash: "!" and "*" need none.
    """

    status: Status = "absent"
    algorithm: str = ""
    fingerprint: str = ""


class Account(
    Struct, frozen=True, rename=pascal, omit_defaults=True, tag="account", tag_field="Kind"
):
    """An account of passwd, with what shadow and group have of it; or one of shadow alone.

    Attributes:
        name: Login name.
        uid: Number, -1 if it is none.
        gid: Of the primary group, -1 if it is none.
        comment: The GECOS field.
        home: Directory.
        shell: Program.
        password: Of shadow, else of passwd.
        groups: Names of the further groups that list it, sorted.
        ageing: The six fields of shadow behind the password, "" those that are not set.
        expired: The day (of 1970) after which it is expired, -1 none.
        login: Somebody can become it: a shell that lets in, a password, or UID 0.
    """

    name: str
    uid: int = NONE
    gid: int = NONE
    comment: str = ""
    home: str = ""
    shell: str = ""
    password: Password = Password()
    groups: tuple[str, ...] = ()
    ageing: tuple[str, ...] = ()
    expired: int = NONE
    login: bool = False


class Group(Struct, frozen=True, rename=pascal, omit_defaults=True, tag="group", tag_field="Kind"):
    """A group, with what gshadow has of it.

    Attributes:
        name: Of the group.
        gid: Number, -1 if it is none.
        password: Of gshadow, else of group.
        members: Names, sorted.
        administrators: Names, sorted.
    """

    name: str
    gid: int = NONE
    password: Password = Password()
    members: tuple[str, ...] = ()
    administrators: tuple[str, ...] = ()


class Key(Struct, frozen=True, rename=pascal, omit_defaults=True, tag="key", tag_field="Kind"):
    """A line of authorized_keys.

    Attributes:
        type: As it stands there: ssh-ed25519.
        fingerprint: As ssh-keygen has it: SHA256:...; of a certificate that of the key within.
        options: In their order.
        comment: Behind the key.
        authority: Certificates that it has signed are let in.
        certificate: The line holds a certificate, which sshd does not take for a key here.
        hidden: Keyed fingerprint of options or a comment in which a secret was hidden.
    """

    type: str
    fingerprint: str
    options: tuple[str, ...] = ()
    comment: str = ""
    authority: bool = False
    certificate: bool = False
    hidden: str = ""


class AccessRule(
    Struct, frozen=True, rename=pascal, omit_defaults=True, tag="access_rule", tag_field="Kind"
):
    """A line of access.conf.

    Attributes:
        permission: Granted ("+") or denied ("-").
        users: Names, groups and words, in their order.
        users_except: What stands behind EXCEPT among them.
        origins: Terminals, hosts, networks and words, in their order.
        origins_except: What stands behind EXCEPT among them.
    """

    permission: Literal["+", "-"]
    users: tuple[str, ...]
    origins: tuple[str, ...]
    users_except: tuple[str, ...] = ()
    origins_except: tuple[str, ...] = ()


class SudoRule(
    Struct, frozen=True, rename=pascal, omit_defaults=True, tag="sudo_rule", tag_field="Kind"
):
    """What one line of sudoers says, or a part of it that stands for itself.

    Attributes:
        type: What it is.
        rule: As sudoers would have it, blanks normalised; each command a rule of its own, with
            the run-as list and the tags that it inherits.
        hidden: Keyed fingerprint of a rule in which a secret was hidden.
    """

    type: Literal["rule", "alias", "defaults", "include"]
    rule: str
    hidden: str = ""


class Malformed(
    Struct, frozen=True, rename=pascal, omit_defaults=True, tag="malformed", tag_field="Kind"
):
    """A line that is not as its file wants it: kept, and told of.

    Attributes:
        finding: Of which kind of finding it is.
        cause: What is wrong with it.
        text: The line, "" where it may hold a hash or a secret.
        hidden: Keyed fingerprint of a line that is not shown.
    """

    finding: Finding
    cause: str
    text: str = ""
    hidden: str = ""


Entry = Account | Group | Key | AccessRule | SudoRule | Malformed
Entries = tuple[Entry, ...]

_decoder = msgspec.json.Decoder(Entries)


def encode(entries: Entries) -> bytes:
    """Return entries as JSON, from which `decode` makes them again."""
    return msgspec.json.encode(entries)


def decode(data: bytes) -> Entries:
    """Return what `encode` has written.

    Raises:
        msgspec.DecodeError: It has not written that.
    """
    return _decoder.decode(data)


def finding_of(entry: Entry) -> Finding:
    """Return of which kind of finding an entry is."""
    match entry:
        case Account() | Group():
            return "account"
        case Key():
            return "key"
        case AccessRule():
            return "access_rule"
        case SudoRule():
            return "sudo_rule"
        case Malformed():
            return entry.finding

# SPDX-License-Identifier: Apache-2.0
"""Keys of integrity records."""

from typing import Annotated, Any

from msgspec import UNSET, UnsetType

from kflowd.serialize.keys import Block, Says

FINDINGS = {
    "created": "there is a name that was not there",
    "modified": "the content is another",
    "attributes": "the content is as it was, something else is not",
    "renamed": "the inode has another name, FimOldPath had it",
    "replaced": "another inode has the name; FimOldPath, if it is there, had that before",
    "deleted": "the name is gone",
    "linked": "the inode of FimOldPath has one more name, or the number of its names has grown",
    "account": "an account or a group has changed, by what the file says",
    "key": "a key that lets somebody log in has come or gone",
    "access_rule": "a rule of access.conf has come or gone",
    "sudo_rule": "a rule of sudoers has come or gone",
}
CHANGED = {
    "type": "type of the file, or what device it is",
    "content": "content, by its SHA-256",
    "size": "bytes; not of directories and links",
    "mode": "permissions, with setuid, setgid and sticky bit",
    "uid": "number of the owner",
    "gid": "number of the group",
    "links": "number of names; not of directories",
    "inode": "another inode: by number, generation and time of birth",
    "mtime": "time of the last modification; not of directories",
    "target": "what a symbolic link points to",
    "acl": "access control lists",
    "capabilities": "capabilities of the file",
    "label": "label of SELinux",
    "flags": "inode flags, as of chattr",
    "xattr": "another extended attribute, as xattr:NAME",
}
STATE = {
    "Type": "regular, directory, symlink, fifo, socket, character or block",
    "Size": "bytes",
    "Mode": 'permissions: "0644"',
    "UID": "number of the owner",
    "GID": "number of the group",
    "User": "name of the owner at that moment",
    "Group": "name of the group at that moment",
    "Device": "major and minor number",
    "Inode": "number",
    "Links": "number of names",
    "ModificationTime": "RFC 3339",
    "Target": "of a symbolic link",
    "SHA256": "of the content",
    "SampledSHA256": "in its place where the file is larger than max_size: of parts of it",
    "Flags": "inode flags: immutable, append_only, ...",
    "Capabilities": "cap_net_raw=ep",
    "ACL": "entries: user:1000:rw-",
    "Xattrs": "SHA-256 of each value by its name, of a SELinux label the text",
    "Note": "unstable: it was written while it was read; unreadable: and the error",
}


class IntegrityBlock(Block, frozen=True, kw_only=True, gc=False):
    """What file integrity monitoring has found."""

    FimFinding: Annotated[str, Says("what became of the file")]
    FimSeverity: Annotated[str, Says("low, medium, high or critical, by the rule")]
    FimRule: Annotated[str, Says("name of the rule")]
    FimConsumer: Annotated[str, Says("generic, diff, users, access or sudoers")]
    FimTags: Annotated[tuple[str, ...] | UnsetType, Says("tags of the rule", "it has any")] = UNSET
    FimSource: Annotated[str, Says("what has found it: scheduled is `kflowd fim check`")]
    FimPath: Annotated[str, Says("path")]
    FimOldPath: Annotated[
        str | UnsetType, Says("path before, or another one of the same inode", "there is one")
    ] = UNSET
    FimChanged: Annotated[
        tuple[str, ...] | UnsetType, Says("what differs, sorted", "two states are known")
    ] = UNSET
    FimBefore: Annotated[
        dict[str, Any] | UnsetType, Says("the accepted state", "there was one")
    ] = UNSET
    FimAfter: Annotated[
        dict[str, Any] | UnsetType, Says("the state that was found", "the file is there")
    ] = UNSET
    FimAdded: Annotated[
        list[dict[str, Any]] | UnsetType, Says("entries that have come", "any have")
    ] = UNSET
    FimRemoved: Annotated[
        list[dict[str, Any]] | UnsetType, Says("entries that have gone", "any have")
    ] = UNSET
    FimDiff: Annotated[str | UnsetType, Says("lines that differ, unified", "consumer diff")] = UNSET
    FimDiffNote: Annotated[
        str | UnsetType, Says("why there is no diff, or not all of it", "so it is")
    ] = UNSET
    FimSequence: Annotated[int, Says("number of the finding, from 1; it stays the same")]
    FimChain: Annotated[
        str, Says("keyed hash over this finding and the FimChain of the one before")
    ]

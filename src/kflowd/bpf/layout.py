# SPDX-License-Identifier: Apache-2.0
"""The contract header against the BTF of an object: a difference is found before anything is read.

The extension was compiled with the header, so the C compiler has checked what cffi declares. What
can differ is an object that was built from another state of the header.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from kflowd.bpf.ffi import ffi, lib, text_of
from kflowd.errors import ContractError

PREFIX = "struct kf_"
# Of the glue, or written by user space only: these are in no object.
NOT_CONTRACT = frozenset(
    f"struct kf_{name}" for name in ("var", "member", "gone", "drain", "sweep", "sweep_config")
)
USER_ONLY = frozenset(("struct kf_counters_record", "struct kf_session_record"))
REBUILD = "build the BPF objects and the extension from one state: make clean build"


class Shape(NamedTuple):
    """Size of a struct and its members as (offset, size), all in bytes."""

    size: int
    members: dict[str, tuple[int, int]]


def contract_names() -> list[str]:
    """Return the structs of the contract, "struct kf_header" first."""
    _, structs, _ = ffi.list_types()
    names = (f"struct {name}" for name in structs)
    return sorted(name for name in names if name.startswith(PREFIX) and name not in NOT_CONTRACT)


def shape_here(name: str) -> Shape:
    """Return the shape of a struct as this program was compiled with."""
    kind = ffi.typeof(name)
    members = {
        member: (int(field.offset), int(ffi.sizeof(field.type))) for member, field in kind.fields
    }
    return Shape(int(ffi.sizeof(kind)), members)


def shape_in(btf: Any, name: str) -> Shape | None:  # noqa: ANN401 - cffi has no types
    """Return the shape of a struct in an object's BTF, None if it is not there.

    Args:
        btf: BTF of an object.
        name: "struct kf_header".
    """
    bare = name.removeprefix("struct ").encode()
    size = lib.kf_btf__size(btf, bare)
    if size < 0:
        return None
    members: dict[str, tuple[int, int]] = {}
    member = ffi.new("struct kf_member *")
    while lib.kf_btf__member(btf, bare, len(members), member) == 0:
        members[text_of(member.name)] = (int(member.offset), int(member.size))
    return Shape(int(size), members)


def check_layout(btf: Any, object_name: str) -> frozenset[str]:  # noqa: ANN401 - cffi has no types
    """Compare every struct of the contract that an object knows.

    Returns:
        The names of the structs that were compared.

    Raises:
        ContractError: a struct differs; names the struct and the member.
    """
    compared = set()
    for name in contract_names():
        there = shape_in(btf, name)
        if there is None:
            continue
        for difference in differences(name, shape_here(name), there):
            raise ContractError(f"checking {object_name}: {difference}", REBUILD)
        compared.add(name)
    return frozenset(compared)


def differences(name: str, here: Shape, there: Shape) -> Iterator[str]:
    """Yield what differs between the program's and the object's shape of a struct, in words."""
    for member, place in here.members.items():
        if member not in there.members:
            yield f"{name} has no member {member} in the object"
        elif there.members[member] != place:
            yield (
                f"{name}.{member} is at byte {there.members[member][0]} with "
                f"{there.members[member][1]} bytes in the object, "
                f"at {place[0]} with {place[1]} in the program"
            )
    for member in there.members:
        if member not in here.members:
            yield f"{name} has a member {member} in the object that the program does not know"
    if here.size != there.size:
        yield f"{name} has {there.size} bytes in the object, {here.size} in the program"

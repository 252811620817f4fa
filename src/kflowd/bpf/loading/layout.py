# SPDX-License-Identifier: Apache-2.0
"""The contract against the BTF of an object: a difference is found before anything is read.

Objects, extension and layouts are each made of the header when kflowd is built. What can differ is
one that was made of another state of it.
"""

from typing import Any

from kflowd.bpf.ffi import ffi, lib, text_of
from kflowd.contract import Shape, differences, shape, struct_names
from kflowd.errors import ContractError

# Written by user space only: these are in no object.
USER_ONLY = frozenset(("struct kf_counters_record", "struct kf_session_record"))
REBUILD = "build the BPF objects and the extension from one state: make clean build"


def shape_here(name: str) -> Shape:
    """Return the shape of a struct as the extension was compiled with."""
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
    for name in struct_names():
        there = shape_in(btf, name)
        if there is None:
            continue
        for here in (shape_here(name), shape(name)):
            for difference in differences(name, here, there):
                raise ContractError(f"checking {object_name}: {difference}", REBUILD)
        compared.add(name)
    return frozenset(compared)

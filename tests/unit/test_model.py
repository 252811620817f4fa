# SPDX-License-Identifier: Apache-2.0
import inspect
from typing import Any

import pytest

from kflowd import model
from kflowd.contract import constants, layout
from tools.layouts import HEADER, contract_ffi

FFI: Any = contract_ffi(HEADER.read_text())
MAP_ONLY = 0x10000  # flags that no record has
OURS = 1 << 30  # flags that no kernel uses
# what a class of the model names in the contract, and what of it no stage asks for
FLAGS: dict[type, str] = {
    model.FileFlag: "KF_AGG_",
    model.SocketFlag: "KF_SOCK_",
    model.ProcessFlag: "KF_PROC_",
    model.ExeFlag: "KF_EXE_",
    model.Segment: "KF_SEGMENT_",
}
ENUMS: dict[type, tuple[str, str, set[str]]] = {
    model.ProcessSource: ("enum kf_proc_source", "KF_PROC_", set()),
    model.Role: ("enum kf_role", "KF_ROLE_", set()),
    model.Scope: ("enum kf_scope", "KF_SCOPE_", set()),
    model.FileEvent: (
        "enum kf_file_event",
        "KF_FILE_",
        {"CREATE", "OPEN", "ACCESS", "ATTRIB", "MOVED_FROM"},
    ),
}
END = {"EVENTS": "COUNT"}  # the end of an enum has a name of its own


def members(of: type) -> dict[str, int]:
    """Return the members of a class of constants."""
    return {name: value for name, value in vars(of).items() if not name.startswith("_")}


def enum(name: str, prefix: str) -> dict[str, int]:
    """Return the members of an enum of the contract without their prefix."""
    named = FFI.typeof(name).relements
    short = {member.removeprefix(prefix): value for member, value in named.items()}
    return {END.get(member, member): value for member, value in short.items()}


def test_every_class_of_constants_is_compared() -> None:
    """No class of the model without instances is left out below."""
    classes = (each for _, each in inspect.getmembers(model, inspect.isclass))
    ours = {it for it in classes if it.__module__.startswith(model.__name__)}
    with_instances = ("__struct_fields__", "_fields")
    plain = {it for it in ours if not any(hasattr(it, name) for name in with_instances)}
    assert plain == {*FLAGS, *ENUMS}


@pytest.mark.parametrize("of", FLAGS, ids=lambda it: it.__name__)
def test_flags_are_those_of_the_contract(of: type) -> None:
    """The same names with the same values, but for our own; each is one bit."""
    prefix = FLAGS[of]
    enums = {name for it in ENUMS.values() for name in FFI.typeof(it[0]).relements}
    kernel = {
        name.removeprefix(prefix): value
        for name, value in constants().items()
        if name.startswith(prefix) and name not in enums
        if prefix != FLAGS[model.SocketFlag] or value < MAP_ONLY
    }
    assert kernel
    assert {name: value for name, value in members(of).items() if value < OURS} == kernel
    assert all(value.bit_count() == 1 for value in members(of).values())
    assert len(set(members(of).values())) == len(members(of))


@pytest.mark.parametrize("of", ENUMS, ids=lambda it: it.__name__)
def test_enums_are_those_of_the_contract(of: type) -> None:
    """The same names with the same values, but for those that no stage asks for."""
    name, prefix, unused = ENUMS[of]
    kernel = enum(name, prefix)
    assert unused <= set(kernel)
    assert members(of) == {each: n for each, n in kernel.items() if each not in unused}


def test_values_have_the_members_of_the_contract() -> None:
    """No member of a kernel struct was forgotten, but for what the kernel side keeps."""
    for name, value, unused in (
        ("struct kf_proc", model.Process, set[str]()),
        ("struct kf_tcp_info", model.TcpInfo, {"old"}),
    ):
        assert {*value.__struct_fields__, *unused} == set(layout(name).members(""))

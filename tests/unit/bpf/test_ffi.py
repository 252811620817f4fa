# SPDX-License-Identifier: Apache-2.0
"""The check of what C returns."""

import pytest

from kflowd.bpf import ffi as door


def test_a_result_that_is_no_error_is_returned() -> None:
    """Sizes and descriptors pass."""
    assert door.check(7, "call", "doing it") == 7
    assert door.check(0, "call", "doing it") == 0


def test_an_error_names_call_errno_and_object() -> None:
    """The message says what was done, to what, and how it failed."""
    with pytest.raises(door.BpfCallError) as caught:
        door.check(-1, "bpf_object__load", "loading file_fentry")
    assert str(caught.value) == (
        "loading file_fentry: bpf_object__load gives EPERM (Operation not permitted)"
    )
    assert caught.value.errno == 1
    assert caught.value.call == "bpf_object__load"
    assert caught.value.exit_code == 1


def test_null_takes_the_cause_from_errno() -> None:
    """A NULL pointer raises with errno."""
    door.ffi.errno = 2
    with pytest.raises(door.BpfCallError, match="ENOENT"):
        door.check_pointer(door.ffi.NULL, "bpf_object__open", "opening x")


def test_the_last_warning_is_the_cause() -> None:
    """What libbpf says after the cause is skipped."""
    log = (
        "libbpf: prog 'a': BPF program load failed: Permission denied\n"
        "libbpf: prog 'a': failed to load: -13\n"
        "libbpf: failed to load object 'x'\n"
    )
    assert door.last_warning(log) == "prog 'a': failed to load: -13"
    assert door.last_warning("") == ""


@pytest.mark.parametrize(("code", "name"), [(1, "EPERM"), (524, "ENOTSUPP"), (4000, "errno 4000")])
def test_errno_has_a_name(code: int, name: str) -> None:
    """Numbers without a name, and those that only the kernel names, are shown too."""
    assert door.errno_name(code) == name
    assert door.errno_text(code)


def test_libbpf_is_linked_in() -> None:
    """The extension brings its own libbpf."""
    assert int(door.libbpf_version().split(".")[0]) >= 1

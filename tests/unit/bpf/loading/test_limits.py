# SPDX-License-Identifier: Apache-2.0
import errno

import pytest

from kflowd.bpf.ffi import BpfCallError
from kflowd.bpf.loading import limits
from kflowd.bpf.loading.limits import FILES, LOAD, LOCKED, MEMORY, SIZES, limit_error

MAP = "libbpf: map 'kf_files': failed to create: Operation not permitted(-1)"
PROGRAM = "libbpf: prog 'tp__x': BPF program load failed: -1"


def failed(code: int, log: str, call: str = LOAD) -> BpfCallError:
    return BpfCallError(call, code, "loading process", log)


@pytest.fixture(autouse=True)
def locked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return whether the kernel accounts locked memory; it does not."""
    found = [False]
    monkeypatch.setattr(limits, "is_locked_memory", lambda: found[0])
    return found


@pytest.mark.parametrize(
    ("code", "log", "start", "hint"),
    [
        (errno.EPERM, MAP, "making the map kf_files: EPERM (", LOCKED),
        (errno.E2BIG, MAP, "making the map kf_files: E2BIG (", SIZES),
        (errno.ENOMEM, PROGRAM, "loading tp__x: ENOMEM (", MEMORY),
        (errno.EMFILE, "", "loading process: EMFILE (", FILES),
    ],
)
def test_limits_are_errors(code: int, log: str, start: str, hint: str) -> None:
    """What was refused is named, with what to do; exit code 1."""
    error = limit_error(failed(code, log))
    assert error is not None
    assert str(error).startswith(start)
    assert (error.hint, error.exit_code) == (hint, 1)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EINVAL, errno.E2BIG, errno.EPERM])
def test_what_the_verifier_says_is_no_limit(code: int) -> None:
    """The class takes another program then."""
    assert limit_error(failed(code, PROGRAM)) is None


def test_programs_count_as_locked_memory_too(locked: list[bool]) -> None:
    """On kernels before 5.11, when they are loaded; to attach may be forbidden for itself."""
    locked[0] = True
    error = limit_error(failed(errno.EPERM, PROGRAM))
    assert error is not None
    assert error.hint == LOCKED
    assert limit_error(failed(errno.EPERM, "", "bpf_program__attach")) is None

# SPDX-License-Identifier: Apache-2.0
"""The door to C: the only module that imports the extension, and the check of what it returns."""

import errno
import os
import re
from typing import Any

from kflowd.errors import BpfError


class ExtensionMissingError(BpfError, ImportError):
    """The extension is not built, or not for this Python."""


try:
    from kflowd.bpf.native._kflowd import ffi as _ffi
    from kflowd.bpf.native._kflowd import lib as _lib
except ImportError as error:
    raise ExtensionMissingError(
        f"loading the compiled part of kflowd: {error}", "build it with: make build"
    ) from error

ffi: Any = _ffi
lib: Any = _lib

LOG_BYTES = 32 * 1024
# What libbpf writes around a message, and lines that say nothing about the cause.
_NOISE = re.compile(r"^(libbpf: )?(failed to load object|-- (BEGIN|END) PROG LOAD LOG --)|^\s*$")
_UNKNOWN_NAMES = {524: "ENOTSUPP"}  # the kernel's own, leaks out of bpf(2)


class BpfCallError(BpfError):
    """A failed call, with its parts for those who decide by them.

    Attributes:
        call: The function that failed.
        errno: A positive errno.
        log: All that libbpf said about it, may be empty.
    """

    def __init__(self, call: str, code: int, about: str, log: str) -> None:
        self.call = call
        self.errno = code
        self.log = log
        reason = f"{call} gives {errno_name(code)} ({errno_text(code)})"
        last = last_warning(log)
        super().__init__(f"{about}: {reason}" + (f"; libbpf: {last}" if last else ""))


def libbpf_version() -> str:
    """Return the version of the libbpf that is linked in."""
    return text_of(lib.libbpf_version_string()).removeprefix("v")


def errno_name(code: int) -> str:
    """Return "EPERM" for 1, "errno 999" for what has no name."""
    return errno.errorcode.get(code) or _UNKNOWN_NAMES.get(code, f"errno {code}")


def errno_text(code: int) -> str:
    """Return what strerror says, in the C locale's words."""
    return "not supported by this kernel" if code in _UNKNOWN_NAMES else os.strerror(code)


def last_warning(log: str) -> str:
    """Return the last line of libbpf's messages that names a cause, "" if there is none."""
    for line in reversed(log.splitlines()):
        if not _NOISE.match(line):
            return line.removeprefix("libbpf: ").strip()
    return ""


def show_log(verbose: int) -> None:
    """Print libbpf's warnings (1), all its messages (2) or nothing (0) to stderr; all are kept."""
    lib.kf_log__set_verbose(verbose)


def take_log() -> str:
    """Return libbpf's newest warnings and forget them."""
    text = ffi.new("char[]", LOG_BYTES)
    length = lib.kf_log__take(text, LOG_BYTES)
    return bytes(ffi.buffer(text, length)).decode("utf-8", "replace")


def check(result: int, call: str, about: str) -> int:
    """Return result, unless it is a negative errno.

    Args:
        result: What the function returned: a size, an fd, 0 or -errno.
        call: Its name.
        about: "verb-ing noun" for the message.

    Raises:
        BpfCallError: result is negative.
    """
    if result < 0:
        raise BpfCallError(call, -result, about, take_log())
    return result


def check_pointer(pointer: Any, call: str, about: str) -> Any:  # noqa: ANN401 - cffi has no types
    """Return pointer, unless it is NULL.

    Raises:
        BpfCallError: pointer is NULL; the cause is in errno.
    """
    if pointer == ffi.NULL:
        # read at once: any other call may change it
        raise BpfCallError(call, ffi.errno or errno.EINVAL, about, take_log())
    return pointer


def text_of(chars: Any) -> str:  # noqa: ANN401 - cffi has no types
    """Return a C string as str; "" for NULL."""
    if chars == ffi.NULL:
        return ""
    return bytes(ffi.string(chars)).decode("utf-8", "replace")

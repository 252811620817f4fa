# SPDX-License-Identifier: Apache-2.0
"""The line of --version."""

import os
import platform

import kflowd


def line() -> str:
    """Return name and version, and those of what kflowd runs on."""
    host = os.uname()
    return (
        f"kflowd {kflowd.__version__} (python {platform.python_version()}, libbpf {_libbpf()}, "
        f"kernel {host.release}, {host.machine})"
    )


def _libbpf() -> str:
    # replay works without the extension, and so does this
    try:
        from kflowd.bpf import ffi
    except ImportError:
        return "not built"
    return ffi.libbpf_version()

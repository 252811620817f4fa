# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from kflowd.bpf import netns
from kflowd.bpf.ffi import BpfCallError


def test_what_is_no_namespace_is_not_entered() -> None:
    """The kernel's answer is an error that names the call."""
    descriptor = os.open("/", os.O_RDONLY)
    try:
        with pytest.raises(BpfCallError, match="^entering a network namespace: setns gives E"):
            netns.enter(descriptor)
    finally:
        os.close(descriptor)

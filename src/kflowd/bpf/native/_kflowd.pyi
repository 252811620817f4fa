# SPDX-License-Identifier: Apache-2.0
from typing import Any

ffi: Any  # compiled from libbpf.cdef.h, ebpf/record.h and glue.h: cffi carries no types
lib: Any

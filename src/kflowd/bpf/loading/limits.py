# SPDX-License-Identifier: Apache-2.0
"""Limits met while loading: memory, open files, sizes that the kernel does not make.

What a limit refuses says nothing about a program. To go on without it would give a run that
sees less, for a reason that has nothing to do with the kernel's abilities.
"""

import errno

from kflowd.bpf.ffi import BpfCallError, errno_name, errno_text
from kflowd.bpf.kernel.memory import is_locked_memory
from kflowd.bpf.loading.object import failed_map, failed_program
from kflowd.errors import BpfError

LOAD = "bpf_object__load"
MEMORY_HINT = (
    "smaller maps (--ring-bytes, --file-entries, --sock-entries, --unix-entries), "
    "or more memory: {}"
)
LOCKED = MEMORY_HINT.format("the limit of locked memory (ulimit -l)")
MEMORY = MEMORY_HINT.format("limits of the cgroup (memory.max) or of address space (ulimit -v)")
FILES = "a higher limit of open files (ulimit -n)"
SIZES = "smaller maps (--ring-bytes, --file-entries, --sock-entries, --unix-entries)"
# whatever was asked for
ALWAYS = {errno.ENOMEM: MEMORY, errno.EMFILE: FILES, errno.ENFILE: FILES}
# of a map; of a program they are the verifier's word
OF_MAPS = {errno.E2BIG: SIZES, errno.EINVAL: SIZES, errno.ENOSPC: MEMORY, errno.EPERM: LOCKED}


def limit_error(error: BpfCallError) -> BpfError | None:
    """Return the error to report if a limit made a call fail, None if it was something else."""
    hint = ALWAYS.get(error.errno)
    of_map = failed_map(error.log)
    if hint is None and of_map is not None:
        hint = OF_MAPS.get(error.errno)
    # attaching has other reasons, such as perf_event_paranoid
    if hint is None and (error.errno, error.call) == (errno.EPERM, LOAD) and is_locked_memory():
        hint = LOCKED
    if hint is None:
        return None
    program = failed_program(error.log)
    what = f"making the map {of_map}" if of_map else None
    if what is None and program is not None:
        what = f"loading {program}"
    what = what or str(error).partition(":")[0]
    return BpfError(f"{what}: {errno_name(error.errno)} ({errno_text(error.errno)})", hint)

# SPDX-License-Identifier: Apache-2.0
"""What the kernel allows, found by trying: a trivial program of each kind, never a version number.

Tried once at start, in a few milliseconds, because on a kernel that refuses all fentry programs
finding that out from our own, one after the other, would take seconds.
"""

import errno
from pathlib import Path

from kflowd.bpf.ffi import errno_name, lib
from kflowd.bpf.kernel import layouts
from kflowd.bpf.kernel.btf import Kernel
from kflowd.bpf.kernel.cgroup import CgroupRoot, open_root
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.kernel.preemption import UNPREEMPTED, read_preempt_mode
from kflowd.errors import BpfError

JIT = Path("/proc/sys/net/core/bpf_jit_enable")
HELPER_PROBE_READ_KERNEL = 113
HELPER_TASK_BTF = 158
# A function made for tests of fentry, which nothing calls; the other is there always.
FENTRY_TARGETS = ("bpf_fentry_test1", "fd_install")
TRACEPOINT = "sched_process_exit"
KPROBE_TARGET = b"fd_install"
LIMITS = {errno.ENOMEM, errno.EMFILE, errno.ENFILE}
LIMITS_HINT = "more memory (the cgroup's memory.max, ulimit -v) or open files (ulimit -n)"


def probe(kernel: Kernel) -> dict[str, Feature]:
    """Try everything. Return the features by name."""
    found = (
        _fentry(kernel),
        _kprobe(),
        _tp_btf(kernel),
        _cgroup(),
        _probe_read(),
        _task_btf(),
        _loop(kernel),
        _cast(kernel),
        _nonpreemptible(),
        _jit(),
        *layouts.features(kernel),
    )
    return {feature.name: feature for feature in found}


def _no(name: str, title: str, why: str, change: str) -> Feature:
    return Feature(name, title, ok=False, why=why, change=change)


def _refused(result: int, what: str) -> str:
    # says nothing about the kernel: to take it for an answer would give a run that sees less
    if -result in LIMITS:
        raise BpfError(f"trying what the kernel allows: {what}: {errno_name(-result)}", LIMITS_HINT)
    return f"the kernel refuses {what} ({errno_name(-result)})"


def _fentry(kernel: Kernel) -> Feature:
    title = "fentry and fexit programs"
    change = "a kernel with BPF trampolines (CONFIG_FUNCTION_TRACER, no policy against them)"
    for name in FENTRY_TARGETS:
        number = kernel.function_id(name)
        if number > 0:
            result = lib.kf_probe__tracing(lib.KF_PROBE_FENTRY, number)
            if result == 0:
                return Feature("fentry", title, ok=True)
            return _no("fentry", title, _refused(result, "fentry programs"), change)
    return _no("fentry", title, "no function to try it with is in BTF", change)


def _kprobe() -> Feature:
    title = "kprobe and kretprobe programs"
    result = lib.kf_probe__kprobe(KPROBE_TARGET)
    if result == 0:
        return Feature("kprobe", title, ok=True)
    if result == -errno.ENOENT:
        why = "the kernel has no kprobes"
        return _no("kprobe", title, why, "a kernel with CONFIG_KPROBE_EVENTS=y")
    why = _refused(result, "kprobes")
    return _no("kprobe", title, why, "no lockdown=confidentiality, perf events allowed")


def _tp_btf(kernel: Kernel) -> Feature:
    title = "typed tracepoints"
    number = kernel.tracepoint_id(TRACEPOINT)
    change = "a kernel with CONFIG_TRACEPOINTS=y and CONFIG_BPF_EVENTS=y"
    if number <= 0:
        return _no("tp_btf", title, "BTF has no tracepoints", change)
    result = lib.kf_probe__tracing(lib.KF_PROBE_TP_BTF, number)
    if result == 0:
        return Feature("tp_btf", title, ok=True)
    return _no("tp_btf", title, _refused(result, "typed tracepoints"), change)


def _cgroup() -> Feature:
    title = "cgroup programs on the root of cgroup2"
    result = lib.kf_probe__cgroup()
    if result != 0:
        why = _refused(result, "cgroup programs")
        return _no("cgroup", title, why, "a kernel with CONFIG_CGROUP_BPF=y")
    try:
        with open_root() as root:
            return Feature("cgroup", title, ok=True, why=_scope(root))
    except BpfError as error:
        return _no("cgroup", title, str(error), "a cgroup2 hierarchy")


def _scope(root: CgroupRoot) -> str:
    if root.of_host:
        return root.where
    return f"{root.where}: sees only this cgroup namespace"


def _probe_read() -> Feature:
    title = "probe reads of kernel memory"
    result = lib.kf_probe__helper(HELPER_PROBE_READ_KERNEL)
    if result == 0:
        return Feature("probe_read", title, ok=True)
    why = f"{_refused(result, 'bpf_probe_read_kernel')}: lockdown=confidentiality"
    return _no("probe_read", title, why, "no lockdown=confidentiality")


def _task_btf() -> Feature:
    title = "typed current task (bpf_get_current_task_btf)"
    result = lib.kf_probe__helper(HELPER_TASK_BTF)
    if result == 0:
        return Feature("task_btf", title, ok=True)
    return _no("task_btf", title, _refused(result, "it"), "Linux 5.11; nothing is lost")


def _loop(kernel: Kernel) -> Feature:
    title = "loops without a limit (bpf_loop)"
    if kernel.has_function("bpf_loop"):
        return Feature("loop", title, ok=True)
    why = "the kernel has no bpf_loop"
    return _no("loop", title, why, "Linux 5.17; without it paths deeper than 48 are cut")


def _cast(kernel: Kernel) -> Feature:
    title = "reading without probe reads (bpf_rdonly_cast)"
    if kernel.has_function("bpf_rdonly_cast"):
        return Feature("cast", title, ok=True)
    why = "the kernel has no bpf_rdonly_cast"
    return _no("cast", title, why, "Linux 6.2, or no lockdown=confidentiality")


def _nonpreemptible() -> Feature:
    title = "programs that are not preempted"
    mode = read_preempt_mode()
    if mode in UNPREEMPTED:
        return Feature("nonpreemptible", title, ok=True)
    change = "preempt=none or preempt=voluntary; nothing is lost, programs are loaded twice"
    return _no("nonpreemptible", title, f"the kernel's preemption: {mode}", change)


def _jit() -> Feature:
    title = "BPF compiler (JIT)"
    try:
        value = JIT.read_text(encoding="ascii").strip()
    except OSError:
        return Feature("jit", title, ok=True, why="always on")
    if value != "0":
        return Feature("jit", title, ok=True)
    return _no("jit", title, f"{JIT} is 0", f"echo 1 > {JIT}: programs run slowly now")

# SPDX-License-Identifier: Apache-2.0
"""The parts of loading that need no kernel."""

from pathlib import Path

import pytest

from kflowd.bpf.candidates import Candidate, Hook
from kflowd.bpf.ffi import BpfCallError
from kflowd.bpf.kernel.choice import Choice, Reason
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading.loader import (
    Loader,
    hears_of_forks,
    programs_by_object,
    reading,
    reason_of,
    require_some,
    sees_stores,
    takes_datagrams,
)
from kflowd.bpf.loading.object import BpfObject
from kflowd.errors import ContractError, FeatureError
from kflowd.settings import TraceSettings
from tests.unit.bpf.kernel.test_choice import FakeKernel
from tests.unit.bpf.loading.test_object import REFUSED


def a_choice(key: str, *programs: str, subsystem: str = "file") -> Choice:
    """Return a choice of object "o"; without programs nothing serves it."""
    candidate = Candidate("fentry", "o", programs) if programs else None
    hook = Hook(key, key, subsystem, (candidate,) if candidate else ())
    return Choice(hook, candidate, programs, passed=(Reason("no way", "a way"),))


def test_a_program_of_two_classes_is_loaded_once() -> None:
    """Programs are listed by object, in order, each once."""
    choices = [a_choice("a", "x", "y"), a_choice("b", "y", "z"), a_choice("c")]
    assert programs_by_object(choices) == {"o": ["x", "y", "z"]}


@pytest.mark.parametrize("way", ["fentry", "kprobe"])
def test_who_takes_a_datagram_is_seen_where_a_program_says_so(way: str) -> None:
    """By skb_consume_udp, and not by the results of system calls."""
    others = [a_choice("a", "tp__sys_exit_socket"), a_choice("b", f"{way}__release_sock")]
    assert not takes_datagrams([*others, a_choice("c")])
    used = a_choice("c", f"{way}__release_sock", f"{way}__skb_consume_udp")
    assert takes_datagrams([*others, used])


@pytest.mark.parametrize("way", ["fentry", "kprobe"])
def test_stores_are_seen_where_a_program_says_so(way: str) -> None:
    """By the kernel's fault, and not by what maps a file."""
    others = [a_choice("a", "tp__sys_exit"), a_choice("b", f"{way}__vm_mmap_pgoff")]
    assert not sees_stores([*others, a_choice("c")])
    assert sees_stores([*others, a_choice("c", f"{way}__fault_dirty_shared_page")])


def test_children_are_heard_of_where_a_program_says_so() -> None:
    """By the tracepoint at which they do not run yet; without it nobody could be followed."""
    others = [a_choice("a", "tp__sched_process_exec"), a_choice("b")]
    assert not hears_of_forks(others)
    assert hears_of_forks([*others, a_choice("c", "tp__sched_process_fork")])


def test_one_class_of_a_subsystem_is_enough() -> None:
    """Part of a subsystem is better than none."""
    require_some([a_choice("a", "x"), a_choice("b")], frozenset(("file",)))


def test_a_subsystem_without_any_class_is_an_error() -> None:
    """What was asked for and cannot be had at all ends the start, with reasons."""
    with pytest.raises(FeatureError, match=r"attaching file hooks: .*no way") as caught:
        require_some([a_choice("a"), a_choice("b")], frozenset(("file",)))
    assert caught.value.exit_code == 3


def test_a_refusal_has_the_verifier_s_reason() -> None:
    """The reason is shown to who can change something."""
    error = BpfCallError("bpf_object__load", 13, "loading o", REFUSED)
    assert reason_of("x", error).why == (
        "the kernel refuses to load x (EACCES): R1 invalid mem access 'scalar'"
    )


FEATURES = {name: Feature(name, name, ok=True) for name in ("probe_read", "loop", "nonpreemptible")}


def test_missing_objects_are_an_error_with_a_hint(tmp_path: Path) -> None:
    """A tree that was not built says so."""
    with pytest.raises(ContractError, match="none in") as caught:
        Loader(TraceSettings(), FakeKernel(), FEATURES, tmp_path)
    assert caught.value.hint == "build them with: make build"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("file_fentry", "probe_read"),
        ("file_fentry.noloop", "probe_read"),
        ("file_fentry.cast", "cast"),
        ("socket.cast", ""),
    ],
)
def test_a_build_tells_how_it_reads_kernel_memory(name: str, wanted: str) -> None:
    """Under lockdown sockets are served by typed pointers alone, paths by casts."""
    with BpfObject(name) as it:
        assert reading(it) == wanted

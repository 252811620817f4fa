# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from kflowd.support import host

MOUNTS = """\
22 1 0:20 / /sys/fs/bpf rw - bpf bpf rw,mode=700
23 1 0:21 / /home/dirk\\040x rw - ext4 /dev/secret rw
24 1 0:22 / /sys/kernel/tracing rw shared:7 - tracefs tracefs rw
25 1 0:23 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
26 1 0:24 / /bpf rw - fuse cgroup2 rw
no mount at all
"""
CONFIG = """\
# Automatically generated file; DO NOT EDIT.
CONFIG_BPF_SYSCALL=y
# CONFIG_DEBUG_INFO_BTF is not set
CONFIG_SOUND=m
CONFIG_HZ=250
CONFIG_LSM="lockdown,bpf"
CONFIG_SYSTEM_TRUSTED_KEYS="/home/dirk/key.pem"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let /proc and /sys be empty folders."""
    for name in ("proc", "sys"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(host, name.upper(), tmp_path / name)
    return tmp_path


def test_versions_name_all_that_runs_here() -> None:
    """kflowd, Python, libbpf, kernel; distribution; libraries."""
    text = host.versions_text()
    assert text.startswith("kflowd ")
    assert "distribution" in text
    assert f"kernel: {os.uname().release}" in text
    assert "msgspec: " in text
    assert os.uname().nodename not in text.replace(os.uname().release, "").replace(
        os.uname().version, ""
    )


def test_the_distribution_is_that_of_os_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By some of its lines; without such a file it is unknown."""
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Debian 12"\nID=debian\nBUG_REPORT_URL=x\n')
    monkeypatch.setattr(host, "RELEASES", (tmp_path / "none", path))
    assert list(host._distribution()) == [
        "distribution PRETTY_NAME: Debian 12",
        "distribution ID: debian",
    ]
    monkeypatch.setattr(host, "RELEASES", (tmp_path / "none",))
    assert list(host._distribution()) == ["distribution: unknown"]


def test_a_library_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no error here."""
    monkeypatch.setattr(host, "LIBRARIES", ("no-such-library",))
    assert list(host._libraries()) == ["no-such-library: not installed"]


def test_options_of_the_kernel_are_those_that_matter() -> None:
    """Also those that are not set; paths of who built it are none of them."""
    assert host.kernel_options(CONFIG).splitlines() == [
        "CONFIG_BPF_SYSCALL=y",
        "# CONFIG_DEBUG_INFO_BTF is not set",
        "CONFIG_HZ=250",
        'CONFIG_LSM="lockdown,bpf"',
    ]
    assert "not to be had" in host.kernel_options("")


def test_sysctls_have_their_value_or_why_not(root: Path) -> None:
    """One a line."""
    path = root / "proc/sys/kernel"
    path.mkdir(parents=True)
    (path / "bpf_stats_enabled").write_text("0\n")
    lines = host.sysctls().splitlines()
    assert "kernel.bpf_stats_enabled = 0" in lines
    assert "net.core.bpf_jit_enable = (No such file or directory)" in lines
    assert "lockdown = (No such file or directory)" in lines


def test_mounts_are_those_of_tracing(root: Path) -> None:
    """By the type of the file system, and no others."""
    (root / "proc/self").mkdir()
    (root / "proc/self/mountinfo").write_text(MOUNTS)
    assert [line[:2] for line in host.mounts().splitlines()] == ["22", "24", "25"]


def test_the_process_has_limits_and_capabilities() -> None:
    """And no names."""
    text = host.process()
    assert "Max open files" in text
    assert "CapEff:" in text
    assert "Name:" not in text
    assert "Uid:" not in text

# SPDX-License-Identifier: Apache-2.0
"""The container and the systemd unit that the path of a control group names. Pure, and bounded.

Anybody may name a control group that he may make: what is read here is a claim of whoever made it.
"""

import re
from functools import lru_cache
from typing import NamedTuple

# As many control groups as are in use on a large host.
MAX_CACHED = 1024
# Of a path that is deeper than that its first and last groups are looked at: runtimes make their
# groups near the root, and nested ones near the end. It bounds the time that a path may take.
MAX_DEPTH = 32
MAX_UNIT = 255  # UNIT_NAME_MAX of systemd, and the longest name of a group

_ID = "[0-9a-f]{64}"
_POD = "(?:[a-z]+-)*pod(?:[0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})"
_BUILD = "[0-9a-z]{25}"
_MACHINE = r"(?:[A-Za-z0-9._-]|\\x[0-9a-f]{2})+"
_LXC = "[A-Za-z0-9][A-Za-z0-9_.:@+-]{0,127}"


class Pattern(NamedTuple):
    """How a runtime names the group of a container.

    Attributes:
        runtime: As ProcContainer has it.
        name: Of the group; the id is in its only brackets.
        parent: The name of the group above it, "" any.
        outside: The name of a group below it that is the runtime's own.
    """

    runtime: str
    name: str
    parent: str = ""
    outside: str = ""


# Monitors are in groups of their own, which are no containers: crio-conmon-ID.scope,
# libpod-conmon-ID.scope, lxc.monitor.NAME. An id alone tells nothing without the group above it.
PATTERNS = (
    # systemd driver, also rootless; cgroupfs driver
    Pattern("docker", rf"docker-({_ID})\.scope"),
    Pattern("docker", rf"({_ID})", parent="docker"),
    # Kubernetes with the systemd driver, cgroupfs, and both mixed up; nerdctl
    Pattern("containerd", rf"cri-containerd-({_ID})(?:\.scope)?"),
    Pattern("containerd", rf"[A-Za-z0-9_.-]+:cri-containerd:({_ID})"),
    Pattern("containerd", rf"nerdctl-({_ID})\.scope"),
    Pattern("cri-o", rf"crio-({_ID})(?:\.scope)?"),
    # --cgroups=split has the payload below the unit
    Pattern("podman", rf"libpod-(?:payload-)?({_ID})(?:\.scope)?"),
    # containerd or Docker with cgroupfs: the path does not say which
    Pattern("kubernetes", rf"({_ID})", parent=rf"{_POD}(?:\.slice)?"),
    Pattern("buildkit", rf"({_BUILD})", parent="buildkit"),
    Pattern("buildkit", rf"buildkit-({_BUILD})\.scope"),
    Pattern("systemd-nspawn", rf"systemd-nspawn@({_MACHINE})\.service", outside="supervisor"),
    Pattern("systemd-nspawn", rf"machine-({_MACHINE})\.scope", "machine\\.slice", "supervisor"),
    # LXC 4 and LXD; before, and Proxmox
    Pattern("lxc", rf"lxc\.payload\.({_LXC})"),
    Pattern("lxc", rf"({_LXC})", parent=r"lxc(?:\.payload)?"),
)
_COMPILED = tuple((each, re.compile(each.name), re.compile(each.parent)) for each in PATTERNS)
# what any of them takes: most groups are no containers
_ANY = re.compile("|".join(f"(?:{each.name})" for each in PATTERNS))
# the kinds of units that processes are in; a slice only holds others
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(?:service|scope|socket|mount|swap)")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_HOST_NAME = re.compile("[A-Za-z0-9._-]{1,64}")
# libvirt's machines: DRIVER-NUMBER-NAME, mostly virtual
_LIBVIRT = re.compile("(?:qemu|lxc|xen|vbox|bhyve|ch|vmware)-[0-9]+-.+")


class Place(NamedTuple):
    """What a path names; "" is nothing."""

    runtime: str = ""
    container: str = ""
    unit: str = ""


@lru_cache(MAX_CACHED)
def place_of(path: str) -> Place:
    """Return the innermost container and the innermost unit of the path of a control group.

    Args:
        path: From the root of any hierarchy, of v1 or v2: "/system.slice/ssh.service".
    """
    names = path.split("/")
    if len(names) > 2 * MAX_DEPTH:
        # with a gap: a group is not taken for the parent of one that is not below it
        names = [*names[:MAX_DEPTH], "", *names[-MAX_DEPTH:]]
    runtime, container = _container(names)
    return Place(runtime, container, _unit(names))


def _container(names: list[str]) -> tuple[str, str]:
    for at in range(len(names) - 1, 0, -1):
        if not _ANY.fullmatch(names[at]):
            continue
        below = names[at + 1] if at + 1 < len(names) else ""
        for pattern, name, parent in _COMPILED:
            found = name.fullmatch(names[at])
            if found is None or (pattern.parent and not parent.fullmatch(names[at - 1])):
                continue
            container = found[1]
            if pattern.outside:
                container = "" if below == pattern.outside else _machine(container)
            if container:
                return pattern.runtime, container
    return "", ""


def _machine(escaped: str) -> str:
    """Return the name of a machine without systemd's escapes; "" if it is none of nspawn's."""
    name = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), escaped)
    return name if _HOST_NAME.fullmatch(name) and not _LIBVIRT.fullmatch(name) else ""


def _unit(names: list[str]) -> str:
    for name in reversed(names):
        if len(name) <= MAX_UNIT and _UNIT.fullmatch(name):
            # systemd puts "_" before what would be a file of the kernel: _cpu.service
            return name.removeprefix("_")
    return ""

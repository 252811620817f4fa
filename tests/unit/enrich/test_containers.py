# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.enrich.containers import MAX_UNIT, PATTERNS, Place, place_of

ONE = "3f4e2bb1c0a95d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6"
TWO = "a17c09d2" * 8
POD = "0b9c2f6e-56a4-4d0f-9f0e-5d8f1c2a3b4c"
SLICE = f"kubepods-burstable-pod{POD.replace('-', '_')}.slice"
PODS = f"/kubepods.slice/kubepods-burstable.slice/{SLICE}"
STATIC = "4d2e6f8a1b3c5d7e9f0a2b4c6d8e0f1a"
BUILD = "k2v6q0z9x1c3b5n7m8l4j6h2g"
USER = "/user.slice/user-1000.slice/user@1000.service"

CONTAINERS = {
    f"/docker/{ONE}": ("docker", ONE),
    f"/docker/{ONE}/init": ("docker", ONE),
    f"/system.slice/docker-{ONE}.scope": ("docker", ONE),
    f"/system.slice/docker-{ONE}.scope/init.scope": ("docker", ONE),
    f"{USER}/app.slice/docker-{ONE}.scope": ("docker", ONE),
    f"{USER}/user.slice/docker-{ONE}.scope": ("docker", ONE),
    f"/docker/{ONE}/docker/{TWO}": ("docker", TWO),
    f"/system.slice/docker-{ONE}.scope/docker/{TWO}": ("docker", TWO),
    f"/system.slice/docker-{ONE}.scope/kubelet.slice/kubelet-kubepods.slice/"
    f"kubelet-{SLICE}/cri-containerd-{TWO}.scope": ("containerd", TWO),
    f"{PODS}/cri-containerd-{ONE}.scope": ("containerd", ONE),
    f"/system.slice/containerd.service/{SLICE}:cri-containerd:{ONE}": ("containerd", ONE),
    f"/system.slice/nerdctl-{ONE}.scope": ("containerd", ONE),
    f"{PODS}/docker-{ONE}.scope": ("docker", ONE),
    f"{PODS}/crio-{ONE}.scope": ("cri-o", ONE),
    f"{PODS}/crio-{ONE}.scope/container": ("cri-o", ONE),
    f"/kubepods/besteffort/pod{POD}/crio-{ONE}": ("cri-o", ONE),
    f"/kubepods/besteffort/pod{POD}/{ONE}": ("kubernetes", ONE),
    f"/kubepods/pod{STATIC}/{ONE}": ("kubernetes", ONE),
    f"/docker/{TWO}/kubepods/burstable/pod{POD}/{ONE}": ("kubernetes", ONE),
    f"{PODS}/{ONE}": ("kubernetes", ONE),
    f"/machine.slice/libpod-{ONE}.scope": ("podman", ONE),
    f"/machine.slice/libpod-{ONE}.scope/container": ("podman", ONE),
    f"{USER}/user.slice/libpod-{ONE}.scope/container": ("podman", ONE),
    f"/machine.slice/machine-libpod_pod_{TWO}.slice/libpod-{ONE}.scope": ("podman", ONE),
    f"/libpod_parent/libpod-{ONE}": ("podman", ONE),
    f"/system.slice/web.service/libpod-payload-{ONE}": ("podman", ONE),
    "/machine.slice/systemd-nspawn@web.service/payload": ("systemd-nspawn", "web"),
    r"/machine.slice/systemd-nspawn@my\x2dweb.service/payload/init.scope": (
        "systemd-nspawn",
        "my-web",
    ),
    r"/machine.slice/machine-debian\x2d12.scope": ("systemd-nspawn", "debian-12"),
    f"/machine.slice/machine-web.scope/payload/system.slice/docker-{ONE}.scope": ("docker", ONE),
    "/lxc/web": ("lxc", "web"),
    "/lxc/101/ns/system.slice/ssh.service": ("lxc", "101"),
    "/lxc.payload.web-1": ("lxc", "web-1"),
    "/lxc.payload/project_web/init.scope": ("lxc", "project_web"),
    f"/docker/buildkit/{BUILD}": ("buildkit", BUILD),
    f"/system.slice/buildkit-{BUILD}.scope": ("buildkit", BUILD),
    # the runtime's own process inside of the other container
    f"/docker/{ONE}/lxc.monitor.web": ("docker", ONE),
    f"/lxc/web/libpod_parent/libpod-conmon-{ONE}.scope": ("lxc", "web"),
}
NO_CONTAINERS = [
    *("", "/", "//", "docker", "/docker", "/docker/", "/docker/short", "/lxc", "/lxc/", "/lxc/.x"),
    f"/{ONE}",
    f"/elsewhere/{ONE}",
    f"/docker/{ONE[:-1]}",
    f"/docker/{ONE}0",
    f"/docker/{ONE.upper()}",
    f"/docker/{ONE}\n",
    f"/system.slice/docker-{ONE[:12]}.scope",
    f"/system.slice/docker-{ONE}.slice",
    f"/system.slice/xdocker-{ONE}.scope",
    f"/kubepods/besteffort/podnouid/{ONE}",
    f"/kubepods/besteffort/{ONE}",
    f"{PODS}/crio-conmon-{ONE}.scope",
    f"{PODS}",
    f"/machine.slice/libpod-conmon-{ONE}.scope",
    f"/machine.slice/machine-libpod_pod_{ONE}.slice",
    "/libpod_parent/conmon",
    "/machine.slice/systemd-nspawn@web.service/supervisor",
    "/machine.slice/machine-web.scope/supervisor",
    r"/machine.slice/machine-qemu\x2d3\x2dwindows.scope",
    r"/machine.slice/machine-lxc\x2d3\x2dvm.scope/libvirt",
    r"/machine.slice/machine-a\x2fb.scope",
    f"/machine.slice/machine-{'a' * 65}.scope",
    "/system.slice/machine-web.scope",
    "/lxc.monitor.web",
    "/lxc.monitor/web",
    "/lxc.pivot",
    f"/docker/buildkit/{BUILD[:-1]}",
    f"/docker/buildkit/{BUILD}x",
    "/system.slice/docker.service",
    "/system.slice/containerd.service",
]
UNITS = {
    "/system.slice/ssh.service": "ssh.service",
    "/system.slice/system-getty.slice/getty@tty1.service": "getty@tty1.service",
    "/user.slice/user-1000.slice/session-3.scope": "session-3.scope",
    f"{USER}/init.scope": "init.scope",
    f"{USER}/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope": "vte-spawn-1.scope",
    f"{USER}/app.slice/some\\x2dapp.service": "some\\x2dapp.service",  # as systemctl names it
    f"{USER}/delegated/further": "user@1000.service",
    "/system.slice/boot-efi.mount": "boot-efi.mount",
    "/system.slice/dev-sda2.swap": "dev-sda2.swap",
    "/system.slice/sshd.socket": "sshd.socket",
    "/system.slice/_cpu.service": "cpu.service",
    "/system.slice/__x.service": "_x.service",
    f"/system.slice/docker-{ONE}.scope": f"docker-{ONE}.scope",
    f"/docker/{ONE}/system.slice/nginx.service": "nginx.service",
    "/init.scope": "init.scope",
    f"/docker/{ONE}": "",
    "/": "",
    "/system.slice": "",
    "/system.slice/.service": "",
    "/system.slice/a b.service": "",
    "/system.slice/a.service\n": "",
    "/system.slice/a.services": "",
    f"/system.slice/{'a' * (MAX_UNIT - 8)}.service": f"{'a' * (MAX_UNIT - 8)}.service",
    f"/system.slice/{'a' * (MAX_UNIT - 7)}.service": "",
}


@pytest.mark.parametrize("path", CONTAINERS)
def test_containers_by_their_paths(path: str) -> None:
    """The innermost is the one, whatever it has below it."""
    assert place_of(path)[:2] == CONTAINERS[path]
    assert place_of(f"{path}/a/b")[:2] == CONTAINERS[path]


@pytest.mark.parametrize("path", NO_CONTAINERS)
def test_what_is_no_container(path: str) -> None:
    """Monitors, virtual machines, ids that are none, groups that only hold others."""
    assert place_of(path)[:2] == ("", "")


@pytest.mark.parametrize("path", UNITS)
def test_units_by_their_paths(path: str) -> None:
    """The innermost one, by the name that systemctl takes."""
    assert place_of(path).unit == UNITS[path]


def test_each_pattern_is_of_use() -> None:
    """There is a path for each, which no other pattern takes."""
    for pattern in PATTERNS:
        assert pattern.runtime in {runtime for runtime, _ in CONTAINERS.values()}
        assert pattern.name


def test_deep_paths_hide_nothing_and_take_no_time() -> None:
    """Who is in a container may make groups below it, as many as a path has room for."""
    deep = f"/system.slice/docker-{ONE}.scope" + "/a" * 1900
    lxc = deep + "/lxc/x.service" * 5
    almost = deep + f"/docker-{ONE}.scop" * 100
    began = time.process_time()
    assert place_of(deep) == Place("docker", ONE, f"docker-{ONE}.scope")
    assert place_of(lxc) == Place("lxc", "x.service", "x.service")
    assert place_of(almost) == place_of(deep)
    assert time.process_time() - began < 0.1


def test_groups_that_are_not_neighbours_are_none() -> None:
    """Where the middle of a path is left out, nobody gets another parent."""
    assert place_of("/a" * 30 + "/docker" + "/b" * 100 + f"/{ONE}" + "/c" * 31) == Place()


PARTS = [*(part for path in CONTAINERS for part in path.split("/")), "supervisor", "\\x", "\0"]


@given(st.one_of(st.text(max_size=5000), st.lists(st.sampled_from(PARTS)).map("/".join)))
def test_any_path_gives_something_bounded(path: str) -> None:
    """No error; an id is of the path, and no longer than a group's name."""
    place = place_of(path)
    assert (place.runtime == "") == (place.container == "")
    assert len(place.container) <= 128
    assert len(place.unit) <= MAX_UNIT
    assert place.unit in path
    assert place.runtime in {"", *(pattern.runtime for pattern in PATTERNS)}
    assert place.container.isascii()

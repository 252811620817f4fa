# SPDX-License-Identifier: Apache-2.0
"""Debian packages of any suite, from the mirror that the machine's own apt uses.

A private apt directory in the cache keeps the machine's apt untouched; the archive's signatures
are verified with Debian's own keyring.
"""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.vm import cache
from tests.vm.errors import VmError
from tests.vm.host import call, need

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TARGET = "$(SITE)\t$(COMPONENT)\t$(LABEL)\t$(RELEASE)"


def site() -> str:
    """Return the address of the Debian archive, from `KFLOWD_VM_MIRROR` or apt's own sources."""
    named = os.environ.get("KFLOWD_VM_MIRROR")
    if named:
        return named
    argv = [need("apt-get", "apt"), "indextargets", "--format", _TARGET, "Created-By: Packages"]
    return choose_site(call(argv).splitlines(), _own_release())


def choose_site(targets: Iterable[str], own_release: str) -> str:
    """Return the main archive among apt's index targets.

    The label is known only once apt has fetched its lists; until then the release that the machine
    itself runs tells the archive from others.
    """
    rows = [line.split("\t") for line in targets if line.count("\t") == _TARGET.count("\t")]
    for address, component, label, release in rows:
        by_label = label == "Debian"
        if component == "main" and (by_label or (not label and release == own_release)):
            return address
    raise VmError("finding the Debian mirror: none in apt's sources (set KFLOWD_VM_MIRROR)")


def source_line(suite: str) -> str:
    """Return the line of a sources.list for `suite`, bound to Debian's keyring."""
    if not KEYRING.exists():
        raise VmError(f"finding {KEYRING}: not installed (Debian package debian-archive-keyring)")
    return f"deb [signed-by={KEYRING}] {site()} {suite} main\n"


def transport_options() -> list[str]:
    """Return the machine's own apt settings on proxies and dates, as lines of an apt.conf."""
    wanted = ("Acquire::http", "Acquire::https", "Acquire::Check-")
    dump = call([need("apt-config", "apt"), "dump"]).splitlines()
    return [line for line in dump if line.startswith(wanted) and not line.endswith('"";')]


class Suite:
    """One Debian suite for one architecture, with package lists of its own."""

    def __init__(self, name: str, arch: str, *, refresh: bool = False) -> None:
        """Open the suite `name`; the package lists are fetched if missing or on `refresh`."""
        self._root = cache.directory() / "apt" / f"{name}-{arch}"
        self._options = self._private(arch)
        self._fetch_lists(name, refresh=refresh)

    def _private(self, arch: str) -> list[str]:
        """Return the options that keep apt inside its private directory."""
        settings = {
            "Dir::State": self._root / "state",
            "Dir::State::lists": self._root / "lists",
            "Dir::State::status": self._root / "status",
            "Dir::Cache": self._root / "cache",
            "Dir::Etc::sourcelist": self._root / "sources.list",
            "Dir::Etc::sourceparts": "/nonexistent",
            "Dir::Etc::preferences": "/nonexistent",
            "Dir::Etc::preferencesparts": "/nonexistent",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "APT::Architecture": arch,
            "APT::Architectures": arch,
            "APT::Sandbox::User": "root",
        }
        return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]

    def _fetch_lists(self, name: str, *, refresh: bool) -> None:
        """Write the private sources and fetch the lists; a half-done state is not kept."""
        sources = self._root / "sources.list"
        line = source_line(name)
        if not refresh and sources.exists() and sources.read_text() == line:
            return
        shutil.rmtree(self._root, ignore_errors=True)
        for folder in ("state", "lists/partial", "cache/archives/partial", "debs"):
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        (self._root / "status").touch()
        sources.write_text(line)
        try:
            self._apt("apt-get", "update", "--error-on=any")
        except VmError:
            sources.unlink()
            raise

    def _apt(self, program: str, *words: str) -> str:
        return call([need(program, "apt"), *self._options, *words], cwd=self._root / "debs")

    def newest(self, pattern: str) -> str:
        """Return the package with the highest version whose name matches `pattern`."""
        found = self._apt("apt-cache", "pkgnames").split()
        names = sorted(filter(re.compile(pattern).search, found), key=version_key)
        if not names:
            raise VmError(f"finding a kernel: no package matches {pattern}")
        return names[-1]

    def parts(self, image: str) -> list[str]:
        """Return the packages that make up a kernel image: one, or binary and modules."""
        show = self._apt("apt-cache", "depends", "--important", image)
        split = re.findall(r"Depends: (linux-(?:binary|modules)-\S+)", show)
        return split or [image]

    def unpack(self, packages: Iterable[str], target: Path) -> None:
        """Fetch `packages` and unpack their files below `target`."""
        target.mkdir(parents=True, exist_ok=True)
        for package in packages:
            self._apt("apt-get", "download", package)
            for archive in (self._root / "debs").glob(f"{package}_*.deb"):
                call([need("dpkg-deb", "dpkg"), "-x", str(archive), str(target)])
                archive.unlink()


def version_key(name: str) -> list[int]:
    """Return the numbers in a package name, so that 6.18.15 sorts after 6.18.9."""
    return [int(number) for number in re.findall(r"\d+", name)]


def _own_release() -> str:
    """Return the code name of the machine's own Debian release, or nothing."""
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return ""
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.MULTILINE)
    return found[1] if found else ""

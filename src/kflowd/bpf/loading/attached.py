# SPDX-License-Identifier: Apache-2.0
"""What the loader has brought into the kernel: objects, their maps, links."""

from collections.abc import Container
from typing import NamedTuple

from kflowd.bpf.kernel.choice import ProgramId
from kflowd.bpf.loading.object import BpfObject, Link
from kflowd.closeable import Closeable


class Part(NamedTuple):
    """An object, or a copy of it, with the programs that are loaded of it.

    Attributes:
        object: Its name.
        copy: 0 for the first.
        programs: Their names.
    """

    object: str
    copy: int
    programs: tuple[str, ...]


class Loaded(Closeable):
    """Objects and links in the kernel.

    Attributes:
        objects: By name and copy, in the order of loading.
        links: By program.
        maps: File descriptors of the shared maps by name; they belong to the objects.
        entries: Entries of the shared maps.
    """

    def __init__(self) -> None:
        self.objects: dict[tuple[str, int], BpfObject] = {}
        self.links: dict[ProgramId, Link] = {}
        self.maps: dict[str, int] = {}
        self.entries: dict[str, int] = {}

    def add_maps(self, loaded: BpfObject) -> None:
        """Note the maps of an object that was just loaded, for those that come after it."""
        for name in loaded.shared_maps:
            if name not in self.maps:
                self.maps[name] = loaded.map_fd(name)
                self.entries[name] = loaded.entries(name)

    def object_named(self, name: str) -> BpfObject | None:
        """Return an object, the first where there are copies; None if it is not loaded."""
        return self.objects.get((name, 0))

    def object_of(self, where: ProgramId) -> BpfObject:
        """Return the object that a program was loaded from."""
        return self.objects[where.object, where.copy]

    def program_fd(self, where: ProgramId) -> int:
        """Return the file descriptor of a program."""
        return self.object_of(where).program_fd(where.program)

    def program_fds(self) -> list[int]:
        """Return the file descriptors of all attached programs."""
        return [self.program_fd(it) for it in self.links]

    def program_fds_by_copies(self) -> tuple[list[int], list[int]]:
        """Return file descriptors of attached programs: first copies, and those without copies."""
        several = {(it.object, it.program) for it in self.links if it.copy}
        first = [it for it in self.links if it.copy == 0]
        copied = [it for it in first if (it.object, it.program) in several]
        others = [it for it in first if (it.object, it.program) not in several]
        return [self.program_fd(it) for it in copied], [self.program_fd(it) for it in others]

    def detach(self, kept: Container[str]) -> None:
        """Detach all programs but those named, copies before what they are copies of."""
        for where in sorted(self.links, key=lambda it: -it.copy):
            if where.program not in kept:
                self.links[where].close()

    def link_of(self, program: str) -> Link | None:
        """Return the link of a program, by its name alone; of copies, the first."""
        for where, link in self.links.items():
            if where.program == program and where.copy == 0:
                return link
        return None

    def close(self) -> None:
        """Detach and unload everything."""
        for link in self.links.values():
            link.close()
        self.links.clear()
        for loaded in self.objects.values():
            loaded.close()
        self.objects.clear()
        self.maps.clear()

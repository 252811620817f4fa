# SPDX-License-Identifier: Apache-2.0
"""What the loader has brought into the kernel: objects, their maps, links."""

from collections.abc import Container

from kflowd.bpf import standby
from kflowd.bpf.loading.object import BpfObject, Link
from kflowd.bpf.standby import Copy, Part
from kflowd.closeable import Closeable


class Attached(Closeable):
    """Objects and links in the kernel.

    Attributes:
        objects: By name, and whether of standbys, in the order of loading.
        links: By program, in the order of attaching.
        maps: File descriptors of the shared maps by name; they belong to the objects.
        entries: Entries of the shared maps.
        salt: Of the places where the programs count shares.
    """

    def __init__(self, salt: int = 0) -> None:
        self.salt = salt
        self.objects: dict[tuple[str, bool], BpfObject] = {}
        self.links: dict[Copy, Link] = {}
        self.maps: dict[str, int] = {}
        self.entries: dict[str, int] = {}

    def add_maps(self, loaded: BpfObject) -> None:
        """Note the maps of an object that was just loaded, for those that come after it."""
        for name in loaded.shared_maps:
            if name not in self.maps:
                self.maps[name] = loaded.map_fd(name)
                self.entries[name] = loaded.entries(name)

    def object_named(self, name: str) -> BpfObject | None:
        """Return an object, that of its primaries; None if it is not loaded."""
        return self.objects.get((name, False))

    def object_of(self, it: Copy | Part) -> BpfObject:
        """Return the object of a program or part."""
        return self.objects[it.object, it.standby]

    def program_fd(self, program: Copy) -> int:
        """Return the file descriptor of a program."""
        return self.object_of(program).program_fd(program.program)

    def program_fds(self) -> list[int]:
        """Return the file descriptors of all attached programs."""
        return [self.program_fd(it) for it in self.links]

    def detach(self, kept: Container[str]) -> None:
        """Detach all programs but those named."""
        for it in standby.detach_order(self.links):
            if it.program not in kept:
                self.links[it].close()

    def link_of(self, program: str) -> Link | None:
        """Return the link of a program, by its name alone; that of the primary."""
        for it, link in self.links.items():
            if it.program == program and not it.standby:
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

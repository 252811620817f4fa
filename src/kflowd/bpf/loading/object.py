# SPDX-License-Identifier: Apache-2.0
"""One BPF object, its programs, maps and links: open, configure, load, attach, close."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from kflowd.bpf.ffi import check, check_pointer, ffi, lib, take_log, text_of
from kflowd.bpf.loading import builds
from kflowd.closeable import Closeable
from kflowd.errors import BpfError

# How libbpf names the program that ended a load; the first form also comes without the second.
_FAILED = re.compile(r"prog '([^']+)': (?:failed to load|BPF program load failed)")
_MENTIONED = re.compile(r"prog '([^']+)': ")
_MAP_FAILED = re.compile(r"map '([^']+)': failed to create")
# Lines of the verifier's log that are a trace or a summary and no reason.
_TRACE = re.compile(
    r"^(\d+: |; |processed |R\d.*=|from |func#|libbpf: |\s*$|caller:|callee:|frame\d)"
)
CAST_FUNCTION = b"bpf_rdonly_cast"
# How the section of variables that objects share is named: it is a map as well.
SHARED_SECTION = ".bss."
_BYTE_ORDER = sys.byteorder


class Variable(NamedTuple):
    """A global of an object.

    Attributes:
        name: As in C.
        map: The map of its section.
        offset: In the section, bytes.
        size: In bytes.
    """

    name: str
    map: Any
    offset: int
    size: int


class Link:
    """An attached program. Closing detaches it, and so does the end of the process."""

    def __init__(self, pointer: Any, program: str) -> None:  # noqa: ANN401 - cffi has no types
        self._pointer = pointer
        self.program = program

    @property
    def fd(self) -> int:
        """The link's file descriptor."""
        return int(lib.bpf_link__fd(self._pointer))

    def close(self) -> None:
        """Detach."""
        if self._pointer is not None:
            lib.bpf_link__destroy(self._pointer)
            self._pointer = None


class BpfObject(Closeable):
    """A BPF object, opened. A context manager.

    Args:
        name: With the build variant: "file_fentry.noloop".
        folder: Where it is.

    Attributes:
        name: The same.

    Raises:
        BpfError: the file is not there or no BPF object.
    """

    def __init__(self, name: str, folder: Traversable = builds.OBJECTS) -> None:
        self.name = name
        about = f"opening {name}{builds.SUFFIX}"
        check(lib.kf_reads__register(), "libbpf_register_prog_handler", about)
        try:
            data = builds.read(name, folder)
        except OSError as error:
            raise BpfError(f"{about}: {error.strerror}", "build it with: make build") from error
        take_log()
        # libbpf names maps after the object, without what follows a dot
        self._pointer: Any = check_pointer(
            lib.kf_object__open(name.partition(".")[0].encode(), data, len(data)),
            "bpf_object__open_mem",
            about,
        )
        self._programs = {text_of(lib.bpf_program__name(it)): it for it in self._all_programs()}
        self._maps = {text_of(lib.bpf_map__name(it)): it for it in self._all_maps()}

    def close(self) -> None:
        """Close the object: its programs and maps go when no link or reader holds them."""
        if self._pointer is not None:
            lib.bpf_object__close(self._pointer)
            self._pointer = None
            self._programs.clear()
            self._maps.clear()

    def _all_programs(self) -> Iterator[Any]:
        return self._walk(lib.bpf_object__next_program)

    def _all_maps(self) -> Iterator[Any]:
        return self._walk(lib.bpf_object__next_map)

    def _walk(self, following: Callable[[Any, Any], Any]) -> Iterator[Any]:
        at = following(self._pointer, ffi.NULL)
        while at != ffi.NULL:
            yield at
            at = following(self._pointer, at)

    @property
    def btf(self) -> Any:  # noqa: ANN401 - cffi has no types
        """The object's BTF."""
        about = f"reading the types of {self.name}"
        return check_pointer(lib.bpf_object__btf(self._pointer), "bpf_object__btf", about)

    @property
    def casting(self) -> bool:
        """Whether the object knows the kernel function bpf_rdonly_cast, to read kernel memory."""
        return int(lib.kf_btf__func_args(self.btf, CAST_FUNCTION)) > 0

    @property
    def programs(self) -> frozenset[str]:
        """Names of all programs."""
        return frozenset(self._programs)

    @property
    def shared_maps(self) -> tuple[str, ...]:
        """Names of the maps that objects share by name: all but the sections of their own."""
        return tuple(
            name
            for name, it in self._maps.items()
            if not lib.bpf_map__is_internal(it) or name.startswith(SHARED_SECTION)
        )

    @property
    def sections(self) -> dict[str, str]:
        """The section of each program: {"fexit__vfs_open": "fexit/vfs_open"}."""
        return {
            name: text_of(lib.bpf_program__section_name(it)) for name, it in self._programs.items()
        }

    def variables(self, section: str) -> dict[str, Variable]:
        """Return the variables of a section (".rodata", ".bss") by name."""
        found: dict[str, Variable] = {}
        var = ffi.new("struct kf_var *")
        while lib.kf_object__var(self._pointer, section.encode(), len(found), var) == 0:
            name = text_of(var.name)
            found[name] = Variable(name, var.map, int(var.offset), int(var.size))
        return found

    def set_constants(self, value_of: Callable[[str], int | None]) -> None:
        """Give the constants of .rodata their values, before load.

        Args:
            value_of: Value for a name, None to leave what the source says.

        Raises:
            BpfCallError: libbpf refuses.
            OverflowError: a value does not fit into its variable.
        """
        variables = self.variables(".rodata")
        if not variables:
            return
        section = next(iter(variables.values())).map
        size = ffi.new("size_t *")
        data = bytearray(ffi.buffer(lib.bpf_map__initial_value(section, size), size[0]))
        for name, variable in variables.items():
            value = value_of(name)
            if value is not None:
                end = variable.offset + variable.size
                data[variable.offset : end] = value.to_bytes(variable.size, _BYTE_ORDER)
        check(
            lib.bpf_map__set_initial_value(section, ffi.from_buffer(data), len(data)),
            "bpf_map__set_initial_value",
            f"configuring {self.name}",
        )

    def read_variable(self, section: str, name: str) -> int | None:
        """Return a global of a loaded object as an unsigned integer, None if it has none such."""
        variable = self.variables(section).get(name)
        if variable is None:
            return None
        data = ffi.new("char[]", lib.bpf_map__value_size(variable.map))
        check(
            lib.bpf_map_lookup_elem(lib.bpf_map__fd(variable.map), ffi.new("__u32 *", 0), data),
            "bpf_map_lookup_elem",
            f"reading {name} of {self.name}",
        )
        place = bytes(ffi.buffer(data)[variable.offset : variable.offset + variable.size])
        return int.from_bytes(place, _BYTE_ORDER)

    def map_sizes(self, name: str) -> tuple[int, int]:
        """Return (key size, value size) of a map in bytes."""
        found = self._maps[name]
        return lib.bpf_map__key_size(found), lib.bpf_map__value_size(found)

    def entries(self, name: str) -> int:
        """Return how many entries a map holds (of a ring: bytes)."""
        return int(lib.bpf_map__max_entries(self._maps[name]))

    def resize(self, name: str, entries: int) -> None:
        """Set how many entries a map holds, before load."""
        check(
            lib.bpf_map__set_max_entries(self._maps[name], entries),
            "bpf_map__set_max_entries",
            f"sizing {name}",
        )

    def reuse(self, name: str, fd: int) -> None:
        """Use a map that exists, instead of making one, before load."""
        check(lib.bpf_map__reuse_fd(self._maps[name], fd), "bpf_map__reuse_fd", f"sharing {name}")

    def map_fd(self, name: str) -> int:
        """Return the file descriptor of a map, after load."""
        return int(lib.bpf_map__fd(self._maps[name]))

    def program_fd(self, name: str) -> int:
        """Return the file descriptor of a loaded program, negative if it is not loaded."""
        return int(lib.bpf_program__fd(self._programs[name]))

    def load(self, programs: Iterable[str]) -> None:
        """Load these programs and no others, and make the maps.

        Raises:
            BpfCallError: something is refused; `failed_program` finds which program.
        """
        wanted = frozenset(programs)
        for name, it in self._programs.items():
            # By name and not by section: two programs may share one.
            check(
                lib.bpf_program__set_autoload(it, name in wanted),
                "bpf_program__set_autoload",
                f"choosing {name}",
            )
        take_log()
        check(lib.bpf_object__load(self._pointer), "bpf_object__load", f"loading {self.name}")

    def attach(self, program: str, cgroup_fd: int = -1) -> Link:
        """Attach a loaded program.

        Args:
            program: Its name.
            cgroup_fd: For cgroup programs: the directory of the cgroup.

        Raises:
            BpfCallError: the kernel refuses.
        """
        take_log()
        it = self._programs[program]
        if cgroup_fd >= 0:
            call, link = "attach_cgroup", lib.bpf_program__attach_cgroup(it, cgroup_fd)
        else:
            call, link = "attach", lib.bpf_program__attach(it)
        return Link(check_pointer(link, f"bpf_program__{call}", f"attaching {program}"), program)


def failed_program(log: str) -> str | None:
    """Return the program that ended a load, as libbpf's messages name it."""
    found = _FAILED.findall(log) or _MENTIONED.findall(log)
    return found[-1] if found else None


def failed_map(log: str) -> str | None:
    """Return the map that could not be made, as libbpf's messages name it."""
    found = _MAP_FAILED.search(log)
    return found[1] if found else None


def verifier_reason(log: str) -> str:
    """Return the last line of a verifier log that says what is wrong, "" without such a log."""
    # Of a long log only the end was kept, so its beginning may be missing.
    text = log.partition("-- END PROG LOAD LOG --")[0]
    if text == log:
        return ""
    for line in reversed(text.splitlines()):
        if not _TRACE.match(line):
            return line.strip()
    return ""

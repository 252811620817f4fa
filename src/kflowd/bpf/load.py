# SPDX-License-Identifier: Apache-2.0
"""Loads and attaches what was chosen, and chooses again when the kernel refuses something.

A program that is refused, at load or at attach, is remembered with its reason, and everything
begins anew without it: its class takes the next candidate, the other classes lose nothing. Features
are tried beforehand, so this happens seldom. All links are file descriptors and nothing is pinned:
however the process ends, the kernel takes everything down.
"""

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path

from kflowd.bpf.cgroup import CgroupRoot, open_root
from kflowd.bpf.choice import Choice, Judge, KernelNames, Obstacle, ProgramId, choose
from kflowd.bpf.config import (
    ARGUMENTS_PREFIX,
    CAST,
    SourceConfig,
    constants,
    flavour,
    map_entries,
)
from kflowd.bpf.features import Feature
from kflowd.bpf.ffi import BpfCallError, errno_name, ffi
from kflowd.bpf.hooks import HOOKS, Hook
from kflowd.bpf.layout import check_layout
from kflowd.bpf.object import (
    SUFFIX,
    BpfObject,
    Link,
    failed_map,
    failed_program,
    verifier_reason,
)
from kflowd.errors import ContractError, FeatureError, PrivilegeError

OBJECTS = Path(__file__).parent / "objects"
ASK_DOCTOR = "`kflowd doctor` shows each hook and what would have to change"
# What user space reads out of maps in the form of the contract.
MAP_TYPES = {
    "kf_files": ("struct kf_file_key", "struct kf_file_agg"),
    "kf_socks": ("struct kf_sock_key", "struct kf_sock"),
    "kf_unix": ("struct kf_unix_key", "struct kf_unix"),
}


class RefusedError(Exception):
    """The kernel refuses one program."""

    def __init__(self, where: ProgramId, obstacle: Obstacle) -> None:
        super().__init__(obstacle.why)
        self.where = where
        self.obstacle = obstacle


class Loaded:
    """Objects and links in the kernel.

    Attributes:
        objects: By name, in the order of loading.
        links: By program.
        maps: File descriptors of the shared maps by name; they belong to the objects.
        entries: Entries of the shared maps.
    """

    def __init__(self) -> None:
        self.objects: dict[str, BpfObject] = {}
        self.links: dict[ProgramId, Link] = {}
        self.maps: dict[str, int] = {}
        self.entries: dict[str, int] = {}

    def add_maps(self, loaded: BpfObject) -> None:
        """Note the maps of an object that was just loaded, for those that come after it."""
        for name in loaded.shared_maps:
            if name not in self.maps:
                self.maps[name] = loaded.map_fd(name)
                self.entries[name] = loaded.entries(name)

    def program_fds(self) -> list[int]:
        """Return the file descriptors of all attached programs."""
        return [self.objects[it.object].program_fd(it.program) for it in self.links]

    def link_of(self, program: str) -> Link | None:
        """Return the link of a program, by its name alone."""
        for where, link in self.links.items():
            if where.program == program:
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


class Loader:
    """Brings the hooks of a configuration into the kernel.

    Args:
        config: What is wanted.
        kernel: The kernel's types.
        features: What the kernel allows.
        folder: Where the objects are.
        hooks: The table of classes.
    """

    def __init__(
        self,
        config: SourceConfig,
        kernel: KernelNames,
        features: Mapping[str, Feature],
        folder: Path = OBJECTS,
        hooks: Iterable[Hook] = HOOKS,
    ) -> None:
        self._config = config
        self._kernel = kernel
        self._features = features
        self._folder = folder
        self._refused: dict[ProgramId, Obstacle] = {}
        self._hooks = [hook for hook in hooks if hook.subsystem in config.hook_subsystems]
        self._reading: dict[str, str] = {}
        self._judge = Judge(features, kernel, self._built(), self._refused, self._reading)
        self.choices: list[Choice] = []

    def load(self) -> Loaded:
        """Load and attach as much as the kernel takes. `choices` says what that is.

        Raises:
            FeatureError: nothing of a wanted subsystem can be observed.
            PrivilegeError: the kernel grants no memory.
            ContractError: an object does not fit this program.
            BpfCallError: another failure.
        """
        while True:
            self.choices = choose(self._hooks, self._judge, self._config.road)
            require_some(self.choices, self._config.subsystems)
            loaded = Loaded()
            try:
                self._load_objects(loaded)
                self._attach(loaded)
            except RefusedError as refused:
                loaded.close()
                self._refused[refused.where] = refused.obstacle
            except BaseException:
                loaded.close()
                raise
            else:
                return loaded

    def _built(self) -> dict[str, dict[str, str]]:
        """Return the programs of each object that a class could use, checking its layout."""
        built: dict[str, dict[str, str]] = {}
        for hook in self._hooks:
            for candidate in hook.candidates:
                path = self._path(candidate.object)
                if candidate.object not in built and path.is_file():
                    with BpfObject(path) as it:
                        check_layout(it.btf, path.name)
                        check_maps(it)
                        built[candidate.object] = it.sections
                        self._reading[candidate.object] = reading(it)
        if not built:
            raise ContractError(
                f"looking for BPF objects: none in {self._folder}", "build them with: make build"
            )
        return built

    def _path(self, name: str) -> Path:
        """Return the build of an object that fits the kernel; not every object has several."""
        special = self._folder / f"{name}.{flavour(self._features)}{SUFFIX}"
        return special if special.is_file() else self._folder / f"{name}{SUFFIX}"

    def _load_objects(self, loaded: Loaded) -> None:
        for name, programs in programs_by_object(self.choices).items():
            it = BpfObject(self._path(name))
            loaded.objects[name] = it
            self._configure(it, loaded.maps)
            try:
                it.load(programs)
            except BpfCallError as error:
                raise self._translate(name, programs, error) from error
            loaded.add_maps(it)

    def _configure(self, it: BpfObject, maps: Mapping[str, int]) -> None:
        values = constants(self._config, self._features)
        entries = map_entries(self._config)
        it.set_constants(lambda name: self._constant(values, name))
        for name in it.shared_maps:
            if name in maps:
                it.reuse(name, maps[name])
            elif name in entries:
                it.resize(name, entries[name])

    def _constant(self, values: Mapping[str, int], name: str) -> int | None:
        if name.startswith(ARGUMENTS_PREFIX):
            return self._kernel.arguments(name.removeprefix(ARGUMENTS_PREFIX)) or 0
        return values.get(name)

    def _translate(self, name: str, programs: list[str], error: BpfCallError) -> Exception:
        """Return the error to raise for a failed load: a refusal if it is one program's."""
        program = failed_program(error.log)
        if program is not None and program in programs:
            return RefusedError(ProgramId(name, program), obstacle_of(program, error))
        if failed_map(error.log) and error.errno in (errno.EPERM, errno.ENOMEM):
            return PrivilegeError(
                f"making the map {failed_map(error.log)}: {errno_name(error.errno)}",
                "smaller maps (--ring-bytes, ...) or a higher limit of locked memory (ulimit -l)",
            )
        return error

    def _attach(self, loaded: Loaded) -> None:
        root: CgroupRoot | None = None
        try:
            for name, programs in programs_by_object(self.choices).items():
                for program in programs:
                    fd = -1
                    if self._judge.target(name, program).how == "cgroup":
                        root = root or open_root()
                        fd = root.fd
                    where = ProgramId(name, program)
                    loaded.links[where] = self._attach_one(loaded.objects[name], where, fd)
        finally:
            if root is not None:
                root.close()

    def _attach_one(self, it: BpfObject, where: ProgramId, cgroup_fd: int) -> Link:
        try:
            return it.attach(where.program, cgroup_fd)
        except BpfCallError as error:
            raise RefusedError(where, obstacle_of(where.program, error)) from error


def reading(it: BpfObject) -> str:
    """Return the feature that an object needs to read kernel memory, "" if it needs none."""
    if it.casting:
        return "cast"
    return "" if it.name.endswith(f".{CAST}") else "probe_read"


def obstacle_of(program: str, error: BpfCallError) -> Obstacle:
    """Return why a program could not be loaded or attached."""
    verb = "attach" if "attach" in error.call else "load"
    reason = verifier_reason(error.log)
    why = f"the kernel refuses to {verb} {program} ({errno_name(error.errno)})"
    change = "another kernel; if this one is meant to work, report it with the output of -V"
    return Obstacle(f"{why}: {reason}" if reason else why, change)


def programs_by_object(choices: list[Choice]) -> dict[str, list[str]]:
    """Return the programs to load, each once, by object, in the order of the classes."""
    wanted: dict[str, list[str]] = {}
    for choice in choices:
        if choice.candidate is not None:
            listed = wanted.setdefault(choice.candidate.object, [])
            listed.extend(name for name in choice.programs if name not in listed)
    return wanted


def require_some(choices: list[Choice], subsystems: frozenset[str]) -> None:
    """Check that of each wanted subsystem at least one class is served.

    Raises:
        FeatureError: nothing of a subsystem can be observed.
    """
    for subsystem in sorted(subsystems):
        group = [it for it in choices if it.hook.subsystem == subsystem]
        if group and all(it.candidate is None for it in group):
            obstacles = dict.fromkeys(obstacle for it in group for obstacle in it.passed)
            why = "; ".join(obstacle.why for obstacle in list(obstacles)[:3])
            raise FeatureError(
                f"attaching {subsystem} hooks: none works on this kernel: {why}",
                ASK_DOCTOR,
            )


def check_maps(it: BpfObject) -> None:
    """Check that the maps hold what user space reads from them.

    Raises:
        ContractError: a key or value has another size.
    """
    for name, types in MAP_TYPES.items():
        if name in it.shared_maps:
            sizes = tuple(int(ffi.sizeof(kind)) for kind in types)
            if it.map_sizes(name) != sizes:
                raise ContractError(
                    f"checking {it.name}: map {name} has keys and values of "
                    f"{it.map_sizes(name)} bytes, expected {sizes}"
                )

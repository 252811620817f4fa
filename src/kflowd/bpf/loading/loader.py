# SPDX-License-Identifier: Apache-2.0
"""Loads and attaches what was chosen, and chooses again when the kernel refuses something.

A program that is refused, at load or at attach, is remembered with its reason, and everything
begins anew without it: its class takes the next candidate, the other classes lose nothing. Features
are tried beforehand, so this happens seldom. All links are file descriptors and nothing is pinned:
however the process ends, the kernel takes everything down.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources.abc import Traversable

from kflowd.bpf.candidates import Hook
from kflowd.bpf.ffi import BpfCallError, errno_name, ffi
from kflowd.bpf.hidden_groups import MAP as HIDDEN_GROUPS
from kflowd.bpf.hidden_groups import MAX_GROUPS
from kflowd.bpf.hooks import HOOKS
from kflowd.bpf.kernel.cgroup import CgroupRoot, open_root
from kflowd.bpf.kernel.choice import Checker, Choice, KernelNames, ProgramId, Reason, choose
from kflowd.bpf.kernel.features import Feature
from kflowd.bpf.loading import builds
from kflowd.bpf.loading.attached import Attached
from kflowd.bpf.loading.layout import check_layout
from kflowd.bpf.loading.limits import limit_error
from kflowd.bpf.loading.object import (
    BpfObject,
    Link,
    failed_program,
    verifier_reason,
)
from kflowd.bpf.loading.parameters import (
    ARGUMENTS_PREFIX,
    CAST,
    UNUSED,
    build_variant,
    constants,
    map_entries,
    wanted_hooks,
)
from kflowd.bpf.payload import constants as payload_constants
from kflowd.bpf.rules import Value
from kflowd.bpf.rules import constants as rule_constants
from kflowd.bpf.standby import Copy, Part, Standbys, attach_order
from kflowd.errors import ContractError, FeatureError
from kflowd.settings import TraceSettings
from kflowd.settings.applications import Port

# Makes a socket's cookie in tracing programs.
TRACING_COOKIE = "bpf_get_socket_ptr_cookie"
ASK_DOCTOR = "`kflowd doctor` shows each hook and what would have to change"
# The objects that pass by what is not followed, and the one that hears of its children.
FOLLOWING = ("file", "process")
FOLLOWED = "kf_followed"
MAX_FOLLOWED = 65536
# Images whose executable a rule hides at one time; 100 bytes each.
HIDDEN_ENTRIES = 16384
SECRET_BITS = 6 * 64  # kf_secrets
# What user space reads out of maps in the form of the contract.
MAP_TYPES = {
    "kf_files": ("struct kf_file_key", "struct kf_file_agg"),
    "kf_tcp": ("struct kf_tcp_key", "struct kf_sock"),
    "kf_udp": ("struct kf_udp_key", "struct kf_peer"),
    "kf_front": ("unsigned int", "struct kf_front"),
    "kf_folds": ("struct kf_fold_key", "struct kf_fold"),
    "kf_layouts": ("__u32", "struct kf_layouts"),
    ".bss.left_out": ("__u32", "struct kf_left_out"),
    "kf_aios": ("__u64", "struct kf_aio"),
    "kf_names": ("struct kf_file_key", "struct kf_kept_name"),
    "kf_unix": ("struct kf_unix_key", "struct kf_unix"),
    "kf_users": ("struct kf_user_key", "struct kf_used"),
    "kf_unix_folds": ("struct kf_fold_key", "struct kf_unix_fold"),
}


class RefusedError(Exception):
    """The kernel refuses one program."""

    def __init__(self, where: ProgramId, reason: Reason) -> None:
        super().__init__(reason.why)
        self.where = where
        self.reason = reason


class Loader:
    """Brings the hooks of a configuration into the kernel.

    Args:
        config: What is wanted.
        kernel: The kernel's types.
        features: What the kernel allows.
        folder: Where the objects are.
        hooks: The table of classes.
        self_tgid: Process that is not observed; 0: none.
        following: Of files only what is followed is observed: `kf_followed`.
        attached: Is told of each program as soon as it is attached.
        rules: Values of filters that programs decide.
        ports: Whose payload is captured.

    Attributes:
        choices: What serves each class, as far as `load` came.
        last_words: Why the kernel refuses a program, and all that libbpf said of it, by program.
    """

    def __init__(
        self,
        config: TraceSettings,
        kernel: KernelNames,
        features: Mapping[str, Feature],
        folder: Traversable = builds.OBJECTS,
        hooks: Iterable[Hook] = HOOKS,
        *,
        self_tgid: int = 0,
        following: bool = False,
        attached: Callable[[Attached, Copy], None] = lambda _attached, _copy: None,
        rules: Sequence[Value] = (),
        ports: Iterable[Port] = (),
    ) -> None:
        self._config = config
        self._told = attached
        self._self_tgid = self_tgid
        self._following = following
        self._kernel = kernel
        self._features = features
        self._folder = folder
        self._refused: dict[ProgramId, Reason] = {}
        self._hooks = wanted_hooks(hooks, config)
        self._reading: dict[str, str] = {}
        self._standbys = Standbys(features)
        # the same for all objects of a run: they count in the same places
        self._salt = secrets.randbits(32)
        self._rules = rule_constants(rules)
        self._payload = payload_constants(ports, config.ring_bytes)
        self._secrets = secrets.randbits(SECRET_BITS)
        self._checker = Checker(features, kernel, self._built(), self._refused, self._reading)
        self.choices: list[Choice] = []
        self.last_words: dict[str, str] = {}

    def load(self) -> Attached:
        """Load and attach as much as the kernel takes. `choices` says what that is.

        Raises:
            FeatureError: nothing of a wanted subsystem can be observed.
            ContractError: an object does not fit this program.
            BpfError: a limit is met, of memory or of open files; another failure.
        """
        while True:
            self.choices = choose(self._hooks, self._checker, self._config.attach)
            require_some(self.choices, self._config.observed)
            wanted = self._standbys.parts(programs_by_object(self.choices), self._how)
            attached = Attached(self._salt)
            try:
                self._load_objects(attached, wanted)
                self._attach(attached, wanted)
            except RefusedError as refused:
                attached.close()
                self._refused[refused.where] = refused.reason
                cause = refused.__cause__
                log = cause.log if isinstance(cause, BpfCallError) else ""
                self.last_words[refused.where.program] = f"{refused.reason.why}\n{log}"
            except BaseException:
                attached.close()
                raise
            else:
                return attached

    def _built(self) -> dict[str, dict[str, str]]:
        """Return the programs of each object that a class could use, checking its layout."""
        built: dict[str, dict[str, str]] = {}
        for hook in self._hooks:
            for candidate in hook.candidates:
                build = self._build(candidate.object)
                if candidate.object not in built and builds.is_built(build, self._folder):
                    with BpfObject(build, self._folder) as it:
                        check_layout(it.btf, build)
                        check_maps(it)
                        built[candidate.object] = it.sections
                        self._reading[candidate.object] = reading(it)
                        self._standbys.add(candidate.object, it.shared_maps)
        if not built:
            raise ContractError(
                f"looking for BPF objects: none in {self._folder}", "build them with: make build"
            )
        return built

    def _build(self, name: str) -> str:
        """Return the build of an object that fits the kernel; not every object has several."""
        special = f"{name}.{build_variant(self._features)}"
        return special if builds.is_built(special, self._folder) else name

    def _load_objects(self, attached: Attached, parts: Iterable[Part]) -> None:
        for part in parts:
            it = BpfObject(self._build(part.object), self._folder)
            attached.objects[part.object, part.standby] = it
            self._configure(it, attached.maps, part)
            try:
                it.load(part.programs)
            except BpfCallError as error:
                raise self._translate(part, error) from error
            attached.add_maps(it)

    def _configure(self, it: BpfObject, maps: Mapping[str, int], part: Part) -> None:
        values = constants(
            self._config, self._features, self._self_tgid
        ) | self._standbys.constants(part)
        values |= {"kf_salt": self._salt, "kf_secrets": self._secrets} | self._rules | self._payload
        values["kf_watches_clock"] = int(part.object == clock_watcher(self.choices))
        values["kf_takes_datagrams"] = int(takes_datagrams(self.choices))
        following = self._following and hears_of_forks(self.choices)
        values["kf_follow"] = int(following and part.object.startswith(FOLLOWING))
        values["kf_sees_stores"] = int(sees_stores(self.choices))
        cookies = bool(self._kernel.arguments(TRACING_COOKIE))
        entries = map_entries(self._config, cookies=cookies) | self._standbys.map_entries()
        entries[FOLLOWED] = MAX_FOLLOWED if following else UNUSED
        entries["kf_hidden"] = HIDDEN_ENTRIES if self._rules["kf_filters_exe"] else UNUSED
        entries[HIDDEN_GROUPS] = MAX_GROUPS if self._rules["kf_filters_group"] else UNUSED
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

    def _translate(self, part: Part, error: BpfCallError) -> Exception:
        """Return the error to raise for a failed load: a refusal if it is one program's."""
        if (limit := limit_error(error)) is not None:
            return limit
        program = failed_program(error.log)
        if program is not None and program in part.programs:
            return RefusedError(ProgramId(part.object, program), reason_of(program, error))
        return error

    def _attach(self, attached: Attached, parts: Iterable[Part]) -> None:
        root: CgroupRoot | None = None
        try:
            for it in attach_order(parts, self._how):
                fd = -1
                if self._how(it.object, it.program) == "cgroup":
                    root = root or open_root()
                    fd = root.fd
                attached.links[it] = self._attach_one(attached, it, fd)
                self._told(attached, it)
        finally:
            if root is not None:
                root.close()

    def _attach_one(self, attached: Attached, it: Copy, cgroup_fd: int) -> Link:
        try:
            return attached.object_of(it).attach(it.program, cgroup_fd)
        except BpfCallError as error:
            if (limit := limit_error(error)) is not None:
                raise limit from error
            refused = ProgramId(it.object, it.program)
            raise RefusedError(refused, reason_of(it.program, error)) from error

    def _how(self, object_name: str, program: str) -> str:
        return self._checker.target(object_name, program).how


def reading(it: BpfObject) -> str:
    """Return the feature that an object needs to read kernel memory, "" if it needs none."""
    if not it.name.endswith(f".{CAST}"):
        return "probe_read"
    return "cast" if it.casting else ""


def reason_of(program: str, error: BpfCallError) -> Reason:
    """Return why a program could not be loaded or attached."""
    verb = "attach" if "attach" in error.call else "load"
    said = verifier_reason(error.log)
    why = f"the kernel refuses to {verb} {program} ({errno_name(error.errno)})"
    change = "another kernel; if this one is meant to work, report it with the output of -V"
    return Reason(f"{why}: {said}" if said else why, change)


def programs_by_object(choices: list[Choice]) -> dict[str, list[str]]:
    """Return the programs to load, each once, by object, in the order of the classes."""
    wanted: dict[str, list[str]] = {}
    for choice in choices:
        if choice.candidate is not None:
            listed = wanted.setdefault(choice.candidate.object, [])
            listed.extend(name for name in choice.programs if name not in listed)
    return wanted


def takes_datagrams(choices: Iterable[Choice]) -> bool:
    """Say whether a program sees who takes a datagram out of its queue: by skb_consume_udp."""
    return any(name.endswith("__skb_consume_udp") for it in choices for name in it.programs)


def sees_stores(choices: Iterable[Choice]) -> bool:
    """Say whether a program sees the first store to a page of a mapped file."""
    return any(it.endswith("__fault_dirty_shared_page") for each in choices for it in each.programs)


def hears_of_forks(choices: Iterable[Choice]) -> bool:
    """Say whether a program sees a child before it runs."""
    return any(it.endswith("__sched_process_fork") for each in choices for it in each.programs)


def clock_watcher(choices: Iterable[Choice]) -> str:
    """Return the object that sees when the wall clock is set, "": none."""
    found = (it.candidate for it in choices if it.hook.subsystem == "clock")
    return next((it.object for it in found if it is not None), "")


def require_some(choices: list[Choice], subsystems: frozenset[str]) -> None:
    """Check that of each wanted subsystem at least one class is served.

    Raises:
        FeatureError: nothing of a subsystem can be observed.
    """
    for subsystem in sorted(subsystems):
        group = [it for it in choices if it.hook.subsystem == subsystem]
        if group and all(it.candidate is None for it in group):
            reasons = dict.fromkeys(reason for it in group for reason in it.passed)
            why = "; ".join(reason.why for reason in list(reasons)[:3])
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

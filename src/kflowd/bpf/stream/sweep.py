# SPDX-License-Identifier: Apache-2.0
"""Records out of the maps: what no event ends, by sweeps."""

from collections.abc import Mapping
from typing import Any

from kflowd.bpf.ffi import check, check_pointer, ffi, lib
from kflowd.bpf.stream.exited import Exited
from kflowd.closeable import Closeable

NO_MAP = -1
NO_ITERATOR = -1


class Sweep(Closeable):
    """Takes out of the maps what is idle, has been active for long, or belongs to what has exited.

    A context manager.

    Args:
        maps: File descriptors of the shared maps by name.
        exited: What has exited since the last sweep.
        idle_ns: Sweeps take what has been idle for longer.
        active_ns: Sweeps take what has been active for longer.
        tcp_iterator: Link of the program that refreshes TCP counters.
        salt: Of the places where the programs count shares.
        filter_: The struct kf_filter of the programs, if it has rules on sockets.
    """

    def __init__(
        self,
        maps: Mapping[str, int],
        exited: Exited,
        idle_ns: int,
        active_ns: int,
        *,
        tcp_iterator: int = NO_ITERATOR,
        salt: int = 0,
        filter_: bytes = b"",
    ) -> None:
        # kept: each run looks at it
        config = self._config = ffi.new("struct kf_sweep_config *")
        config.idle_ns = idle_ns
        config.active_ns = active_ns
        config.files_fd = maps.get("kf_files", NO_MAP)
        config.tcp_fd = maps.get("kf_tcp", NO_MAP)
        config.udp_fd = maps.get("kf_udp", NO_MAP)
        config.front_fd = maps.get("kf_front", NO_MAP)
        config.names_fd = maps.get("kf_names", NO_MAP)
        config.unix_fd = maps.get("kf_unix", NO_MAP)
        config.folds_fd = maps.get("kf_folds", NO_MAP)
        config.unix_folds_fd = maps.get("kf_unix_folds", NO_MAP)
        config.users_fd = maps.get("kf_users", NO_MAP)
        config.owners_fd = maps.get("kf_owners", NO_MAP)
        config.spill_fd = maps.get("kf_spill", NO_MAP)
        config.shares_fd = maps.get("kf_shares", NO_MAP)
        config.aios_fd = maps.get("kf_aios", NO_MAP)
        config.followed_fd = maps.get("kf_followed", NO_MAP)
        config.hidden_fd = maps.get("kf_hidden", NO_MAP)
        config.tcp_iter_fd = tcp_iterator
        config.salt = salt
        config.filters_sockets = int(bool(filter_))
        ffi.buffer(ffi.addressof(config, "filter"))[: len(filter_)] = filter_
        self._pointer: Any = check_pointer(
            lib.kf_sweep__new(config, exited.pointer), "kf_sweep__new", "preparing sweeps"
        )

    def close(self) -> None:
        """Free the output."""
        if self._pointer is not None:
            lib.kf_sweep__free(self._pointer)
            self._pointer = None

    def retime(self, idle_ns: int, active_ns: int) -> None:
        """Take other times, from the next sweep on."""
        self._config.idle_ns, self._config.active_ns = idle_ns, active_ns

    def run(self, now_ns: int, *, final: bool) -> bytes:
        """Return what is due in the maps, ended by a tick.

        Args:
            now_ns: CLOCK_BOOTTIME.
            final: Take everything.
        """
        result = lib.kf_sweep__run(self._pointer, now_ns, int(final))
        size = check(result, "kf_sweep__run", "sweeping the maps")
        return bytes(ffi.buffer(lib.kf_sweep__data(self._pointer), size))

    @property
    def hidden(self) -> int:
        """Events of files that rules hide, in what was swept so far."""
        return int(lib.kf_sweep__swept(self._pointer).hidden)

    @property
    def sockets_hidden(self) -> int:
        """Sockets that rules hide, which sweeps took, or left at the end of the run."""
        return int(lib.kf_sweep__swept(self._pointer).sockets)

    @property
    def given_up(self) -> int:
        """Requests of AIO whose end was not seen within ten minutes, so far."""
        return int(lib.kf_sweep__swept(self._pointer).given_up)

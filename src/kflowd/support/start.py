# SPDX-License-Identifier: Apache-2.0
"""Joins the parts of an archive and writes it."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from kflowd import app
from kflowd.errors import KflowdError
from kflowd.settings import Settings
from kflowd.settings.walk import Place
from kflowd.support import host, kernel, trial
from kflowd.support.agent import metrics_of
from kflowd.support.archive import Archive
from kflowd.support.configured import settings_text
from kflowd.support.parts import Part, made, once

if TYPE_CHECKING:
    from kflowd.bpf.kernel.coverage import Coverage

Origin = Callable[[Place], str]


def default_path() -> Path:
    """Return the name of an archive of now, in the directory where kflowd was started."""
    return Path(time.strftime("kflowd-support-%Y%m%d-%H%M%S.tar.gz"))


def support(
    path: Path | None, settings: Callable[[], tuple[Settings, Origin]], say: Callable[[str], None]
) -> Path:
    """Write an archive; it takes some seconds.

    Args:
        path: Of the file; None: `default_path`.
        settings: Returns those of a run, and where each was written.
        say: Takes a line for each part that failed.

    Returns:
        Where it is.

    Raises:
        KflowdError: It is there already, or cannot be written.
    """
    path = path or default_path()
    with Archive(path) as archive:
        archive.write(made(parts(settings), say))
    return path


class Findings:
    """What several parts are made of, each found once.

    Args:
        settings: As of `support`.
    """

    def __init__(self, settings: Callable[[], tuple[Settings, Origin]]) -> None:
        self.settings = once(settings)
        self.examined = once(self._examine)
        self.tried = once(lambda: trial.run(self.known()))
        self._agent = once(self._ask)

    def known(self) -> Settings:
        """Return the settings; the default ones where these are wrong, which their part says."""
        try:
            return self.settings()[0]
        except KflowdError:
            return Settings()

    def counters(self) -> str:
        """Return what is counted by the agent that runs, or in our own run."""
        return self._agent()[0] or self.tried().health

    def summary(self) -> str:
        """Return where the counters come from."""
        text, why = self._agent()
        if text:
            return f"an agent runs and answers at {self.known().metrics.listen}\n"
        return f"{why}; a run of our own:\n{self.tried().summary}"

    def programs(self) -> str:
        """Return how programs run, beside the agent that runs or in our own run."""
        if self._agent()[0]:
            return kernel.programs_text(kernel.running())
        return self.tried().programs

    def _ask(self) -> tuple[str, str]:
        """Return what an agent that runs has counted, and why that is not known."""
        listen = self.known().metrics.listen
        if listen is None:
            return "", "no agent can be asked: metrics.listen is not set"
        try:
            return metrics_of(listen), ""
        except KflowdError as error:
            return "", str(error)

    def _examine(self) -> tuple["Coverage", Mapping[str, str]]:
        # who reads our output is of no interest
        settings = msgspec.structs.replace(self.known(), with_consumer=True, quiet=True)
        return app.examine(settings)


def parts(settings: Callable[[], tuple[Settings, Origin]]) -> Sequence[Part]:
    """Return the parts, in the order in which they are found."""
    of = Findings(settings)
    return (
        Part("versions.txt", "kflowd, its libraries, the host's system", host.versions_text),
        Part("doctor.txt", "what can be traced here", lambda: doctor_text(of.examined()[0])),
        Part("doctor.json", "the same for programs", lambda: doctor_json(of.examined()[0])),
        Part(
            "verifier.txt",
            "the kernel's last words on programs that it refused",
            lambda: kernel.verifier_text(of.examined()[1]),
        ),
        Part(
            "settings.toml",
            "settings of a run, each with its origin; secrets are ***",
            lambda: settings_text(*of.settings()),
        ),
        Part("run.txt", "the summary of a run of some seconds, or that an agent runs", of.summary),
        Part("counters.txt", "the agent's metrics, or health records of that run", of.counters),
        Part("programs.txt", "BPF programs of this host: runs, time, skipped runs", of.programs),
        Part("kernel-config.txt", "what the kernel was built with, as far as it matters", options),
        Part("sysctls.txt", "sysctls, security modules, lockdown", host.sysctls),
        Part("mounts.txt", "mounts of tracefs, bpffs, control groups", host.mounts),
        Part("process.txt", "limits and capabilities of this process", host.process),
    )


def doctor_text(coverage: "Coverage") -> str:
    """Return what `kflowd doctor` prints."""
    from kflowd import doctor

    return doctor.render_text(coverage) + "\n"


def doctor_json(coverage: "Coverage") -> str:
    """Return what `kflowd doctor --json` prints."""
    from kflowd import doctor

    return doctor.render_json(coverage) + "\n"


def options() -> str:
    """Return the lines of the kernel's configuration that matter."""
    # what is not built is one part's failure
    from kflowd.bpf.kernel.kconfig import read_config

    return host.kernel_options(read_config())

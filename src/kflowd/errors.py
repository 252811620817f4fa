# SPDX-License-Identifier: Apache-2.0
"""Every error that kflowd reports to its user, with the exit code it ends the program with.

| Exit code | Error            | Meaning                                                       |
|-----------|------------------|---------------------------------------------------------------|
| 0         | -                | done, also after SIGINT, SIGTERM or a reader that went away   |
| 1         | `KflowdError`    | anything else: `BpfError`, `RecordingError`, `SinkError`      |
| 2         | `UsageError`     | an option, an argument or a setting of the file is wrong      |
| 3         | `FeatureError`   | the running kernel lacks what is asked for                    |
| 4         | `PrivilegeError` | the caller may not do it: not root, capability, lockdown      |
| 15        | `FimUsageError`  | `kflowd fim`: an option or an argument is wrong               |
| 17        | `FimConfigError` | `kflowd fim`: a setting of the file is wrong                  |
| 18        | `FimError`       | `kflowd fim`: its state or its key is not to be had, or I/O   |
| 126, 127  | `CommandError`   | the command of the run cannot be executed, or is not there    |

`kflowd fim` has the exit codes of AIDE; below 8 they say what `kflowd fim check` has found.
A run that is for a command ends with the command's own status, if nothing of this happened.

Messages have the form "verb-ing noun: cause". Only `kflowd.cli` turns them into a line and a code.
"""


class KflowdError(Exception):
    """An error with a message for the user.

    Args:
        message: One line, "verb-ing noun: cause".
        hint: One line that says what to do about it.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        return str(self.args[0])


class UsageError(KflowdError):
    """An option, argument or setting is wrong."""

    exit_code = 2


class ContradictionError(UsageError):
    """Two settings cannot hold together.

    Args:
        place: Of the setting that is refused: keys from the root of the settings tree,
            and in a list of tables the number of one.
        cause: Why, as the end of a line.
        others: Places of all that it contradicts, and of which it would not be so with another
            value. A message names where the first one was written.

    Attributes:
        further: What else contradicts in the same settings.
    """

    def __init__(
        self, place: tuple[str | int, ...], cause: str, *others: tuple[str | int, ...]
    ) -> None:
        super().__init__(f"--{str(place[-1]).replace('_', '-')}: {cause}")
        self.place = place
        self.cause = cause
        self.others = others
        self.further: tuple[ContradictionError, ...] = ()


class FeatureError(KflowdError):
    """The running kernel cannot do what is asked for."""

    exit_code = 3


class PrivilegeError(KflowdError):
    """The caller lacks a privilege: root or a capability."""

    exit_code = 4


class BpfError(KflowdError):
    """A call of libbpf or a bpf(2) system call failed for another reason than the above."""


class ContractError(KflowdError):
    """The contract header is missing or differs from what the object was built with."""


class RecordingError(KflowdError):
    """A recording cannot be read or written, or is of another version."""


class CaptureError(KflowdError):
    """A capture cannot be read, or is damaged."""


class CommandError(KflowdError):
    """The command that a run is for cannot be run.

    Args:
        message: As of all.
        exit_code: What a shell would end with.
    """

    exit_code = 127

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class SinkError(KflowdError):
    """A destination refuses records."""


class MetricsError(KflowdError):
    """Metrics cannot be given where they are wanted."""


class FimError(KflowdError):
    """The state of file integrity monitoring, or its key, is not to be had or not to be trusted."""

    exit_code = 18


class FimConfigError(KflowdError):
    """A setting is wrong that `kflowd fim` reads."""

    exit_code = 17


class FimUsageError(KflowdError):
    """An option or an argument of `kflowd fim` is wrong."""

    exit_code = 15

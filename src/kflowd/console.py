# SPDX-License-Identifier: Apache-2.0
"""What the command line prints and how, and the options that every command has.

One of the modules that know Click, as `kflowd.cli`, whose commands use it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from kflowd import streams
from kflowd.errors import KflowdError, SinkError, UsageError

PROGRAM = "kflowd"
INTERNAL = "internal error:"
MESSAGES = streams.Messages()
# what dlopen says where a limit of memory or of open files is met (glibc, elf/dl-load.c)
UNLOADED = ("shared object", "static TLS", "allocate memory")
# what bytes of a name that are no UTF-8 are decoded to, and written as again
UNDECODED = frozenset(map(chr, range(0xDC80, 0xDD00)))

F = TypeVar("F", bound=Callable[..., Any])


def _version(context: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:  # which a completion is
        from kflowd import versions

        print_text(versions.line())
        context.exit(0)


# of every command, whatever stands beside it
version = click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print versions in one line and exit.",
)


def config_option(help_text: str) -> Callable[[F], F]:
    """Return what gives a command the option that names a file of settings."""
    # what is wrong with the file says who opens it, in the words of all such errors
    kind = click.Path(path_type=Path, readable=False)
    flags = ("-C", "--config", "config_file")
    return click.option(*flags, metavar="FILE", type=kind, help=help_text)


of_host = config_option(
    "Read settings from this file.  [default: /etc/kflowd/kflowd.toml, if it is there]"
)


def one_line(text: str) -> str:
    """Return a text as one line that drives no terminal: a name of a file may hold anything."""
    line = " ".join(text.split())
    return "".join(it if it.isprintable() or it in UNDECODED else ascii(it)[1:-1] for it in line)


def say(line: str) -> None:
    """Print a line for people on stderr; of several the first names the program."""
    MESSAGES.write(f"{line}\n" if line.startswith(" ") else f"{PROGRAM}: {line}\n")


def print_text(text: str) -> None:
    """Print what is no record.

    Raises:
        SinkError: If standard output does not take it. That nobody reads it is no error.
    """
    try:
        streams.write(streams.STDOUT, f"{text}\n".encode("utf-8", "surrogateescape"))
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            raise SinkError(f"writing to stdout: {error.strerror}") from None


def explain(error: Exception) -> tuple[str, str | None, int]:
    """Return message, hint and exit code for an error."""
    match error:
        case KflowdError():
            return str(error), error.hint, error.exit_code
        case click.ClickException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context else PROGRAM
            hint = f"{path} --help lists the options"
            return error.format_message(), hint, UsageError.exit_code
        case OSError(strerror=str(reason)):
            return f"{error.filename}: {reason}" if error.filename else reason, None, 1
        case MemoryError() | SystemError():  # the latter: none for an exception
            return "running out of memory", "more memory, or less to follow: smaller sizes", 1
        case ImportError() | RuntimeError() if limit := _limit(error):
            return limit, None, 1
        case _:
            return f"{INTERNAL} {type(error).__name__}: {error}", "-V shows where", 1


def _limit(error: Exception) -> str:
    """Return what a limit of the process refused, as Python says it, "" if that is not why."""
    text = str(error)
    if text.startswith("can't start new thread"):
        return "starting a thread: a limit of memory or of processes is met"
    if isinstance(error, ImportError) and any(part in text for part in UNLOADED):
        return f"loading a library: {text}"
    return ""

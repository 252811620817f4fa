# SPDX-License-Identifier: Apache-2.0
"""The command: options in, one line and an exit code out.

The only module that prints, exits and knows Click. What a command needs is imported when it runs:
`--help` and a wrong option are answered at once, and `replay` needs no compiled extension.
"""

import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from kflowd import settings as options
from kflowd import streams
from kflowd.errors import KflowdError, SinkError, UsageError

PROGRAM = "kflowd"
INTERNAL = "internal error:"
MESSAGES = streams.Messages()
INTERRUPTED = 130  # as a shell counts a death by SIGINT
OUTPUT_HELP = "Form of the records: json or json-min.  [default: json]"

# of tracing, and of doctor that previews it
MONITOR = click.option(
    "-m",
    "monitor",
    metavar="LIST",
    default="file,socket",
    show_default=True,
    help="What to trace: file, socket.",
)
ATTACH_MODE = click.option(
    "--attach",
    "attach_mode",
    metavar="ATTACH_MODE",
    help="Use only fentry, kprobe or tracepoint, in place of the best for each hook.",
)


@click.group(
    PROGRAM,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="[COMMAND]",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 3 the kernel lacks what is needed, "
    "4 permission missing.",
)
@MONITOR
@click.option(
    "-t",
    "timeouts",
    metavar="IDLE[,ACTIVE]",
    default="15,1800",
    show_default=True,
    help="Seconds until what is idle, or still active, is reported.",
)
@click.option(
    "-e",
    "export_at",
    metavar="N",
    help="Report a file as soon as it has N events; 1: each event for itself.",
)
@click.option("-o", "output", metavar="FORM", default="json", help=OUTPUT_HELP)
@click.option("-q", "quiet", is_flag=True, help="No records on stdout, for example with --record.")
@click.option("-V", "verbose", is_flag=True, help="Messages of libbpf and of kflowd on stderr.")
@click.option("--version", "version", is_flag=True, help="Print versions in one line and exit.")
@click.option("--duration", metavar="SECONDS", help="Stop after this time.")
@click.option("--count", metavar="RECORDS", help="Stop after this many records.")
@ATTACH_MODE
@click.option(
    "--record",
    "record_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write what comes from the kernel to FILE, for replay.",
)
@click.option("--strict", is_flag=True, help="Only the fields of the contract, no extra ones.")
@click.option("--pseudo-fs", is_flag=True, help="Files of proc, sysfs, cgroup and the like too.")
@click.option(
    "--ring-bytes", metavar="BYTES", help="Size of the ring, a power of two.  [default: 8 MiB]"
)
@click.option("--file-entries", metavar="N", help="Open files followed at once.  [default: 16384]")
@click.option(
    "--sock-entries", metavar="N", help="TCP and UDP sockets followed at once.  [default: 16384]"
)
@click.option("--unix-entries", metavar="N", help="UNIX sockets followed at once.  [default: 8192]")
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Trace which process does what to which file and over which socket, as JSON on stdout.

    Without a command kflowd traces this host until Ctrl-C. It needs root.
    """
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
    elif given["version"]:
        _print_version()
    else:
        settings = _settings(given)
        from kflowd import app

        context.exit(app.trace(settings, _say))


@command.command("doctor")
@MONITOR
@ATTACH_MODE
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
@click.option("-V", "verbose", is_flag=True, help="Messages of libbpf and of kflowd on stderr.")
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool, **given: Any) -> None:
    """Tell what can be traced on this kernel, by which hooks, and what is missing."""
    settings = _settings(given)
    from kflowd import app

    text, code = app.diagnose(settings, as_json=as_json)
    _print(text)
    context.exit(code)


@command.command("replay")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("-o", "output", metavar="FORM", default="json", help=OUTPUT_HELP)
@click.option("-q", "quiet", is_flag=True, help="No records on stdout, only the summary.")
@click.option("--count", metavar="RECORDS", help="Stop after this many records.")
@click.option("--strict", is_flag=True, help="Only the fields of the contract, no extra ones.")
@click.option("-V", "verbose", is_flag=True, help="Messages of kflowd on stderr.")
@click.pass_context
def replay(context: click.Context, /, path: Path, **given: Any) -> None:
    """Print the records of a recording; needs neither root nor BPF."""
    settings = _settings(given)
    from kflowd import app

    context.exit(app.replay(path, settings, _say))


def _settings(given: dict[str, Any]) -> options.Settings:
    values: dict[str, Any] = {
        name: given[name]
        for name in ("quiet", "verbose", "strict", "pseudo_fs", "record_path")
        if given.get(name) is not None
    }
    if "timeouts" in given:
        values["idle_ns"], values["active_ns"] = options.parse_timeouts(given["timeouts"])
    for name, field, parse in (
        ("output", "output", options.parse_output),
        ("monitor", "subsystems", options.parse_subsystems),
        ("export_at", "export_at", options.parse_export_at),
        ("count", "count", options.parse_count),
        ("attach_mode", "attach_mode", options.parse_attach_mode),
        ("ring_bytes", "ring_bytes", options.parse_ring_bytes),
        ("duration", "duration_ns", lambda text: options.parse_seconds("--duration", text)),
    ):
        if given.get(name) is not None:
            values[field] = parse(given[name])
    for name in ("file_entries", "sock_entries", "unix_entries"):
        if given.get(name) is not None:
            values[name] = options.parse_entries("--" + name.replace("_", "-"), given[name])
    return options.Settings(**values)


def _refuse_options_before(context: click.Context) -> None:
    # they would be read and then ignored
    for name in context.params:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"options of {context.invoked_subcommand} come after its name")


def _say(line: str) -> None:
    # one line of the summary; the first names the program
    MESSAGES.write(f"{line}\n" if line.startswith(" ") else f"{PROGRAM}: {line}\n")


def _print_version() -> None:
    from kflowd import versions

    _print(versions.line())


def _print(text: str) -> None:
    """Print what is no record.

    Raises:
        SinkError: If standard output does not take it. That nobody reads it is no error.
    """
    try:
        streams.write(streams.STDOUT, f"{text}\n".encode("utf-8", "surrogateescape"))
    except OSError as error:
        if not isinstance(error, BrokenPipeError):
            raise SinkError(f"writing to stdout: {error.strerror}") from None


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code; errors become one line on stderr."""
    try:
        code = command.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # who read our output has enough
    except Exception as error:
        message, hint, code = _explain(error)
        _say(" ".join(message.split()))
        if hint:
            _say(f"  {hint}")
        if "-V" in arguments and message.startswith(INTERNAL):
            raise
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> tuple[str, str | None, int]:
    """Return message, hint and exit code for an error."""
    match error:
        case KflowdError():
            return str(error), error.hint, error.exit_code
        case click.ClickException():
            hint = f"{PROGRAM} --help lists the options"
            return error.format_message(), hint, UsageError.exit_code
        case OSError(strerror=str(reason)):
            return f"{error.filename}: {reason}" if error.filename else reason, None, 1
        case _:
            return f"{INTERNAL} {type(error).__name__}: {error}", "-V shows where", 1


def entry() -> NoReturn:
    """Be the program."""
    streams.reserve()
    sys.exit(run(sys.argv[1:]))

# SPDX-License-Identifier: Apache-2.0
"""The command: options in, one line and an exit code out.

The only module that exits. `console` prints for it and `fim_cli` has the commands of `kflowd fim`:
those and `completion` alone know Click too. What a command needs is imported when it runs: `--help`
and a wrong option are answered at once, and `replay` needs no compiled extension.
"""

import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from kflowd import completion, streams
from kflowd.console import (
    INTERNAL,
    PROGRAM,
    config_option,
    explain,
    of_host,
    one_line,
    print_text,
    say,
    version,
)
from kflowd.errors import UsageError
from kflowd.fim_cli import fim
from kflowd.greeting import greeting
from kflowd.settings import Settings
from kflowd.settings.lines import OptionLine, option_lines
from kflowd.settings.option import Command
from kflowd.settings.sources import Source, effective, merged, of_command, on_stdout
from kflowd.settings.walk import Place, Tree

if TYPE_CHECKING:
    from kflowd.config import Again

SEPARATOR = "--"  # of our options and a program to trace
INTERRUPTED = 130  # as a shell counts a death by SIGINT


class SettingOption(click.Option):
    """An option that is made of fields of the settings tree."""

    def __init__(self, line: OptionLine) -> None:
        default = f"default: {line.default}" if line.default else ""
        notes = "; ".join(filter(None, (line.values, default)))
        help_text = f"{line.help}.  [{notes}]" if notes else f"{line.help}."
        if line.is_flag:
            super().__init__(line.flags, is_flag=True, help=help_text)
        else:
            # its value are the settings by place; UsageError says what is wrong
            super().__init__(
                line.flags,
                metavar=line.metavar,
                type=line.read,
                help=help_text,
                multiple=line.is_list,
                shell_complete=completion.completer(line),
            )
        self.line = line


def setting_options(
    command: Command, tree: Tree = Settings, *, tables: tuple[str, ...] = ()
) -> list[click.Parameter]:
    """Return the options of a command that are made of a settings tree, or of some tables of it."""
    lines = option_lines(command, tree)
    return [SettingOption(it) for it in lines if not tables or it.settings[0].place[0] in tables]


def given_settings(context: click.Context) -> Source:
    """Return what the command line sets.

    Raises:
        UsageError: Two options set the same.
    """
    values: dict[Place, object] = {}
    setters: dict[Place, str] = {}
    for param in context.command.params:
        name = param.name or ""
        if (
            isinstance(param, SettingOption)
            and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ):
            line, value = param.line, context.params[name]
            found = _found(line, value)
            for place in found:
                if place in setters:
                    raise UsageError(f"{line.name}: {setters[place]} sets it too")
                setters[place] = line.name
            values |= found
    return Source(values, setters)


def _file_settings(context: click.Context, *, optional: bool = True) -> Source:
    """Return what a file sets: that of --config, else that of the host, if it is there.

    Args:
        context: Of the command.
        optional: Whether that of the host is read.

    Raises:
        UsageError: The file is not to be had, or something in it is wrong.
    """
    path = context.params["config_file"]
    if path is None and not optional:
        return Source()
    from kflowd import config

    return config.load(path)


def _settings(context: click.Context) -> Settings:
    """Return the settings of a run on this host.

    Raises:
        UsageError: Something in the file or on the command line is wrong.
    """
    line = given_settings(context)
    return effective(_file_settings(context), line)


def _found(line: OptionLine, value: Any) -> dict[Place, Any]:
    """Return what an option sets; what is given several times adds up."""
    if line.is_flag:
        return line.read(value)
    return line.joined(value) if line.is_list else dict(value)


named = config_option("Read settings from this file: those that are options here.")
named_too = config_option("The same as FILE.")


def _legend(context: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        import kflowd
        from kflowd.serialize.legend import legend

        print_text(legend(f"{PROGRAM} {kflowd.__version__}"))
        context.exit(0)


class Group(click.Group):
    """The commands, and what stands behind "--": a program to trace."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options ahead of "--"; what is behind it is of the program."""
        if SEPARATOR in args:
            at = args.index(SEPARATOR)
            # the name of a command ahead of it: it is that command's
            _, rest, _ = self.make_parser(ctx).parse_args(args[:at])
            if not rest:
                ctx.obj, args = args[at + 1 :], args[:at]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Return how a word can end; that of a program is the shell's to know."""
        return [] if ctx.obj is not None else super().shell_complete(ctx, incomplete)


@click.group(
    PROGRAM,
    cls=Group,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="[COMMAND | -- PROGRAM [ARG]...]",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use, 3 the kernel lacks what is needed, "
    "4 permission missing; 128 + its number where a second signal ended it at once: "
    "130 after Ctrl-C, 143 after SIGTERM. With a PROGRAM its own, 128 + the number of the signal "
    "that ended it, 127 if it is not there, 126 if it cannot be executed.",
    params=setting_options("trace"),
)
@of_host
@click.option(
    "-l",
    "--legend",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_legend,
    help="Print what each field of a record means and exit.",
)
@version
@click.pass_context
def command(context: click.Context, /, **_given: Any) -> None:
    """Trace which process does what to which file and over which socket, as JSON on stdout.

    Without a command kflowd traces this host until Ctrl-C; with a PROGRAM, that program and what
    it starts until its end, and what it prints goes to stderr. It needs root.
    """
    if context.invoked_subcommand is not None:
        _refuse_options_before(context)
        return
    line, file = given_settings(context), _file_settings(context)
    settings = effective(file, line)
    if settings.daemon:
        _go_on_in_background(context, settings, file)
    if not settings.quiet and os.isatty(streams.STDERR):
        for each in greeting(settings, command.commands, *(context.obj or ())[:1]):
            say(each)
    if settings.fim.rule or settings.fim.profile:
        say("this version does not watch files live: kflowd fim check compares those of [fim]")
    # behind the greeting: it takes a while
    from kflowd import app

    if context.obj is None:
        context.exit(app.trace(settings, say, again=_again(context, file)))
    if not context.obj:
        raise UsageError("--: the program to trace is missing")
    context.exit(app.trace_command(context.obj, settings, say))


def _again(context: click.Context, file: Source, *, quiet: bool = False) -> "Again":
    """Return what reads the settings of a run once more; `file` is what its file has set."""
    from kflowd.config import Again

    path = context.params["config_file"]
    return Again(path, given_settings(context), file, quiet=quiet)


def _go_on_in_background(context: click.Context, settings: Settings, file: Source) -> NoReturn:
    """Trace in a child; here wait until it is ready.

    Raises:
        UsageError: There is a program to trace, which is for the foreground.
    """
    if context.obj is not None:
        raise UsageError("-d/--daemon: not with a program to trace")
    from kflowd import daemon

    child = daemon.detach()
    if isinstance(child, int):
        context.exit(child)
    if settings.pid_file is not None:
        context.call_on_close(daemon.PidFile(settings.pid_file).close)
    # behind the fork: they may start threads
    import msgspec

    from kflowd import app

    quiet = msgspec.structs.replace(settings, quiet=True)
    again = _again(context, file, quiet=True)
    context.exit(app.trace(quiet, say, ready=child.ready, again=again))


@command.command("doctor", params=setting_options("doctor"))
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
@of_host
@version
@click.pass_context
def doctor(context: click.Context, /, *, as_json: bool, **_given: Any) -> None:
    """Tell what can be traced on this kernel, by which hooks, and what is missing."""
    from kflowd import app

    settings = _settings(context)
    text, code = app.diagnose(settings, as_json=as_json)
    print_text(text)
    context.exit(code)


@command.command("support", params=setting_options("doctor"))
@click.argument("path", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@of_host
@version
@click.pass_context
def support(context: click.Context, /, path: Path | None, **_given: Any) -> None:
    """Write what a report of a fault needs into FILE, a new archive (.tar.gz or .tar.zst).

    It has what doctor says, settings without secrets, versions, counters, how programs run, why the
    kernel refused some; a file in it names each, docs/support.md says more. It takes some seconds.
    """
    from kflowd import support as archive

    line = given_settings(context)

    def settings() -> tuple[Settings, Callable[[Place], str]]:
        file = _file_settings(context)
        source = merged((file, on_stdout(file, line)))
        return effective(file, line), source.origin

    print_text(str(archive.support(path, settings, say)))


@command.command("replay", params=setting_options("replay"))
# whether it can be read says who opens it: access(2) leaves capabilities out
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@named
@version
@click.pass_context
def replay(context: click.Context, /, path: Path, **_given: Any) -> None:
    """Print the records of a recording, or of standard input (-); needs neither root nor BPF."""
    from kflowd import app

    line = given_settings(context)
    # the host's file says what its service does: a replay is not to send it all once more
    file = of_command(_file_settings(context, optional=False), "replay")
    context.exit(app.replay(path, effective(file, line), say))


@command.command("decode", params=setting_options("decode"))
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@named
@version
@click.pass_context
def decode(context: click.Context, /, path: Path, **_given: Any) -> None:
    """Print a record of each flow of a capture, with its messages; neither root nor BPF is needed.

    FILE is pcap or pcapng; - is standard input.
    """
    from kflowd import decoding

    line = given_settings(context)
    file = of_command(_file_settings(context, optional=False), "decode")
    context.exit(decoding.decode(path, effective(file, line), say))


class Kept(click.Command):
    """A command that also keeps its arguments as they are, for the agent that it runs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        ctx.obj = list(args)
        return super().parse_args(ctx, args)


@command.command("top", cls=Kept, params=setting_options("trace", tables=("trace",)))
@click.argument("path", metavar="[FILE]", required=False)
@config_option("Settings of the agent.")
@version
@click.pass_context
def top(context: click.Context, /, path: str | None, **_given: Any) -> None:
    """Show which processes do most: by files, bytes, connections and rate.

    Without FILE it runs an agent with these options, as root. With FILE, or "-" for standard input,
    it shows records in json-min; that needs neither root nor BPF. The agent has --idle 2 and
    --active 5, unless they are given, and reads no file of settings but that of --config.
    """
    from kflowd import top as shown

    fields = {str(place[-1]) for place in given_settings(context).values}
    if context.params["config_file"] is not None:
        fields.add("config_file")
    if path is None:
        context.exit(shown.top_of_agent(context.obj, fields, print_text, say))
    if fields:
        raise UsageError(f"{path}: options are for an agent, and not beside a file")
    shown.top_of_file(path, print_text)


@command.command("schema")
@version
def schema() -> None:
    """Print the JSON Schema (2020-12) of the records, as the forms json and json-min write them."""
    import msgspec

    import kflowd
    from kflowd.serialize.schema import schema as made

    print_text(msgspec.json.format(msgspec.json.encode(made(kflowd.__version__))).decode())


command.add_command(fim)


@command.command("completion")
@click.argument("shell", metavar="bash|zsh|fish", type=click.Choice(tuple(completion.SHELLS)))
@version
def complete(shell: str) -> None:
    """Print what makes a shell complete kflowd: source <(kflowd completion bash)."""
    print_text(completion.script(command, PROGRAM, shell))


@command.group("config", no_args_is_help=False)
@version
def config_group() -> None:
    """Look at the file of settings."""


@config_group.command("check")
@click.argument(
    "path", metavar="[FILE]", required=False, type=click.Path(path_type=Path, readable=False)
)
@named_too
@version
@click.pass_context
def config_check(context: click.Context, /, path: Path | None, config_file: Path | None) -> None:
    """Say all that is wrong in FILE, else in /etc/kflowd/kflowd.toml; 2 if anything is."""
    from kflowd import config

    if path and config_file:
        raise UsageError(f"-C/--config: {path} is to be checked already")
    path = path or config_file
    problems = config.problems_of(path)
    for line in problems:
        say(one_line(line))
    if not problems:
        absent = path is None and not config.DEFAULT.exists()
        print_text(f"OK: {path or config.DEFAULT}{' is not there' if absent else ''}")
    context.exit(UsageError.exit_code if problems else 0)


@config_group.command("show", params=setting_options("trace"))
@click.option("--origin", is_flag=True, help="Say behind each where its value comes from.")
@of_host
@version
@click.pass_context
def config_show(context: click.Context, /, *, origin: bool, **_given: Any) -> None:
    """Print the settings that a run with these options would have, as such a file."""
    from kflowd.settings.written import written

    line = given_settings(context)
    file = _file_settings(context)
    source = merged((file, on_stdout(file, line)))
    print_text(written(effective(file, line), source.origin if origin else None))


def _refuse_options_before(context: click.Context) -> None:
    # they would be read and then ignored
    for name in context.params:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageError(f"options of {context.invoked_subcommand} come after its name")


def run(arguments: list[str]) -> int:
    """Run the command and return its exit code; errors become one line on stderr."""
    try:
        code = command.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # who read our output has enough
    except Exception as error:
        message, hint, code = explain(error)
        say(one_line(message))
        if hint:
            say(f"  {hint}")
        ours = itertools.takewhile(lambda it: it != SEPARATOR, arguments)
        if {"-V", "--verbose"} & set(ours) and message.startswith(INTERNAL):
            raise
    return code if isinstance(code, int) else 0


def entry() -> NoReturn:
    """Be the program."""
    streams.reserve()
    try:
        code = run(sys.argv[1:])
    except (MemoryError, SystemError) as error:
        # without memory for an exception the interpreter has this one, wherever it stands
        say(f"running out of memory: {error}")
        code = 1
    sys.exit(code)

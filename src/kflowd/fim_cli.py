# SPDX-License-Identifier: Apache-2.0
"""The commands of `kflowd fim`: options in, lines and exit codes out; `kflowd.fim.work` does it.

What a command needs is imported when it runs: `--help` is answered at once.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import kflowd
from kflowd import streams
from kflowd.console import MESSAGES, F, explain, of_host, one_line, print_text, say, version
from kflowd.errors import FimConfigError, FimError, FimUsageError, KflowdError, UsageError

if TYPE_CHECKING:
    from kflowd.settings import Settings


# folders that could not be listed, each told in a line; the others are counted
MOST_TROUBLES = 20


class FimGroup(click.Group):
    """The commands of file integrity monitoring, whose exit codes are those of AIDE."""

    def make_context(self, *arguments: Any, **more: Any) -> click.Context:
        """Read the arguments; what is wrong with them has the code of that."""
        with fim_errors():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever fails has a code of its own."""
        with fim_errors():
            return super().invoke(ctx)


@contextmanager
def fim_errors() -> Iterator[None]:
    """Give errors the codes from 15 on: those below say what a comparison has found."""
    try:
        yield
    except (FimConfigError, FimError, FimUsageError, BrokenPipeError):
        raise
    except UsageError as error:
        raise FimConfigError(str(error), error.hint) from None
    except KflowdError as error:
        raise FimError(str(error), error.hint) from None
    except click.UsageError as error:
        message, hint, _ = explain(error)
        raise FimUsageError(message, hint) from None
    except (OSError, MemoryError) as error:
        message, hint, _ = explain(error)
        raise FimError(message, hint) from None


@click.group("fim", cls=FimGroup)
@version
def fim() -> None:
    """Say which files are not as they were accepted: file integrity monitoring.

    Which files that are say the rules of the file of settings, [[fim.rule]]. Exit codes are those
    of AIDE: check ends with the sum of 1 (new names), 2 (removed) and 4 (changed), and all with 15
    for wrong use, 17 for wrong settings, 18 if the state or its key is not to be had.
    """


def _fim_settings(context: click.Context) -> "Settings":
    """Return the settings of the file.

    Raises:
        UsageError: It is not to be had, or something in it is wrong.
    """
    import msgspec

    from kflowd import config
    from kflowd.fim.profiled import with_profile
    from kflowd.settings.sources import Source, effective

    found = effective(config.load(context.params["config_file"]), Source())
    return msgspec.structs.replace(found, fim=with_profile(found.fim))


class Shown:
    """Shows on a terminal how far a scan is.

    Args:
        total: How many names there will be about, None: nobody knows.
    """

    def __init__(self, total: int | None = None) -> None:
        self._total = total
        self._shows = os.isatty(streams.STDERR)

    def __call__(self, count: int) -> None:
        """Show a number of names."""
        if self._shows:
            from kflowd.fim.printing import progress

            MESSAGES.write(f"\r\x1b[K{progress(count, self._total)}")

    def end(self) -> None:
        """Clear the line."""
        if self._shows:
            MESSAGES.write("\r\x1b[K")


class Troubles:
    """Prints lines with names that others have chosen: as one each, and not thousands."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, line: str) -> None:
        """Print a line, or count it."""
        self._count += 1
        if self._count <= MOST_TROUBLES:
            say(one_line(line))

    def end(self) -> None:
        """Say how many there were beside them."""
        if self._count > MOST_TROUBLES:
            say(f"and {self._count - MOST_TROUBLES} more")


@fim.command("init")
@of_host
@version
@click.pass_context
def fim_init(context: click.Context, /, **_given: Any) -> None:
    """Accept all that is there: make a new state, and a key if there is none."""
    from kflowd.fim import printing, work

    settings = _fim_settings(context).fim
    shown, troubles = Shown(), Troubles()
    try:
        count = work.init(settings, shown, troubles)
    finally:
        shown.end()
        troubles.end()
    say(f"{printing.several(count, 'name')} accepted in {settings.state}")


def form_option(help_text: str) -> Callable[[F], F]:
    """Return what gives a command the form of its records."""
    forms = ("compact", "table", "json", "json-min", "ecs", "ocsf")
    kind = click.Choice(forms)
    return click.option(
        "-o", "--format", "form", type=kind, default="compact", metavar="FORM", help=help_text
    )


@fim.command("check")
@form_option("Form of the findings: compact, table, json, json-min, ecs, ocsf.")
@click.option("--strict", is_flag=True, help="Only the fields of the contract, no extra ones.")
@click.option("--no-throttle", is_flag=True, help="Do not rest while others wait for CPU or disk.")
@of_host
@version
@click.pass_context
def fim_check(
    context: click.Context, /, *, form: str, strict: bool, no_throttle: bool, **_given: Any
) -> None:
    """Compare all files with what was accepted, and print what differs.

    A check that was ended goes on where it was, within a day. The exit code is the sum of 1 (there
    are new names), 2 (removed ones) and 4 (changed ones), 0 if all is as accepted.
    """
    from kflowd.fim import printing, work
    from kflowd.fim.output import Printer
    from kflowd.fim.throttle import Throttle

    settings = _fim_settings(context)
    with work.Session(settings.fim, write=True) as session:
        printer = Printer(form, settings.enrich.token or "", strict=strict)
        shown, troubles = Shown(session.store.counts()[0]), Troubles()
        rest = (lambda: None) if no_throttle else Throttle()
        try:
            checked = session.check(shown, rest, troubles)
        finally:
            shown.end()
            troubles.end()
        for text in printer.texts(session.findings()):
            print_text(text)
    say(printing.summary(checked))
    context.exit(checked.code)


@fim.command("status")
@of_host
@version
@click.pass_context
def fim_status(context: click.Context, /, **_given: Any) -> None:
    """Say what there is: names, findings, the last check, and whether the chain is whole."""
    from kflowd.fim import printing, work

    settings = _fim_settings(context).fim
    with work.Session(settings, write=False) as session:
        status = session.status()
    print_text("\n".join(printing.status_lines(settings, status)))
    if status.broken is not None:
        raise FimError(f"using {settings.state}: finding {status.broken} was changed afterwards")


@fim.command("review")
@form_option("Form of the findings: compact, table, json, json-min, ecs, ocsf.")
@of_host
@version
@click.pass_context
def fim_review(context: click.Context, /, *, form: str, **_given: Any) -> None:
    """Show the findings that wait for a decision; on a terminal, ask for one: a, r, s or q."""
    from kflowd.fim import printing, work
    from kflowd.fim.output import Printer

    settings = _fim_settings(context)
    asks = os.isatty(0) and os.isatty(streams.STDOUT)
    with work.Session(settings.fim, write=asks) as session:
        printer = Printer(form, settings.enrich.token or "")
        waiting = list(session.findings(rejected=False))
        run = None
        for stored in waiting:
            if stored.run != run and form in printing.FOR_PEOPLE:
                run = stored.run
                print_text(printing.found_by(stored))
            print_text(printer.text(stored))
            word = _asked() if asks else "s"
            if word == "q":
                break
            if word != "s":
                session.decide_one(stored, {"a": "accepted", "r": "rejected"}[word])
    say(f"{printing.several(len(waiting), 'finding')} waited for a decision")


def _asked() -> str:
    """Return what somebody at the terminal wants done with a finding."""
    MESSAGES.write("  accept, reject, skip, quit? [a/r/s/q] ")
    while (word := click.getchar().lower()) not in {"a", "r", "s", "q"}:
        continue
    MESSAGES.write(f"{word}\n")
    return word


def _decided(context: click.Context, paths: tuple[Path, ...], status: str, *, every: bool) -> None:
    from kflowd.fim import printing, work

    if every == bool(paths):
        raise FimUsageError("one of both is wanted: PATH... or --all")
    names = [os.path.abspath(os.fsencode(path)) for path in paths]
    with work.Session(_fim_settings(context).fim, write=True) as session:
        count = session.decide(names, status, every=every)
    say(f"{printing.several(count, 'finding')} {status}")


paths_argument = click.argument(
    "paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path, readable=False)
)
all_option = click.option("--all", "every", is_flag=True, help="All findings that wait.")


@fim.command("accept")
@paths_argument
@all_option
@of_host
@version
@click.pass_context
def fim_accept(
    context: click.Context, /, *, paths: tuple[Path, ...], every: bool, **_given: Any
) -> None:
    """Accept what was found at each PATH and below: as it was seen by the last check."""
    _decided(context, paths, "accepted", every=every)


@fim.command("reject")
@paths_argument
@all_option
@of_host
@version
@click.pass_context
def fim_reject(
    context: click.Context, /, *, paths: tuple[Path, ...], every: bool, **_given: Any
) -> None:
    """Reject what was found at each PATH and below: it is told of until it is undone."""
    _decided(context, paths, "rejected", every=every)


@fim.command("explain")
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path, readable=False))
@of_host
@version
@click.pass_context
def fim_explain(context: click.Context, /, *, path: Path, **_given: Any) -> None:
    """Say which rule a path has and why, and what is known of it."""
    from kflowd.fim import printing, work

    settings = _fim_settings(context).fim
    with work.Session(settings, write=False) as session:
        found = session.explain(os.path.abspath(os.fsencode(path)))
    print_text("\n".join(printing.explained_lines(found)))


key_option = click.option(
    "--key",
    metavar="PEM",
    required=True,
    type=click.Path(path_type=Path, readable=False),
    help="The key of Ed25519: the private one to export, the public one to verify.",
)


@fim.command("export")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@key_option
@of_host
@version
@click.pass_context
def fim_export(context: click.Context, /, *, path: Path, key: Path, **_given: Any) -> None:
    """Write what is accepted into FILE as canonical JSON, and its signature into FILE.sig."""
    from kflowd.fim import printing, work

    about = {"Host": os.uname().nodename, "Version": f"kflowd-v{kflowd.__version__}"}
    with work.Session(_fim_settings(context).fim, write=False) as session:
        count = session.export(path, key, about)
    say(f"{printing.several(count, 'name')} in {path}, its signature in {path}.sig")


@fim.command("verify")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@key_option
@of_host
@version
def fim_verify(*, path: Path, key: Path, **_given: Any) -> None:
    """Check that FILE is as it was exported, by FILE.sig; neither state nor settings are needed."""
    from kflowd.fim import signing

    signing.check(path, signing.public_key(key))
    print_text(f"OK: {path}")


@fim.command("import-config")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@version
def fim_import(*, path: Path) -> None:
    """Print rules as another tool's FILE has them, and on stderr what they cannot say.

    It reads the files of bpfink, AIDE, Wazuh (syscheck) and Auditbeat.
    """
    from kflowd.fim.importing import import_config

    found = import_config(path)
    print_text(found.text.rstrip("\n"))
    for note in found.notes:
        say(one_line(note))

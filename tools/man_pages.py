# SPDX-License-Identifier: Apache-2.0
"""Writes the man pages kflowd(8) and kflowd.toml(5), from the commands and the settings tree."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

import kflowd
from kflowd import config
from kflowd.cli import command
from kflowd.console import PROGRAM
from kflowd.settings import Settings
from kflowd.settings.walk import Setting, Tree, members
from kflowd.settings.written import written

FOLDER = Path(__file__).parents[1] / "build" / "man"
# what groff takes for something else, or shows as another letter
ESCAPES = str.maketrans(
    {
        "\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti",
        '"': r"\(dq",
    }
)  # fmt: skip


def escaped(text: str) -> str:
    """Return one line of text as roff shows it letter by letter."""
    line = " ".join(text.split()).translate(ESCAPES)
    return rf"\&{line}" if line.startswith(".") else line


def head(name: str, section: int, title: str) -> Iterator[str]:
    """Yield how a page begins."""
    yield f'.TH "{escaped(name)}" "{section}" "" "{escaped(f"kflowd {kflowd.__version__}")}"'
    yield from (".SH NAME", rf"{escaped(name)} \- {escaped(title)}")


def tagged(tag: str, text: str) -> Iterator[str]:
    """Yield a paragraph of what has a name: an option, a command, a key."""
    yield from (".TP", rf"\fB{escaped(tag)}\fR", escaped(text))


def options(of: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the options of a command as --help lists them."""
    for param in of.get_params(context):
        if record := param.get_help_record(context):
            yield from tagged(*record)


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield all commands below one with their whole names."""
    for each, found in sorted(group.commands.items()):
        yield f"{name} {each}", found
        if isinstance(found, click.Group):
            yield from commands(found, f"{name} {each}")


def usage(of: click.Command, context: click.Context) -> str:
    """Return what stands behind the name of a command."""
    return " ".join(of.collect_usage_pieces(context))


def program_page() -> Iterator[str]:
    """Yield the lines of kflowd(8)."""
    context = click.Context(command, info_name=PROGRAM)
    yield from head(PROGRAM, 8, "trace which process does what to which file and socket")
    yield ".SH SYNOPSIS"
    yield rf"\fB{PROGRAM}\fR {escaped(usage(command, context))}"
    yield ".SH DESCRIPTION"
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        yield from ([".PP"] if number else [])
        yield escaped(paragraph)
    yield ".SH OPTIONS"
    yield from options(command, context)
    yield ".SH COMMANDS"
    for name, found in commands(command, PROGRAM):
        below = click.Context(found, info_name=name)
        yield f'.SS "{escaped(f"{name} {usage(found, below)}")}"'
        yield escaped(found.help or "")
        yield from options(found, below)
    yield ".SH EXIT STATUS"
    yield escaped(command.epilog or "")
    yield ".SH FILES"
    yield from tagged(str(config.DEFAULT), "Settings, if it is there.")
    yield from (".SH SEE ALSO", r"\fBkflowd.toml\fR(5)")


def settings_page() -> Iterator[str]:
    """Yield the lines of kflowd.toml(5)."""
    yield from head("kflowd.toml", 5, "settings of kflowd")
    yield ".SH DESCRIPTION"
    yield escaped(
        f"{config.DEFAULT} is TOML, and read by kflowd if it is there; -C FILE names another. Each "
        "key is a long option with underscores in place of hyphens, and an option wins over the "
        "file. What is wrong in a file is told by `kflowd config check`, what holds by "
        "`kflowd config show`."
    )
    yield ".SH SETTINGS"
    yield from keys(Settings, "")
    yield from (".SH EXAMPLE", "All defaults:", ".PP", ".nf")
    yield from (escaped(line) for line in written(Settings()).splitlines())
    yield from (".fi", ".SH FILES", rf"\fB{escaped(str(config.DEFAULT))}\fR")
    yield from (".SH SEE ALSO", r"\fBkflowd\fR(8)")


def keys(tree: Tree, table: str) -> Iterator[str]:
    """Yield the settings of a table, then those of the tables in it."""
    found = members(tree)
    for key, member in found.items():
        if isinstance(member, Setting):
            default = f"default: {member.default_text}" if member.default_text else ""
            notes = "; ".join(filter(None, (member.kind.values, default)))
            text = f"{member.option.help}."
            yield from tagged(key, f"{text}  [{notes}]" if notes else text)
    for key, member in found.items():
        if not isinstance(member, Setting):
            name = f"{table}.{key}".removeprefix(".")
            yield f'.SS "{escaped(f"[{name}]" if member.limits is None else f"[[{name}]]")}"'
            yield from keys(member.tree, name)


def main(folder: Path = FOLDER) -> None:
    """Write both pages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("kflowd.8", program_page()), ("kflowd.toml.5", settings_page())):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

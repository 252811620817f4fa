# SPDX-License-Identifier: Apache-2.0
"""Completion of the command line in a shell: Click's machinery, and values by the settings tree.

A shell runs kflowd with what was typed in the environment (_KFLOWD_COMPLETE), and Click answers in
place of the command. So nothing here, nor what it imports, may be slow or need the kernel side.
"""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
)

from kflowd.settings.kinds import Choice, File, RuleList, Words
from kflowd.settings.lines import OptionLine
from kflowd.settings.rules import EVENTS, KEYS

VARIABLE = "_KFLOWD_COMPLETE"  # as Click derives it from the program's name
FILE_ITEM = "file"
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
# Click's own puts a space behind "path=", and offers no files where it has no word. Bash splits
# words at "=", so that what follows one is completed as a file.
BASH = """\
%(complete_func)s() {
    local kind word
    COMPREPLY=()
    while IFS=, read -r kind word; do
        case $kind in
            plain) COMPREPLY+=("$word"); [[ $word != *= ]] || compopt -o nospace;;
            dir) compopt -o dirnames;;
            file) compopt -o default;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        %(complete_var)s=bash_complete "$1")
}
complete -o default -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Click's, with the script above."""

    source_template = BASH


SHELLS: dict[str, type[ShellComplete]] = {"bash": Bash, "zsh": ZshComplete, "fish": FishComplete}


def script(command: click.Command, program: str, shell: str) -> str:
    """Return what a shell reads to complete a command, without a line break at its end.

    Args:
        command: The whole of it.
        program: Its name.
        shell: One of SHELLS.
    """
    made = SHELLS[shell](command, {}, program, VARIABLE)
    # not that of the class: bash's first asks a bash for its version, and it may be elsewhere
    return ShellComplete.source(made).strip()


def completer(line: OptionLine) -> Completer:
    """Return what tells Click the values of an option."""

    def complete(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
        if isinstance(line.settings[0].kind, File):
            return [CompletionItem(begun, type=FILE_ITEM)]
        return [CompletionItem(word) for word in words(line, begun)]

    return complete


def words(line: OptionLine, begun: str) -> list[str]:
    """Return the values of an option that begin with what is there, none if there is no telling."""
    kind = line.settings[0].kind
    if isinstance(kind, Choice):
        return _beginning(begun, kind.words)
    if isinstance(kind, Words):
        return _next(begun, "", kind.word.words)
    if isinstance(kind, RuleList):
        key, equals, values = begun.partition("=")
        if not equals:
            return _beginning(key, [f"{each}=" for each in KEYS])
        return _next(values.upper(), "event=", EVENTS) if key == "event" else []
    return []


def _next(begun: str, head: str, known: tuple[str, ...]) -> list[str]:
    """Return the lists with commas that have one of the words at the end that they lack yet."""
    before, comma, last = begun.rpartition(",")
    used = before.split(",")
    left = [word for word in known if word not in used]
    return [f"{head}{before}{comma}{word}" for word in _beginning(last, left)]


def _beginning(begun: str, known: tuple[str, ...] | list[str]) -> list[str]:
    return [word for word in known if word.startswith(begun)]

# SPDX-License-Identifier: Apache-2.0
"""Completion of the command line in a shell: Click's machinery, and values by the settings tree.

A shell runs kflowd with what was typed in the environment (_KFLOWD_COMPLETE), and Click answers in
place of the command. So nothing here, nor what it imports, may be slow or need the kernel side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

from kflowd.settings.applications import OFF, Port
from kflowd.settings.kinds import Choice, File
from kflowd.settings.lines import OptionLine
from kflowd.settings.lists import PortList, RuleList, Words
from kflowd.settings.rules import EVENTS, KEYS

VARIABLE = "_KFLOWD_COMPLETE"  # as Click derives it from the program's name
FILE_ITEM = "file"
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
# Click's own puts a space behind "path=", and offers no files where it has no word.
BASH = """\
%(complete_func)s() {
    local kind word
    COMPREPLY=()
    while IFS=, read -r kind word; do
        case $kind in
            plain) COMPREPLY+=("$word"); [[ $word != *[=/] ]] || compopt -o nospace;;
            dir) compopt -o dirnames;;
            file) compopt -o default;;
        esac
    done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        %(complete_var)s=bash_complete "$1")
}
complete -o default -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Click's, with the script above, and with the words whole that bash splits at "="."""

    source_template = BASH
    _split = False  # bash has what stands ahead of "=" as a word that it leaves alone

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words ahead, and what there is of the last one."""
        args, begun = super().get_completion_args()
        whole = joined([*args, begun])
        self._split = whole[-1] != begun
        return whole[:-1], whole[-1]

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return a line of the answer."""
        value = item.value.rpartition("=")[2] if self._split else item.value
        return f"{item.type},{value}"


def joined(words: Sequence[str]) -> list[str]:
    """Return words as they were before bash has split them: "dns", "=", "off" are one."""
    whole: list[str] = []
    for word in words:
        if whole and (word == "=" or whole[-1].endswith("=")):
            whole[-1] += word
        else:
            whole.append(word)
    return whole


add_completion_class(Bash)  # who is asked by a shell that has the script
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
    if line.is_keyed:
        return _ports(line, begun)
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


def _ports(line: OptionLine, begun: str) -> list[str]:
    """Return applications; behind one its protocols, its usual ports and the word for none."""
    key, equals, ports = begun.partition("=")
    settings = {it.key: it for it in line.settings if isinstance(it.kind, PortList)}
    if not equals:
        return _beginning(key, [f"{each}=" for each in settings])
    setting = settings.get(key.lower())
    if setting is None or not isinstance(setting.kind, PortList):
        return []
    usual = setting.kind.text(cast("tuple[Port, ...]", setting.default)).split(",")
    known = (*(f"{each}/" for each in setting.kind.protocols), *(it for it in usual if it != OFF))
    listed = _next(ports, f"{key}=", known)
    return listed if "," in ports else listed + _next(ports, f"{key}=", (OFF,))


def _next(begun: str, head: str, known: tuple[str, ...]) -> list[str]:
    """Return the lists with commas that have one of the words at the end that they lack yet."""
    before, comma, last = begun.rpartition(",")
    used = before.split(",")
    left = [word for word in known if word not in used]
    return [f"{head}{before}{comma}{word}" for word in _beginning(last, left)]


def _beginning(begun: str, known: tuple[str, ...] | list[str]) -> list[str]:
    return [word for word in known if word.startswith(begun)]

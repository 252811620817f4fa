# SPDX-License-Identifier: Apache-2.0
"""The options of a command, one line for each: what --help lists and README.md has in a table."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kflowd.errors import UsageError
from kflowd.settings.kinds import Choice, Flag
from kflowd.settings.lists import PortList, PortsOfList, RuleList, TextList
from kflowd.settings.option import Command
from kflowd.settings.plugins import is_word
from kflowd.settings.shown import shown
from kflowd.settings.tree import Settings
from kflowd.settings.walk import Place, Setting, Tree, settings_of


class OptionLine(msgspec.Struct, frozen=True):
    """An option: of one setting, or a short one of several.

    Such a one takes their values in order, or one of them by its key: KEY=VALUE.

    Attributes:
        flags: Short and long option.
        settings: What it sets.
    """

    flags: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def name(self) -> str:
        """What a message calls the option."""
        return "/".join(self.flags)

    @property
    def is_flag(self) -> bool:
        """Whether it has no value."""
        return isinstance(self.settings[0].kind, Flag)

    @property
    def is_list(self) -> bool:
        """Whether it can be given several times."""
        return self.is_keyed or isinstance(self.settings[0].kind, RuleList | PortsOfList)

    @property
    def is_keyed(self) -> bool:
        """Whether its value names the setting."""
        return len(self.settings) > 1 and isinstance(self.settings[0].kind, PortList)

    @property
    def metavar(self) -> str:
        """What stands for the value: "SECONDS", "IDLE[,ACTIVE]"."""
        first, *others = self.settings
        if not others:
            return first.metavar
        if self.is_keyed:
            return f"APP={first.metavar}"
        return first.key.upper() + "".join(f"[,{other.key.upper()}]" for other in others)

    @property
    def help(self) -> str:
        """A sentence without its full stop."""
        if len(self.settings) == 1:
            return self.settings[0].option.help
        if self.is_keyed:
            return "One of the next options: APP is its name, or what a plugin reads"
        return f"{' and '.join(setting.long for setting in self.settings)} in one"

    @property
    def values(self) -> str:
        """Which values are right, "" if that goes without saying."""
        return self.settings[0].kind.values if len(self.settings) == 1 else ""

    @property
    def default(self) -> str:
        """The default as it is written, "" if there is nothing to write."""
        if self.is_keyed:
            return ""
        return ",".join(setting.default_text for setting in self.settings)

    def read(self, value: object) -> dict[Place, object]:
        """Return the checked values by place.

        Raises:
            UsageError: A value is wrong, or there are too many.
        """
        if self.is_keyed:
            return self._read_keyed(str(value))
        parts = [value]
        if len(self.settings) > 1 and isinstance(value, str):
            parts = list(value.split(","))
        if len(parts) > len(self.settings):
            raise UsageError(f"{self.name}: {shown(value)} has too many values for {self.metavar}")
        pairs = zip(self.settings, parts, strict=False)
        return {setting.place: setting.read(part, self.name) for setting, part in pairs}

    def joined(self, given: Iterable[Mapping[Place, Any]]) -> dict[Place, Any]:
        """Return what an option sets that was given several times: lists add up.

        Args:
            given: What `read` has returned for each.

        Raises:
            UsageError: The ports of an application are given twice, or lists are too long in sum.
        """
        found: dict[Place, Any] = {}
        kinds = {it.place: it.kind for it in self.settings if isinstance(it.kind, TextList)}
        for place, value in (pair for each in given for pair in each.items()):
            if place in found and isinstance(kinds[place], PortList):
                raise UsageError(f"{self.name}: {place[-1]} is given twice")
            found[place] = found.get(place, ()) + value
        for place, value in found.items():
            try:
                kinds[place].checked(value)
            except ValueError as error:
                raise UsageError(f"{self.name}: {error}") from None
        return found

    def _read_keyed(self, text: str) -> dict[Place, object]:
        key, equals, value = text.partition("=")
        own = [it for it in self.settings if isinstance(it.kind, PortList)]
        by_key = {setting.key: setting for setting in own}
        setting = by_key.get(key.lower())
        if equals and setting is None and is_word(key.lower()) and len(own) < len(self.settings):
            # any other name is for a plugin to read
            of_plugins = next(it for it in self.settings if it not in own)
            return {of_plugins.place: of_plugins.read(text, self.name)}
        if not equals or setting is None:
            keys = ", ".join(by_key)
            raise UsageError(f"{self.name}: {shown(text)} is not {self.metavar}; APP: {keys}")
        return {setting.place: setting.read(value, self.name)}


def option_lines(command: Command, tree: Tree = Settings) -> list[OptionLine]:
    """Return the options of a command in the order of the tree."""
    listed = [_on_line(it) for it in settings_of(tree) if command in it.option.commands]
    lines: list[OptionLine] = []
    for setting in listed:
        short = setting.option.short
        sharing = tuple(it for it in listed if short and it.option.short == short)
        if len(sharing) > 1:
            if setting is sharing[0]:
                lines.append(OptionLine((short,), sharing))
            short = ""
        lines.append(OptionLine((short, setting.long) if short else (setting.long,), (setting,)))
    return lines


def _on_line(setting: Setting) -> Setting:
    """Return a setting with the values that it may have on the command line."""
    if not (setting.option.of_file and isinstance(setting.kind, Choice)):
        return setting
    kind = setting.kind.without(setting.option.of_file)
    return msgspec.structs.replace(setting, kind=kind)

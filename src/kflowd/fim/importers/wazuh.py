# SPDX-License-Identifier: Apache-2.0
"""The element syscheck of Wazuh's and OSSEC's ossec.conf and agent.conf."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from kflowd.fim.importers.imported import (
    MOST_RECURSE,
    NOT_LIVE,
    Consumer,
    FormatError,
    Imported,
    Rule,
    shown,
)

MAX_DEPTH = 64
ROOTS = b"<kflowd>", b"</kflowd>"  # such a file may have several roots
_DECLARATION = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}\?>")
_CHECKS = re.compile(r"check_\w+\Z")
ELSEWHERE = {
    "scan_on_start": "the state is compared by `kflowd fim check`",
    "alert_new_files": "new files are always told of",
    "auto_ignore": "nothing is ignored for changing often",
    "scan_time": "scan is an interval",
    "scan_day": "scan is an interval",
    "skip_nfs": "name the mount in exclude",
    "skip_dev": "name /dev in exclude",
    "skip_proc": "name /proc in exclude",
    "skip_sys": "name /sys in exclude",
    "max_eps": "findings have no limit of rate",
    "file_limit": "the number of files has no limit",
    "process_priority": "a scan gives way to CPU and I/O pressure",
    "database": "the state is a file: `state` of [fim]",
    "prefilter_cmd": "no command is run",
}
LIVE = frozenset(("realtime", "whodata"))


@dataclass
class _Element:
    name: str
    attributes: dict[str, str]
    line: int
    text: str = ""
    below: list["_Element"] = field(default_factory=list)


def read(content: bytes) -> Imported:
    """Return what a file says.

    Raises:
        FormatError: It is no XML, has entities of its own, or no syscheck.
    """
    found = [it for it in _walk(_parsed(content)) if it.name == "syscheck"]
    if not found:
        raise FormatError("no element syscheck")
    imported = Imported()
    for element in [child for it in found for child in it.below]:
        _take(imported, element)
    return imported


def _parsed(content: bytes) -> _Element:
    parser = expat.ParserCreate("utf-8")
    root = _Element("", {}, 0)
    stack = [root]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise FormatError(f"more than {MAX_DEPTH} elements deep", parser.CurrentLineNumber)
        element = _Element(name, attributes, parser.CurrentLineNumber)
        stack[-1].below.append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def refuse(*_: object) -> NoReturn:
        raise FormatError("a document type or an entity of its own", parser.CurrentLineNumber)

    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(ROOTS[0])
        # the declaration would not stand first any more; its line is kept
        parser.Parse(_DECLARATION.sub(lambda it: b"\n" * it[0].count(b"\n"), content))
        parser.Parse(ROOTS[1], True)  # noqa: FBT003 - expat takes no keyword
    except expat.ExpatError as error:
        raise FormatError(f"no XML: {expat.ErrorString(error.code)}", error.lineno) from None
    except (UnicodeError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"no XML: {error}") from None
    return root


def _walk(element: _Element) -> Iterator[_Element]:
    for each in element.below:
        yield each
        if each.name != "syscheck":
            yield from _walk(each)


def _take(imported: Imported, element: _Element) -> None:
    takers: dict[str, Callable[[Imported, _Element], None]] = {
        "directories": _directories,
        "ignore": _ignore,
        "nodiff": _nodiff,
        "frequency": _frequency,
        "disabled": _disabled,
    }
    name = element.name
    if name in takers:
        takers[name](imported, element)
    elif name in ELSEWHERE:
        value = shown(element.text.strip())
        imported.note(element.line, f"{name} {value}: {ELSEWHERE[name]}")
    elif name.startswith(("windows_", "registry_")):
        imported.note(element.line, f"{name}: Windows has no place here")
    else:
        imported.note(element.line, f"{shown(name)}: not known here")


def _directories(imported: Imported, element: _Element) -> None:
    given = dict(element.attributes)
    line = element.line
    consumer: Consumer = "diff" if _yes(given.pop("report_changes", "no")) else "generic"
    tags = tuple(it.strip() for it in given.pop("tags", "").split(",") if it.strip())
    recurse = _level(imported, line, given.pop("recursion_level", None))
    for key, value in given.items():
        _attribute(imported, line, key, value)
    paths = tuple(_paths(imported, element))
    if paths:
        imported.add(line, Rule(paths, consumer, recurse=recurse, tags=tags))


def _attribute(imported: Imported, line: int, key: str, value: str) -> None:
    if key in LIVE:
        if _yes(value):
            imported.note(line, f"{key} {shown(value)}: {NOT_LIVE}")
    elif _CHECKS.match(key):
        if not _yes(value):
            imported.note(line, f"{key} {shown(value)}: all attributes are compared")
    elif key == "restrict":
        imported.note(line, f"restrict {shown(value)}: name the files in paths instead")
    elif key == "follow_symbolic_link":
        if _yes(value):
            imported.note(line, "follow_symbolic_link: no link is followed; name its target")
    elif key == "diff_size_limit":
        imported.note(line, f"diff_size_limit {shown(value)}: diffs have limits of their own")
    else:
        imported.note(line, f"attribute {shown(key)} {shown(value)}: not known here")


def _level(imported: Imported, line: int, value: str | None) -> int | None:
    if value is None:
        return None
    if value.isdecimal() and len(value) < 6:
        # theirs counts directories below, ours levels below the path
        return min(int(value) + 1, MOST_RECURSE)
    imported.note(line, f"recursion_level {shown(value)}: no number; left out")
    return None


def _paths(imported: Imported, element: _Element) -> Iterator[str]:
    for each in element.text.split(","):
        path = each.strip()
        if not path:
            continue
        if re.search(r"[%$]\w", path):
            imported.note(element.line, f"{shown(path)}: a variable; write what it stands for")
        else:
            yield path


def _ignore(imported: Imported, element: _Element) -> None:
    kind = element.attributes.get("type", "")
    for text in [element.text.strip()] if kind else _paths(imported, element):
        if kind == "sregex":
            imported.leave_out(element.line, f"re:{_expression(text)}")
        elif kind:
            imported.note(element.line, f"ignore of type {shown(kind)}: not known here")
        else:
            imported.leave_out(element.line, text)


def _nodiff(imported: Imported, element: _Element) -> None:
    if element.attributes.get("type"):
        text = shown(element.text.strip())
        imported.note(element.line, f"nodiff {text}: name the files in a rule of their own")
        return
    for path in _paths(imported, element):
        # a rule by digest ahead of that which would show lines
        imported.note(element.line, f"nodiff {shown(path)}: a rule of its own, by digest")
        imported.add(element.line, Rule((path,)))


def _expression(text: str) -> str:
    """Return a simple expression of OSSEC as one of Python: it has ^, $ and | alone."""
    return "".join(it if it in "^$|" else re.escape(it) for it in text)


def _frequency(imported: Imported, element: _Element) -> None:
    text = element.text.strip()
    if text.isdecimal() and 0 < len(text) < 10:
        scan = f"{int(text)}s" if int(text) else "off"
        imported.setting(element.line, "scan", scan, "run `kflowd fim check` from cron")
    else:
        imported.note(element.line, f"frequency {shown(text)}: no number of seconds; left out")


def _disabled(imported: Imported, element: _Element) -> None:
    if _yes(element.text):
        imported.note(element.line, "disabled yes: the rules are here all the same; leave them out")


def _yes(text: str) -> bool:
    return text.strip().lower() == "yes"

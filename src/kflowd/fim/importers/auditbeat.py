# SPDX-License-Identifier: Apache-2.0
"""The module file_integrity in the YAML of Auditbeat."""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from kflowd.fim.importers.imported import (
    LEAST_SIZE,
    MOST_SIZE,
    NOT_LIVE,
    FormatError,
    Imported,
    Rule,
    shown,
)

# the reader is slow, and such a file has some kilobytes
MAX_CONTENT = 256 << 10
MODULES = "auditbeat.modules"
UNITS = {"": 0, "b": 0, "kb": 10, "kib": 10, "mb": 20, "mib": 20, "gb": 30, "gib": 30, "k": 10}
_SIZE = re.compile(r"(\d{1,12})(?:\.0+)?\s*([a-z]*)", re.IGNORECASE)
ELSEWHERE = {
    "include_files": "name the files in paths instead",
    "scan_at_start": "the state is compared by `kflowd fim check`",
    "scan_rate_per_sec": "a scan gives way to CPU and I/O pressure",
    "hash_types": "SHA-256",
    "file_parsers": "content of programs is not parsed",
    "backend": NOT_LIVE,
    "processors": "findings have the fields of docs/fields.md, all of them",
    "fields": "`tags` of a rule, or -T/--token for the host",
    "enabled": "a rule that is there holds",
}


class _Loader(yaml.SafeLoader):
    """Makes plain values, and follows no alias: a few of them can stand for billions of values."""

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - as its base has it
        if self.check_event(yaml.AliasEvent):
            raise FormatError("an alias (*) is not read", self.line + 1)
        return super().compose_node(parent, index)


def read(content: bytes) -> Imported:
    """Return what a file says.

    Raises:
        FormatError: It is no YAML, or has no module file_integrity.
    """
    imported = Imported()
    found = False
    for module in _modules(imported, _parsed(content)):
        name = module.get("module")
        if name == "file_integrity":
            found = True
            _take(imported, module)
        else:
            imported.note(0, f"module {shown(str(name))}: no file integrity")
    if not found:
        raise FormatError("no module file_integrity")
    imported.note(0, NOT_LIVE)
    return imported


def _parsed(content: bytes) -> dict[str, Any]:
    if len(content) > MAX_CONTENT:
        raise FormatError(f"more than {MAX_CONTENT} bytes")
    try:
        value = yaml.load(content, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise FormatError(f"no YAML: {shown(error.problem or '')}", line) from None
    except FormatError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        raise FormatError(f"no YAML: {shown(' '.join(str(error).split()))}") from None
    if not isinstance(value, dict):
        _refuse()
    return {str(key): each for key, each in value.items()}


def _refuse() -> NoReturn:
    raise FormatError("no settings of Auditbeat")


def _modules(imported: Imported, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the modules, also where the file writes `auditbeat:` and `modules:` apart."""
    beat = value.pop("auditbeat", None)
    modules = value.pop(MODULES, None)
    if isinstance(beat, dict):
        modules = beat.pop("modules", modules)
        value |= {f"auditbeat.{key}": each for key, each in beat.items()}
    for key in value:
        imported.note(0, f"{shown(key)}: nothing of file integrity")
    for each in modules if isinstance(modules, list) else ():
        if isinstance(each, dict):
            yield {str(key): it for key, it in each.items()}
        else:
            imported.note(0, f"{MODULES}: {shown(repr(each))} is no module")


def _take(imported: Imported, module: dict[str, Any]) -> None:
    module.pop("module")
    paths = tuple(_texts(imported, module, "paths"))
    tags = tuple(_texts(imported, module, "tags"))
    exclude = []
    for each in _texts(imported, module, "exclude_files"):
        # of this module alone
        mine = Imported()
        mine.leave_out(0, f"re:{each}")
        exclude += mine.excludes
        imported.notes += mine.notes
    # without it they watch the directory and its entries
    recursive = module.pop("recursive", False) is True
    size = _size(imported, module.pop("max_file_size", "100 MiB"))
    rule = Rule(paths, exclude=tuple(exclude), max_size=size, tags=tags)
    if not recursive:
        rule = Rule(paths, exclude=tuple(exclude), recurse=1, max_size=size, tags=tags)
    imported.add(0, rule)
    for key, value in module.items():
        what = ELSEWHERE.get(key.partition(".")[0], "not known here")
        imported.note(0, f"{shown(key)} {shown(repr(value))}: {what}")


def _texts(imported: Imported, module: dict[str, Any], key: str) -> Iterator[str]:
    value = module.pop(key, None)
    for each in value if isinstance(value, list) else [] if value is None else [value]:
        if not isinstance(each, str):
            imported.note(0, f"{key}: {shown(repr(each))} is no text; left out")
        elif "${" in each:
            imported.note(0, f"{key}: {shown(each)}: a variable; write what it stands for")
        else:
            yield each


def _size(imported: Imported, value: object) -> int | None:
    found = _SIZE.fullmatch(str(value).strip())
    unit = UNITS.get(found[2].lower()) if found else None
    if found is None or unit is None:
        imported.note(0, f"max_file_size {shown(repr(value))}: not a size; left out")
        return None
    size = int(found[1]) << unit
    if not LEAST_SIZE <= size <= MOST_SIZE:
        imported.note(0, f"max_file_size {shown(repr(value))}: not 4 KiB to 1 PiB; left out")
        return None
    return size

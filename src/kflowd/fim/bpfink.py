# SPDX-License-Identifier: Apache-2.0
"""`format = "bpfink"`: a finding as the line that bpfink would have written, for its readers.

One JSON object a line, in the order and with the messages of that program; hashes are plain
SHA-256, and of passwords there is the status alone. What it had no line for has `finding`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

import kflowd

Value = dict[str, Any]
Record = Mapping[str, Any]

GENERIC = {"created": "created", "modified": "Modified", "deleted": "deleted"}
LINES = {"created": "created", "modified": "modified", "deleted": "deleted"}
# what became of a name, as that program saw it
SEEN_AS = {"renamed": "created", "replaced": "modified"}


def line(record: Record, state: Iterable[Value] = ()) -> bytes | None:
    """Return the line of a finding, None where bpfink is silent: for directories.

    Args:
        record: A finding.
        state: All entries of the file after it, as `FimAdded` has them.
    """
    kind = record["FimFinding"]
    end = {"processName": _process(record), "user": _user(record), "version": kflowd.__version__}
    match kind:
        case "account" | "key":
            shown: Value = {"users": _users(state), **_gone_and_come(record, _users)}
            return _written({**shown, **end, "message": "Users Modified"})
        case "access_rule":
            shown = {"access": _access(state), **_gone_and_come(record, _access)}
            return _written({**shown, **end, "message": "access entries"})
    if _is_directory(record):
        return None
    seen = SEEN_AS.get(kind, kind)
    file = {"file": record.get("FimPath", ""), **end}
    if seen not in GENERIC:
        told = {key: value for key, value in record.items() if key.startswith("Fim")}
        return _written({"finding": told, **file, "message": kind})
    if record.get("FimConsumer") == "diff":
        message = f"Critical Generic file {LINES[seen]}"
        return _written({**_lines(record), **file, "message": message})
    before = "" if seen == "created" else _digest(record, "FimBefore")
    after = "" if seen == "deleted" else _digest(record, "FimAfter")
    content = {"generic": {"current": before, "next": after}}
    return _written({**content, **file, "message": f"generic file {GENERIC[seen]}"})


def _written(value: Value) -> bytes:
    return msgspec.json.encode({"level": "warn", **value}) + b"\n"


def _gone_and_come(record: Record, shape: Callable[[Iterable[Value]], object]) -> Value:
    return {
        "add": shape(record.get("FimAdded", ())),
        "del": shape(record.get("FimRemoved", ())),
    }


def _users(entries: Iterable[Value]) -> list[Value]:
    """Return accounts as U; a key alone is one of a user that has no name."""
    found = []
    for each in entries:
        if each.get("Kind") == "account":
            told = each.get("Password", {})
            password = ":".join(filter(None, (told.get("Status", ""), told.get("Algorithm", ""))))
            found.append({"user": each["Name"], "passwd": password, "keys": []})
        elif each.get("Kind") == "key":
            key = f"{each['Type']} {each['Fingerprint']}"
            found.append({"user": each.get("Account", ""), "passwd": "", "keys": [key]})
    return found


def _access(entries: Iterable[Value]) -> Value:
    found: dict[str, list[str]] = {"grant": [], "deny": []}
    for each in entries:
        if each.get("Kind") == "access_rule":
            names = " ".join(each["Users"])
            if each.get("UsersExcept"):
                names += " EXCEPT " + " ".join(each["UsersExcept"])
            found["grant" if each["Permission"] == "+" else "deny"].append(names)
    return found


def _lines(record: Record) -> Value:
    added, removed = [], []
    # the heading has two lines; a changed line may begin as they do
    for each in record.get("FimDiff", "").split("\n")[2:]:
        if each.startswith("+"):
            added.append(each[1:])
        elif each.startswith("-"):
            removed.append(each[1:])
    return {"add": {"Content": added}, "del": {"Content": removed}}


def _digest(record: Record, key: str) -> str:
    digest = record.get(key, {}).get("SHA256", "")
    return digest if isinstance(digest, str) else ""


def _is_directory(record: Record) -> bool:
    state = record.get("FimAfter") or record.get("FimBefore") or {}
    return state.get("Type") == "directory"


def _process(record: Record) -> str:
    arguments = record.get("ProcArgs")
    if arguments:
        # it put a blank behind each, the last one too
        return "".join(f"{each} " for each in arguments)
    return str(record.get("Proc", ""))


def _user(record: Record) -> str:
    """Return the name of the real user, else the number; "" where nobody is known (W38)."""
    uid = record.get("ProcUID")
    return str(record.get("ProcUser") or ("" if uid is None else uid))

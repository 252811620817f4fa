# SPDX-License-Identifier: Apache-2.0
"""What has come and what has gone between two readings of a file, as findings tell it."""

from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from kflowd.fim.consumers.entries import NONE, Account, Entry, Finding, Group

Value = dict[str, Any]

# Of which the order decides: a rule that moves is told of.
ORDERED = frozenset(("access_rule", "sudo_rule"))


class Comparison(NamedTuple):
    """The difference of two readings, as values of JSON.

    Attributes:
        finding: Its kind.
        added: What is new, in the order of the new file. Of an account or group that changed, how
            it is now, with `Changes`. What has another place has `Moved`.
        removed: What is gone, or was so, in the order of the old file.
        passed_over: Names of accounts that came or went and that nobody can become: no finding of
            their own, the file's tells of them.
    """

    finding: Finding
    added: list[Value]
    removed: list[Value]
    passed_over: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


def compare(finding: Finding, old: Iterable[Entry], new: Iterable[Entry]) -> Comparison:
    """Return what is new in a file and what is gone.

    Args:
        finding: Of which kind its entries are.
        old: What it had.
        new: What it has.
    """
    before, after = tuple(old), tuple(new)
    if finding == "account":
        return _accounts(before, after)
    gone, came = _differing(before, after)
    moved = _moved(before, after) if finding in ORDERED else set()
    kept = [after[each] for each in sorted(moved)]
    return Comparison(
        finding,
        [*(_value(each) for each in came), *(_value(each, Moved=True) for each in kept)],
        [*(_value(each) for each in gone), *(_value(each, Moved=True) for each in kept)],
    )


def _value(entry: Entry, **more: object) -> Value:
    # as JSON has it: lists for tuples
    value: Value = msgspec.json.decode(msgspec.json.encode(entry))
    return {**value, **more}


def _differing(old: Sequence[Entry], new: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return what the one has more often than the other."""
    return _more(old, new), _more(new, old)


def _more(of: Sequence[Entry], than: Sequence[Entry]) -> list[Entry]:
    left = Counter(than)
    found = []
    for each in of:
        if left[each]:
            left[each] -= 1
        else:
            found.append(each)
    return found


def _moved(old: Sequence[Entry], new: Sequence[Entry]) -> set[int]:
    """Return the places in `new` of what both have and no longer stand in the old order.

    As few as possible: all beside a longest sequence that kept its order.
    """
    places: defaultdict[Entry, deque[int]] = defaultdict(deque)
    for place, each in enumerate(old):
        places[each].append(place)
    common = [(at, places[each].popleft()) for at, each in enumerate(new) if places.get(each)]
    tails: list[int] = []  # the least old place in which a sequence of that length can end
    ends: list[int] = []  # by its index in `common`
    before: list[int] = []
    for index, (_, place) in enumerate(common):
        length = bisect_left(tails, place)
        if length == len(tails):
            tails.append(place)
            ends.append(index)
        else:
            tails[length], ends[length] = place, index
        before.append(ends[length - 1] if length else NONE)
    kept: set[int] = set()
    at = ends[-1] if ends else NONE
    while at != NONE:
        kept.add(common[at][0])
        at = before[at]
    return {each for each, _ in common} - kept


def _accounts(old: Sequence[Entry], new: Sequence[Entry]) -> Comparison:
    gone, came = _differing(old, new)
    left: defaultdict[tuple[type[Entry], str], deque[Account | Group]] = defaultdict(deque)
    for each in gone:
        if isinstance(each, Account | Group):
            left[type(each), each.name].append(each)
    added: list[Value] = []
    changed: set[int] = set()
    quiet: list[str] = []
    for each in came:
        if not isinstance(each, Account | Group):
            added.append(_value(each))
        elif earlier := left[type(each), each.name]:
            was = earlier.popleft()
            changed.add(id(was))
            added.append(_value(each, Changes=_changes(was, each)))
        elif isinstance(each, Account) and not each.login:
            quiet.append(each.name)
        else:
            said = ["uid_0_gained"] if isinstance(each, Account) and each.uid == 0 else []
            added.append(_value(each, Changes=said) if said else _value(each))
    removed: list[Value] = []
    for each in gone:
        if isinstance(each, Account) and not each.login and id(each) not in changed:
            quiet.append(each.name)
        else:
            removed.append(_value(each))
    return Comparison("account", added, removed, tuple(quiet))


def _changes(old: Account | Group, new: Account | Group) -> list[str]:
    """Return which fields differ, and what that means, sorted."""
    found = {
        name
        for name in type(new).__struct_fields__
        if name != "login" and getattr(old, name, None) != getattr(new, name)
    }
    was, now = old.password.status, new.password.status
    if was != now:
        words = {"empty": "password_emptied", "locked": "locked", "expired": "password_expired"}
        found.add(words.get(now, "password_set"))
        if was == "locked":
            found.add("unlocked")
    if isinstance(old, Account) and isinstance(new, Account):
        if old.uid != 0 and new.uid == 0:
            found.add("uid_0_gained")
        if old.login != new.login:
            found.add("login_enabled" if new.login else "login_disabled")
        for group in set(new.groups) - set(old.groups):
            found.add(f"joined:{group}")
        for group in set(old.groups) - set(new.groups):
            found.add(f"left:{group}")
    return sorted(found)

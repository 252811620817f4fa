# SPDX-License-Identifier: Apache-2.0
"""What the commands of `kflowd fim` print: lines for people, and records by a form."""

from collections.abc import Iterator

from kflowd.constants import SECOND_NS
from kflowd.delivery.formats.documents import date
from kflowd.fim.compare import described
from kflowd.fim.numbering import Stored
from kflowd.fim.state import State
from kflowd.fim.work import Checked, Explanation, Status
from kflowd.settings.fim import FimSettings

WIDTH = 16
FOR_PEOPLE = ("compact", "table")


def summary(checked: Checked) -> str:
    """Return what a comparison was, in a line."""
    parts = [
        word for bit, word in ((1, "new"), (2, "removed"), (4, "changed")) if checked.code & bit
    ]
    found = "there are " + ", ".join(parts) + " names" if parts else "all is as accepted"
    resumed = ", resumed" if checked.resumed else ""
    return f"{several(checked.names, 'name')} compared{resumed}: {found}"


def progress(count: int, total: int | None) -> str:
    """Return how far a scan is, in a line for a terminal."""
    if not total:
        return f"{count:,} names"
    share = min(1.0, count / total)
    bar = "#" * int(20 * share)
    return f"[{bar:<20}] {share:4.0%} {count:,} of {total:,} names"


def status_lines(settings: FimSettings, status: Status) -> Iterator[str]:
    """Yield how things stand, one line each."""
    yield _line("state", str(settings.state))
    yield _line("rules", ", ".join(str(rule.name) for rule in settings.rule))
    yield _line("names", f"{status.names}, {status.accepted} accepted")
    yield _line("findings", f"{status.waiting} wait for a decision, {status.rejected} are rejected")
    if status.last is not None and status.last.ended_ns is not None:
        last = status.last
        took = (last.ended_ns - last.begun_ns) / SECOND_NS if last.ended_ns else 0.0
        unlisted = f", {last.unlisted} folders not listed" if last.unlisted else ""
        when = date(last.ended_ns or 0)
        said = f"{last.kind} ended {when}, {last.names} names in {took:.1f} s{unlisted}"
        yield _line("last run", said)
    if status.unended is not None:
        began = date(status.unended.begun_ns)
        said = f"a check began {began} and was ended after {several(status.unended.names, 'name')}"
        yield _line("not ended", f"{said}: the next one goes on there")
    broken = status.broken
    chain = "whole" if broken is None else f"BROKEN at finding {broken}: it was changed afterwards"
    yield _line("chain", chain)


def explained_lines(it: Explanation) -> Iterator[str]:
    """Yield what is known of a path, one line each."""
    rule = it.rules.rule
    yield _line("rule", "none" if rule is None else str(rule.name))
    for reason in it.rules.reasons:
        yield _line("because", reason)
    if rule is not None:
        tags = f", tags {' '.join(map(str, rule.tags))}" if rule.tags else ""
        yield _line("compared as", f"{rule.consumer}, policy {rule.policy}, {rule.severity}{tags}")
    yield from _state("accepted", it.accepted)
    if it.seen != it.accepted:
        yield from _state("seen last", it.seen)


def found_by(stored: Stored) -> str:
    """Return the line above the findings of a check; who did it nobody knows."""
    return f"check {stored.run}, {date(stored.time_ns)}, actor unknown:"


def several(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _state(head: str, state: State | None) -> Iterator[str]:
    if state is None:
        yield _line(head, "nothing")
        return
    for key, value in described(state).items():
        yield _line(head, f"{key} {value}")
        head = ""


def _line(head: str, text: str) -> str:
    line = f"{head:<{WIDTH}} {text}"
    # a name may hold anything that drives a terminal
    return "".join(it if it.isprintable() else ascii(it)[1:-1] for it in line)

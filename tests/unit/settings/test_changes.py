# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.errors import ContradictionError
from kflowd.settings import EnrichSettings, OutputSettings, Settings, TraceSettings
from kflowd.settings.changes import changes, reloaded
from kflowd.settings.option import NS_PER_SECOND

OLD = Settings()
NEW = Settings(
    trace=TraceSettings(idle_ns=5 * NS_PER_SECOND, events=7),
    enrich=EnrichSettings(token="new"),
    output=(OutputSettings(format="json-min"),),
    verbose=True,
)


def test_what_differs_is_told_as_it_is_written() -> None:
    """In the order of the tree, a secret without its value; outputs are left to others."""
    assert [str(it) for it in changes(OLD, NEW)] == [
        "trace.idle 15 -> 5",
        "trace.events none -> 7",
        "enrich.token none -> ***",
        "verbose false -> true",
    ]
    assert changes(OLD, OLD) == []


def test_what_can_change_is_taken_and_no_more() -> None:
    """A constant of the kernel side stays as it was."""
    found = reloaded(OLD, NEW)
    assert [it.name for it in changes(found, NEW)] == ["trace.events"]
    assert found.output == NEW.output


def test_some_of_it_can_be_kept() -> None:
    """A setting, or all outputs."""
    found = reloaded(OLD, NEW, kept={("trace", "idle"), ("output",)})
    assert found.trace.idle_ns == OLD.trace.idle_ns
    assert found.output == OLD.output
    assert found.enrich.token == "new"


def test_what_does_not_go_together_with_the_rest_is_refused() -> None:
    """A run in the background stays one, and needs a way out."""
    file = OutputSettings(sink="unixgram", path="/x")  # type: ignore[arg-type] # as good
    with pytest.raises(ContradictionError):
        reloaded(Settings(daemon=True, output=(file,)), Settings())

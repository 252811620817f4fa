# SPDX-License-Identifier: Apache-2.0
"""Directories: with --directories each is reported as a file is. Without: test_one_run.py."""

from collections import Counter

from tests.host.agent import health_records, losses
from tests.host.directories import EVENTS, FILES, OVERLAID, READ
from tests.host.optional import OptionalRun
from tests.host.views import by_path, events_of, proves
from tests.host.whole import MAY_TRACE


@proves("file.mkdir", "file.rmdir", "file.list")
def test_events_are_those_that_happened(optional_run: OptionalRun) -> None:
    """Each directory has its events, exactly, and no other path or process is claimed."""
    found = by_path(optional_run.happened, optional_run.folder)
    assert {path: events_of(records) for path, records in found.items()} == EVENTS
    assert {each["ProcPID"] for records in found.values() for each in records} == {
        optional_run.done.pid
    }


def test_the_mode_says_directory(optional_run: OptionalRun) -> None:
    """FileMode and permissions are those of a directory wherever the inode is known."""
    seen = 0
    for path, records in by_path(optional_run.happened, optional_run.folder).items():
        for each in records:
            if "FileMode" in each:
                seen += 1
                assert each["FileMode"] == ("regular" if path in FILES else "directory")
                assert each["FilePermissions"][5] == ("-" if path in FILES else "d")
            else:
                assert "NO_INODE" in each["FileNotes"]
    assert seen > len(EVENTS) // 2


def test_a_renamed_directory_has_both_names(optional_run: OptionalRun) -> None:
    """The record has the new name, and the old one as its origin."""
    (record,) = by_path(optional_run.happened, optional_run.folder)["new"]
    assert (record["File"], record["FileOrigin"]) == ("new", "moved")


def test_the_root_has_a_path(optional_run: OptionalRun) -> None:
    """The root of the namespace is "/" without a name, and no path is missing."""
    (record,) = (
        each
        for each in optional_run.happened
        if each.get("ProcPID") == optional_run.done.pid
        and each.get("FilePath") == "/"
        and not each["File"]
    )
    assert record["FileEvents"] == READ
    assert "FileNotes" not in record


def test_layers_of_an_overlay_stay_out(optional_run: OptionalRun) -> None:
    """What overlayfs does in its layers is nobody's: the merged directory has it all.

    The tracepoint mode may know the inode of the layer alone. Mounting uses the work directory, and
    marks the upper one with the number of the overlay (xattr overlay.uuid, since 6.6).
    """
    found: dict[str, Counter[str]] = {}
    for path, records in by_path(optional_run.happened, optional_run.layers).items():
        layer, _, rest = path.partition("/")
        if path == "upper":
            assert [events_of([each]) for each in records] == [{"ATTRIB": 1}]
        elif layer != "work":
            assert layer == "merged" or (layer == "upper" and MAY_TRACE)
            found.setdefault(rest, Counter()).update(events_of(records))
    assert found == OVERLAID


def test_nothing_is_lost(optional_run: OptionalRun) -> None:
    """All events are in records, those that failed too."""
    records = optional_run.result.records
    assert losses(records) == {}
    health = health_records(records)[-1]
    files = [each for each in records if each["InfoMonitor"] == "filesystem"]
    assert health["HealthFileEvents"] == health["HealthFileReported"]
    assert health["HealthFileReported"] == sum(
        each["FileEventCount"] + sum(each.get("FileEventsFailed", {}).values()) for each in files
    )

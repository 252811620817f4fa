# SPDX-License-Identifier: Apache-2.0
"""Attempts that failed: with --failed each is reported with its error, and none as done."""

from collections import Counter
from pathlib import Path

from tests.host import attempts
from tests.host.agent import Agent, Record, file_records, health_records, losses, run
from tests.host.operations import forked
from tests.host.optional import OptionalRun
from tests.host.views import by_path, events_of, proves
from tests.host.whole import MAY_TRACE
from tests.host.workloads import NOBODY

KEYS = {"FileEventsFailed", "FileError"}
MANY = 20011  # more than one process may have in the table
VICTIMS = 101


def failed_of(records: list[Record]) -> dict[str, int]:
    """Return the attempts of records, added up."""
    total: Counter[str] = Counter()
    for record in records:
        total.update(record["FileEventsFailed"])
    return dict(total)


@proves("file.failed")
def test_attempts_are_those_that_were_made(optional_run: OptionalRun) -> None:
    """Each path and error has its attempts, exactly, and no other is claimed."""
    found: dict[tuple[str, str], list[Record]] = {}
    for path, records in by_path(optional_run.failed, optional_run.attempted).items():
        for each in records:
            found.setdefault((path, each["FileError"]), []).append(each)
    ends = [it for it in found if it[0].endswith("/end")]
    cut = [found.pop(it) for it in ends]
    assert {it: failed_of(records) for it, records in found.items()} == attempts.FAILED
    assert cut == []
    done = optional_run.attempts
    assert done.facts["failed"] == attempts.CALLS
    assert {each["ProcPID"] for records in found.values() for each in records} == {done.pid}


@proves("file.failed")
def test_an_attempt_is_none_that_happened(optional_run: OptionalRun) -> None:
    """A record of attempts has no events, and says what it does not know."""
    for each in file_records(optional_run.failed, optional_run.attempted):
        assert (each["FileEventCount"], each["FileEvents"]) == (0, {})
        if "FileInode" in each:  # by a descriptor
            assert each["FileMode"] == "regular"
            assert each["FileInode"] == (optional_run.attempted / "there").stat().st_ino
        else:
            assert set(each["FileNotes"]) == {"PATH_UNRESOLVED", "NO_INODE"}
    found = by_path(optional_run.failed, optional_run.attempted)
    assert sorted((each["FileOrigin"], *failed_of([each]).values()) for each in found["to"]) == [
        ("another", 1, 1),
        ("far", 1, 1),
        ("from", 2, 2),
    ]
    assert {each["FileOrigin"] for each in found["linked"]} == {"none"}
    users = {each["ProcUID"]: failed_of([each]) for each in found["missing"]}
    assert users == {0: {"OPEN": 3}, NOBODY: {"OPEN": 2}}


@proves("file.failed")
def test_the_end_of_a_long_path_is_kept(optional_run: OptionalRun) -> None:
    """Of a path that is too long the last components are there, and it is noted."""
    pid = optional_run.attempts.pid
    ends = [
        each for each in optional_run.failed if each["ProcPID"] == pid and each["File"] == "end"
    ]
    assert failed_of(ends) == {"OPEN": 2}
    for each in ends:
        assert "PATH_TRUNCATED" in each["FileNotes"]
        assert each["FilePath"].endswith("/".join("d" * 61 for _ in range(3)) + "/")


def test_what_happened_is_beside_it(optional_run: OptionalRun) -> None:
    """What succeeded is in records of its own, and has nothing of the attempts."""
    found = by_path(optional_run.happened, optional_run.attempted)
    assert set(found) == {"there"}
    assert events_of(found["there"]) == {"OPEN": 2, "CLOSE_NOWRITE": 2}
    assert not any(KEYS & set(each) for each in optional_run.happened)


def test_many_attempts_hide_nobody(tmp_path: Path) -> None:
    """A process that looks for very many files uses up its share; others lose nothing."""
    folder = tmp_path.resolve()
    with Agent("-m", "file", "--failed") as agent:
        for number in range(VICTIMS):
            (folder / f"victim-{number}").write_bytes(b"v")
        done = forked(attempts.search, folder, MANY)
        for number in range(VICTIMS):
            (folder / f"later-{number}").write_bytes(b"v")
        result = agent.stop()
    names = {each["File"] for each in file_records(result.records, folder)}
    assert {f"{it}-{n}" for it in ("victim", "later") for n in range(VICTIMS)} <= names
    tried = [
        each
        for each in file_records(result.records, folder)
        if each["ProcPID"] == done.pid and "FileEventsFailed" in each
    ]
    assert len({each["File"] for each in tried}) == len(tried)
    lost = losses(result.records)
    assert set(lost) <= {"HealthFileLostMap"}
    assert len(tried) + lost.get("HealthFileLostMap", 0) >= MANY
    assert len(tried) > MANY // 10
    health = health_records(result.records)[-1]
    assert health["HealthFileEvents"] == health["HealthFileReported"] + sum(lost.values())


def test_nobody_makes_two_paths_one(tmp_path: Path) -> None:
    """Neither can be hidden behind the other."""
    folder = tmp_path.resolve()
    with Agent("-m", "file", "--failed") as agent:
        done = forked(attempts.collide, folder)
        result = agent.stop()
    tried = [each for each in result.records if each.get("ProcPID") == done.pid]
    counts = {each["File"]: failed_of([each]) for each in tried if "FileError" in each}
    assert counts.pop("target") == {"OPEN": 7}
    assert list(counts.values()) == [{"OPEN": 1}]


def test_a_path_that_is_gone_is_unknown(tmp_path: Path) -> None:
    """Nothing is put in the place of a path that cannot be read when the call returns."""
    folder = tmp_path.resolve()
    with Agent("-m", "file", "--failed") as agent:
        one = forked(attempts.unreadable, folder)
        other = forked(attempts.replaced, folder)
        result = agent.stop()
    assert one.facts["failed"] == 2
    gone = [each for each in result.records if each.get("FileError") == "EINVAL"]
    assert failed_of([each for each in gone if each["ProcPID"] == one.pid]) == {"OPEN": 2}
    assert other.facts["signal"] in {9, 11}
    unknown = {one.pid: "EINVAL", other.facts["child"]: "ENOMEM"}
    found = {
        each["ProcPID"]: (each["FileError"], each["FilePath"], each["File"])
        for each in result.records
        if each.get("ProcPID") in unknown and each.get("FileError") in {"EINVAL", "ENOMEM"}
    }
    assert found == {pid: (error, "", "") for pid, error in unknown.items()}
    lost = losses(result.records)
    assert lost == {"HealthNamesLost": 2, "HealthPathLostRing": 2}


def test_not_without_the_option(tmp_path: Path) -> None:
    """Nothing is told of attempts then."""
    folder = attempts.prepare(tmp_path.resolve())
    with Agent("-m", "file") as agent:
        forked(attempts.attempts, folder)
        result = agent.stop()
    assert not any(KEYS & set(each) for each in result.records)
    sure = [
        each
        for each in file_records(result.records, folder)
        if not (MAY_TRACE and "NO_INODE" in each.get("FileNotes", ()))
    ]
    assert set(by_path(sure, folder)) == {"there"}


def test_strict_has_no_place_for_it() -> None:
    """--strict leaves out all that --failed would tell: one of them is meant."""
    done = run("--failed", "--strict", "--duration", "1")
    assert done.returncode == 2
    assert "--failed" in done.stderr
    assert "Traceback" not in done.stderr

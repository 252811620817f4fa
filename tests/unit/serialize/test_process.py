# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from kflowd.model import ExeFlag, FileFlag, Process, ProcessFlag, SocketFlag
from kflowd.serialize import process as blocks
from kflowd.serialize.blocks.process import PROC_NOTES
from kflowd.serialize.process import ProcessBlocks, age_of, process_block
from tests.unit.make import actor, named_file, process, seen
from tests.unit.serialize.text import builder, keys, of_file, of_socket


def with_process(of: Process | None = None, **changes: Any) -> dict[str, Any]:
    value = named_file(process=of or process())
    value.actor.seen = seen(**changes)
    return keys(builder().file(value))


def test_what_is_known_of_the_process() -> None:
    """The process table adds path, arguments, login and namespaces."""
    values = with_process(args=("curl", 'a"b\udcff'))
    assert values["ProcExe"] == "/usr/bin/curl"
    assert values["ProcArgs"] == ["curl", 'a"b\ufffd']
    assert (values["ProcLoginUID"], values["ProcMntNS"]) == (1000, 11)
    assert "ProcNotes" not in values
    values = with_process(
        process(login_uid=2**32 - 1), args=(), exe="", exe_flags=FileFlag.PATH_TRUNCATED,
        flags=ProcessFlag.ARGS_TRUNCATED,
    )  # fmt: skip
    assert not {"ProcLoginUID", "ProcArgs", "ProcExe"} & set(values)
    assert values["ProcNotes"] == ["EXE_TRUNCATED", "ARGS_TRUNCATED"]
    assert of_file()["ProcNotes"] == ["UNKNOWN_PROCESS"]


@pytest.mark.parametrize(
    "flag", [FileFlag.PATH_UNKNOWN, FileFlag.PATH_NO_MOUNT, FileFlag.PATH_TEXT]
)
def test_a_path_of_the_executable_that_is_not_resolved_is_noted(flag: int) -> None:
    """Whatever is missing of it."""
    assert with_process(exe_flags=flag)["ProcNotes"] == ["EXE_TRUNCATED"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (ExeFlag.FILELESS, ["FILELESS"]),
        (ExeFlag.DELETED, ["DELETED"]),
        (ExeFlag.DELETED | FileFlag.PATH_TRUNCATED, ["EXE_TRUNCATED", "DELETED"]),
    ],
)
def test_an_executable_without_a_name_is_noted(flags: int, words: list[str]) -> None:
    """In memory alone, or removed."""
    assert with_process(exe_flags=flags)["ProcNotes"] == words
    assert set(words) <= set(PROC_NOTES)


def test_where_a_process_began_is_told() -> None:
    """Its working directory and its terminal, if it had them."""
    values = with_process(workdir="/tmp/a\udcff", tty="pts/3")
    assert (values["ProcWorkDir"], values["ProcTTY"]) == ("/tmp/a\ufffd", "pts/3")
    assert not {"ProcWorkDir", "ProcTTY"} & set(with_process())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (FileFlag.PATH_TRUNCATED, ["WORKDIR_TRUNCATED"]),
        (FileFlag.PATH_NO_MOUNT, ["WORKDIR_TRUNCATED"]),
        (FileFlag.PATH_UNREACHABLE, ["WORKDIR_TRUNCATED"]),
        (FileFlag.PATH_DELETED, None),
    ],
)
def test_a_working_directory_that_is_not_complete_is_noted(
    flags: int, words: list[str] | None
) -> None:
    """That it is removed its name says."""
    assert with_process(workdir="/a", workdir_flags=flags).get("ProcNotes") == words


def test_numbers_that_are_not_known_are_absent() -> None:
    """Zero is no namespace, and a session that was never set is none."""
    values = with_process(process(session_id=2**32 - 1, cgroup_id=0, mnt_ns=0, net_ns=0), pid_ns=0)
    unknown = {"ProcSessionID", "ProcCgroupID", "ProcMntNS", "ProcPidNS", "ProcNetNS"}
    assert not unknown & set(values)


def test_process_fields_are_cached_per_image() -> None:
    """Another image of the process has other fields, however many there are."""
    made = builder()
    for number in range(5000):
        value = named_file()
        value.actor.seen = seen(exe=f"/bin/{number}")
        assert made.file(value).details == blocks.details_of(value.actor)
        assert made._processes.of(value.actor)[2] == blocks.details_of(value.actor)


def test_blocks_of_an_actor_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """All records of an actor share them; what is kept is bounded."""
    monkeypatch.setattr(blocks, "MAX_CACHED", 10)
    made, one = ProcessBlocks(strict=False), actor()
    assert made.of(one)[1] is made.of(one)[1]
    assert made.of(one)[1] is not made.of(actor())[1]
    for number in range(100):
        _, block, _ = made.of(actor(proc=str(number)))
        assert block.Proc == str(number)
        assert len(made._known) <= 10


def test_strict_has_no_details() -> None:
    """They go beyond the contract."""
    assert ProcessBlocks(strict=True).of(actor(seen=seen()))[2] is None


def test_a_socket_without_owner_has_names_and_no_numbers() -> None:
    """Names that are unknown are empty, numbers absent."""
    values = of_socket(flags=SocketFlag.NO_OWNER | SocketFlag.FINAL)
    assert (values["Proc"], values["ProcUser"]) == ("", "")
    assert not {"ProcPID", "ProcUID", "ProcEUID", "ProcAge", "ProcCgroupID"} & set(values)
    assert values["ProcNotes"] == ["NO_OWNER"]


def test_root_and_the_idle_task_are_numbers_too() -> None:
    """Zero is a number of a process and of a user."""
    block = process_block(actor(process=process(tgid=0, tid=0, ppid=0, uid=0, gid=0)))
    assert (block.ProcPID, block.ProcTID, block.ProcPPID) == (0, 0, 0)
    assert (block.ProcUID, block.ProcGID) == (0, 0)


def test_an_age_is_that_of_the_process() -> None:
    """From its start to the event; a start that was noted later is no negative age."""
    age = age_of(actor(process=process(start_ns=5)), 12)
    assert age is not None
    assert age.ProcAge == 7
    assert age_of(actor(process=None), 12) is None
    assert of_file(process=process(start_ns=99), last_ns=98)["ProcAge"] == 0


def test_each_note_is_explained() -> None:
    """The words are those of the table."""
    exe_flags = FileFlag.PATH_TEXT | ExeFlag.DELETED | ExeFlag.FILELESS
    noted = with_process(
        exe_flags=exe_flags,
        flags=ProcessFlag.ARGS_TRUNCATED,
        workdir_flags=FileFlag.PATH_TRUNCATED,
    )
    words = [*noted["ProcNotes"], *of_file()["ProcNotes"]]
    words += of_socket(flags=SocketFlag.NO_OWNER)["ProcNotes"]
    lost = actor(incomplete=True, names_late=True, labels_late=True, cgroup_read=True)
    details = blocks.details_of(lost)
    words += details.ProcNotes or ()
    assert sorted(words) == sorted(PROC_NOTES)

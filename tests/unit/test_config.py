# SPDX-License-Identifier: Apache-2.0
import os
import re
import socket
import time
import tomllib
from pathlib import Path

import pytest

from kflowd import config
from kflowd.errors import UsageError
from kflowd.settings import Settings, TraceSettings
from kflowd.settings.sources import Source, effective

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "configuration.md"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a host's file, which is not there yet."""
    path = tmp_path / "kflowd.toml"
    monkeypatch.setattr(config, "DEFAULT", path)
    return path


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be root, whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def owned(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    """Let each file be a user's."""
    fstat = os.fstat

    def changed(number: int) -> os.stat_result:
        found = list(fstat(number))
        found[4] = uid
        return os.stat_result(found)

    monkeypatch.setattr(os, "fstat", changed)


def refused(path: Path | None) -> str:
    """Return the line with which a file is refused, by a run and by a check."""
    with pytest.raises(UsageError) as caught:
        config.load(path)
    assert caught.value.hint is None
    assert config.problems_of(path)[0] == str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_host_s_file_need_not_be_there(file: Path) -> None:
    """Nor the directory that it would be in; one that is named has to be."""
    assert config.load(None) == Source()
    assert refused(file) == f"reading {file}: No such file or directory"


def test_a_file_that_is_there_is_read(file: Path) -> None:
    """By its place or by its name, with the line of each value."""
    file.write_text("quiet = true\n\n[trace]\nidle = 3\n")
    found = config.load(None)
    assert found == config.load(file)
    assert effective(found, Source()) == Settings(
        quiet=True, trace=TraceSettings(idle_ns=3 * 10**9)
    )
    assert found.origin(("trace", "idle")) == f"{file}:4"


def test_a_named_file_stands_in_place_of_the_host_s(file: Path, tmp_path: Path) -> None:
    """Nothing of that holds then; /dev/null has nothing."""
    file.write_text("quiet = true")
    other = tmp_path / "other"
    other.write_text("strict = true")
    assert config.load(other).values == {("strict",): True}
    assert config.load(Path("/dev/null")) == Source()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n[trace]\nidel = 1", "3: trace.idel: no such setting; did you mean trace.idle?"),
        ("\n\n[tarce]\nidle = 1", "3: tarce: no such setting; did you mean trace?"),
        ("idle = 1", "1: idle: no such setting; did you mean trace.idle?"),
        ('"a\\nb\\u001b" = 1', "1: 'a\\nb\\x1b': no such setting"),
        ("trace = 3", "1: trace: 3 is no table of settings"),
        ('strict = "yes"', "1: strict: 'yes' is neither true nor false"),
        (
            "[trace]\nmonitor = [\n'file',\n'x']",
            "2: trace.monitor: 'x' is none of file, socket, process",
        ),
        ("\n" + "[[output]]\n" * 17, "2: output: 17 tables, 1 to 16 can be"),
        (
            "output = [{ form = 1 }]",
            "1: output[0].form: no such setting; did you mean output[0].fo",
        ),
        (
            f"trace.events = 0x{'f' * 9999}",
            "1: a number or word of more than 640 characters",
        ),
        (
            f"trace.monitor{'.a' * 13} = 1",
            "1: trace.monitor: a table is none of file, socket, process",
        ),
        (
            "[[output]]\nwhere = 'ProcUID >= 1 and Fiel == \"x\"'",
            "2: output[0].where: character 18: Fiel is no field; did you mean File?",
        ),
        (
            "[[output]]\n\nwhere = 'ProcUID startswith \"x\"'",
            "3: output[0].where: character 9: ProcUID is a whole number: startswith is none of",
        ),
        ("output = [{ where = 'File ==' }]", "1: output[0].where: character 8: a number or a t"),
        ("output = [{ where = 1 }]", "1: output[0].where: 1 is no expression"),
        ("count = nan", "1: count: nan is no whole number from 1 on"),
        ("trace.idle = inf", "1: trace.idle: inf is no number of seconds"),
        (
            "trace.idle = 1979-05-27",
            "1: trace.idle: 1979-05-27 is no number of seconds",
        ),
        ("a = 1\nb c", "2: no TOML: Expected '=' after a key in a key/value pair (column 3)"),
    ],
)
def test_what_is_wrong_has_file_line_and_key(text: str, line: str, file: Path) -> None:
    """And what is wanted, or was meant."""
    file.write_text(text)
    assert refused(None).startswith(f"{file}:{line}")


def test_a_check_tells_all_that_is_wrong_by_lines(file: Path) -> None:
    """In the order of the file; a run tells the first one that it meets."""
    file.write_text("xyzzy = 1\ntrace.idle = 0\n[output]\n[enrich]\ntoken = ''\nchecksum = true\n")
    lines = [line.removeprefix(f"{file}:").split(": ")[:2] for line in config.problems_of(None)]
    assert lines == [
        *(["1", "xyzzy"], ["2", "trace.idle"], ["3", "output"]),
        *(["5", "enrich.token"], ["6", "enrich.checksum"]),
    ]


def test_a_check_tells_all_that_contradicts(file: Path) -> None:
    """With the lines of both, and behind what is wrong by itself."""
    file.write_text(
        "strict = true\nudp = ['192.0.2.1:2056']\ncount = 0\n[trace]\nmonitor = ['socket']\n"
        "failed = true\ndirectories = true\n[[output]]\nformat = 'compact'\n"
    )
    lines = [line.removeprefix(f"{file}:") for line in config.problems_of(None)]
    only_files = "only files have it, and --monitor is without file"
    assert lines == [
        "3: count: 0 is no whole number from 1 on",
        f"7: trace.directories: {only_files} ({file}:5)",
        f"6: trace.failed: {only_files} ({file}:5)",
        f"9: output[0].format: compact is for people, and --udp for programs ({file}:2)",
    ]
    file.write_text("trace.failed = true\nstrict = true\n")
    (line,) = config.problems_of(None)
    assert line.startswith(f"{file}:1: trace.failed: its fields go beyond the contract")
    assert line.endswith(f" ({file}:2)")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("output = [{ sink = 'http', url = 1 }]", ["output[0].url: 1 is no address"]),
        (
            "output = [{ sink = 'fil', path = '/x', rotate.keep = 3 }, {}]",
            ["output[0].sink: 'fil' is none of stdout, file,"],
        ),
        ("output = [{ path = 7 }]", ["output[0].path: 7 is no path"]),
        (
            "output = [{ sink = 'file', path = 7 }, { sink = 'file', path = 8 }]",
            ["output[0].path: 7 is no path", "output[1].path: 8 is no path"],
        ),
        ("daemon = true\noutput = 3", ["output: 3 is no list of tables"]),
        ("daemon = true\noutput = [{ sink = 'x' }]", ["output[0].sink: 'x' is none of"]),
        ("metrics = { prefix = 'x', graphite = 1 }", ["metrics.graphite: 1 is no address"]),
        ("trace = { failed = true, monitor = ['x'] }", ["trace.monitor: 'x' is none of"]),
        ("[trace]\nfailed = true\nmonitor = 'x'", ["trace.monitor: 'x' is none of"]),
        (
            "output = [{ url = 1 }, { sink = 'tcp' }]",
            ["output[0].url: 1 is no address", "output[1].sink: tcp needs an address"],
        ),
    ],
)
def test_nothing_follows_of_what_is_refused(text: str, lines: list[str], file: Path) -> None:
    """What another value would mend is not told; what it would not mend is."""
    file.write_text(text)
    found = [line.split(": ", 1)[1] for line in config.problems_of(None)]
    assert len(found) == len(lines)
    assert all(it.startswith(line) for it, line in zip(found, lines, strict=True))


def test_all_that_contradicts_in_outputs_is_told_with_its_line(file: Path) -> None:
    """Also of a table, of what has its default, and behind others of the same output."""
    file.write_text(
        "[[output]]\nsink = 'tcp'\naddress = 'a:1'\nrotate.keep = 3\nbatch.age = 5\n"
        "[[output]]\n[[output]]\n[[output]]\nsink = 'http'\nformat = 'otlp'\ntimeout = 5\n"
        f"[[output]]\nsink = 'unix'\npath = '/{'x' * 107}'\n"
        "[application]\ndns = ['tcp/80']\n"
    )
    lines = [line.replace(f"{file}:", "") for line in config.problems_of(None)]
    assert lines == [
        "16: application.dns: tcp/80 is read as HTTP already",
        "4: output[0].rotate.keep: only a file is rotated (2)",
        "5: output[0].batch.age: only http has requests (2)",
        "7: output[2].sink: stdout is there twice",
        "9: output[3].sink: http needs a url",
        "14: output[4].path: has more than the 107 bytes of the path of a socket (13)",
    ]
    with pytest.raises(UsageError) as caught:
        effective(config.load(None), Source())
    assert str(caught.value) == config.problems_of(None)[0]


@pytest.mark.parametrize("kind", ["directory", "fifo", "socket", "device", "loop"])
def test_what_is_no_file_is_refused_at_once(kind: str, file: Path) -> None:
    """Nobody has to write to a FIFO first."""
    reason = "it is no regular file"
    match kind:
        case "directory":
            file.mkdir()
        case "fifo":
            os.mkfifo(file)
        case "socket":
            reason = "No such device or address"
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(file))
        case "device":
            file.symlink_to("/dev/zero")
        case _:
            reason = "Too many levels of symbolic links"
            file.symlink_to(file)
    assert refused(None) == f"reading {file}: {reason}"


def test_a_file_that_may_not_be_read_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there, so it is not passed over."""

    def denied(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    assert refused(None) == f"reading {file}: Permission denied"


def test_a_file_that_is_no_utf_8_is_refused(file: Path) -> None:
    """With the line where it is none."""
    file.write_bytes(b'quiet = true\n# \xe4\nrecord = "x"\n')
    assert refused(None) == f"{file}:2: no TOML: it is no UTF-8"


def test_a_mark_of_the_byte_order_is_passed_by(file: Path) -> None:
    """As some editors write it; lines are counted right behind it."""
    file.write_bytes(b"\xef\xbb\xbfquiet = true\n")
    assert config.load(None).values == {("quiet",): True}
    file.write_bytes(b"\xef\xbb\xbf\n\n\xe4\n\n\n")
    assert refused(None) == f"{file}:3: no TOML: it is no UTF-8"


def test_an_enormous_file_is_refused_unread(file: Path) -> None:
    """A terabyte takes no time; the largest file that is read takes little."""
    file.touch()
    os.truncate(file, 1 << 40)
    assert refused(None) == f"reading {file}: it has more than 256 KiB"
    file.write_text("a = 1\n" * (config.MOST_BYTES // 6))
    assert refused(None).endswith(":2: a: it is there twice, first in line 1")


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 130_000) + " = 1",
        "a = " + "[" * 260_000,
        "".join(f"k{number} = 1\n" for number in range(20_000)),
        "k" * 260_000 + " = 1",
        'a = "' + '\\"' * 130_000,
    ],
    ids=["parts", "lists", "keys", "key", "text"],
)
def test_no_text_takes_long(text: str, file: Path) -> None:
    """Within the size all that is wrong is told, up to a hundred problems of it."""
    file.write_text(text)
    began = time.process_time()
    assert 1 <= len(config.problems_of(None)) <= config.MOST_PROBLEMS
    assert time.process_time() - began < 20


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("mode", [0o664, 0o646, 0o620])
def test_root_reads_no_file_that_others_may_write(
    mode: int, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what a program of root does."""
    owned(monkeypatch, 0)
    file.touch()
    file.chmod(mode)
    cause = f"kflowd runs as root, and others may write the file: its mode is {mode:04o}"
    assert refused(None) == refused(file) == f"reading {file}: {cause}"
    file.chmod(0o644)
    assert config.load(None) == Source()


@pytest.mark.usefixtures("as_root")
def test_root_reads_no_file_of_another_user(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its mode is: who owns it can change that."""
    owned(monkeypatch, 1000)
    file.touch(0o400)
    cause = "kflowd runs as root, and user 1000 owns the file"
    assert refused(None) == f"reading {file}: {cause}"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert config.load(None) == Source()


def test_the_example_of_the_manual_is_right(file: Path) -> None:
    """Each of its lines sets something, and the file is taken as it is."""
    (text,) = re.findall(r"```toml\n(.*?)```", EXAMPLE.read_text(), re.DOTALL)
    file.write_text(text)
    assert config.problems_of(None) == []
    set_there = config.load(None).values
    assert len([it for it in set_there.values() if it is not None]) == text.count(" = ")
    assert effective(config.load(None), Source()) != Settings()
    assert set(tomllib.loads(text)) <= {"trace", "enrich", "output", *Settings.__struct_fields__}


def test_a_run_reads_its_file_again(file: Path) -> None:
    """What the options say wins as before; what is wrong is refused as before."""
    line = Source({("trace", "idle"): 5}, {("trace", "idle"): "-t"})
    again = config.Again(None, line, Source())
    assert not again.there()
    file.write_text("[trace]\nidle = 7\nactive = 9\n")
    assert again.there()
    assert again.load().trace.idle_ns == 5
    assert again.load().trace.active_ns == 9_000_000_000
    file.write_text("[trace]\nidel = 7\n")
    with pytest.raises(UsageError, match=f"^{file}:2: trace.idel: no such setting"):
        again.load()
    assert config.Again(None, Source(), Source(), quiet=True)._quiet


def test_a_file_that_has_vanished_is_no_file_of_defaults(file: Path) -> None:
    """What it said goes on to hold; a file that never was there is none."""
    file.write_text("verbose = true\n")
    again = config.Again(None, Source(), config.load(None))
    never = config.Again(None, Source(), Source())
    file.unlink()
    assert again.there()
    with pytest.raises(UsageError, match="No such file or directory"):
        again.load()
    assert not never.there()
    assert never.load() == Settings()
    assert not config.Again(Path("/dev/null"), Source(), Source()).there()
    assert config.Again(file, Source(), Source()).there()


def test_in_the_background_nothing_goes_to_standard_output(file: Path) -> None:
    """Whatever the file says by now."""
    file.write_text("verbose = true\n")
    found = config.Again(file, Source(), Source(), quiet=True).load()
    assert found == Settings(quiet=True, verbose=True)

# SPDX-License-Identifier: Apache-2.0
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import kflowd
from kflowd import app, cli, config, top, versions
from kflowd.errors import BpfError, FeatureError, KflowdError, PrivilegeError, UsageError
from kflowd.settings import OutputSettings, Settings, TraceSettings

NO_SECONDS = "is no number of seconds above 0, at most 1000000000; units: ms, s, m, h, d"


@pytest.fixture(autouse=True)
def host_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a host's file of settings, which is not there yet."""
    path = tmp_path / "kflowd.toml"
    monkeypatch.setattr(config, "DEFAULT", path)
    return path


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Take the settings that a run would have, in place of running."""
    found: list[Settings] = []

    def trace(settings: Settings, _say: Any, **_more: Any) -> int:
        found.append(settings)
        return 0

    monkeypatch.setattr(app, "trace", trace)
    return found


def test_without_options_it_traces(traced: list[Settings]) -> None:
    """The command alone traces with the defaults."""
    assert cli.run([]) == 0
    assert traced == [Settings()]


def test_every_option_arrives(traced: list[Settings], tmp_path: Path) -> None:
    """Each option is a setting; short options can be joined."""
    arguments = shlex.split(
        "-m file -t 2.5,7 -e 3 -o json-min -qV --duration 1.5 --count 9 --attach kprobe --strict"
        " --pseudo-fs --ring-bytes 65536 --file-entries 100 --sock-entries 200 --unix-entries 300"
    )

    assert cli.run([*arguments, "--record", str(tmp_path / "r")]) == 0

    assert traced == [
        Settings(
            trace=TraceSettings(
                monitor=frozenset({"file"}),
                idle_ns=2_500_000_000,
                active_ns=7_000_000_000,
                events=3,
                attach="kprobe",
                pseudo_fs=True,
                ring_bytes=65536,
                file_entries=100,
                sock_entries=200,
                unix_entries=300,
            ),
            output=(OutputSettings(format="json-min"),),
            quiet=True,
            verbose=True,
            duration_ns=1_500_000_000,
            count=9,
            strict=True,
            record=tmp_path / "r",
        )
    ]


def test_long_options_are_the_short_ones(traced: list[Settings]) -> None:
    """Each short option has a long one, or several for the values that it takes."""
    short = shlex.split("-m file -t 2.5,7 -e 3 -o json-min -q -v -V")
    long = shlex.split(
        "--monitor file --idle 2500ms --active 7s --events 3 --format json-min --quiet "
        "--package-versions --verbose"
    )
    assert (cli.run(short), cli.run(long)) == (0, 0)
    assert traced[0] == traced[1]


def test_one_setting_is_given_once(
    traced: list[Settings], capfd: pytest.CaptureFixture[str]
) -> None:
    """-t and --idle together contradict; -t of one value leaves --active free."""
    assert cli.run(["-t", "3", "--idle", "4"]) == 2
    assert capfd.readouterr().err == "kflowd: --idle: -t sets it too\n"
    assert cli.run(["-t", "3", "--active", "4"]) == 0
    assert traced == [Settings(trace=TraceSettings(idle_ns=3_000_000_000, active_ns=4_000_000_000))]


def test_a_file_is_read_and_options_win(traced: list[Settings], host_file: Path) -> None:
    """That of the host, or the one that is named in its place."""
    host_file.write_text("quiet = true\ncount = 3\n[trace]\nidle = 1\nactive = 2\n")
    other = host_file.with_name("other")
    other.write_text('[[output]]\nformat = "json-min"\n')

    assert cli.run(["--count", "4", "--active", "5"]) == 0
    assert cli.run(["-C", str(other)]) == 0
    assert cli.run(["--config", "/dev/null"]) == 0

    trace = TraceSettings(idle_ns=1_000_000_000, active_ns=5_000_000_000)
    assert traced == [
        Settings(trace=trace, quiet=True, count=4),
        Settings(output=(OutputSettings(format="json-min"),)),
        Settings(),
    ]


def test_all_that_runs_here_reads_the_file(
    host_file: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Doctor and a program to trace as a run; a replay what is named alone, of that its options."""
    found: list[Settings] = []

    def diagnose(settings: Settings, *, as_json: bool) -> tuple[str, int]:
        found.append(settings)
        return f"json {as_json}", 0

    monkeypatch.setattr(app, "diagnose", diagnose)
    monkeypatch.setattr(app, "trace_command", lambda _, it, _say: found.append(it))
    monkeypatch.setattr(app, "replay", lambda _, it, _say: found.append(it))
    host_file.write_text("quiet = true\ntrace.idle = 1\n")

    for arguments in ("doctor", "-- true", "replay x", f"replay x -C {host_file}"):
        assert cli.run(shlex.split(arguments)) == 0, capfd.readouterr()

    of_file = Settings(quiet=True, trace=TraceSettings(idle_ns=1_000_000_000))
    assert found == [of_file, of_file, Settings(), Settings(quiet=True)]


@pytest.mark.parametrize(
    "arguments", [[], ["doctor"], ["--", "true"], ["config", "show"], ["config", "check"]]
)
def test_a_wrong_file_is_one_line(
    arguments: list[str], host_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It names the file, the line, the key, what is wrong and what would be right."""
    host_file.write_text("[trace]\nidle = 0\n")
    assert cli.run(arguments) == 2
    line = f"{host_file}:2: trace.idle: 0 {NO_SECONDS}"
    assert capfd.readouterr() == ("", f"kflowd: {line}\n")


@pytest.mark.parametrize(
    "arguments", ["-C {}", "doctor -C {}", "replay x -C {}", "config show -C {}", "config check {}"]
)
def test_a_file_that_is_named_has_to_be_there(
    arguments: str, host_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only that of the host need not."""
    assert cli.run(shlex.split(arguments.format(host_file))) == 2
    line = f"reading {host_file}: No such file or directory"
    assert capfd.readouterr() == ("", f"kflowd: {line}\n")


def test_check_tells_all_that_is_wrong(host_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each in a line; or that nothing is."""
    assert cli.run(["config", "check"]) == 0
    host_file.write_text("quiet = 1\nquite = true\n")
    assert cli.run(["config", "check"]) == 2
    out, err = capfd.readouterr()
    assert out == f"OK: {host_file} is not there\n"
    assert err.splitlines() == [
        f"kflowd: {host_file}:1: quiet: 1 is neither true nor false",
        f"kflowd: {host_file}:2: quite: no such setting; did you mean quiet?",
    ]
    host_file.write_text("quiet = true\n")
    for named in ([str(host_file)], ["-C", str(host_file)], [f"--config={host_file}"]):
        assert cli.run(["config", "check", *named]) == 0
        assert capfd.readouterr() == (f"OK: {host_file}\n", "")


def test_show_prints_what_a_run_would_have(
    traced: list[Settings], host_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a file that sets the same, with --origin where each value comes from."""
    host_file.write_text("quiet = true\n[trace]\nidle = 3\n")
    options = ["-m", "file", "--include", 'path=/a"b,/c', "--idle", "500ms", "-o", "json-min"]
    assert cli.run(options) == 0
    assert cli.run(["config", "show", "--origin", *options]) == 0
    text = capfd.readouterr().out
    for line in (
        f"quiet = true  # {host_file}:1",
        'idle = "0.5"  # --idle',
        'monitor = ["file"]  # -m/--monitor',
        "active = 1800  # default",
    ):
        assert line in text.splitlines()
    host_file.write_text(text)
    assert cli.run([]) == 0
    assert traced[0] == traced[1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["config"], "Missing command."),
        (["config", "x"], "No such command 'x'."),
        (["-C", "x", "config", "show"], "options of config come after its name"),
        (["config", "show", "-t", "0"], f"-t: '0' {NO_SECONDS}"),
        (["config", "check", "-C", "x", "y"], "-C/--config: y is to be checked already"),
    ],
)
def test_wrong_use_of_config_is_told(
    arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As that of all commands."""
    assert cli.run(arguments) == 2
    assert capfd.readouterr().err.splitlines()[0] == f"kflowd: {line}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("-- true", (["true"], None)),
        ("-o json-min -- ls -V --help", (["ls", "-V", "--help"], "json-min")),
        ("-ojson-min -- doctor -- x", (["doctor", "--", "x"], "json-min")),
        ("-- -- x", (["--", "x"], None)),
    ],
)
def test_a_program_is_what_stands_behind_two_dashes(
    arguments: str, expected: tuple[list[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that follows, also what looks like ours; its status is the exit code."""
    found: list[Any] = []

    def trace_command(arguments: list[str], settings: Settings, _say: Any) -> int:
        found.append((arguments, settings))
        return 7

    monkeypatch.setattr(app, "trace_command", trace_command)
    assert cli.run(shlex.split(arguments)) == 7
    program, form = expected
    output = (OutputSettings(format=form),) if form else Settings().output
    assert found == [(program, Settings(output=output))]


def test_two_dashes_behind_a_command_are_of_that_command(
    traced: list[Settings], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`replay -- -x` reads a file -x; as the value of an option they are none; nothing is wrong."""
    paths: list[Path] = []
    monkeypatch.setattr(app, "replay", lambda path, _settings, _say: paths.append(path))
    assert cli.run(["replay", "--", "-x"]) == 0
    assert paths == [Path("-x")]
    assert cli.run(["--"]) == 2
    assert capfd.readouterr().err == "kflowd: --: the program to trace is missing\n"
    assert cli.run(["--record", "--", "true"]) == 2
    assert cli.run(["--no-such", "--", "true"]) == 2
    assert traced == []


@pytest.mark.parametrize(("program", "code"), [("no-such-program", 127), ("/", 126)])
def test_a_program_that_cannot_run_is_one_line(
    program: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """At once, with the code of a shell."""
    assert cli.run(["--", program]) == code
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("kflowd: running ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["-m", "f"], "-m/--monitor: 'f' is none of file, socket, process"),
        (["-t", "0"], f"-t: '0' {NO_SECONDS}"),
        (["-t", "1,2,3"], "-t: '1,2,3' has too many values for IDLE[,ACTIVE]"),
        (["--idle", "-1"], f"--idle: '-1' {NO_SECONDS}"),
        (["-e", "0"], "-e/--events: '0' is no whole number from 1 to 4294967295"),
        (["--attach", "x"], "--attach: 'x' is none of fentry, kprobe, tracepoint"),
        (
            ["--ring-bytes", "20000"],
            "--ring-bytes: '20000' is no power of two from 16KiB to 1GiB; units: KiB, MiB, GiB",
        ),
        (["--file-entries", "9"], "--file-entries: '9' is no whole number from 16 to 4194304"),
        (
            ["-o", "tab"],
            "-o/--format: 'tab' is none of json, json-min, ecs, ocsf, compact, table",
        ),
        (["--duration", "x"], f"--duration: 'x' {NO_SECONDS}"),
        (["--count", "0"], "--count: '0' is no whole number from 1 on"),
        (["--record", ""], "--record: '' is no path"),
        (["replay", "x", "--count", "y"], "--count: 'y' is no whole number from 1 on"),
        (["doctor", "-m", ""], "-m/--monitor: '' is none of file, socket, process"),
    ],
)
def test_a_wrong_value_is_one_line(
    arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It names the option, what is wrong and what would be right."""
    assert cli.run(arguments) == 2
    assert capfd.readouterr() == ("", f"kflowd: {line}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["-e"],
        ["-e", "0"],
        ["-t", "1,2,3"],
        ["-u", "127.0.0.1"],
        ["--no-such"],
        ["nosuch"],
        ["file"],
        ["-o", "json-min", "replay", "x"],
        ["replay"],
        ["replay", "a", "b"],
        ["doctor", "-o", "json"],
    ],
)
def test_wrong_use_is_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Wrong use is a line on stderr, nothing on stdout, and exit code 2."""
    assert cli.run(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("kflowd: ")


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (KflowdError("reading x: gone"), 1, ["kflowd: reading x: gone"]),
        (UsageError("-e: no"), 2, ["kflowd: -e: no"]),
        (
            FeatureError("loading: no BTF", "another kernel"),
            3,
            ["kflowd: loading: no BTF", "  another kernel"],
        ),
        (PrivilegeError("loading: not root", "sudo"), 4, ["kflowd: loading: not root", "  sudo"]),
        (BpfError("a\nb"), 1, ["kflowd: a b"]),
        (OSError(28, "No space left on device", "f"), 1, ["kflowd: f: No space left on device"]),
        (
            ZeroDivisionError("x"),
            1,
            ["kflowd: internal error: ZeroDivisionError: x", "  -V shows where"],
        ),
        *(
            (ImportError(text), 1, [f"kflowd: loading a library: {text}"])
            for text in (
                "libffi.so.8: failed to map segment from shared object",
                "libz.so.1: cannot open shared object file: Too many open files",
                "libgomp.so.1: cannot allocate memory in static TLS block",
            )
        ),
        (
            ImportError("cannot import name 'x'"),
            1,
            ["kflowd: internal error: ImportError: cannot import name 'x'", "  -V shows where"],
        ),
        (BrokenPipeError(), 0, []),
        (KeyboardInterrupt(), 130, [""]),
    ],
)
def test_errors_are_a_line_and_a_code(
    error: BaseException,
    code: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Each error has its exit code and one line, its hint a second one."""

    def trace(_settings: Settings, _say: Any, **_more: Any) -> int:
        raise error

    monkeypatch.setattr(app, "trace", trace)
    assert cli.run([]) == code
    assert capfd.readouterr().err.splitlines() == lines


@pytest.mark.parametrize("option", ["-V", "--verbose"])
def test_verbose_shows_where(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With -V an internal error keeps its traceback."""

    def trace(_settings: Settings, _say: Any, **_more: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "trace", trace)
    with pytest.raises(ZeroDivisionError):
        cli.run([option])


def test_help_has_both_forms(capfd: pytest.CaptureFixture[str]) -> None:
    """-h and --help print the same on stdout and are no error."""
    assert cli.run(["-h"]) == 0
    short = capfd.readouterr().out
    assert cli.run(["--help"]) == 0
    assert capfd.readouterr().out == short
    assert "--duration SECONDS" in short


@pytest.mark.parametrize(
    "told",
    [
        "[above 0, at most 1000000000; units: ms, s, m, h, d; default: 15]",
        "[16KiB to 1GiB, a power of two; units: KiB, MiB, GiB; default: 8MiB]",
        "128 + its number where a second signal ended it at once: 130 after Ctrl-C, 143 after",
    ],
)
def test_help_has_units_and_all_exit_codes(told: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What a value may be written in, and how a run may end."""
    assert cli.run(["--help"]) == 0
    assert told in " ".join(capfd.readouterr().out.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--version", "doctor"],
        ["doctor", "--version"],
        ["replay", "--version"],
        ["config", "show", "--version"],
    ],
)
def test_versions_are_told_by_every_command(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Before its name and behind it, in one line, and nothing else is done."""
    assert cli.run(arguments) == 0
    assert capfd.readouterr() == (f"{versions.line()}\n", "")


@pytest.mark.parametrize(
    ("arguments", "of"),
    [
        (["--no-such"], "kflowd"),
        (["nosuch"], "kflowd"),
        (["replay"], "kflowd replay"),
        (["doctor", "-o", "json"], "kflowd doctor"),
    ],
)
def test_a_hint_names_the_help_of_the_command(
    arguments: list[str], of: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """That is where its options are."""
    assert cli.run(arguments) == 2
    assert capfd.readouterr().err.splitlines()[-1] == f"  {of} --help lists the options"


def test_start_loads_little() -> None:
    """Help and wrong options load neither the extension nor the stages."""
    script = (
        "import sys; from kflowd import cli; code = cli.run(['-e', '0']);"
        "late = ('kflowd.bpf', 'kflowd.enrich', 'structlog', 'tomllib');"
        "print(code, [name for name in sys.modules if name.startswith(late)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert done.stdout == "2 []\n"


def test_doctor_takes_what_tracing_takes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """-m and --attach of doctor are those of a run, so that it shows what that would have."""
    found: list[Settings] = []

    def diagnose(settings: Settings, *, as_json: bool) -> tuple[str, int]:
        found.append(settings)
        return f"json {as_json}", 3

    monkeypatch.setattr(app, "diagnose", diagnose)
    assert cli.run(["doctor"]) == 3
    assert cli.run(["doctor", "-m", "file", "--attach", "kprobe", "--json", "-V"]) == 3
    narrowed = Settings(
        trace=TraceSettings(monitor=frozenset({"file"}), attach="kprobe"), verbose=True
    )
    assert found == [Settings(), narrowed]
    assert capfd.readouterr().out == "json False\njson True\n"


@pytest.mark.parametrize("command", ["--version", "doctor"])
def test_full_disk_is_one_line(command: str) -> None:
    """Where stdout takes nothing, one line says so, and Python adds none when it ends."""
    script = (
        "import sys; from kflowd import app, cli; app.diagnose = lambda *_, **__: ('x', 0);"
        "sys.exit(cli.run(sys.argv[1:]))"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", script, command],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.stderr == "kflowd: writing to stdout: No space left on device\n"
    assert done.returncode == 1


def test_replay_needs_no_extension(tmp_path: Path) -> None:
    """Replay and --version work where the extension cannot be imported."""
    script = (
        "import sys; sys.modules['kflowd.bpf.native._kflowd'] = None; from kflowd import cli;"
        "print(cli.run(['--version']), cli.run(['replay', sys.argv[1]]))"
    )
    path = tmp_path / "r"
    path.write_bytes(b"x")
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.endswith("0 1\n")
    assert "libbpf not built" in done.stdout
    assert "it is no recording of kflowd" in done.stderr


@pytest.mark.parametrize("option", ["-l", "--legend"])
def test_the_legend(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    """It is printed, whatever stands beside it, and nothing is traced."""
    assert cli.run(["-o", "table", option]) == 0
    said = capfd.readouterr()
    assert said.out.startswith(f"kflowd {kflowd.__version__}\nLegend (")
    assert "\nFileEvents  " in said.out
    assert not said.err


def test_top_runs_an_agent_with_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options as they were given, and which settings they set; its exit code is ours."""
    found: list[Any] = []

    def run(options: list[str], fields: set[str], *_: object) -> int:
        found.append((options, fields))
        return 4

    monkeypatch.setattr(top, "top_of_agent", run)
    given = ["-m", "file", "-t2", "--exclude", "path=/var", "-C", "/dev/null"]
    assert cli.run(["top", *given]) == 4
    assert found == [(given, {"monitor", "idle", "exclude", "config_file"})]


def test_top_reads_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or standard input, which is "-"."""
    found: list[str] = []
    monkeypatch.setattr(top, "top_of_file", lambda path, _show: found.append(path))
    assert [cli.run(["top", path]) for path in ("x", "-")] == [0, 0]
    assert found == ["x", "-"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("top x -m file", "x: options are for an agent, and not beside a file"),
        ("top -o json", "No such option '-o'"),
        ("top -m nothing", "-m/--monitor: 'nothing' is none of file, socket, process"),
        ("top /nonexistent", "reading /nonexistent: No such file or directory"),
    ],
)
def test_what_top_refuses(arguments: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    """One line says why; no agent is started."""
    assert cli.run(shlex.split(arguments)) in {1, 2}
    assert message in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("-d", "--daemon: there is no stdout for it: with --udp, --record or another output"),
        ("-d -q", "--daemon: there is no stdout for it: with --udp, --record or another output"),
        ("--pid-file x -u 192.0.2.7:1", "--pid-file: only with --daemon"),
        ("-d --record x -- true", "-d/--daemon: not with a program to trace"),
    ],
)
def test_what_cannot_be_in_the_background(
    arguments: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a way out, or without being there, or for a program."""
    assert cli.run(shlex.split(arguments)) == 2
    assert capfd.readouterr().err.splitlines()[0] == f"kflowd: {message}"


@pytest.mark.parametrize("error", [MemoryError(), SystemError("error return without exception")])
def test_no_memory_for_an_exception(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The interpreter says so in its own way, wherever it stands: one line, no traceback."""

    def fails(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(cli.command, "main", fails)
    assert cli.run([]) == 1
    assert capfd.readouterr().err.startswith("kflowd: running out of memory")
    monkeypatch.setattr(cli, "run", fails)
    with pytest.raises(SystemExit) as caught:
        cli.entry()
    assert caught.value.code == 1
    assert capfd.readouterr().err.startswith("kflowd: running out of memory")

# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.errors import UsageError
from kflowd.settings.applications import AnyPort, TcpPort
from kflowd.settings.lines import OptionLine, option_lines
from kflowd.settings.option import Command
from kflowd.settings.plugins import PortsOf
from kflowd.settings.tree import Settings
from kflowd.settings.walk import settings_of

LINES = {line.name: line for line in option_lines("trace")}
PAIR = LINES["-t"]


def names(lines: list[OptionLine]) -> list[str]:
    """Return what messages call the options."""
    return [line.name for line in lines]


def test_commands_have_their_subsets() -> None:
    """Doctor previews a run, replay has what is behind the kernel."""
    assert names(option_lines("doctor")) == [
        *("-m/--monitor", "--attach", "--directories", "--failed"),
        *("--include", "--exclude", "-p", "--dns", "--http", "--syslog", "--tls"),
        *("-P/--plugins", "--entry-points", "--plugin-ports", "--plugin-wait", "--plugin-bytes"),
        *("--with-consumer", "-V/--verbose"),
    ]
    assert names(option_lines("replay")) == [
        *("--include", "--exclude"),
        *(
            "-o/--format",
            "--separator",
            "-u/--udp",
            "-q/--quiet",
            "--strict",
            "--count",
            "--no-redact",
            "-V/--verbose",
        ),
    ]


def test_a_shared_short_option_takes_values_in_order() -> None:
    """-t IDLE[,ACTIVE] is --idle and --active; what is left out stays unsaid."""
    assert (PAIR.metavar, PAIR.help) == ("IDLE[,ACTIVE]", "--idle and --active in one")
    assert PAIR.default == "15,1800"
    assert PAIR.read("2.5,1") == {("trace", "idle"): 25 * 10**8, ("trace", "active"): 10**9}
    assert PAIR.read("3") == {("trace", "idle"): 3 * 10**9}


@pytest.mark.parametrize("text", ["", "0", "1,0", "1,2,3", "1,", ",1", "1;2", "-1"])
def test_other_values_of_it_are_refused(text: str) -> None:
    """Each value is checked, and a third one is too many."""
    with pytest.raises(UsageError, match="^-t: "):
        PAIR.read(text)


def test_a_line_says_what_is_right() -> None:
    """Values and default of one setting; a flag has neither."""
    ring, strict = LINES["--ring-bytes"], LINES["--strict"]
    assert (ring.values, ring.default) == (
        "16KiB to 1GiB, a power of two; units: KiB, MiB, GiB",
        "8MiB",
    )
    assert (strict.values, strict.default, strict.is_flag) == ("", "", True)
    assert LINES["-o/--format"].read("json-min") == {("output", 0, "format"): "json-min"}


def test_a_shared_short_option_names_the_setting() -> None:
    """-p APP=LIST is --dns, --http, --syslog or --tls."""
    line = LINES["-p"]
    assert line.metavar == "APP=PROTO/PORT[,PROTO/PORT...]"
    assert (line.is_list, line.is_keyed, line.default) == (True, True, "")
    assert line.read("DNS=udp/5353") == {("application", "dns"): (AnyPort("udp", 5353),)}
    assert line.read("tls=tcp/443") == {("application", "tls"): (TcpPort("tcp", 443),)}
    assert line.read("http=off") == {("application", "http"): ()}
    of_plugin = {("plugin", "plugin_ports"): (PortsOf("smtp", (AnyPort("tcp", 25),)),)}
    assert line.read("SMTP=tcp/25") == of_plugin, "any other name is for a plugin"
    for text in ("udp/53", "a-b=tcp/25", "=tcp/25", ""):
        with pytest.raises(UsageError, match="^-p: .* is not APP=.*; APP: dns, http, syslog, tls$"):
            line.read(text)
    with pytest.raises(UsageError, match="^-p: 'udp/80' has 'udp' in place of tcp$"):
        line.read("http=udp/80")


@pytest.mark.parametrize(
    ("name", "texts", "cause"),
    [
        ("-p", ["dns=udp/1", "http=tcp/2", "DNS=udp/3"], "dns is given twice"),
        ("-p", ["redis=tcp/1", "smtp=tcp/25", "redis=tcp/2"], "redis is there twice"),
        ("--plugin-ports", ["redis=tcp/1", "redis=tcp/2"], "redis is there twice"),
        ("-p", [f"a{it}=tcp/1{it}" for it in range(9)], "9 applications are too many: 8 at most"),
    ],
)  # fmt: skip
def test_what_is_given_several_times_is_one_list(name: str, texts: list[str], cause: str) -> None:
    """It has the limits of one: a list of a file would be refused as well."""
    line = LINES[name]
    with pytest.raises(UsageError, match=f"^{name}: {cause}$"):
        line.joined(map(line.read, texts))
    assert line.joined(map(line.read, texts[: 2 if name == "-p" else 1]))


def test_rules_add_up() -> None:
    """As many as there are, the same one too."""
    line = LINES["--include"]
    (found,) = line.joined(map(line.read, ["user=a", "user=a", "path=/x"])).values()
    assert list(map(str, found)) == ["user=a", "user=a", "path=/x"]


@pytest.mark.parametrize("command", ["trace", "replay", "decode"])
def test_a_line_takes_no_words_of_a_file_alone(command: Command) -> None:
    """What is sent by http alone is nothing for standard output, and is not offered."""
    (form,) = (line for line in option_lines(command) if line.name == "-o/--format")
    assert form.values == "json, json-min, ecs, ocsf, compact, table"
    with pytest.raises(UsageError, match="'otlp' is none of json, json-min, ecs, ocsf, compact"):
        form.read("otlp")
    (of_file,) = (it for it in settings_of(Settings) if it.key == "format")
    assert of_file.kind.read("otlp") == "otlp"

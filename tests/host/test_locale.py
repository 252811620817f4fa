# SPDX-License-Identifier: Apache-2.0
"""Text from the kernel is bytes: the locale that kflowd runs in changes nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.host.agent import COMMAND, ROOT, Agent, Result, file_records, parse

# UTF-8 beyond Latin-1, UTF-8 whose task name (15 bytes) is cut within a letter, and no UTF-8
NAMES = {
    "日本語日本語".encode(): "日本語日本語",
    "ï".encode() * 9: "ï" * 9,
    b"caf\xe9-latin1": "caf\N{REPLACEMENT CHARACTER}-latin1",
}
LATIN_1 = {"LC_ALL": "xx.ISO-8859-1", "PYTHONUTF8": "0"}
UTF_8 = {"LC_ALL": "C.UTF-8"}
# what Python takes file names to be in -> variables that make it so
LOCALES = (
    ("iso8859-1", LATIN_1),
    ("utf-8", LATIN_1 | {"PYTHONUTF8": "1"}),
    ("utf-8", {"LC_ALL": "C"}),
    ("ascii", {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    ("utf-8", UTF_8),
)


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Make a Latin-1 locale that this machine need not have; return the variable that leads there.

    Package locales has what it is made of.
    """
    if not shutil.which("localedef") or not Path("/usr/share/i18n/charmaps").is_dir():
        pytest.skip("needs localedef and package locales")
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(folder / "xx.ISO-8859-1")]
    subprocess.run(command, check=True)
    return {"LOCPATH": str(folder)}


def charset(environment: dict[str, str]) -> str:
    """Return the charset that Python takes file names to be in."""
    command = [COMMAND[0], "-c", "import sys; print(sys.getfilesystemencoding())"]
    done = subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)
    return done.stdout.decode().strip()


def observe(folder: Path, environment: dict[str, str], *options: str) -> Result:
    """Let a program of each name make a file of that name, under an agent."""
    with Agent("-m", "file", *options, environment=environment) as agent:
        for name in NAMES:
            program = os.fsencode(folder) + b"/" + name
            shutil.copy(b"/bin/sh", program)
            target = os.fsencode(folder) + b"/by-" + name
            subprocess.run([b"program", b"-c", b': > "$0"', target], executable=program, check=True)
        return agent.stop()


@pytest.mark.parametrize(("expected", "variables"), LOCALES)
def test_names_are_bytes_in_every_locale(
    expected: str, variables: dict[str, str], folder: Path, locales: dict[str, str]
) -> None:
    """Names are UTF-8, with U+FFFD for what is none, in records and in their replay."""
    environment = locales | variables
    assert charset(environment) == expected
    tape = folder / "tape-\N{LATIN SMALL LETTER E WITH ACUTE}"

    result = observe(folder, environment, "--record", str(tape))

    assert result.exit_code == 0, result.stderr
    made = [each for each in file_records(result.records, folder) if "CREATE" in each["FileEvents"]]
    found = {each["File"]: each["Proc"] for each in made if each["File"].startswith("by-")}
    assert found == {f"by-{text}": text for text in NAMES.values()}
    again = [*COMMAND, "replay", "-o", "json-min", str(tape)]
    replayed = subprocess.run(
        again, check=True, capture_output=True, env=os.environ | environment, cwd=ROOT
    )
    assert parse(replayed.stdout) == result.records


@pytest.mark.parametrize("variables", [LATIN_1, UTF_8], ids=["iso8859-1", "utf-8"])
def test_host_name_is_bytes(
    variables: dict[str, str], folder: Path, locales: dict[str, str]
) -> None:
    """A host's name that is no UTF-8 does not end the agent, nor does the locale change it."""
    script = 'printf "$0" > /proc/sys/kernel/hostname; exec "$@"'
    command = [b"unshare", b"-u", b"sh", b"-c", script.encode(), b"caf\xe9"]
    options = [*COMMAND, "-o", "json-min", "--duration", "0.5", "--record", str(folder / "tape")]
    done = subprocess.run(
        [*command, *map(os.fsencode, options)],
        check=True, capture_output=True, env=os.environ | locales | variables, cwd=ROOT,
    )  # fmt: skip
    assert {each["InfoHostName"] for each in parse(done.stdout)} == {"caf\N{REPLACEMENT CHARACTER}"}

# SPDX-License-Identifier: Apache-2.0
"""A real database of rpm, made here: what its command and its module say of it."""

import os
import subprocess
from pathlib import Path

import pytest

from kflowd.enrich.packages.rpm import Rpm, module_query, query

SPEC = """\
Name: kfprobe{number}
{epoch}
Version: 1.{number}
Release: 4~rc1
Summary: x
License: MIT
BuildArch: noarch
%description
x
%install
mkdir -p %{{buildroot}}/usr/bin
touch "%{{buildroot}}/usr/bin/kfprobe {number}" %{{buildroot}}/usr/bin/kfprobe{number}
%files
"/usr/bin/kfprobe {number}"
/usr/bin/kfprobe{number}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a real database with two packages, one with an epoch; in it is what rpm has put."""
    base = tmp_path_factory.mktemp("rpm")
    for number, epoch in ((1, "Epoch: 3"), (2, "")):
        spec = base / f"{number}.spec"
        spec.write_text(SPEC.format(number=number, epoch=epoch))
        define = ["--define", f"_topdir {base}"]
        subprocess.run(
            ["rpmbuild", "-bb", "--quiet", *define, spec],
            check=True,
            env={**os.environ, "HOME": str(base)},
        )
    packages = sorted((base / "RPMS/noarch").iterdir())
    database = base / "db"
    install = ["rpm", "--dbpath", str(database), "-i", "--nodeps", "--justdb"]
    subprocess.run([*install, *packages], check=True, capture_output=True)
    return str(database)


def found(database: Rpm) -> dict[str, tuple[str, list[bytes]]]:
    """Return version and paths by package."""
    return {package.name: (package.version, paths) for package, paths in database.read()}


WANTED = {
    "kfprobe1.noarch": ("3:1.1-4~rc1", [b"/usr/bin/kfprobe 1", b"/usr/bin/kfprobe1"]),
    "kfprobe2.noarch": ("1.2-4~rc1", [b"/usr/bin/kfprobe 2", b"/usr/bin/kfprobe2"]),
}


def test_a_real_database_is_read(home: str) -> None:
    """By the command that is here; reading changes nothing that would make us read again."""
    database = Rpm((f"{home}/nothing", home))
    before = database.stamp()
    assert found(database) == WANTED
    assert query(home)[0].endswith("/rpm")
    assert found(database) == WANTED
    assert database.stamp() == before


def test_the_module_says_the_same_as_the_command(home: str) -> None:
    """Where there is no command, a Python that has the module is asked."""
    assert found(Rpm((home,), module_query("/usr/bin/python3", home))) == WANTED


def test_an_installation_is_another_state(home: str) -> None:
    """The same version again is not the same installation."""
    states = [package.state for package, _ in Rpm((home,)).read()]
    again = ["rpm", "--dbpath", home, "-i", "--nodeps", "--justdb", "--force"]
    base = Path(home).parent
    subprocess.run(
        [*again, *sorted((base / "RPMS/noarch").iterdir())], check=True, capture_output=True
    )
    after = {package.state for package, _ in Rpm((home,)).read()}
    assert len(after) == 2
    assert not after & set(states)

# SPDX-License-Identifier: Apache-2.0
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers.auditbeat import read
from kflowd.fim.importers.imported import NOT_LIVE, FormatError, Rule

YAML = rb"""
auditbeat.modules:
- module: auditd
- module: file_integrity
  paths:
  - /bin
  - ${HOME}
  - relative
  exclude_files: ['(?i)\.sw[nop]$', '(bad']
  recursive: true
  scan_rate_per_sec: 50 MiB
  max_file_size: 10 MiB
  hash_types: [sha1]
  tags: [a]
- module: file_integrity
  paths: [/opt]
output.elasticsearch:
  hosts: [a]
"""


def test_each_module_is_a_rule() -> None:
    """Its exclusions are its own; without `recursive` it is the directory and its entries."""
    found = read(YAML)
    exclude = ("re:(?i)\\.sw[nop]$",)
    assert found.rules == [
        Rule(("/bin",), exclude=exclude, max_size=10 << 20, tags=("a",)),
        Rule(("/opt",), recurse=1, max_size=100 << 20),
    ]


def test_all_else_is_told() -> None:
    """Other modules, variables, and settings that no rule has."""
    told = "\n".join(map(str, read(YAML).notes))
    for word in (
        "output.elasticsearch",
        "auditd",
        "${HOME}",
        "relative",
        "(bad",
        "scan_rate",
        "sha1",
    ):
        assert word in told


def test_settings_may_be_nested() -> None:
    """`auditbeat:` with `modules:` below is the same."""
    nested = b"auditbeat:\n  modules:\n  - module: file_integrity\n    paths: /bin\n  x: 1\n"
    found = read(nested)
    assert found.rules == [Rule(("/bin",), recurse=1, max_size=100 << 20)]
    told = [str(it) for it in found.notes]
    assert told == ["auditbeat.x: nothing of file integrity", NOT_LIVE]


@pytest.mark.parametrize("size", ["x", "1 TiB x", "1", 7.5, "9999999 GiB"])
def test_sizes_that_are_none_are_told(size: object) -> None:
    """And left out."""
    module = f"auditbeat.modules: [{{module: file_integrity, paths: [/x], max_file_size: {size}}}]"
    found = read(module.encode())
    assert found.rules[0].max_size is None
    assert [str(it).partition(" ")[0] for it in found.notes] == ["max_file_size", "files"]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"a: &x [1]\nb: *x\n", r"an alias \(\*\) is not read"),
        (b"a: [", "no YAML: "),
        (b"!!python/object/apply:os.system [id]", "no YAML: could not determine a constructor"),
        (b"[" * 5000, "no YAML: "),
        (b"7", "no settings of Auditbeat"),
        (b"a: 1", "no module file_integrity"),
        (b"a" * 300_000, "more than 262144 bytes"),
        (b"\xff\xfe\x00", "no YAML: "),
        (b"a: 2024-99-99", "no YAML: "),
    ],
)
def test_what_is_none_is_refused(content: bytes, cause: str) -> None:
    """Nothing is made of tags, nothing is told twice by an alias."""
    with pytest.raises(FormatError, match=f"^{cause}"):
        read(content)


def test_a_bomb_takes_no_time() -> None:
    """Ten aliases of ten aliases of ... are refused at the first."""
    lines = [
        "a0: &a0 [x]",
        *(f"a{it}: &a{it} [{', '.join([f'*a{it - 1}'] * 10)}]" for it in range(1, 30)),
    ]
    begun = time.thread_time()
    with pytest.raises(FormatError, match="alias"):
        read("\n".join(lines).encode())
    assert time.thread_time() - begun < 1


PIECES = st.sampled_from(
    [
        "auditbeat.modules:",
        "\n- ",
        "\n  ",
        "module: ",
        "file_integrity",
        "paths: ",
        "[/x]",
        "{",
        "}",
        ": ",
    ]
)


@given(st.lists(PIECES).map("".join).map(str.encode) | st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Nothing else is raised."""
    try:
        list(read(content).finished())
    except FormatError as error:
        assert "\n" not in str(error)

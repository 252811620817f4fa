# SPDX-License-Identifier: Apache-2.0
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers import MAX_CONTENT, MOST_RULES, converted
from kflowd.fim.importers.imported import MOST_EXCLUDES, MOST_PATHS, FormatError


@pytest.mark.parametrize(
    ("content", "origin"),
    [
        (
            b"<ossec_config><syscheck><directories>/x</directories></syscheck></ossec_config>",
            "Wazuh",
        ),
        (b"auditbeat.modules:\n- module: file_integrity\n  paths: [/x]\n", "Auditbeat"),
        (b'[consumers]\ngeneric = ["/x"]\n', "bpfink"),
        (b"/x R\n", "aide.conf"),
    ],
)
def test_formats_are_told_apart(content: bytes, origin: str) -> None:
    """What stands in a file tells whose it is, and the text is TOML."""
    found = converted(content)
    assert found.text.splitlines()[0].endswith(origin)
    rule = tomllib.loads(found.text)["fim"]["rule"][0]
    assert rule["paths"] == ["/x"]


@pytest.mark.parametrize("content", [b"", b"hello", b"\0", b"a" * (MAX_CONTENT + 1)])
def test_others_are_refused(content: bytes) -> None:
    """With one line that says what is read."""
    with pytest.raises(FormatError):
        converted(content)


def test_a_file_without_rules_and_one_with_too_many_say_so() -> None:
    """Neither is taken for a success."""
    assert "no rule has come of it" in converted(b"!/x\n").notes
    many = "".join(f"/x{it}$ R\n" for it in range(MOST_RULES + 1)).encode()
    assert converted(many).notes[-1] == "257 rules, of which kflowd takes 256: join some"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("/x{}$ R\n", f"more than {MOST_PATHS} paths of rules"),
        ("!/x{}$\n", f"more than {MOST_EXCLUDES} exclusions"),
    ],
)
def test_so_many_that_it_would_take_long_are_refused(line: str, cause: str) -> None:
    """Each exclusion is asked of each path."""
    with pytest.raises(FormatError, match=cause):
        converted("".join(line.format(it) for it in range(5000)).encode())


def test_a_macro_does_not_make_much_of_little() -> None:
    """What all lines come to is bounded, as the file is."""
    with pytest.raises(FormatError, match="letters by its macros"):
        converted(b"@@define A %s\n" % (b"x" * 8000) + b"/@@{A}/@@{A} R\n" * 1000)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_converted_or_refused(content: bytes) -> None:
    """Each note is a line, and the text is TOML."""
    try:
        found = converted(content)
    except FormatError:
        return
    tomllib.loads(found.text)
    assert not any("\n" in note for note in found.notes)

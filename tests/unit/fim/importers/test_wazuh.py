# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers.imported import FormatError, Rule
from kflowd.fim.importers.wazuh import MAX_DEPTH, read

XML = b"""<?xml version="1.0"?>
<ossec_config>
  <syscheck>
    <disabled>yes</disabled>
    <frequency>43200</frequency>
    <scan_on_start>yes</scan_on_start>
    <directories check_all="yes" realtime="yes">/etc, /usr/bin/</directories>
    <directories report_changes="yes" tags="PCI,web" restrict=".conf$" recursion_level="3"
      whodata="no" check_mtime="no">/var/www,%WINDIR%</directories>
    <ignore>/etc/mtab</ignore>
    <ignore type="sregex">.log$|^/tmp</ignore>
    <nodiff>/var/www/private</nodiff>
    <max_eps>50</max_eps>
    <windows_registry>HKLM</windows_registry>
    <whatever/>
  </syscheck>
</ossec_config>
<ossec_config><syscheck><directories>/opt</directories></syscheck></ossec_config>
"""


def test_rules_are_those_of_all_roots() -> None:
    """Directories, tags, levels; what is not to be diffed is of a rule of its own."""
    found = read(XML)
    excludes = ("/etc/mtab", "re:\\.log$|^/tmp")
    assert list(found.finished()) == [
        Rule(("/var/www/private",), exclude=excludes[1:]),
        Rule(("/etc", "/usr/bin"), exclude=excludes),
        Rule(("/var/www",), "diff", excludes[1:], 4, tags=("PCI", "web")),
        Rule(("/opt",), exclude=excludes[1:]),
    ]
    assert found.settings == {"scan": "43200s"}


def test_all_else_is_told_with_its_line() -> None:
    """Elements and attributes that no rule has."""
    told = [str(it) for it in read(XML).notes]
    for begin in (
        "line 4: disabled",
        'line 5: scan = "43200s": a comment',
        "line 6: scan_on_start",
        "line 7: realtime yes: files are not watched live yet",
        "line 8: restrict",
        "line 8: check_mtime no",
        "line 8: %WINDIR%",
        "line 12: nodiff",
        "line 13: max_eps",
        "line 14: windows_registry",
        "line 15: whatever",
    ):
        assert any(it.startswith(begin) for it in told), (begin, told)
    assert len(told) == 11


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><syscheck>&b;</syscheck>'


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (BOMB, "no XML: not well-formed (invalid token)"),
        (b'<?xml version="1.0"?>' + BOMB, "no XML: not well-formed (invalid token)"),
        (b"<syscheck>&undefined;</syscheck>", "no XML: undefined entity"),
        (b"<syscheck>", "no XML: mismatched tag"),
        (b"<a>" * (MAX_DEPTH + 2), f"more than {MAX_DEPTH} elements deep"),
        (b"<a/>", "no element syscheck"),
        (b"</kflowd><syscheck>", "no XML: junk after document element"),
        (b"\xff\xfe", "no XML: not well-formed (invalid token)"),
        (b'<?xml version="1.0" encoding="x"?><syscheck/>', ""),
    ],
)
def test_what_is_no_syscheck_is_refused(content: bytes, cause: str) -> None:
    """Entities of its own are never put in."""
    if not cause:
        assert read(content).rules == []
        return
    with pytest.raises(FormatError) as error:
        read(content)
    assert str(error.value) == cause


PIECES = st.sampled_from(
    [
        *("<syscheck>", "</syscheck>", "<directories>", "</directories>", "<ignore", "/etc", ">"),
        *(' type="sregex"', "<!DOCTYPE", "&lt;", "]]>", "<![CDATA[", "<!--", "-->", "\0", ",", "é"),
        *("<frequency>", "</frequency>", "</ignore>", ' recursion_level="x"', "9"),
    ]
)


@given(st.lists(PIECES).map("".join).map(str.encode) | st.binary())
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Nothing else is raised."""
    for each in (content, b"<syscheck>" + content + b"</syscheck>"):
        try:
            list(read(each).finished())
        except FormatError as error:
            assert "\n" not in str(error)

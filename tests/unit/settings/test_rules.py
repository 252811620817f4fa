# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.settings.rules import EVENTS, KEYS, MAX_VALUES, Rule, is_glob, parse_rule, port_range


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("path=/etc", ("/etc",)),
        ("path=/etc,/srv/*.d", ("/etc", "/srv/*.d")),
        ("path=/with\\,comma,/b", ("/with,comma", "/b")),
        ("path=*.log", ("*.log",)),
        ("path=**/x", ("**/x",)),
        ("path=/a=b", ("/a=b",)),
        ("exe=sh,/usr/bin", ("sh", "/usr/bin")),
        ("user=root,1000", ("root", "1000")),
        ("event=create,OPEN_EXEC,fork", ("CREATE", "OPEN_EXEC", "FORK")),
        ("fstype=ext4,fuse.sshfs", ("ext4", "fuse.sshfs")),
        ("cgroup=/system.slice/ssh.service", ("/system.slice/ssh.service",)),
        ("container=*,host,docker,7e", ("*", "host", "docker", "7e")),
        ("port=443,8000-8999,0", ("443", "8000-8999", "0")),
        ("net=10.1.2.3/8,::1,2001:db8::/32", ("10.0.0.0/8", "::1/128", "2001:db8::/32")),
    ],
)
def test_rules_as_written(text: str, values: tuple[str, ...]) -> None:
    """Each key with what it takes; events in any case, networks without the bits of a host."""
    key = text.partition("=")[0]
    assert parse_rule(text) == Rule(key, values)
    assert parse_rule(str(parse_rule(text))) == parse_rule(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path", "is not KEY=VALUE"),
        ("", "is not KEY=VALUE"),
        ("=x", "unknown key; keys: path, exe"),
        ("paths=/etc", "unknown key; did you mean path"),
        ("path=", "'', which is no path"),
        ("path=/a,", "'', which is no path"),
        ("path=etc/x", "'etc/x', which is no path"),
        ("path=/a\0", "which is no path"),
        ("user=4294967295", "which is no user"),
        ("user=a:b", "which is no user"),
        ("event=OPENED", "'OPENED', which is no event; events: CREATE, "),
        ("fstype=a b", "which is no type"),
        ("container=", "which is no id"),
        ("port=65536", "'65536', which is no port from 0 to 65535"),
        ("port=9-8", "which is no port"),
        ("port=-1", "which is no port"),
        ("port=\N{SUPERSCRIPT TWO}", "which is no port"),
        ("net=10.0.0.0/33", "which is no address"),
        ("net=localhost", "which is no address"),
        (f"port={','.join(['1'] * (MAX_VALUES + 1))}", f"more than {MAX_VALUES}"),
    ],
)
def test_other_rules_are_refused(text: str, message: str) -> None:
    """With what is wrong."""
    with pytest.raises(ValueError, match=r"(?s).*") as caught:
        parse_rule(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    """Nothing but ValueError, in one line."""
    for key in KEYS:
        try:
            rule = parse_rule(f"{key}={text}")
        except ValueError as error:
            assert str(error).isprintable()
        else:
            assert rule.key == key
            assert rule.values


def test_what_the_parts_say() -> None:
    """Ranges of ports, and what is a pattern."""
    assert port_range("7") == (7, 7)
    assert port_range("7-9") == (7, 9)
    assert [is_glob(each) for each in ("/a", "/a*", "/?", "/[a]", "**")] == [False] + [True] * 4
    assert len(EVENTS) == len(set(EVENTS)) == 14

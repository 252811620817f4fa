# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers.bpfink import read
from kflowd.fim.importers.imported import FormatError, Rule

TOML = rb"""
debug = true
keyfile = "/x"
[consumers]
root = "/srv/root/"
Access = "/etc/security/access.conf"
generic = ["/usr//bin", "/home/*/.ssh", 7]
genericDiff = ["/etc/resolv.conf"]
excludes = ["/etc/foo", "(bad"]
[consumers.users]
root = "/"
shadow = "/etc/shadow"
passwd = "/etc/passwd"
[MetricsConfig]
graphiteHost = "g:2003"
hostRoleKey = "x"
"""


def test_rules_stand_in_its_order() -> None:
    """Users, access, lines, digests: the first that has a path owns it, whatever its case."""
    found = read(TOML)
    assert list(found.finished()) == [
        Rule(("/srv/root/etc/passwd", "/srv/root/etc/shadow"), "users", ("re:/etc/foo",)),
        Rule(
            (
                "/srv/root/root/.ssh/authorized_keys",
                "/srv/root/home/*/.ssh/authorized_keys",
            ),
            "users",
            ("re:/etc/foo",),
        ),
        Rule(("/srv/root/etc/security/access.conf",), "access", ("re:/etc/foo",)),
        Rule(("/srv/root/etc/resolv.conf",), "diff", ("re:/etc/foo",)),
        Rule(("/srv/root/usr/bin", "/srv/root/home/*/.ssh"), "generic", ("re:/etc/foo",)),
    ]
    assert found.settings == {"format": "bpfink"}


def test_all_else_is_told() -> None:
    """Each key that is no rule has a note."""
    told = "\n".join(map(str, read(TOML).notes))
    for word in ("debug", "keyfile", "consumers.root", "(bad", "users.root", "graphitehost", "7"):
        assert word in told
    assert "hostrolekey" in told
    assert 'format = "bpfink": a comment' in told
    assert "keys of accounts: those of /srv/root/root/.ssh/authorized_keys and " in told


@pytest.mark.parametrize("content", [b"\xff", b"a = ", b"[" * 100_000])
def test_what_is_no_toml_is_refused(content: bytes) -> None:
    """With one line."""
    with pytest.raises(FormatError, match=r"^no TOML: [^\n]*"):
        read(content)


VALUES = st.recursive(
    st.sampled_from(["true", '"/x"', "7", "[]", "{}"]),
    lambda below: st.lists(below, max_size=3).map(lambda it: f"[{', '.join(it)}]"),
)
KEYS = st.sampled_from(["consumers.generic", "consumers.users", "consumers.root", "level", "x"])


@given(st.dictionaries(KEYS, VALUES))
def test_any_types_are_read(values: dict[str, str]) -> None:
    """A value of another type is told and raises nothing."""
    text = "\n".join(f"{key} = {value}" for key, value in values.items())
    list(read(text.encode()).finished())

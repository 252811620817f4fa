# SPDX-License-Identifier: Apache-2.0
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from kflowd.fim.importers.imported import Imported, Rule
from kflowd.fim.importers.toml import size, string, text


def test_rules_are_tables() -> None:
    """What is not given is not written; a long list has several lines."""
    imported = Imported(settings={"scan": "60s"})
    imported.add(1, Rule(("/etc", "/usr")))
    long = tuple(f"/opt/{'x' * 30}{it}" for it in range(5))
    imported.add(2, Rule(long, "diff", ("re:\\.swp$",), 3, 100 << 20, "high", ("a",), "any"))
    read = tomllib.loads(text(imported, "x"))["fim"]
    assert '# scan = "60s"' in text(imported, "x").splitlines()
    assert set(read) == {"rule"}
    assert read["rule"] == [
        {
            "name": f"opt-{'x' * 30}0-diff",
            "consumer": "diff",
            "paths": list(long),
            "exclude": ["re:\\.swp$"],
            "recurse": 3,
            "max_size": "100MiB",
            "severity": "high",
            "tags": ["a"],
            "policy": "any",
        },
        {"name": "etc", "consumer": "generic", "paths": ["/etc", "/usr"]},
    ]


def test_names_are_unique_and_short() -> None:
    """Each rule has a name of its own of 64 letters at most."""
    imported = Imported(deepest=False)
    for path in ("/etc", "/etc/*", "/", "/" + "x" * 100, "/" + "x" * 101):
        imported.add(1, Rule((path,)))
    names = [it["name"] for it in tomllib.loads(text(imported, "x"))["fim"]["rule"]]
    assert names[:3] == ["etc", "etc-2", "root"]
    assert len(set(names)) == 5
    assert max(map(len, names)) <= 64


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_a_string(value: str) -> None:
    """It reads as it was."""
    assert tomllib.loads(f"x = {string(value)}") == {"x": value}


def test_sizes_have_the_largest_unit() -> None:
    """A multiple of it, else bytes."""
    assert [size(it) for it in (1 << 30, 5 << 20, 1025, 0)] == ["1GiB", "5MiB", "1025", "0"]

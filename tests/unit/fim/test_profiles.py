# SPDX-License-Identifier: Apache-2.0
import re
import tomllib

import pytest

from kflowd.fim.importers.imported import wrong_path
from kflowd.fim.profiles import names, text

KEYS = {"name", "consumer", "paths", "exclude", "severity", "tags", "policy", "recurse", "max_size"}


@pytest.mark.parametrize("name", names())
def test_profiles_are_rules(name: str) -> None:
    """Each has a name of its own, paths that a rule takes, and expressions that compile."""
    (table,) = tomllib.loads(text(name)).values()
    rules = table["rule"]
    assert len({rule["name"] for rule in rules}) == len(rules)
    for rule in rules:
        assert set(rule) <= KEYS
        assert rule["severity"] in {"low", "medium", "high", "critical"}
        for pattern in (*rule["paths"], *rule.get("exclude", ())):
            if pattern.startswith("re:"):
                re.compile(pattern.removeprefix("re:"))
            else:
                assert wrong_path(pattern) is None, pattern
        assert all(tag.isprintable() and len(tag) <= 64 for tag in rule["tags"])


def test_special_rules_stand_ahead_of_wide_ones() -> None:
    """No path of a rule lies below one of a rule ahead of it."""
    (table,) = tomllib.loads(text("debian-server")).values()
    ahead: list[str] = []
    for rule in table["rule"]:
        for path in rule["paths"]:
            assert not any(f"{path}/".startswith(f"{it}/") for it in ahead), path
        ahead += rule["paths"]
    assert {"/etc", "/usr/bin", "/boot", "/var/log"} <= set(ahead)


def test_an_unknown_name_is_none() -> None:
    """Neither a name that is not there nor a path."""
    assert names() == ("debian-server",)
    for name in ("x", "../x", ""):
        with pytest.raises(KeyError):
            text(name)

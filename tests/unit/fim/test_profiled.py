# SPDX-License-Identifier: Apache-2.0
from typing import get_args

import pytest

from kflowd.fim import profiles
from kflowd.fim.profiled import with_profile
from kflowd.fim.rules import RuleSet
from kflowd.settings.fim import FimRule, FimSettings, Profile, parse_glob


def test_each_profile_can_be_named() -> None:
    """And all that can be named are there."""
    assert sorted(get_args(Profile)) == sorted(profiles.names())


def test_rules_of_a_profile_stand_behind_ours() -> None:
    """Ours are right where both have a name or a path."""
    rule = FimRule(name="sudoers", paths=(parse_glob("/etc/x"),))
    assert with_profile(FimSettings(rule=(rule,))).rule == (rule,)
    for name in get_args(Profile):
        found = with_profile(FimSettings(profile=name, rule=(rule,))).rule
        assert found[0] is rule
        names = [it.name for it in found]
        assert len(names) == len(set(names)) > 1


@pytest.mark.parametrize("home", [b"/root", b"/home/ann", b"/var/lib/git"])
def test_keys_of_accounts_are_read_as_keys(home: bytes) -> None:
    """Not by their digest, as the rest of .ssh."""
    rules = RuleSet(with_profile(FimSettings(profile="debian-server")).rule)
    owner = rules.owner(home + b"/.ssh/authorized_keys")
    assert owner is not None
    assert (owner.name, owner.consumer) == ("keys", "users")

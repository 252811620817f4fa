# SPDX-License-Identifier: Apache-2.0
from typing import get_args

from kflowd.fim import profiles
from kflowd.fim.profiled import with_profile
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

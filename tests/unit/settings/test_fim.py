# SPDX-License-Identifier: Apache-2.0
import pytest

from kflowd.errors import UsageError
from kflowd.settings.convert import convert
from kflowd.settings.fim import FimRule, FimSettings, parse_exclusion, parse_glob, wrong_rules

RULE: dict[str, object] = {
    "name": "etc",
    "paths": ["/etc/**", "/usr/local/bin/"],
    "exclude": [r"re:\.swp$"],
}


def rules(*tables: dict[str, object]) -> FimSettings:
    """Return what a file with some rules says."""
    return convert({"fim": {"rule": list(tables)}}).fim


def test_a_rule_has_defaults() -> None:
    """All but its name and its paths."""
    (rule,) = rules(RULE).rule
    assert [it.text for it in rule.paths] == ["/etc/**", "/usr/local/bin"]
    assert (rule.consumer, rule.severity, rule.policy) == ("generic", "medium", "any")
    assert (rule.recurse, rule.max_size) == (64, 64 << 20)
    assert convert({}).fim == FimSettings()


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"nam": "x"}, r"fim.rule\[0\].nam: no such setting; did you mean fim.rule\[0\].name\?"),
        ({"paths": ["etc"]}, "'etc' does not begin with /"),
        ({"paths": ["/etc/../a"]}, "has an empty component"),
        ({"paths": ["/a**"]}, "it stands for whole components"),
        ({"paths": [1]}, "is no list of paths"),
        ({"exclude": ["re:("]}, "is no regular expression"),
        ({"exclude": ["re:^/[[:alpha:]]"]}, "is no regular expression: Possible nested set"),
        ({"exclude": ["x"]}, "does not begin with /"),
        ({"tags": [""]}, "is no tag"),
        ({"tags": ["a"] * 33}, "33 tags are too many: 32 at most"),
        ({"severity": "urgent"}, "none of low, medium, high, critical"),
        ({"consumer": "x"}, "none of users, access, sudoers, generic, diff"),
        ({"max_size": "1XiB"}, "no number of bytes"),
        ({"recurse": 300}, "no whole number from 0 to 256"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, object], cause: str) -> None:
    """With its place, and what would be right."""
    with pytest.raises(UsageError, match=cause):
        rules({**RULE, **more})


def test_rules_that_cannot_hold_together() -> None:
    """Without a name, without paths, of one name, logs that are parsed."""
    path = (parse_glob("/a"),)
    made = (
        FimRule(name="a", paths=path),
        FimRule(paths=path),
        FimRule(name="a"),
        FimRule(name="b", paths=path, policy="append", consumer="diff"),
    )
    assert [(it.number, it.key, it.cause) for it in wrong_rules(made)] == [
        (1, "", "it has no name"),
        (2, "name", "there are two rules 'a'"),
        (2, "", "it has no paths"),
        (3, "policy", "append is for the consumer generic"),
    ]
    with pytest.raises(UsageError, match="there are two rules 'etc'"):
        rules(RULE, RULE)


def test_patterns_are_written_as_they_are_read() -> None:
    """Also the root, and an expression."""
    assert str(parse_glob("/")) == "/"
    assert str(parse_exclusion("re:^/a")) == "re:^/a"

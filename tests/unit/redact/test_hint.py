# SPDX-License-Identifier: Apache-2.0
import re

from kflowd.redact import hint, rules


def test_words_become_one_pattern() -> None:
    """What begins alike is looked at once; a word ends where it must."""
    found = re.compile(hint.one_of({b"ab": b"", b"abc": b"", b"ax": b"(?!y)", b"b.": b""}))

    assert [
        bool(found.search(it)) for it in (b"ab", b"xabc", b"ax", b"axy", b"b.", b"bc", b"a")
    ] == [*(True, True, True, False, True, False, False)]


def test_each_program_is_hinted_at() -> None:
    """By its name, or by the word behind it that makes the rule."""
    found = hint.pattern()
    for name, program in rules.PROGRAMS.items():
        if program != rules.Program():
            assert found.search(name + b"\0x"), name


def test_common_programs_are_not() -> None:
    """What is run most is told at once."""
    found = hint.pattern()
    for line in (
        b"gcc\0-O2\0-c\0x.c\0",
        b"sed\0-n\0s/a/b/\0",
        b"ls\0-l\0/tmp\0",
        b"kubelet\0--v=2\0",
    ):
        assert not found.search(line), line

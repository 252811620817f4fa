# SPDX-License-Identifier: Apache-2.0
from kflowd.fim.compare import deleted, renamed
from kflowd.fim.numbering import Numbering, broken_link, mark_of
from kflowd.fim.secret import Secret
from tests.unit.fim.states import state

KEY = Secret(b"k" * 32)


def test_findings_are_numbered_and_chained() -> None:
    """From the last one on; one that was changed, left out or moved breaks the chain."""
    number = Numbering(KEY, 4, (7, "abc"), 99)
    made = [number(deleted(b"/a", state()), document) for document in (b"1", b"2", b"3")]
    assert [it.sequence for it in made] == [8, 9, 10]
    assert {(it.run, it.time_ns, it.status) for it in made} == {(4, 99, "open")}
    assert broken_link(KEY, "abc", made) is None
    assert broken_link(KEY, "abc", made[1:]) == 9
    assert broken_link(KEY, "abc", [made[0], made[1]._replace(document=b"x"), made[2]]) == 9
    assert broken_link(Secret(b"x" * 32), "abc", made) == 8


def test_a_finding_has_both_names_and_a_mark() -> None:
    """The mark is that of what it says."""
    number = Numbering(KEY, 1, (0, ""), 1)
    found = number(renamed(b"/a/b", state(), b"/c", state()), b"{}")
    assert (found.key, found.old_key) == (b"\0c", b"\0a\0b")
    finding = deleted(b"/a", state())
    others = [(finding, b"{ }"), (deleted(b"/b", state()), b"{}")]
    assert mark_of(finding, b"{}") not in {mark_of(*each) for each in others}


def test_the_chain_is_over_names_as_bytes() -> None:
    """Of what is no UTF-8 the document has not all."""
    number = Numbering(KEY, 1, (0, ""), 1)
    it = number(renamed(b"/\xff", state(), b"/\xfe", state()), b"{}")
    assert broken_link(KEY, "", [it]) is None
    for forged in (it._replace(key=b"\0\xfd"), it._replace(old_key=None)):
        assert broken_link(KEY, "", [forged]) == 1

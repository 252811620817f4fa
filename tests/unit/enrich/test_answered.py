# SPDX-License-Identifier: Apache-2.0
from kflowd.enrich import answered
from kflowd.enrich.answered import Answered
from kflowd.enrich.nss import AskedName, Kind, Named
from tests.unit.make import SECOND

ANNA = AskedName(Kind.USER, 5001)
OTHER = AskedName(Kind.USER, 5002)


def known(table: Answered, asked: AskedName = ANNA) -> tuple[str, bool] | None:
    """Return name and lateness of a number, None if nothing is known."""
    it = table.look(asked)
    assert it == table.use(asked)
    return None if it is None else (it.name, it.late)


def test_what_is_known_is_so_for_a_time() -> None:
    """Names longer than their absence, that longer than a silence."""
    for name, until_ns in (
        ("anna", answered.NAMED_NS),
        ("", answered.UNNAMED_NS),
        (None, answered.LATE_NS),
    ):
        table = Answered()
        table.at(7)
        assert known(table) is None
        table.put(Named(ANNA, 0, name))
        table.at(7 + until_ns - 1)
        assert known(table) == (name or "", name is None)
        table.at(3)  # no way back
        table.at(7 + until_ns)
        assert known(table) is None
    assert answered.NAMED_NS > answered.UNNAMED_NS > answered.LATE_NS > answered.LATE_AGAIN_NS


def test_another_answer_is_a_change() -> None:
    """Who has no name may get one and lose it; the same again is none."""
    table = Answered()
    answers = ("", "", "anna", "anna", "berta", "", None)
    changes = [table.put(Named(ANNA, 0, name)) for name in answers]
    assert changes == [True, False, True, False, True, True, False]
    assert known(table) == ("", False)


def test_a_silence_takes_no_name_away() -> None:
    """What was true stays so until its time is over, and is asked for again soon."""
    table = Answered()
    table.put(Named(ANNA, 0, "anna"))
    table.at(answered.NAMED_AGAIN_NS)
    assert not table.put(Named(ANNA, 0, None))
    it = table.look(ANNA)
    assert it is not None
    assert (it.name, it.late) == ("anna", False)
    assert it.again_ns == answered.NAMED_AGAIN_NS + answered.LATE_AGAIN_NS
    assert it.until_ns == answered.NAMED_NS
    table.at(answered.NAMED_NS)
    assert table.put(Named(ANNA, 0, None))
    assert known(table) == ("", True)


def test_a_user_and_a_group_of_one_number_are_two() -> None:
    """Each has its own name."""
    table = Answered()
    table.put(Named(ANNA, 0, "anna"))
    assert known(table, AskedName(Kind.GROUP, ANNA.number)) is None


def test_numbers_without_a_name_push_no_name_out() -> None:
    """However many there are; among themselves those of who has the most go."""
    table = Answered(most_named=2, most_unnamed=4)
    table.put(Named(ANNA, 0, "anna"))
    table.put(Named(OTHER, 1, ""))
    for number in range(100):
        table.put(Named(AskedName(Kind.USER, number), 2, ""))
    assert (known(table), known(table, OTHER)) == (("anna", False), ("", False))
    rest = [it for it in range(100) if known(table, AskedName(Kind.USER, it))]
    assert rest == [97, 98, 99]


def test_of_the_names_the_one_goes_that_was_unused_longest() -> None:
    """As many are kept as a directory has."""
    table = Answered(most_named=2)
    table.put(Named(ANNA, 0, "anna"))
    table.put(Named(OTHER, 0, "other"))
    table.use(ANNA)
    table.put(Named(AskedName(Kind.USER, 1), 0, "third"))
    table.at(SECOND)
    assert (known(table), known(table, OTHER)) == (("anna", False), None)

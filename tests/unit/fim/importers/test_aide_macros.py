# SPDX-License-Identifier: Apache-2.0
from kflowd.fim.importers.aide_macros import MAX_LINE, Line, Macros
from kflowd.fim.importers.imported import Imported


def read(text: str) -> tuple[list[str], list[str]]:
    """Return the lines that count, and what is told."""
    imported = Imported()
    found = [line.text for line in Macros(imported).lines(text)]
    return found, [str(it) for it in imported.notes]


def test_definitions_decide_and_are_put_in() -> None:
    """Variables, @@ifdef, @@ifndef, @@else, @@undef, and `defined` of @@if."""
    text = (
        "@@define A /x\n@@{A}/y\n@@ifdef A\n1\n@@else\n2\n@@endif\n@@ifndef A\n3\n@@endif\n"
        "@@undef A\n@@if not defined A\n4\n@@endif\n# c\n5 # c\n"
    )
    assert read(text) == (["/x/y", "1", "4", "5"], [])


def test_what_depends_on_the_host_is_told() -> None:
    """No branch of it counts, each line is told; and so is what is nested."""
    lines, notes = read("@@ifhost a\n1\n@@ifdef B\n2\n@@endif\n@@else\n3\n@@endif\n4\n")
    assert lines == ["4"]
    assert notes == [
        "line 1: @@ifhost a: depends on the host",
        "line 2: 1: in a condition; left out",
        "line 7: 3: in a condition; left out",
    ]


def test_other_files_and_macros_are_told() -> None:
    """Nothing is dropped silently."""
    _, notes = read("@@include /etc/x\n@@nothing y\n@@{Z}\n@@endif\n@@else\n")
    assert notes == [
        "line 1: @@include /etc/x: import that file, too",
        "line 2: @@nothing y: not known here",
        "line 3: @@{Z}: @@{Z} is not set; left out",
        "line 4: @@endif : not known here",
        "line 5: @@else : not known here",
    ]


def test_variables_do_not_grow_without_end() -> None:
    """A value of values of values is refused."""
    text = "@@define A0 " + "x" * 1000 + "\n" + "@@{A0}" * (MAX_LINE // 900) + "\n"
    lines, notes = read(text)
    assert lines == []
    assert notes[0].endswith("too long; left out")
    assert Line(1, "x").number == 1

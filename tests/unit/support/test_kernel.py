# SPDX-License-Identifier: Apache-2.0
from kflowd.bpf.statistics import Program
from kflowd.support.kernel import MOST_LINES, programs_text, verifier_text


def test_programs_are_a_table() -> None:
    """A name that others have given cannot break it."""
    text = programs_text(
        [
            Program(7, "tracing", "fentry__vfs_unl", 1234, 10, 2500, 3),
            Program(8, "kprobe", "a\nb", 1, 0, 0, 0),
        ],
        seconds=1.5,
    )
    assert text == (
        "all programs of the host; runs of 1.5 s\n"
        "\n"
        "ID  TYPE     NAME             BYTES  RUNS  NS/RUN  SKIPPED\n"
        "7   tracing  fentry__vfs_unl  1234   10    250     3\n"
        "8   kprobe   a?b              1      0     -       0\n"
    )
    assert "ID" in programs_text([])


def test_last_words_are_the_last_ones() -> None:
    """Of each program that was refused."""
    assert verifier_text({}) == "no program was refused\n"
    log = "\n".join(f"line {n}" for n in range(MOST_LINES + 3))
    text = verifier_text({"a": "why\nR1 invalid mem access", "b": log})
    assert text.startswith("== a\nwhy\nR1 invalid mem access\n")
    assert "== b\n[3 lines are left out]\nline 3\n" in text
    assert text.endswith(f"line {MOST_LINES + 2}\n")

# SPDX-License-Identifier: Apache-2.0
from kflowd.greeting import greeting
from kflowd.settings import OutputSettings, Settings, TraceSettings


def test_a_run_says_what_comes() -> None:
    """What is traced, how to stop, where losses show, and a form for people."""
    assert list(greeting(Settings(), ())) == [
        "loading, to trace file, socket of all processes; Ctrl-C ends",
        "  losses: in the health records, and in the summary at the end",
        "  for people: -o compact prints lines",
    ]


def test_what_is_there_already_is_not_praised() -> None:
    """A form for people, and a command that there is not."""
    compact = Settings(output=(OutputSettings(format="compact"),))
    assert len(list(greeting(compact, ()))) == 2
    assert list(greeting(compact, {"top"}))[-1] == "  for people: kflowd top shows who is busy"
    last = list(greeting(Settings(), {"top"}))[-1]
    assert last == "  for people: -o compact prints lines, kflowd top shows who is busy"


def test_a_program_is_named_safely() -> None:
    """As what is typed, without what could drive the terminal."""
    settings = Settings(trace=TraceSettings(monitor=frozenset({"process"})))
    first = next(greeting(settings, (), "a\x1b[2J\nb"))
    assert first == "loading, to trace process of a?[2J?b; Ctrl-C ends"

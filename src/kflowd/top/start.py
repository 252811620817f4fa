# SPDX-License-Identifier: Apache-2.0
"""Makes the table of a file or of an agent, from the terminal to the last word."""

from collections.abc import Callable, Sequence

from kflowd.top.draw import plain
from kflowd.top.loop import Loop
from kflowd.top.sources import Agent, File, Source
from kflowd.top.terminal import Terminal, is_screen
from kflowd.top.wake import Wake

Say = Callable[[str], None]
PREFIX = "kflowd: "
# A file is told soon after its last event, and a connection that goes on while it is looked at.
TIMES = {"idle": ("--idle", "2"), "active": ("--active", "5")}
FORM = ("-o", "json-min")
# the host's file says what its service does: a look is not to send it all once more
NO_FILE = ("-C", "/dev/null")


def top_of_file(path: str, show: Say) -> None:
    """Show what is in a file or comes on standard input, "-".

    Args:
        path: Of the file.
        show: Takes the table where there is no terminal.

    Raises:
        KflowdError: It cannot be read.
    """
    with File(path) as source:
        _show(source, show)


def top_of_agent(options: Sequence[str], fields: set[str], show: Say, say: Say) -> int:
    """Show what an agent tells that runs as a child with these options.

    Args:
        options: As they were given.
        fields: Of the settings that they set; "config_file": they name a file.
        show: As of top_of_file.
        say: Takes the lines that the agent said.

    Returns:
        Its exit code.
    """
    with Agent(agent_arguments(options, fields)) as agent:
        try:
            _show(agent, show)
            return agent.exit_code() if agent.ended else 0
        finally:
            for line in agent.said():
                say(line.removeprefix(PREFIX))


def agent_arguments(options: Sequence[str], fields: set[str]) -> list[str]:
    """Return the arguments of the agent."""
    times = (words for field, words in TIMES.items() if field not in fields)
    file = () if "config_file" in fields else NO_FILE
    # ahead of what was given: behind a "--" of that nothing is an option
    return [*FORM, *file, *(word for words in times for word in words), *options]


def _show(source: Source, show: Say) -> None:
    with Wake() as wake:
        if is_screen():
            with Terminal() as terminal:
                Loop(source, wake, terminal).run()
        else:
            loop = Loop(source, wake, None)
            loop.run()
            show(plain(loop.picture()))

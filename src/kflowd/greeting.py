# SPDX-License-Identifier: Apache-2.0
"""What a run says on a terminal ahead of all else: what comes, how it ends, and what else is there.

Loading takes seconds on some kernels; what cannot be seen is known, and told, behind it.
"""

from collections.abc import Container, Iterator

from kflowd.settings import Settings
from kflowd.settings.outputs import FOR_PEOPLE


def greeting(settings: Settings, commands: Container[str], program: str = "") -> Iterator[str]:
    """Yield the lines; the first has no blank at its beginning.

    Args:
        settings: Of the run.
        commands: Names of those that kflowd has.
        program: The one that is traced, "": all of this host.
    """
    # a name may hold anything, a line break too
    name = "".join(letter if letter.isprintable() else "?" for letter in program)
    what = ", ".join(sorted(settings.trace.monitor))
    yield f"loading, to trace {what} of {name or 'all processes'}; Ctrl-C ends"
    yield "  losses: in the health records, and in the summary at the end"
    forms = [] if settings.servers_form in FOR_PEOPLE else ["-o compact prints lines"]
    screens = ["kflowd top shows who is busy"] if "top" in commands else []
    if others := forms + screens:
        yield f"  for people: {', '.join(others)}"

# SPDX-License-Identifier: Apache-2.0
"""Numbers of the users that rules name."""

import pwd
import threading
from collections.abc import Callable, Iterable, Mapping

from kflowd.settings.rules import Rule

# How long a name service may take before a run begins.
WAIT_S = 5.0


def named_users(rules: Iterable[Rule]) -> list[str]:
    """Return the names in rules on users, each once."""
    values = (value for rule in rules if rule.key == "user" for value in rule.values)
    return list(dict.fromkeys(value for value in values if not value.isdigit()))


def look_up(
    names: Iterable[str],
    ask: Callable[[str], int] = lambda name: pwd.getpwnam(name).pw_uid,
    seconds: float = WAIT_S,
) -> Mapping[str, int]:
    """Return the numbers of names, without those that nobody knows in time.

    Args:
        names: Of users.
        ask: The name service; raises KeyError for a name that it does not have.
        seconds: How long it may take for all of them. It may hang: then its thread is left behind.
    """
    found: dict[str, int] = {}

    def work() -> None:
        for name in names:
            try:
                found[name] = ask(name)
            except (KeyError, OSError, ValueError):
                continue

    thread = threading.Thread(target=work, name="user-ids", daemon=True)
    thread.start()
    thread.join(seconds)
    return dict(found)

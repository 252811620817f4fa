# SPDX-License-Identifier: Apache-2.0
"""kflowd's own messages: structlog on stderr, warnings only unless asked for more.

Records go to stdout and nothing else does. A message is one line: time, level, event, key=value.
structlog is imported with the first message that is shown: most runs have none and start sooner.
"""

import logging
import sys
from typing import Any, TextIO, cast

from kflowd import streams


class Log:
    """Messages of one part of the program.

    Args:
        part: Name of the part, shown with each message.
        verbose: Show all messages and not only warnings.
    """

    def __init__(self, part: str, *, verbose: bool = False) -> None:
        self._part = part
        self._verbose = verbose
        self._logger: Any = None

    def show_all(self, *, verbose: bool) -> None:
        """Show all messages from now on, or warnings only."""
        self._verbose = verbose

    def debug(self, event: str, **values: object) -> None:
        """Say what only helps to find a fault."""
        if self._verbose:
            self._opened().debug(event, **values)

    def info(self, event: str, **values: object) -> None:
        """Say what happens."""
        if self._verbose:
            self._opened().info(event, **values)

    def warning(self, event: str, **values: object) -> None:
        """Say what is not as it should be."""
        self._opened().warning(event, **values)

    def _opened(self) -> Any:
        if self._logger is None:
            self._logger = _structlog().bind(part=self._part)
        return self._logger


def _structlog() -> Any:
    import structlog

    return structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", streams.Messages())),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
    )

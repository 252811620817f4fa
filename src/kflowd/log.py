# SPDX-License-Identifier: Apache-2.0
"""kflowd's own messages: structlog on stderr, warnings only unless asked for more.

Records go to stdout and nothing else does. A message is one line: time, level, event, key=value.
"""

import logging
import sys
from typing import Any

import structlog


def configure(*, verbose: bool) -> None:
    """Send messages to stderr: warnings and errors, with `verbose` everything."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=True),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.DEBUG if verbose else logging.WARNING
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> Any:
    """Return a logger whose messages carry the part of the program they come from."""
    return structlog.get_logger(part=name)

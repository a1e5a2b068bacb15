"""Logging: structlog, for people on a terminal and as JSON lines elsewhere."""

from __future__ import annotations

import logging
import sys

import structlog

from stentor.config import Logging


def configure(options: Logging) -> None:
    """Send all logging to standard error in the configured form."""
    human = options.format == "console" or (options.format == "auto" and sys.stderr.isatty())
    level = getattr(logging, options.level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(
                # The default shows local variables, among them callers' texts and keys.
                [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
                if human
                else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr, force=True)


def quiet() -> None:
    """Let only errors be logged: what a command tells a person, it prints itself."""
    configure(Logging(level="error", format="console"))

"""Structured logs: one JSON object a line on standard error; never bodies, paths or names of uploads.

The same fields as inference's: ``event``, ``level``, ``timestamp``, ``request_id``, ``key``.
"""

from __future__ import annotations

import logging
import sys

import structlog
from gunicorn.glogging import Logger
from structlog.typing import Processor


def configure(level: str, style: str) -> None:
    """Every record of the standard library's loggers goes through one renderer."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    finish: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if style == "json":
        finish += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        finish.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=finish))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # At level debug they write out addresses, and with them the ids of photos and jobs.
    for name in ("urllib3", "PIL", "flask_cors"):
        logging.getLogger(name).setLevel(logging.INFO)


class ServerLogger(Logger):
    """gunicorn's own messages through the same renderer; it asks for a class that sets up its handlers."""

    def setup(self, cfg: object) -> None:
        self.error_log.handlers = []
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
        self.access_log.handlers = []
        self.access_log.propagate = False

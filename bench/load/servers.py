"""``python -m bench.load.servers``: the gateway's application behind one of the servers that could carry it.

``LOAD_SERVER`` names it; ``gevent`` and ``granian`` are no packages of Cabine: pip install gevent granian.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

SERVER = os.environ.get("LOAD_SERVER", "")
if SERVER == "gevent":
    from gevent import monkey  # type: ignore[import-untyped]

    monkey.patch_all()  # before all other imports: whoever has taken hold of a lock or socket keeps it

from flask import Flask  # noqa: E402

from gateway import Settings, create_app, logs  # noqa: E402
from gateway.__main__ import Server, allow_files  # noqa: E402

SERVERS = ("gthread", "gevent", "granian")


def here() -> tuple[str, ...]:
    """Those whose packages are installed."""
    return tuple(name for name in SERVERS if name == "gthread" or find_spec(name) is not None)


class Gevent(Server):
    """gunicorn with one worker of greenlets."""

    def load_config(self) -> None:
        super().load_config()
        self.cfg.set("worker_class", "gevent")
        self.cfg.set("post_worker_init", lambda worker: None)  # its sockets know no timeouts of the kernel


def application() -> Flask:
    settings = Settings()
    logs.configure(settings.log_level, settings.log_format)
    return create_app(settings)


def main() -> None:
    settings = Settings()
    allow_files(settings)
    if SERVER == "granian":
        from granian import Granian  # type: ignore[import-not-found]
        from granian.constants import Interfaces  # type: ignore[import-not-found]

        Granian(
            f"{__spec__.name}:application",
            factory=True,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.WSGI,
            blocking_threads=settings.threads,
            backpressure=settings.threads,
            log_access=False,
        ).serve()
        return
    logs.configure(settings.log_level, settings.log_format)
    (Gevent if SERVER == "gevent" else Server)(settings).run()


if __name__ == "__main__":
    main()

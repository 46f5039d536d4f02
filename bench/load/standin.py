"""``python -m bench.load.standin``: in place of inference, as cheap as can be, to measure the gateway alone.

Reads an upload, waits as many seconds as ``?delay=`` says and answers 1 MB; served by uvicorn with the
settings of inference.
"""

from __future__ import annotations

import asyncio
import os
from urllib.parse import parse_qs

import uvicorn
from starlette.types import Receive, Scope, Send

from inference.config import Settings

ANSWER = os.urandom(1_000_000)
"""The size of a result of 768x1024."""


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    delay = float(parse_qs(scope["query_string"].decode()).get("delay", ["0"])[0])
    await asyncio.sleep(delay)
    body = b"{}" if scope["path"].startswith("/health") else ANSWER
    headers = [(b"content-type", b"image/png"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    settings = Settings()
    uvicorn.run(
        application,
        port=settings.inference_port,
        timeout_keep_alive=settings.keep_alive_s,
        log_config=None,
        access_log=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()

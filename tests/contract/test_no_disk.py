"""Photos never touch the disk: the service works while the kernel forbids it to write a byte to any file."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import textwrap

import httpx

from tests.bad_inputs import GARMENT, file, noise_png
from tests.contract.conftest import until

SERVER = textwrap.dedent(
    """
    import resource, signal, uvicorn
    from inference.app import create_app
    from inference.config import Settings
    from tests.fakes import FakeEngine, FakePreparation, registry, spec

    app = create_app(Settings(), registry=registry(FakeEngine(spec=spec())), preparation=FakePreparation())
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it; now the first byte written kills
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    uvicorn.run(app, port=0, access_log=False)
    """
)


def test_serves_large_photos_without_writing_a_byte() -> None:
    photo = noise_png(2000, 2000)
    assert len(photo) >= 12_000_000
    # The log goes to a pipe: pipes are not files, so the limit does not touch them.
    with subprocess.Popen(
        [sys.executable, "-B", "-c", SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as server:
        try:
            assert server.stdout
            lines = (re.search(r"http://[\d.:]+", line) for line in server.stdout)
            address = next(found[0] for found in lines if found)
            with httpx.Client(base_url=address, timeout=30, trust_env=False) as client:
                until(lambda: client.get("/health/ready").status_code == 200)
                parts = [file("person", photo), GARMENT]
                tried = client.post("/v1/tryon", files=parts)
                asset = client.post("/v1/assets", files=[file("image", photo)])
                limits = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        finally:
            server.terminate()

    assert limits == (0, 0)
    assert tried.status_code == 200, tried.text
    assert asset.status_code == 201, asset.text
    assert len(tried.content) > 8_000_000


def test_the_limit_would_have_caught_a_spooled_upload() -> None:
    """The proof proves something: a temporary file under the same limit kills the process."""
    script = (
        "import resource, signal, tempfile\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "spool = tempfile.SpooledTemporaryFile(max_size=1024)\n"
        "spool.write(bytes(4096)); spool.flush()\n"
    )

    assert subprocess.run([sys.executable, "-B", "-c", script], check=False).returncode != 0

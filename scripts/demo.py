"""Try-ons of the samples over HTTP: start both services, upload, compose, write the pictures, stop.

    python -m scripts.demo [--person FILE] [--garment FILE ...] [--out DIR]

By default a shirt (``demo/result.png``), then an outfit of two garments in one request (``demo/outfit.png``).

The same two processes as ``make run``, on free ports; their log goes to ``demo/services.log``.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from PIL import Image

PEOPLE, GARMENTS = Path("samples/people"), Path("samples/garments")
PERSON, GARMENT = PEOPLE / "p2_woman__base.jpg", GARMENTS / "tshirt_print.jpg"
OUTFIT_PERSON = PEOPLE / "p4_man__base.jpg"
OUTFIT = (GARMENTS / "polo_green.jpg", GARMENTS / "trousers_denim.jpg")
HONCHO = Path(sys.executable).with_name("honcho")
READY_WITHIN_S = 60
"""Loading libraries and models takes 2 to 10 s; a machine that needs a minute has another problem."""
STOP_WITHIN_S = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--person", type=Path)
    parser.add_argument("--garment", type=Path, nargs="+", help="several are put on together")
    parser.add_argument("--out", type=Path, default=Path("demo"))
    options = parser.parse_args()
    out: Path = options.out
    wanted = {"result": (PERSON, (GARMENT,)), "outfit": (OUTFIT_PERSON, OUTFIT)}
    if options.person or options.garment:
        wanted = {"result": (options.person or PERSON, tuple(options.garment or (GARMENT,)))}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # runs the clean-up below
    out.mkdir(exist_ok=True)
    start = time.perf_counter()
    try:
        with services(out / "services.log") as gateway:
            print(f"services ready on {gateway} after {time.perf_counter() - start:.1f} s")
            for name, (person, garments) in wanted.items():
                write(out, name, person, garments, try_on(gateway, person, garments))
    except (requests.RequestException, RuntimeError) as error:
        print(f"demo failed: {error}\nlog of the services: {out / 'services.log'}", file=sys.stderr)
        return 1
    print(f"done in {time.perf_counter() - start:.1f} s")
    return 0


def write(out: Path, name: str, person: Path, garments: tuple[Path, ...], answer: requests.Response) -> None:
    """The picture, and beside what it was made of; what the service says of it is printed."""
    (out / f"{name}.png").write_bytes(answer.content)
    side_by_side(person, garments, answer.content).save(out / f"{name}_side_by_side.png")
    told = answer.headers
    print(f"engine {told['X-Cabine-Engine']} (a preview), confidence {told['X-Cabine-Confidence']}")
    print(f"warnings: {told['X-Cabine-Warnings'] or 'none'}")
    print(f"{out / name}.png and {out / name}_side_by_side.png written")


@contextmanager
def services(log_path: Path) -> Iterator[str]:
    """Both services on free ports, ready; yields the gateway's address."""
    gateway_port, inference_port = free_ports(2)
    programs = f"{HONCHO.parent}{os.pathsep}{os.environ['PATH']}"  # the Procfile names those of .venv
    ports = {"GATEWAY_PORT": str(gateway_port), "INFERENCE_PORT": str(inference_port)}
    environment = {**os.environ, **ports, "PATH": programs}
    with log_path.open("w") as log:
        process = subprocess.Popen([HONCHO, "start"], env=environment, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{gateway_port}"
            wait_until_ready(address, process)
            yield address
        finally:
            process.terminate()
            process.wait(STOP_WITHIN_S)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(open_socket.getsockname()[1]) for open_socket in sockets]
    for open_socket in sockets:
        open_socket.close()
    return ports


def wait_until_ready(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the services stopped with exit code {process.returncode}")
        try:
            if local().get(f"{address}/health/ready", timeout=5).status_code == 200:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass  # not listening yet
        time.sleep(0.2)
    raise RuntimeError(f"the services were not ready within {READY_WITHIN_S} s")


def try_on(gateway: str, person: Path, garments: tuple[Path, ...]) -> requests.Response:
    """Upload the person once, then try the garments on; raises ``RuntimeError`` with the service's words."""
    session = local()
    uploaded = session.post(
        f"{gateway}/upload", files={"image": person.read_bytes()}, data={"kind": "person"}, timeout=60
    )
    refuse_problem(uploaded)
    asset = uploaded.json()
    print(f"uploaded {person.name}: {asset['width']}x{asset['height']}, checks {asset['checks']}")
    composed = session.post(
        f"{gateway}/compose",
        files=[
            ("person", (None, asset["id"])),
            *(("garment", (garment.name, garment.read_bytes())) for garment in garments),
        ],
        timeout=120,
    )
    refuse_problem(composed)
    return composed


def local() -> requests.Session:
    """A session that ignores proxies of the environment: the services are on this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


def refuse_problem(response: requests.Response) -> None:
    if not response.ok:
        raise RuntimeError(f"{response.status_code} from {response.request.path_url}: {response.text[:500]}")


def side_by_side(person: Path, garments: tuple[Path, ...], result: bytes) -> Image.Image:
    pictures = [Image.open(path) for path in (person, *garments)] + [Image.open(io.BytesIO(result))]
    height = pictures[-1].height
    scaled = [
        picture.convert("RGB").resize((round(picture.width * height / picture.height), height))
        for picture in pictures
    ]
    sheet = Image.new("RGB", (sum(picture.width for picture in scaled), height))
    left = 0
    for picture in scaled:
        sheet.paste(picture, (left, 0))
        left += picture.width
    return sheet


if __name__ == "__main__":
    sys.exit(main())

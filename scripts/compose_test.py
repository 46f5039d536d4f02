"""``docker compose up`` for real: what was done to the running stack, and what the client saw.

    python -m scripts.compose_test

Needs a docker engine with the compose plugin (2.24 or newer). Builds the images, works under a project name
of its own on free ports, prints a table, and removes containers and volumes at the end. Exit code 1: a step
failed. The steps follow each other: each leaves both services running. Without images there is nothing to do.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from PIL import Image

from scripts.demo import free_ports, local
from scripts.docker_stack import Stack, run
from scripts.image_sizes import sizes

PERSON, GARMENT = Path("samples/people/p2_woman__base.jpg"), Path("samples/garments/tshirt_print.jpg")
KILLED = 137
"""Exit code after SIGKILL."""
DONE_WITHIN_S = 120
STOP_WITHIN_S = 45
"""``stop_grace_period`` of the services."""
USER = "10001"


class UnexpectedError(AssertionError):
    """What the client saw is not what it must see."""


FAULTS = (
    UnexpectedError,
    RuntimeError,  # docker says no
    subprocess.TimeoutExpired,  # or nothing
    LookupError,  # an answer without its header, a container without a field
    ValueError,  # no JSON, no container
    OSError,  # no connection, no picture
)
"""What a step may end with; the table goes on."""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        gateway_port, inference_port = free_ports(2)
        stack = Stack(folder=Path(folder), gateway_port=gateway_port, inference_port=inference_port)
        try:
            good = shown(*BUILD, stack) and all([shown(words, check, stack) for words, check in STEPS])
        finally:
            stack.compose("down", "--volumes", "--timeout", "5")
    return 0 if good else 1


def shown(words: str, check: Callable[[Stack], str], stack: Stack) -> bool:
    """Print the row of one step; False where it failed."""
    began = time.monotonic()
    try:
        seen, good = check(stack), True
    except FAULTS as error:
        fault = " ".join(str(error).split())[-600:]
        seen, good = f"**failed**: {type(error).__name__} {fault}", False
    print(f"| {words} | {seen} | {time.monotonic() - began:.0f} s |", flush=True)
    return good


def expect(fact: bool, words: str) -> None:
    if not fact:
        raise UnexpectedError(words)


def build(stack: Stack) -> str:
    stack.compose("build")
    found = sizes()
    expect(all(size.fits for size in found), f"an image is too large: {found}")
    return ", ".join(f"{size.name} adds {size.added_mb:.0f} MB (limit {size.limit_mb})" for size in found)


def come_up(stack: Stack) -> str:
    stack.up()
    ready = local().get(f"{stack.gateway}/health/ready", timeout=10)
    expect(ready.status_code == 200, f"ready says {ready.status_code}")
    return "both healthy, `/health/ready` 200"


def locked_down(stack: Stack) -> str:
    for service in ("gateway", "inference"):
        user = stack.inside(service, "id", "-u").strip()
        expect(user == USER, f"{service} runs as {user}")
        for leftover in ("pip", "gcc", "cc", "make"):
            found = stack.inside(service, "sh", "-c", f"ls /opt/cabine/bin/{leftover} 2>/dev/null || true")
            expect(not found.strip(), f"{service} has {found}")
        wrote = stack.inside(service, "sh", "-c", "touch /srv/cabine/x 2>/dev/null && echo yes || echo no")
        expect(wrote.strip() == "no", f"{service} can write to its root file system")
        host = stack.container(service)["HostConfig"]
        rotated = host["LogConfig"]["Config"].get("max-size")
        expect(bool(host["Memory"] and host["ReadonlyRootfs"] and rotated), f"{service} lacks a limit")
    models = stack.inside("inference", "ls", "/srv/cabine/models")
    expect("LICENSE" in models, f"no licence beside the models: {models}")
    return f"user {USER}, read-only root, no pip or compiler, memory limit, logs rotated, models with licence"


def try_on(stack: Stack) -> str:
    answer = compose(stack)
    expect(answer.status_code == 200, f"{answer.status_code} {answer.text[:200]}")
    expect(size_of(answer.content) == size_of(PERSON.read_bytes()), "the picture has another size")
    return f"200, PNG {size_of(answer.content)}, {answer.headers['X-Cabine-Engine']}"


def direct(stack: Stack) -> str:
    answer = local().post(f"{stack.inference}/v1/tryon", files=files(), timeout=120)
    expect(answer.status_code == 200, f"{answer.status_code}")
    addresses = stack.compose("port", "inference", "8001").strip()
    expect(addresses.startswith("127.0.0.1:"), f"inference listens on {addresses}")
    return "200; published on 127.0.0.1 only"


def nothing_kept(stack: Stack) -> str:
    kept = stack.inside("inference", "sh", "-c", "find /srv/cabine/jobs -type f ! -name '*.sqlite*' | wc -l")
    expect(kept.strip() == "0", f"{kept.strip()} files")
    return "no file in the volume of jobs"


def inference_killed(stack: Stack) -> str:
    stack.compose("kill", "inference")
    answer, page = compose(stack), local().get(f"{stack.gateway}/", timeout=10)
    expect(answer.status_code == 503 and "Retry-After" in answer.headers, f"{answer.status_code}")
    expect(page.status_code == 200, f"the page says {page.status_code}")
    slug = answer.json()["type"].rsplit(":", 1)[-1]
    stack.up()
    expect(compose(stack).status_code == 200, "no try-on after the restart")
    return f"503 `{slug}`, Retry-After {answer.headers['Retry-After']}, page 200; started again: 200"


def gateway_killed(stack: Stack) -> str:
    stack.compose("kill", "gateway")
    expect(local().post(f"{stack.inference}/v1/tryon", files=files(), timeout=120).ok, "inference suffers")
    stack.up()
    expect(compose(stack).status_code == 200, "no try-on after the restart")
    return "inference goes on answering 200; started again: 200"


def crashed(stack: Stack) -> str:
    before = stack.container("inference")["RestartCount"]
    stack.inside("inference", "sh", "-c", "kill -9 -1")  # all but the init process and this one
    until(lambda: stack.container("inference")["RestartCount"] > before, "docker restarts it")
    until(lambda: reachable(f"{stack.gateway}/health/ready"), "ready again")
    return "docker started it again, ready, without anybody's doing"


def job_killed(stack: Stack) -> str:
    job = submit(stack)
    until(lambda: state(stack, job) in {"running", "succeeded"}, "it runs")
    stack.compose("kill", "inference")
    stack.up()
    until(lambda: state(stack, job) == "succeeded", "the job is done")
    picture = local().get(f"{stack.gateway}{job}/images/0", timeout=30)
    expect(size_of(picture.content) == size_of(PERSON.read_bytes()), "the picture has another size")
    return "after the restart it ran again and succeeded, picture 200"


def stopped(stack: Stack) -> str:
    jobs = [submit(stack) for _ in range(6)]
    began = time.monotonic()
    stack.compose("stop")
    took = time.monotonic() - began
    codes = {service: stack.container(service)["State"]["ExitCode"] for service in ("gateway", "inference")}
    expect(took < STOP_WITHIN_S and KILLED not in codes.values(), f"{took:.0f} s, exit codes {codes}")
    stack.up()
    until(lambda: {state(stack, job) for job in jobs} == {"succeeded"}, "all six are done")
    return (
        f"stopped after {took:.0f} s of {STOP_WITHIN_S}, exit codes {codes}; started again: all 6 succeeded"
    )


def under_load(stack: Stack) -> str:
    with ThreadPoolExecutor(3) as clients:
        waiting = [clients.submit(compose, stack) for _ in range(3)]
        time.sleep(1.5)  # long enough to be on the way, shorter than a try-on
        stack.compose("stop", "gateway")
        answers = [call.result().status_code for call in waiting]
    stack.up()
    expect(set(answers) == {200}, f"{answers}")
    return "the three got their pictures (200)"


def taken_down(stack: Stack) -> str:
    job = submit(stack)
    until(lambda: state(stack, job) == "succeeded", "the job is done")
    stack.compose("down")
    stack.up()
    picture = local().get(f"{stack.gateway}{job}/images/0", timeout=30)
    expect(picture.status_code == 200, f"{picture.status_code}")
    gone = local().delete(f"{stack.gateway}{job}", timeout=30).status_code
    expect(gone == 204, f"DELETE says {gone}")
    return "the volume stayed: picture 200, DELETE 204"


def removed(stack: Stack) -> str:
    stack.compose("down", "--volumes")
    left = run(["docker", "volume", "ls", "--quiet", "--filter", f"name={stack.name}_"]).strip()
    expect(not left, f"left: {left}")
    return "no container, no volume left"


BUILD: tuple[str, Callable[[Stack], str]] = ("`docker compose build`", build)
STEPS: tuple[tuple[str, Callable[[Stack], str]], ...] = (
    ("`docker compose up --wait`", come_up),
    ("looked into both containers", locked_down),
    ("try-on through the gateway", try_on),
    ("try-on directly at inference", direct),
    ("looked for photos of those", nothing_kept),
    ("`docker compose kill inference`, then `up`", inference_killed),
    ("`docker compose kill gateway`, then `up`", gateway_killed),
    ("kill -9 of the program inside of inference", crashed),
    ("inference killed while a job ran, then `up`", job_killed),
    ("`docker compose stop` with 6 jobs accepted, then `up`", stopped),
    ("`docker compose stop gateway` with 3 try-ons on the way", under_load),
    ("`docker compose down` and `up`", taken_down),
    ("`docker compose down --volumes`", removed),
)


def compose(stack: Stack) -> requests.Response:
    return local().post(f"{stack.gateway}/compose", files=files(), timeout=120)


def submit(stack: Stack) -> str:
    """A job; its path, for the gateway."""
    answer = local().post(
        f"{stack.gateway}/v1/tryon", files=files(), headers={"Prefer": "respond-async"}, timeout=30
    )
    expect(answer.status_code == 202, f"{answer.status_code} {answer.text[:200]}")
    return answer.headers["Location"]


def state(stack: Stack, job: str) -> str:
    answer = local().get(f"{stack.gateway}{job}", timeout=10)
    return str(answer.json()["state"]) if answer.ok else ""


def files() -> dict[str, tuple[str, bytes]]:
    return {"person": (PERSON.name, PERSON.read_bytes()), "garment": (GARMENT.name, GARMENT.read_bytes())}


def size_of(picture: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(picture)).size


def reachable(address: str) -> bool:
    try:
        return local().get(address, timeout=5).ok
    except requests.RequestException:
        return False


def until(happened: Callable[[], bool], words: str) -> None:
    """Wait for it; raises :class:`UnexpectedError`."""
    deadline = time.monotonic() + DONE_WITHIN_S
    while not happened():
        expect(time.monotonic() < deadline, f"not within {DONE_WITHIN_S} s: {words}")
        time.sleep(0.3)


if __name__ == "__main__":
    print("| done to the stack | seen by the client | took |\n|---|---|---|", flush=True)
    sys.exit(main())

"""``make demo`` without its installation: both services start, a picture comes out, nothing stays behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def test_the_demo_writes_its_pictures(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--out", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "services.log").read_text()
    for name in ("result", "outfit"):
        with Image.open(tmp_path / f"{name}.png") as result:
            assert result.size == (768, 1024)
        assert (tmp_path / f"{name}_side_by_side.png").is_file()
    assert "engine warp/" in done.stdout


def test_a_refused_photo_ends_the_demo_with_the_reason(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "scripts.demo",
            "--person",
            "samples/garments/skirt_navy.jpg",
            "--out",
            str(tmp_path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "no-person" in done.stderr

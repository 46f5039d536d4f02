"""Logs tell nothing about photos, at any level."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

READ = """
import sys
from pathlib import Path
from inference import logs
from preprocess.decode import Limits, decode

logs.configure("debug", "json")
decode(Path(sys.argv[1]).read_bytes(), Limits())
"""


def test_metadata_of_photos_stays_out_of_debug_logs(tmp_path: Path, samples: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SecretCam"
    path = tmp_path / "photo.jpg"
    with Image.open(samples / "people/p1_man__base.jpg") as image:
        image.save(path, exif=exif)

    run = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )

    assert "SecretCam" not in run.stdout

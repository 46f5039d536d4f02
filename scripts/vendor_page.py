"""The page's libraries, from npm into the folder that the gateway serves, each with its licence.

python -m scripts.vendor_page

Versions stand in gateway/static/vendor/package.json; the lock file beside it holds what npm checked.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

VENDOR = Path("gateway/static/vendor")

FILES = {"eventsource-parser": "dist/index.js", "idb": "build/index.js"}
"""Package -> its only file that a browser loads: an ES module without imports."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        shutil.copy(VENDOR / "package.json", work)
        subprocess.run(
            ["npm", "install", "--omit=dev", "--ignore-scripts", "--omit-lockfile-registry-resolved"],
            cwd=work,
            check=True,
        )
        shutil.copy(work / "package-lock.json", VENDOR)
        for package, file in FILES.items():
            source = work / "node_modules" / package
            script = (source / file).read_text("utf-8")
            # no source map: the browser would ask for it in vain
            kept = [line for line in script.splitlines() if not line.startswith("//# sourceMappingURL")]
            (VENDOR / f"{package}.js").write_text("\n".join(kept) + "\n", "utf-8")
            shutil.copy(source / "LICENSE", VENDOR / f"{package}.LICENSE")


if __name__ == "__main__":
    main()

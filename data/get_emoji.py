"""Get the pictures of `pictures-emoji`: 3,786 emoji of Google's Noto, 64x64 pixels, under the Apache License 2.0.

`python data/get_emoji.py emoji` writes them to the folder emoji. npm, which comes with Node.js, downloads 74 MB.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "emoji-datasource-google@16.0.0"
DIGEST = "fb5fd131b362aab7a55542d2a147a79708cce0a8b1c1bbacd470172708b5c438"
"""Of the archive, by SHA-256."""
FOLDER = "package/img/google/64/"
"""Where the pictures lie in the archive."""


def download(folder: Path) -> Path:
    """Let npm download the package's archive into a folder, and return its path."""
    npm = shutil.which("npm")
    if not npm:
        raise FileNotFoundError("npm is missing; install Node.js, which has it")
    subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (archive,) = folder.glob("*.tgz")
    if (digest := hashlib.sha256(archive.read_bytes()).hexdigest()) != DIGEST:
        raise ValueError(f"the archive of {PACKAGE} has the digest {digest}, not {DIGEST}; run this again")
    return archive


def unpack(archive: Path, target: Path) -> int:
    """Write the archive's pictures into a folder, and return how many there are. No other file is unpacked."""
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    with tarfile.open(archive) as files:
        for member in files:
            if member.isfile() and member.name.startswith(FOLDER) and member.name.endswith(".png"):
                (target / Path(member.name).name).write_bytes(files.extractfile(member).read())
                count += 1
    return count


def main(target: str = "emoji") -> int:
    """Download and unpack the pictures. Return the exit code."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            count = unpack(download(Path(folder)), Path(target))
    except (OSError, ValueError, subprocess.CalledProcessError, tarfile.TarError) as error:
        print(f"the pictures could not be had: {error}", file=sys.stderr)
        return 1
    print(f"{count:,} pictures in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

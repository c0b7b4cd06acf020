"""The other libraries, at the versions that are measured."""

import importlib.metadata
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS, HOME = HERE / "requirements.txt", HERE / "work" / "venv"


def enter():
    """Goes on in an environment with the pinned libraries: this one if it has them, or one made for them, with which the script starts anew."""
    if not missing():
        return
    if sys.version_info < (3, 12):
        sys.exit(f"the libraries need Python 3.12 or newer, this is {sys.version.split()[0]}: run the script with a newer `python`")
    python = HOME / "bin" / "python"
    print(f"{', '.join(missing())}: taken from {HOME}", file=sys.stderr)
    within = Path(sys.prefix).resolve() == HOME
    if not within:
        # A folder that an interruption left half made is completed.
        venv.create(HOME, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
    if not within:
        os.execv(python, [python, *sys.argv])


def missing():
    """The libraries that are absent or of another version."""
    pinned = [line.strip().split("==") for line in REQUIREMENTS.read_text().splitlines() if "==" in line]
    return [name for name, version in pinned if installed(name) != version]


def installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None

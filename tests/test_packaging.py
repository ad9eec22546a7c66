"""The package that is installed holds every room of the house."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_every_folder_with_code_is_packaged():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packaged = set(project["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("repprobe/**/*.py")
    }
    assert packaged == found | {"repprobe.cli"}
    assert project["tool"]["setuptools"]["package-dir"]["repprobe.cli"] == "cli"


def test_the_version_is_said_once():
    import repprobe

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["version"] == repprobe.__version__

"""The examples run as they are, and their checkpoints are small."""

import subprocess
import sys
from pathlib import Path

import pytest

from repprobe.checkpoints import load_model

FOLDER = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_scripts_run(script, tmp_path):
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "chosen inside 300 clean labels" in done.stdout


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.pt")), ids=lambda path: path.stem)
def test_checkpoints_are_small_and_open(file):
    assert file.stat().st_size <= 200_000
    model = load_model(file)
    assert model.metadata["noise"] == "symmetric:0.6"
    assert model.metadata["epoch"] == 30

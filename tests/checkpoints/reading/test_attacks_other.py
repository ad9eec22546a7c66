"""No file of safetensors, shards, folders or torch.export runs anything or takes too much."""

import json
import subprocess
import sys
from pathlib import Path

import attacks_exported
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks-other")
    command = [sys.executable, str(HERE / "attacked_other.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", sorted(attacks_exported.ATTACKS))
def test_it_is_refused_in_one_line(outcomes, name):
    found = outcomes[name]
    assert "CheckpointError" in found["bases"], found
    assert "\n" not in found["message"]
    assert len(found["message"]) < 600
    assert name in found["message"]


@pytest.mark.parametrize("name", sorted(attacks_exported.ATTACKS))
def test_it_has_no_effect_and_takes_little(outcomes, name):
    found = outcomes[name]
    assert found["events"] == []
    assert not found["canary"]
    assert found["memory"] < 1024
    assert found["seconds"] < 5

"""No attack file runs anything, takes a gigabyte or five seconds; all end in one line."""

import json
import subprocess
import sys
from pathlib import Path

import attacks
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    command = [sys.executable, str(HERE / "attacked.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {found["name"]: found for found in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("name", sorted(attacks.REFUSED))
def test_an_attack_is_refused_in_one_line(outcomes, name):
    found = outcomes[name]
    assert "CheckpointError" in found["bases"]
    assert found["message"]
    assert "\n" not in found["message"]
    assert len(found["message"]) < 600
    assert name in found["message"]


@pytest.mark.parametrize("name", sorted(attacks.HARMLESS))
def test_code_that_is_mere_data_is_read_or_refused(outcomes, name):
    assert not outcomes[name]["error"] or "CheckpointError" in outcomes[name]["bases"]


@pytest.mark.parametrize("name", sorted(attacks.REFUSED | attacks.HARMLESS))
def test_an_attack_has_no_effect_and_takes_little(outcomes, name):
    found = outcomes[name]
    assert found["events"] == []
    assert not found["canary"]
    assert found["memory"] < 1024
    assert found["seconds"] < 5


def test_there_are_enough_attacks():
    assert len(attacks.REFUSED) >= 40

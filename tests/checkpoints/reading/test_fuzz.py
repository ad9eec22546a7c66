"""Any damage to a file of PyTorch's formats ends in an answer (`analyses/fuzz.py` has more)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ANALYSES = Path(__file__).parents[3] / "analyses"
MUTATIONS = 60


@pytest.fixture(scope="module")
def fuzzing():
    sys.path.insert(0, str(ANALYSES))
    try:
        import fuzz
    finally:
        sys.path.remove(str(ANALYSES))
    return fuzz


def test_damaged_files_are_refused_or_read_rightly(fuzzing):
    kinds = [k for k in fuzzing.FORMATS if k.startswith(("torch", "whole", "Torch", "pickle"))]
    command = [sys.executable, str(fuzzing.WORKER), "0", str(MUTATIONS), *kinds]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == MUTATIONS * len(kinds)
    assert [row for row in rows if row["outcome"] not in fuzzing.GOOD] == []
    assert {row["outcome"] for row in rows} == set(fuzzing.GOOD)


def test_a_wrong_reading_would_be_seen(fuzzing, tmp_path):
    """What reads as something else than was saved, and than its loader reads, is told."""
    import mutated
    import torch

    torch.save({"w": torch.ones(2)}, tmp_path / "a.pt")
    assert mutated.outcome(tmp_path / "a.pt", {"w": torch.ones(2)}, "")[0] == "read as saved"
    assert mutated.outcome(tmp_path / "a.pt", {"w": torch.zeros(2)}, "")[0] == "read otherwise"

"""Bytes changed at random: an error of one line or what the file still says, never more."""

import time

import numpy as np
import pytest
import torch
import valid_other as valid

from repprobe.checkpoints.reading import read
from repprobe.errors import CheckpointError

MUTATIONS = 60


def mutated(content, rng):
    """Return the bytes with a few of them changed, mostly where the structure is."""
    damaged = bytearray(content)
    end = len(content) if rng.random() < 0.5 else min(len(content), 2000)
    for place in rng.integers(0, end, rng.integers(1, 5)):
        damaged[place] = rng.integers(256)
    if rng.random() < 0.1:
        damaged = damaged[: rng.integers(1, len(damaged))]
    return bytes(damaged)


def check_weights(found, checked):
    """Raise unless tensors that can be told are those of the network, but for changed bytes."""
    expected = valid.net().state_dict()
    state = found.data.get("state_dict", found.data)
    for key in expected.keys() & state.keys():
        if state[key].shape == expected[key].shape and state[key].dtype == expected[key].dtype:
            same = torch.isclose(state[key].double(), expected[key].double(), equal_nan=True)
            changed = same.numel() - int(same.sum())
            assert changed == 0 if checked else changed <= 12


@pytest.mark.parametrize("name", valid.VALID)
def test_any_damage_ends_in_an_answer(tmp_path, name):
    given = valid.VALID[name](tmp_path)
    files = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    contents = {path: path.read_bytes() for path in files}
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(MUTATIONS):
        path = files[rng.integers(len(files))]
        path.write_bytes(mutated(contents[path], rng))
        start = time.perf_counter()
        try:
            check_weights(read(given), checked=name.startswith("exported"))
            outcomes.add("read")
        except CheckpointError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
        assert time.perf_counter() - start < 5
        path.write_bytes(contents[path])
    assert "refused" in outcomes

"""`repprobe inspect`: the command prints what a checkpoint is."""

import json

import torch


def test_it_prints_what_the_file_is(repprobe, digits_checkpoint):
    result = repprobe("inspect", digits_checkpoint)
    assert result.status == 0, result.err
    for told in ("zoo:small-cnn", "state_dict", "unit", "uniform:0.4", "stage1.conv1", "Conv2d"):
        assert told in result.out


def test_json_is_one_object(repprobe, digits_checkpoint):
    result = repprobe("inspect", digits_checkpoint, "--json")
    found = json.loads(result.out)
    assert found["architectures"][0]["architecture"] == "zoo:small-cnn"
    assert found["layers"][0]["type"] == "Conv2d"


def test_what_is_refused_is_one_line(repprobe, tmp_path):
    class Payload:
        def __reduce__(self):
            return exec, ("open('canary', 'w')",)

    path = tmp_path / "bad.pt"
    torch.save({"state_dict": {"a": torch.zeros(2)}, "x": Payload()}, path)
    result = repprobe("inspect", path)
    assert result.status == 2
    assert result.out == ""
    assert "builtins.exec" in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "canary").exists()

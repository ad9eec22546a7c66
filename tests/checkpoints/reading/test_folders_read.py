"""Weights in several files are read as one, and never from outside of their folder."""

import hashlib
import json

import pytest
import torch
import valid_other as valid
from safetensors.torch import save_file

from repprobe.checkpoints.reading import read
from repprobe.checkpoints.reading.folders import read_folder, read_index
from repprobe.errors import CheckpointError


def is_net(found):
    expected = valid.net().state_dict()
    state = found.get("state_dict", found)
    return state.keys() == expected.keys() and all(
        torch.equal(state[key], expected[key]) for key in expected
    )


@pytest.mark.parametrize(
    ("build", "kind"), [(valid.shards, "safetensors"), (valid.torch_shards, "torch")]
)
def test_shards_are_read_in_the_order_of_the_index(tmp_path, build, kind):
    contents = read_index(build(tmp_path))
    assert is_net(contents.data)
    assert list(contents.data["state_dict"]) == list(valid.net().state_dict())
    assert contents.format == f"sharded {kind}"
    assert read(next(tmp_path.glob("*.index.json"))).sha256 == contents.sha256


def test_shards_of_torch_keep_their_types(tmp_path):
    torch.save({"w": torch.ones(2).half()}, tmp_path / "a.bin")
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text('{"weight_map": {"w": "a.bin"}}')
    assert read_index(index).data["state_dict"]["w"].dtype == torch.float16


def test_the_digest_is_that_of_all_shards(tmp_path):
    contents = read_index(valid.shards(tmp_path))
    whole = b"".join(p.read_bytes() for p in sorted(tmp_path.glob("*.safetensors")))
    assert contents.sha256 == hashlib.sha256(whole).hexdigest()


@pytest.mark.parametrize("build", [valid.timm_folder, valid.torch_folder, valid.shards])
def test_a_folder_is_read_whatever_its_weights_are(tmp_path, build):
    build(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(valid.TIMM))
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5]}')
    contents = read_folder(tmp_path)
    assert is_net(contents.data)
    assert contents.format == "Hugging Face folder"
    assert contents.config == {**valid.TIMM, "preprocessor": {"image_mean": [0.5]}}
    assert contents.left_out == ()


def test_a_folder_without_a_config_is_read_as_its_weights(tmp_path):
    valid.safetensors(tmp_path)
    assert read(tmp_path).format == "safetensors"


def test_code_in_a_folder_is_left_out_and_said(tmp_path):
    valid.timm_folder(tmp_path)
    canary = tmp_path / "canary"
    (tmp_path / "modeling.py").write_text(f"open({str(canary)!r}, 'w')")
    config = {**valid.TIMM, "auto_map": {"AutoModel": "modeling.Net"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    left = read_folder(tmp_path).left_out
    assert "modeling.py" in left[0]
    assert "auto_map" in left[1]
    assert not canary.exists()


def test_the_links_of_the_hubs_cache_are_followed(tmp_path):
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "abc"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    valid.safetensors(blobs).rename(blobs / "0123")
    (snapshot / "model.safetensors").symlink_to(blobs / "0123")
    assert is_net(read_folder(snapshot).data)


def refused(path):
    with pytest.raises(CheckpointError) as caught:
        read(path)
    return caught


def test_a_missing_shard_is_named(tmp_path, one_line):
    index = valid.shards(tmp_path)
    shard = sorted(tmp_path.glob("*.safetensors"))[1]
    shard.unlink()
    one_line(refused(index), index, shard.name, "not there")


def test_a_shard_without_its_tensor_is_named(tmp_path, one_line):
    index = valid.shards(tmp_path)
    shard = sorted(tmp_path.glob("*.safetensors"))[0]
    save_file({"other": torch.ones(1)}, shard)
    one_line(refused(index), index, shard.name, "features.0.weight")


def test_a_tensor_that_the_index_does_not_name_is_left_out_and_said(tmp_path):
    index = valid.shards(tmp_path)
    places = json.loads(index.read_text())
    shard = places["weight_map"].pop("head.bias")
    index.write_text(json.dumps(places))
    contents = read_index(index)
    assert "head.bias" not in contents.data["state_dict"]
    assert contents.left_out == (f"Tensors that the index does not name: head.bias in {shard}.",)


@pytest.mark.parametrize("text", ["{}", '{"weight_map": {}}', '{"weight_map": {"a": 1}}', "[]"])
def test_what_is_no_index_is_refused(tmp_path, one_line, text):
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(text)
    one_line(refused(path), path)


def test_a_folder_without_weights_is_answered_with_a_file_in_it(tmp_path, one_line):
    (tmp_path / "a.pth").write_bytes(b"x")
    one_line(refused(tmp_path), "is a folder", tmp_path / "a.pth")


def test_weights_of_another_framework_are_named(tmp_path, one_line):
    (tmp_path / "tf_model.h5").write_bytes(b"x")
    one_line(refused(tmp_path), "another framework", "tf_model.h5")

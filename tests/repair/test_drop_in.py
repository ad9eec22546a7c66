"""A fixed checkpoint is the old one with other weights: same form, keys, types and neighbours."""

import json
from collections import OrderedDict

import numpy as np
import pytest
import torch
from made_heads import assert_alike, captured, made_data, made_head, scores
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import repprobe
from repprobe import zoo
from repprobe.capture import Pooling
from repprobe.checkpoints import (
    Model,
    Preprocessing,
    load_model,
    load_networks,
    save_checkpoint,
)
from repprobe.checkpoints.entry import Entry
from repprobe.errors import CheckpointError, OutputError, UsageError
from repprobe.repair.drop_in import as_stored, replaced
from repprobe.repair.form import keeps_form
from repprobe.repair.network import CutNetwork, with_head
from repprobe.repair.writing import write_fixed

LAST, GRID = "average", Pooling()
DATA = made_data(1, 8, 8)


def network(seed=0):
    torch.manual_seed(seed)
    return zoo.build("small-cnn", num_classes=3, width=4).eval()


def fixed(models, layer=LAST, pooling=GRID):
    """Put a random head on a layer of each model."""
    width = captured(models[0], DATA, pooling, (layer,))[layer].shape[1]
    return [with_head(m, DATA, made_head(layer, pooling, width)) for m in models]


def wrapped(state, prefix, kind):
    """Return a state dict with a prefix, as the container that training code saves."""
    made = OrderedDict(
        (prefix + k, v.to(kind) if v.is_floating_point() else v) for k, v in state.items()
    )
    made._metadata = OrderedDict({"": {"version": 1}, "module": {"version": 7}})
    return made


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.float64])
def test_all_but_the_head_is_as_it_was(tmp_path, zipped, kind):
    own = network()
    optimizer = {"state": {0: {"momentum": torch.randn(3)}}, "groups": [(1, 2.5), None]}
    state = wrapped(own.state_dict(), "module.", kind)
    ema = state["module.linear.weight"].clone()
    file = {"epoch": 3, "nested": {"model": state}, "optimizer": optimizer, "best": ema}
    path, out = tmp_path / "a.pth", tmp_path / "b.pth"
    torch.save(file, path, _use_new_zipfile_serialization=zipped)
    before = path.read_bytes()
    models = fixed(load_networks(path))
    assert all(model.entry is not None for model in models)
    write_fixed(path, models, out)

    assert path.read_bytes() == before
    assert (out.read_bytes()[:2] == b"PK") == zipped
    found = torch.load(out, weights_only=True)
    assert list(found) == list(file)
    assert found["epoch"] == 3 and torch.equal(found["best"], ema)
    assert str(found["optimizer"]) == str(optimizer)
    written = found["nested"]["model"]
    assert type(written) is OrderedDict and written._metadata == state._metadata
    assert list(written) == list(state)
    assert all(written[k].dtype == state[k].dtype for k in state)
    changed = [k for k in state if not torch.equal(written[k], state[k])]
    assert changed == ["module.linear.weight", "module.linear.bias"]

    again = load_model(out)
    expected = models[0].module.state_dict()
    assert all(torch.equal(v, expected[k]) for k, v in again.module.state_dict().items())
    parallel = nn.Module()
    parallel.module = network(1)
    parallel.load_state_dict(written, strict=True)


def test_tuned_weights_are_all_written(tmp_path):
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save(network().state_dict(), path)
    [model] = load_networks(path)
    with torch.no_grad():
        for p in model.module.parameters():
            p += 0.1
    write_fixed(path, [model], out)
    owner = network(1)
    owner.load_state_dict(torch.load(out, weights_only=True), strict=True)
    assert all(torch.equal(v, owner.state_dict()[k]) for k, v in model.module.state_dict().items())


def test_safetensors_keep_every_other_byte(tmp_path):
    path, out = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    state = {k: v.half() if v.is_floating_point() else v for k, v in network().state_dict().items()}
    save_file(state, path, metadata={"format": "pt", "license": "MIT"})
    write_fixed(path, fixed(load_networks(path)), out)
    with safe_open(out, "pt") as file:
        assert file.metadata() == {"format": "pt", "license": "MIT"}
        found = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    assert [k for k in state if not torch.equal(found[k], state[k])] == [
        "linear.weight",
        "linear.bias",
    ]
    old, new = path.read_bytes(), out.read_bytes()
    start = 8 + int.from_bytes(old[:8], "little")
    assert len(old) == len(new) and old[:start] == new[:start]
    header = json.loads(old[8:start])
    replaced = [header[f"linear.{name}"]["data_offsets"] for name in ("weight", "bias")]
    differ = np.flatnonzero(np.frombuffer(old, "u1") != np.frombuffer(new, "u1")) - start
    assert all(any(a <= place < b for a, b in replaced) for place in differ)


def test_a_torch_file_of_a_safetensors_one_opens_by_itself(tmp_path):
    path, out = tmp_path / "a.safetensors", tmp_path / "b.pt"
    save_file(network().state_dict(), path)
    [made] = fixed(load_networks(path, preprocess="0.5/0.25"))
    write_fixed(path, [made], out)
    again = load_model(out)
    assert again.preprocessing.name == "0.5/0.25"
    state = again.module.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in made.module.state_dict().items())


def test_a_tensor_that_stands_elsewhere_too_stays_there_as_it_was(tmp_path):
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    state = network().state_dict()
    torch.save({"state_dict": state, "last": {"head": state["linear.weight"]}}, path)
    write_fixed(path, fixed(load_networks(path)), out)
    found = torch.load(out, weights_only=True)
    assert torch.equal(found["last"]["head"], state["linear.weight"])
    assert not torch.equal(found["state_dict"]["linear.weight"], state["linear.weight"])


def test_parameters_stay_parameters(tmp_path):
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save(dict(network().named_parameters()) | dict(network().named_buffers()), path)
    write_fixed(path, fixed(load_networks(path)), out)
    found = torch.load(out, weights_only=True)
    assert isinstance(found["linear.weight"], nn.Parameter) and found["linear.weight"].requires_grad


def test_both_networks_of_a_file(tmp_path):
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    plain = {"architecture": "zoo:small-cnn", "arguments": {"num_classes": 3, "width": 4}}
    second = dict(network(1).state_dict())
    save_checkpoint(path, network(), preprocess="unit", state_dict_2=second, history=[1], **plain)
    models = load_networks(path)
    assert [m.entry.way for m in models] == [("state_dict",), ("state_dict_2",)]
    assert not any("several" in note for m in models for note in m.notes)
    assert torch.equal(models[1].module.state_dict()["linear.bias"], second["linear.bias"])
    made = fixed(models)
    write_fixed(path, made, out)
    for model, expected in zip(load_networks(out), made, strict=True):
        state = model.module.state_dict()
        assert all(torch.equal(v, state[k]) for k, v in expected.module.state_dict().items())
    assert torch.load(out, weights_only=True)["history"] == [1]


def test_half_precision_answers_are_those_of_the_file(tmp_path):
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save(network().half().state_dict(), path)
    [model] = fixed(load_networks(path))
    weight = model.module.linear.weight
    assert torch.equal(weight, weight.half().float())
    assert as_stored(model) is model
    with torch.no_grad():
        weight += 1e-5
    rounded = as_stored(model)
    assert rounded is not model and not torch.equal(rounded.module.linear.weight, weight)
    write_fixed(path, [rounded], out)
    assert torch.equal(load_model(out).module.linear.weight, rounded.module.linear.weight)


@pytest.mark.parametrize("count", [1, 2])
def test_a_deeper_cut_opens_by_itself(tmp_path, count):
    path, out = tmp_path / "a.pt", tmp_path / "b.pt"
    plain = {"architecture": "zoo:small-cnn", "arguments": {"num_classes": 3, "width": 4}}
    more = {"state_dict_2": dict(network(1).state_dict())} if count == 2 else {}
    save_checkpoint(path, network(), preprocess="0.5/0.25", **plain, **more)
    made = fixed(load_networks(path), "stage2.relu1", Pooling(width=20, seed=4))
    assert not keeps_form(path, made, out)
    write_fixed(path, made, out)
    opened = load_networks(out)
    assert len(opened) == count
    for model, expected in zip(opened, made, strict=True):
        answers = captured(model, DATA, Pooling()).output
        assert np.array_equal(answers, captured(expected, DATA, Pooling()).output)
        assert model.preprocessing.name == "0.5/0.25"
    again = fixed(opened, "head.input")
    assert keeps_form(out, again, tmp_path / "c.pt")
    write_fixed(out, again, tmp_path / "c.pt")
    assert isinstance(repprobe.load(tmp_path / "c.pt").module, CutNetwork)


def test_a_cut_of_a_cut(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(network().state_dict(), path)
    first = fixed([load_model(path)], "stage2.relu1")
    write_fixed(path, first, tmp_path / "b.pt")
    second = fixed([load_model(tmp_path / "b.pt")], "base.stage1.relu2")
    write_fixed(tmp_path / "b.pt", second, tmp_path / "c.pt")
    answers = captured(load_model(tmp_path / "c.pt"), DATA, Pooling()).output
    features = captured(load_model(path), DATA, Pooling(), ("stage1.relu2",))["stage1.relu2"]
    assert_alike(answers, scores(made_head("base.stage1.relu2", Pooling(), 256), features))


def test_the_network_of_a_users_file_is_asked_for(tmp_path, one_line):
    (tmp_path / "nets.py").write_text(
        "from repprobe import zoo\n"
        "def build(width):\n    return zoo.build('small-cnn', num_classes=3, width=width)\n"
    )
    path, out, arch = tmp_path / "a.pt", tmp_path / "b.pt", f"{tmp_path}/nets.py:build"
    torch.save(network().state_dict(), path)
    made = fixed([load_model(path, arch=arch, arch_args={"width": 4})], "stage2.relu1")
    write_fixed(path, made, out)
    with pytest.raises(CheckpointError) as caught:
        load_model(out)
    one_line(caught, "--arch", "nets.py:build")
    answers = captured(load_model(out, arch=arch), DATA, Pooling()).output
    assert np.array_equal(answers, captured(made[0], DATA, Pooling()).output)


def test_nothing_of_a_cut_can_make_a_builder_read_files(tmp_path, one_line):
    path = tmp_path / "a.pt"
    torch.save(network().state_dict(), path)
    write_fixed(path, fixed([load_model(path)], "stage2.relu1"), tmp_path / "b.pt")
    file = torch.load(tmp_path / "b.pt", weights_only=True)
    for damage, named in (
        ({"base": {"checkpoint_path": "x"}, "cut": file["arguments"]["cut"]}, "checkpoint_path"),
        ({"base": file["arguments"]["base"], "cut": {"layer": 3}}, "cut"),
        ({"base": 3, "cut": file["arguments"]["cut"]}, "arguments"),
    ):
        torch.save({**file, "arguments": damage}, tmp_path / "c.pt")
        with pytest.raises(CheckpointError) as caught:
            load_model(tmp_path / "c.pt")
        one_line(caught, named)


def test_refusals_leave_nothing_behind(tmp_path, one_line):
    path = tmp_path / "a.pt"
    torch.save(network().state_dict(), path)
    models = fixed(load_networks(path))
    with pytest.raises(UsageError) as caught:
        write_fixed(path, models, path)
    one_line(caught, path)
    with pytest.raises(UsageError):
        write_fixed(path, models, tmp_path / "b.safetensors")
    with pytest.raises(OutputError) as caught:
        write_fixed(path, models, tmp_path / "none" / "b.pt")
    one_line(caught, "b.pt")
    torch.save({"w": torch.ones(3)}, path)
    with pytest.raises(CheckpointError) as caught:
        write_fixed(path, models, tmp_path / "b.pt")
    one_line(caught, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.pt"]


def test_tied_tensors_stay_tied():
    tied = torch.zeros(2, 3)
    file = {"w": OrderedDict(a=tied, b=tied, c=torch.zeros(2, 3))}
    module = nn.Module()
    for name in "abc":
        module.register_buffer(name, torch.ones(2, 3))
    entry = Entry(("w",), "", dict.fromkeys("abc", torch.float32))
    model = Model("net", module, "net", Preprocessing.parse("none"), entry=entry)
    found = replaced(file, [model], "a.pt")["w"]
    assert found["a"] is found["b"] and found["a"] is not found["c"]
    assert all(torch.equal(v, torch.ones(2, 3)) for v in found.values())
    assert torch.equal(file["w"]["a"], torch.zeros(2, 3))

"""Exported programs are networks with the original names, keys and answers."""

import copy
import json

import numpy as np
import pytest
import torch
import torchvision
import valid_other as valid
from torch import nn

import repprobe
from repprobe.checkpoints import Model
from repprobe.checkpoints.reading import read
from repprobe.checkpoints.reading.exported import is_exported, read_exported
from repprobe.errors import CaptureError, CheckpointError

EXPORTED = [valid.exported, valid.exported_fixed, valid.exported_old]


def answers(network, x):
    with torch.no_grad():
        return network(x)


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    return {build.__name__: build(tmp_path_factory.mktemp(build.__name__)) for build in EXPORTED}


@pytest.mark.parametrize("build", EXPORTED)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_program_answers_as_its_network_for_any_number_of_examples(programs, build, count):
    x = torch.rand(count, 1, 8, 8)
    module = read(programs[build.__name__]).module
    assert torch.allclose(answers(module, x), answers(valid.net(), x), atol=1e-6)


@pytest.mark.parametrize("build", EXPORTED)
def test_the_state_dict_is_the_networks(programs, build):
    contents = read_exported(programs[build.__name__])
    expected = valid.net().state_dict()
    assert list(contents.module.state_dict()) == list(expected)
    for key, value in contents.data["state_dict"].items():
        assert torch.equal(value, expected[key])
    assert contents.format == "torch.export"
    assert contents.config["input_shape"] == (1, 8, 8)


@pytest.mark.parametrize("build", EXPORTED[:2])
def test_its_layers_are_probed_under_their_original_names(programs, build):
    def scores(network):
        run = repprobe.layers(Model.of_module(network), "digits", clean=100)
        return {
            (s.layer, s.split, s.group, s.metric, s.regularization): (s.width, s.value)
            for s in run.scores
        }

    ours, theirs = scores(read(programs[build.__name__]).module), scores(valid.net())
    assert ours.keys() == theirs.keys()
    assert {key[0] for key in ours} >= {"act", "act_1", "head"}
    for key, (width, value) in theirs.items():
        assert ours[key][0] == width
        assert ours[key][1] == pytest.approx(value, abs=1e-3)


def calls(network, x):
    """Return name, class and a value of every call of a module inside, in order."""
    found = []
    for name, module in network.named_modules():
        if name:
            module.register_forward_hook(
                lambda m, _, out, name=name: found.append((name, type(m).__name__, out.sum()))
            )
    answers(network, x)
    return found


@pytest.mark.parametrize("build", EXPORTED)
def test_hooks_see_what_they_see_in_the_network(programs, build):
    x = torch.rand(4, 1, 8, 8)
    ours, theirs = calls(read(programs[build.__name__]).module, x), calls(valid.net(), x)
    assert [c[:2] for c in ours] == [c[:2] for c in theirs]
    assert all(torch.allclose(a[2], b[2], atol=1e-4) for a, b in zip(ours, theirs, strict=True))


def test_what_a_hook_puts_out_goes_on(programs):
    module = read(programs["exported"]).module
    module.features.register_forward_hook(lambda *_: torch.zeros(2, 4, 8, 8))
    x = torch.rand(2, 1, 8, 8)
    assert torch.equal(*answers(module, x))


def test_a_copy_is_a_network_of_its_own(programs):
    module = read(programs["exported"]).module
    x = torch.rand(2, 1, 8, 8)
    before = answers(module, x)
    copied = copy.deepcopy(module)
    copied.head.weight.data.zero_()
    assert torch.equal(answers(module, x), before)
    assert not torch.equal(answers(copied, x), before)
    assert copied.features[0].weight.data_ptr() != module.features[0].weight.data_ptr()


def test_a_fixed_number_of_examples_is_said(programs):
    assert "exported for 2 examples at a time" in read(programs["exported_fixed"]).left_out[0]
    assert read(programs["exported"]).left_out == ()


def test_inputs_of_another_shape_are_refused_by_both_shapes(programs):
    with pytest.raises(CaptureError, match=r"\(1, 8, 8\), the data have \(3, 8, 8\)"):
        read(programs["exported"]).module(torch.ones(2, 3, 8, 8))


def small(name):
    torch.manual_seed(0)
    models = torchvision.models
    if name == "swin":
        transformer = models.SwinTransformer([4, 4], 16, [2, 1], [2, 2], [4, 4], num_classes=5)
        return transformer.eval()
    if name == "vit":
        return models.VisionTransformer(32, 8, 1, 2, 16, 32, num_classes=5).eval()
    return models.get_model(name, weights=None).eval()


@pytest.mark.parametrize("name", ["resnet18", "swin", "vit", "shufflenet_v2_x0_5"])
@pytest.mark.parametrize("examples", [None, 1])
def test_networks_of_torchvision_answer_as_before(tmp_path, name, examples):
    network, x = small(name), torch.rand(3, 3, 32, 32)
    path = valid.program(network, tmp_path / "a.pt2", examples or 2, (3, 32, 32), not examples)
    module = read(path).module
    expected = answers(network, x)
    assert (answers(module, x) - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert list(module.state_dict()) == list(network.state_dict())


class Odd(nn.Module):
    """Tied weights, a constant, a split, gradients off inside, and a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.first.weight
        self.register_buffer("scale", torch.full((8,), 2.0), persistent=False)

    def forward(self, x):
        with torch.no_grad():
            a, b = self.first(x).split(4, 1)
        x = torch.cat([b, a], 1) * self.scale + torch.arange(8, dtype=torch.float32)
        with torch.autocast("cpu", enabled=False):
            x = self.again(x)
        return {"extra": x.unsqueeze(2), "logits": x[:, :3]}


def test_odd_things_that_networks_do_are_read(tmp_path):
    torch.manual_seed(0)
    network = Odd().eval()
    module = read(valid.program(network, tmp_path / "a.pt2", shape=(8,))).module
    x = torch.rand(5, 8)
    extra, scores = answers(module, x)
    expected = answers(network, x)
    assert torch.equal(scores, expected["logits"])
    assert torch.equal(extra, expected["extra"])
    assert module.first.weight is module.again.weight


def test_a_program_that_repprobe_wrote_says_so(tmp_path):
    from repprobe.data import load_data
    from repprobe.repair.export import export_program

    path = tmp_path / "fixed.pt2"
    data = load_data("digits")
    model = Model.of_module(valid.net())
    export_program([model], data, path)
    contents = read(path)
    assert contents.config["repprobe"]["task"] == data.task
    raw = torch.from_numpy(np.array(data.test.inputs(np.arange(3)), np.float32))
    expected = answers(model.module, raw / data.unit)
    assert torch.allclose(answers(contents.module, raw), expected, atol=1e-5)


def test_a_checkpoint_is_no_program(tmp_path):
    torch.save(valid.net().state_dict(), tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(b"PK\3\4 and nothing more")
    assert not is_exported(tmp_path / "a.pt")
    assert not is_exported(tmp_path / "b.pt")
    assert not is_exported(tmp_path / "none.pt")


class TwoInputs(nn.Module):
    """Takes two tensors."""

    def forward(self, x, y):
        return x + y


def test_a_program_of_two_inputs_is_refused(tmp_path, one_line):
    made = torch.export.export(TwoInputs(), (torch.ones(2, 3), torch.ones(2, 3)))
    torch.export.save(made, tmp_path / "a.pt2")
    with pytest.raises(CheckpointError) as caught:
        read(tmp_path / "a.pt2")
    one_line(caught, "2 inputs")


def test_an_older_schema_is_named(tmp_path, one_line):
    records = valid.zip_records(valid.exported(tmp_path))
    document = json.loads(records["models/model.json"])
    document["schema_version"]["major"] = 5
    records["models/model.json"] = json.dumps(document).encode()
    path = valid.write_records(tmp_path / "old.pt2", records)
    with pytest.raises(CheckpointError) as caught:
        read(path)
    one_line(caught, path, "version 5", "torch 2.6")

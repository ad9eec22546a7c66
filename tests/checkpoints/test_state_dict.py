"""The state dict is found wherever training code puts it."""

import pytest
import torch
from torch import nn

from repprobe.checkpoints.state_dict import find_state_dict, find_state_dicts, wrapper_prefixes
from repprobe.errors import CheckpointError

WEIGHTS = nn.Linear(3, 4).state_dict()
OTHER = {key: value + 1 for key, value in WEIGHTS.items()}


def adam():
    network = nn.Linear(3, 4)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def is_weights(found):
    return found.tensors.keys() == WEIGHTS.keys() and all(
        torch.equal(found.tensors[key], value) for key, value in WEIGHTS.items()
    )


@pytest.mark.parametrize(
    "data",
    [
        WEIGHTS,
        {**WEIGHTS, "epoch": 3},
        {"state_dict": WEIGHTS},
        {"model": WEIGHTS, "optimizer": adam(), "epoch": 3},
        {"opt": adam(), "anything": WEIGHTS},
        {"model": {"state_dict": WEIGHTS, "version": 2}},
        {"state_dict": WEIGHTS, "ema": OTHER},
        {"ema": OTHER, "model": WEIGHTS},
        {"state_dict": WEIGHTS, "labels": torch.ones(9), "seeds": torch.ones(2)},
        {**WEIGHTS, "statistics": {"mean": torch.ones(1)}},
        {"loss_fn": OTHER, "trainer": {"network": WEIGHTS}},
    ],
)
def test_the_weights_are_found(data):
    assert is_weights(find_state_dict(data, "a.pt"))


def test_several_state_dicts_are_told_of():
    found = find_state_dict({"ema": OTHER, "state_dict": WEIGHTS}, "a.pt")
    assert found.notes == (
        "The file holds several state dicts (state_dict, ema); state_dict is used.",
    )


def test_the_larger_of_unnamed_state_dicts_is_used():
    small = nn.Linear(2, 4).state_dict()
    found = find_state_dict({"discriminator": small, "generator": WEIGHTS}, "a.pt")
    assert is_weights(found)
    assert "generator is used" in found.notes[0]


def test_plain_values_beside_it_are_kept():
    data = {"state_dict": {**WEIGHTS, "v": 2}, "best_prec1": 91.8, "arch": "r", "o": adam()}
    assert find_state_dict(data, "a.pt").metadata == {"best_prec1": 91.8, "arch": "r", "v": 2}


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (torch.ones(3), "holds a Tensor"),
        ([WEIGHTS], "holds a list"),
        ({}, "only nothing"),
        ({"epoch": 3, "optimizer": adam()}, "only epoch, optimizer"),
        ({0: torch.ones(3)}, "only 0"),
    ],
)
def test_a_file_without_a_state_dict_is_refused(one_line, data, named):
    with pytest.raises(CheckpointError) as caught:
        find_state_dict(data, "a.pt")
    one_line(caught, "'a.pt'", named, "model.state_dict()")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_becomes_float32_and_is_told_of(dtype):
    found = find_state_dict({"a.w": torch.ones(3, dtype=dtype), "a.n": torch.tensor(3)}, "a.pt")
    assert found.tensors["a.w"].dtype == torch.float32
    assert found.tensors["a.n"].dtype == torch.int64
    assert found.notes == (f"Weights stored as {str(dtype)[6:]} are loaded as float32.",)


def test_nan_and_infinity_are_told_of_by_key():
    bad = {
        "a.w": torch.tensor([1.0, torch.nan]),
        "b.w": torch.tensor(torch.inf),
        "c.w": torch.ones(1),
    }
    notes = find_state_dict(bad, "a.pt").notes
    assert notes == ("NaN or infinity in 2 of the 3 tensors: a.w, b.w.",)


@pytest.mark.parametrize(
    ("keys", "prefixes"),
    [
        (["conv.weight", "fc.weight"], [""]),
        (["module.conv.weight", "module.fc.weight"], ["", "module."]),
        (["module.conv.weight", "fc.weight"], [""]),
        (["m._orig_mod.a.w", "m._orig_mod.b.w"], ["", "m.", "m._orig_mod."]),
        (["weight", "bias"], [""]),
        (["module.weight", "module.bias"], ["", "module."]),
        (["net.a.w", "net.scale"], ["", "net."]),
        (["model1.w", "model2.w"], [""]),
    ],
)
def test_prefixes_are_whole_names_that_all_keys_share(keys, prefixes):
    assert wrapper_prefixes(keys) == prefixes


def test_networks_that_were_trained_together_are_found_in_their_order():
    other = {key: tensor + 1 for key, tensor in WEIGHTS.items()}
    file = {"state_dict_10": other, "state_dict_2": WEIGHTS, "state_dict": other, "ema": OTHER}
    found = find_state_dicts(file, "a.pt")
    assert [state.way for state in found] == [
        ("state_dict",),
        ("state_dict_2",),
        ("state_dict_10",),
    ]
    assert is_weights(found[1])
    assert not any(state.notes for state in found)


def test_copies_of_another_shape_or_place_were_not_trained_together():
    [found] = find_state_dicts({"a": {"model": WEIGHTS}, "model_2": WEIGHTS}, "a.pt")
    assert found.way == ("a", "model") or found.way == ("model_2",)
    [found] = find_state_dicts({"model": WEIGHTS, "model_2": {"x": torch.ones(9)}}, "a.pt")
    assert found.way == ("model",)

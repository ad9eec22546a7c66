"""The state dict is found wherever training code puts it."""

import pytest
import torch
from torch import nn

from repprobe.checkpoints.state_dict import (
    entries,
    find_state_dict,
    find_state_dicts,
    wrapper_prefixes,
)
from repprobe.errors import CheckpointError, UnknownNameError

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
        [WEIGHTS, OTHER],
        {"nets": (WEIGHTS, OTHER), "epoch": 3},
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
        ([3, "x"], "holds a list"),
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


def test_the_two_networks_of_dividemix_as_published_are_found():
    found = find_state_dicts({"net1": WEIGHTS, "net2": OTHER, "optimizer1": adam()}, "a.pt")
    assert [state.way for state in found] == [("net1",), ("net2",)]
    assert is_weights(found[0])
    note = find_state_dict({"net1": WEIGHTS, "net2": OTHER}, "a.pt").notes[0]
    assert "net1 is used, the first of the networks that were trained together" in note


def test_snapshots_in_a_list_were_not_trained_together():
    [found] = find_state_dicts({"nets": [WEIGHTS, OTHER]}, "a.pt")
    assert found.place == "nets[0]"
    assert "nets[0], nets[1]" in found.notes[0]


LIGHTNING = {
    **{f"model.{key}": value for key, value in WEIGHTS.items()},
    "criterion.weight": torch.ones(4),
}
MEAN_TEACHER = {
    f"{name}.{i}.{key}": value
    for name, state in (("teacher", OTHER), ("student", WEIGHTS))
    for i in range(2)
    for key, value in state.items()
}


def test_all_places_are_listed_with_their_sizes():
    data = {"ema": [OTHER, WEIGHTS], "state_dict": MEAN_TEACHER, "optimizer": adam()}
    listed = {found.place: (found.tensors, found.parameters) for found in entries(data)}
    assert listed == {
        "state_dict": (8, 64),
        "state_dict.teacher": (4, 32),
        "state_dict.student": (4, 32),
        "ema[0]": (2, 16),
        "ema[1]": (2, 16),
    }
    assert [found.place for found in entries(WEIGHTS)] == ["."]


def test_every_listed_place_can_be_asked_for():
    data = {"ema": [OTHER, WEIGHTS], "state_dict": MEAN_TEACHER, **WEIGHTS}
    for listed in entries(data):
        found = find_state_dict(data, "a.pt", listed.place)
        assert sum(t.numel() for t in found.tensors.values()) == listed.parameters
        assert not found.notes


def test_an_entry_may_be_the_beginning_of_keys():
    found = find_state_dict({"state_dict": LIGHTNING}, "a.pt", "state_dict.model")
    assert is_weights_under(found, "model.")
    assert is_weights_under(find_state_dict(LIGHTNING, "a.pt", "model"), "model.")


def is_weights_under(found, prefix):
    return found.levels()[-1] == prefix and found.without(prefix).keys() == WEIGHTS.keys()


def test_an_unknown_entry_is_answered_with_those_there_are(one_line):
    with pytest.raises(UnknownNameError) as caught:
        find_state_dict({"ema": OTHER, "net": [WEIGHTS]}, "a.pt", "emma")
    one_line(caught, "'emma'", "did you mean ema?", "net[0], ema")


def test_of_a_student_and_its_teacher_in_one_state_dict_one_is_taken():
    found = find_state_dict({"state_dict": MEAN_TEACHER}, "a.pt")
    assert found.levels()[-1] == "teacher."
    assert found.way == ("state_dict",)
    assert "state_dict.teacher, state_dict.student" in found.notes[0]


def test_branches_of_one_network_are_not_taken_apart():
    twin = {key.replace("teacher", "net1").replace("student", "net2"): value
            for key, value in MEAN_TEACHER.items()}  # fmt: skip
    assert len(find_state_dict(twin, "a.pt").tensors) == len(MEAN_TEACHER)


def test_a_file_that_holds_itself_ends():
    data = {"state_dict": WEIGHTS, "more": []}
    data["more"] += [data, data["more"]] * 1000
    assert is_weights(find_state_dict(data, "a.pt"))


def views_of(*keys):
    return find_state_dict({key: torch.ones(1) for key in keys}, "a.pt").views()


def test_a_part_of_the_keys_is_offered_as_a_network_of_its_own():
    whole, part, *_ = find_state_dict(LIGHTNING, "a.pt").views()
    assert whole.keys.keys() == LIGHTNING.keys()
    assert part.prefix == "model."
    assert dict(part.keys) == {key: f"model.{key}" for key in WEIGHTS}
    assert part.left == ("criterion.weight",)
    assert part.notes == (
        "The prefix 'model.' was taken off the keys.",
        "1 key is no part of the network (criterion.weight).",
    )


def test_the_counter_of_averaged_weights_is_left_out():
    part = views_of("n_averaged", "module.a.w", "module.b.w")[1]
    assert (list(part.keys), part.left) == (["a.w", "b.w"], ("n_averaged",))


def test_a_head_beside_a_backbone_stays_as_it_is():
    merged = [v for v in views_of("m.backbone.a.w", "m.backbone.b.w", "m.head.w") if v.merged]
    assert list(merged[0].keys) == ["a.w", "b.w", "head.w"]
    assert merged[0].prefix == "m.backbone."


def test_no_merged_view_makes_two_keys_one():
    assert not any(v.merged for v in views_of("backbone.w", "w"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("x.norm.gamma", "x.norm.beta", "w"), ["x.norm.weight", "x.norm.bias", "w"]),
        (("x.gamma", "w"), ["x.gamma", "w"]),
        (("features.denselayer1.norm.1.weight", "w"), ["features.denselayer1.norm1.weight", "w"]),
    ],
)
def test_keys_of_older_libraries_are_put_into_todays(old, new):
    view = views_of(*old)[0]
    assert list(view.keys) == new
    assert view.renamed == (list(old) != new)

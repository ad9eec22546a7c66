"""Who is measured in a run, and what is compared with what."""

import pytest
from torch import nn

from repprobe.checkpoints import Model, Preprocessing
from repprobe.errors import UnknownNameError, UsageError
from repprobe.pipeline.lineup import RANDOM, Lineup

ENTRIES = {"method": "ce", "noise": "pair:0.4", "seed": 0, "data_fingerprint": "f"}


def model(name, sha=None, *, width=4, **metadata):
    module = nn.Sequential(nn.Linear(3, width), nn.ReLU())
    found = Preprocessing.parse("none")
    return Model(name, module, "Sequential", found, sha256=sha or name, metadata=metadata)


def widths(model):
    return {"input": 3, "1": model.module[0].out_features}


def lineup(models, references=(), **options):
    return Lineup.of(models, references, widths, **options)


def test_a_single_network_has_no_reference():
    found = lineup([model("a")])
    assert (found.compared, found.references, found.epochs) == ({"a": ()}, {}, None)


def test_the_first_of_several_is_what_the_others_are_compared_with():
    found = lineup([model("a"), model("b"), model("c")])
    assert found.compared == {"a": (), "b": ("a",), "c": ("a",)}
    assert list(found.references) == ["a"]


def test_a_network_with_other_layers_than_the_first_is_compared_with_itself():
    found = lineup([model("a"), model("b", width=5)])
    assert found.compared == {"a": (), "b": ()}
    assert "1 is 4 wide, not 5" in found.notes["b"][0]
    assert not found.references


def test_references_are_networks_of_their_own_with_names_of_their_own():
    found = lineup([model("net", "1")], [model("net", "2"), model("twin")])
    assert found.compared == {"net": ("net-2", "twin")}
    assert [n.name for n in found.examined] == ["net"]


def test_a_reference_that_is_also_asked_for_is_there_once():
    a, b = model("a"), model("b")
    found = lineup([a, b], [b])
    assert found.compared == {"a": ("b",), "b": ()}
    assert found.references["b"] is found.examined[1]


def test_the_same_reference_twice_is_one():
    assert lineup([model("a")], [model("b"), model("b")]).compared == {"a": ("b",)}


def test_a_network_is_not_its_own_reference():
    with pytest.raises(UsageError, match="itself"):
        lineup([model("a")], [model("a")])


def test_a_reference_with_other_layers_is_refused_and_they_are_named():
    with pytest.raises(UsageError, match=r"'b' is of another architecture.*1 is 5 wide, not 4"):
        lineup([model("a")], [model("b", width=5)])


def test_a_reference_without_the_layers_that_were_named_is_refused_without_advice_on_them():
    def chosen(model):
        if model.name == "mlp":
            raise UnknownNameError.near("layer", "stage3.*", ["stage2"], "List them: --list.")
        return {"stage3.relu": 3}

    with pytest.raises(UsageError) as error:
        Lineup.of([model("a")], [model("mlp")], chosen)
    assert str(error.value) == (
        "the reference 'mlp' is of another architecture than 'a': in it no layer is named "
        "'stage3.*'."
    )


def test_an_untrained_first_network_is_no_reference():
    models = [model(f"epoch-{e:03}", epoch=e, epochs=10, **ENTRIES) for e in (5, 0, 10)]
    found = lineup(models)
    assert found.compared == {"epoch 0": (), "epoch 5": (), "epoch 10": ()}
    assert not found.references
    assert "untrained (epoch 0)" in found.notes["epoch 0"][0]
    assert "--reference" in found.notes["epoch 0"][0]
    named = lineup(models, [models[1]])
    assert named.compared["epoch 10"] == ("epoch 0",)
    assert not named.notes


def test_fresh_networks_have_the_name_that_no_other_has():
    found = lineup([model("random")], random=True)
    assert [n.name for n in found.examined] == ["random-2"]
    weights = [m.module[0].weight for m in found.fresh]
    assert len(weights) == 3
    assert not (weights[0] == weights[1]).all()
    again = lineup([model(RANDOM)], random=True)
    assert all((w == m.module[0].weight).all() for w, m in zip(weights, again.fresh, strict=True))


def test_random_weights_are_for_one_architecture():
    with pytest.raises(UsageError, match="'b' is of another than 'a'"):
        lineup([model("a"), model("b", width=5)], random=True)


def test_snapshots_of_a_run_are_told_by_their_epoch_and_in_its_order():
    names = ["noisy", "noisy-epoch-001", "noisy-epoch-005"]
    models = [
        model(n, epoch=e, epochs=10, **ENTRIES) for n, e in zip(names, (10, 1, 5), strict=True)
    ]
    found = lineup(models)
    assert found.epochs == {"noisy epoch 1": 1, "noisy epoch 5": 5, "noisy epoch 10": 10}
    assert [n.name for n in found.examined] == list(found.epochs)
    assert found.compared["noisy epoch 5"] == ("noisy epoch 1",)


def test_snapshots_in_a_folder_of_their_own_are_named_by_their_epoch_alone():
    models = [model(f"epoch-{e:03}", epoch=e, epochs=10, **ENTRIES) for e in (5, 0, 10)]
    assert lineup(models).epochs == {"epoch 0": 0, "epoch 5": 5, "epoch 10": 10}


@pytest.mark.parametrize("form", ["epoch-{}", "net_epoch{}", "net.epoch_{}", "net-epoch={}"])
def test_snapshots_of_others_are_ordered_by_the_number_in_their_name(form):
    found = lineup([model(form.format(e)) for e in (10, 100, 9)])  # as a shell lists them
    assert list(found.epochs.values()) == [9, 10, 100]
    assert [n.model.name for n in found.examined] == [form.format(e) for e in (9, 10, 100)]


def test_numbers_that_are_no_epochs_make_no_snapshots():
    assert lineup([model("net-1"), model("net-2")]).epochs is None
    assert lineup([model("a-epoch-1"), model("b-epoch-2")]).epochs is None
    assert lineup([model("net-epoch-1"), model("net-epoch-01", sha="other")]).epochs is None


@pytest.mark.parametrize("other", [{"seed": 1}, {"noise": "none"}, {"epoch": 0}])
def test_networks_of_different_runs_are_no_snapshots(other):
    first = model("net-epoch-000", epoch=0, **ENTRIES)
    second = model("net-epoch-005", **{"epoch": 5, **ENTRIES, **other})
    assert lineup([first, second]).epochs is None

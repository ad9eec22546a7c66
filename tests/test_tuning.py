"""Tuning on clean labels: what learns, what stays, and when it stops."""

import copy
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from repprobe import tuning
from repprobe.capture.blocks import blocks
from repprobe.checkpoints import Model, Preprocessing, load_model
from repprobe.data import ArrayPart, Data, Graphs, draws, load_data
from repprobe.errors import UnknownNameError, UsageError
from repprobe.interventions import intervene, verb
from repprobe.training import architecture
from repprobe.tuning import tune

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def noisy():
    return load_model(EXAMPLES / "noisy-digits.pt")


@pytest.fixture(scope="module")
def few(digits):
    return draws(digits.train.labels, [100], [0], "classification")[0].rows


def accuracy(model, module, data):
    x = model.preprocessing.apply(data.test.inputs(np.arange(len(data.test))), data.unit)
    with torch.no_grad():
        return float((module(x).argmax(1).numpy() == data.test.labels).mean())


def state_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def model_of(module, preprocess="none"):
    return Model("net", module.eval(), "net", Preprocessing.parse(preprocess))


def made(n=40, width=3, shape=(4,), targets=None, seed=0):
    """Return data whose classes are told by the first values of an input, or targets."""
    rng = np.random.default_rng(seed)

    def part(count):
        x = rng.standard_normal((count, *shape)).astype(np.float32)
        flat = x.reshape(count, -1)
        if targets is None:
            return ArrayPart(x, flat[:, :width].argmax(1))
        return ArrayPart(x, flat @ rng.standard_normal((flat.shape[1], targets)))

    task = "classification" if targets is None else "regression"
    classes = tuple("abc"[:width]) if targets is None else ()
    return Data("made", part(n), part(n), task, classes, 1.0, "made")


def test_ten_labels_per_class_mend_a_network_that_learned_wrong_labels(noisy, digits, few):
    before, steps = state_of(noisy.module), []
    tuned = tune(noisy, digits, few, epochs=20, progress=lambda *step: steps.append(step))
    assert accuracy(noisy, tuned.module, digits) > accuracy(noisy, noisy.module, digits) + 0.15
    assert same(before, state_of(noisy.module))
    assert steps == [("tune", epoch, 20) for epoch in range(1, tuned.epochs + 1)]
    assert not tuned.module.training


def test_the_best_epoch_is_returned(noisy, digits, few):
    tuned = tune(noisy, digits, few, epochs=6, learning_rate=0.02)
    losses = [record["held_out"] for record in tuned.history]
    assert len(losses) == tuned.epochs + 1
    assert losses[tuned.best_epoch] == min(losses)
    assert [record["epoch"] for record in tuned.history] == list(range(tuned.epochs + 1))
    assert tuned.history[0]["loss"] is None


def test_never_worse_than_the_start_on_what_was_held_out(noisy, digits, few):
    tuned = tune(noisy, digits, few, epochs=3, learning_rate=5.0)
    assert tuned.best_epoch == 0
    assert same(state_of(noisy.module), state_of(tuned.module))


def test_it_stops_where_nothing_is_gained(monkeypatch):
    monkeypatch.setattr(tuning, "PATIENCE", 2)
    data = made()
    tuned = tune(model_of(nn.Linear(4, 3)), data, np.arange(40), learning_rate=1e3)
    assert (tuned.epochs, tuned.best_epoch) == (2, 0)


def test_a_loss_that_is_no_number_stops_it():
    class Breaks(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)
            self.register_buffer("steps", torch.zeros(()))

        def forward(self, x):
            if self.training:
                self.steps += 1
            return self.linear(x) * (math.nan if self.steps > 4 else 1.0)

    torch.manual_seed(0)
    tuned = tune(model_of(Breaks()), made(), np.arange(40), batch_size=16)
    assert tuned.epochs == 3
    assert math.isnan(tuned.history[-1]["held_out"])
    assert 0 < tuned.best_epoch <= 2
    assert all(value.isfinite().all() for value in tuned.module.state_dict().values())


def test_a_network_that_puts_out_no_number_stays_as_it_is():
    net = nn.Linear(4, 3)
    nn.init.constant_(net.weight, math.nan)
    assert tune(model_of(net), made(), np.arange(40)).epochs == 1


def test_only_the_given_entries_change(noisy, digits, few):
    keys = [key for key in noisy.module.state_dict() if key.startswith("stage2.")]
    tuned = tune(noisy, digits, few, keys=keys, epochs=3)
    before, after = noisy.module.state_dict(), tuned.module.state_dict()
    changed = {key for key in before if not torch.equal(before[key], after[key])}
    assert changed <= set(keys)
    assert "stage2.bn1.running_mean" in changed
    assert "stage2.conv1.weight" in changed
    gradients = [p.requires_grad for p in tuned.module.parameters()]
    assert gradients == [p.requires_grad for p in noisy.module.parameters()]


def test_repeatable_and_without_a_trace(digits, few):
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Dropout(0.5), nn.Linear(16, 10))
    model = model_of(net, "unit")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = tune(model, digits, few, epochs=2)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(4)
    again = tune(model, digits, few[::-1].copy(), epochs=2)
    other = tune(model, digits, few, epochs=2, seed=1)
    assert same(state_of(first.module), state_of(again.module))
    assert not same(state_of(first.module), state_of(other.module))


def test_other_labels_than_the_data_have(noisy, digits, few):
    labels = (digits.train.labels[few] + 1) % 10
    given = tune(noisy, digits, few, labels=labels, epochs=25)
    x = noisy.preprocessing.apply(digits.train.inputs(few), digits.unit)
    with torch.no_grad():
        answers = given.module(x).argmax(1).numpy()
    assert (answers == labels).mean() > 0.6


@pytest.mark.parametrize("targets", [1, 2])
def test_regression(targets):
    data = made(n=60, targets=targets)
    labels = data.train.labels[:, 0] if targets == 1 else data.train.labels
    data = Data(
        "made", ArrayPart(data.train.array, labels), data.test, "regression", (), 1.0, "made"
    )
    tuned = tune(model_of(nn.Linear(4, targets)), data, np.arange(60), learning_rate=0.05)
    losses = [record["held_out"] for record in tuned.history]
    assert losses[tuned.best_epoch] < 0.2 * losses[0]


def test_graphs():
    data = load_data("max-degree:40")
    name, arguments = architecture.settle("max-sum-gnn", {"hidden": 4}, data)
    model = model_of(architecture.fresh(name, arguments, 0))
    tuned = tune(model, data, np.arange(40), epochs=4, batch_size=8, learning_rate=0.01)
    losses = [record["held_out"] for record in tuned.history]
    assert tuned.best_epoch > 0
    assert losses[tuned.best_epoch] < losses[0]


class Ring:
    """Some nodes of a ring, whose features tell their class."""

    whole = True

    def __init__(self, nodes, count=40):
        self.nodes, self.labels = nodes, nodes // (count // 2)
        around = np.arange(count)
        self.edges = np.stack([around, (around + 1) % count])
        self.x = np.eye(2, dtype=np.float32)[around // (count // 2)]

    def __len__(self):
        return len(self.nodes)

    def inputs(self, indices):
        nodes = self.nodes[indices]
        return Graphs(self.x, self.edges, np.zeros(len(self.x), np.int64), len(nodes), nodes)


def test_nodes_of_one_graph(monkeypatch):
    from torch_geometric.nn import GCN

    monkeypatch.setattr(verb, "EPOCHS", (2, 2))
    parts = Ring(np.arange(0, 40, 2)), Ring(np.arange(1, 40, 2))
    data = Data("ring", *parts, "classification", ("a", "b"), 1.0, "ring")
    torch.manual_seed(0)
    model = model_of(GCN(2, 4, 2, out_channels=2))
    tuned = tune(model, data, np.arange(20), epochs=30, batch_size=4, learning_rate=0.05)
    with torch.no_grad():
        answers = tuned.module(torch.from_numpy(parts[1].x), torch.from_numpy(parts[1].edges))
    right = answers.argmax(1).numpy()[parts[1].nodes] == parts[1].labels
    assert right.mean() > 0.9
    scores, causal = intervene(replace(model, module=tuned.module), data, rows=np.arange(20))
    assert causal.own == right.mean()
    assert [r.layer for r in scores.where(metric="retrained")] == list(blocks(model, data))


def test_types_stay_as_they_were():
    net = nn.Sequential(nn.Linear(4, 8).half(), nn.Linear(8, 3).double())
    tuned = tune(model_of(net), made(), np.arange(40), keys=["1.weight", "1.bias"], epochs=2)
    assert [p.dtype for p in tuned.module.parameters()] == [torch.float16] * 2 + [torch.float64] * 2
    assert torch.equal(tuned.module[0].weight, net[0].weight)
    assert not torch.equal(tuned.module[1].weight, net[1].weight)


def test_tied_weights_change_together():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
            self.two.weight = self.one.weight

        def forward(self, x):
            return self.head(self.two(self.one(x).relu()).relu())

    net = Tied()
    tuned = tune(model_of(net), made(), np.arange(40), keys=["one.weight"], learning_rate=0.05)
    assert torch.equal(tuned.module.one.weight, tuned.module.two.weight)
    assert not torch.equal(tuned.module.one.weight, net.one.weight)


def test_what_the_network_itself_freezes_stays():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 3))
    net[0].requires_grad_(False)
    tuned = tune(model_of(net), made(), np.arange(40), epochs=2)
    assert torch.equal(tuned.module[0].weight, net[0].weight)
    assert not torch.equal(tuned.module[1].weight, net[1].weight)


@pytest.mark.parametrize("may_augment", [True, False])
def test_images_of_three_channels_are_augmented_where_they_may_be(monkeypatch, may_augment):
    seen = []

    class Spy(tuning.TrainingSet):
        def __init__(self, *args, augment, **rest):
            seen.append(augment)
            super().__init__(*args, augment=augment, **rest)

    monkeypatch.setattr(tuning, "TrainingSet", Spy)
    data = made(shape=(3, 8, 8))
    data = Data(
        *(data.name, data.train, data.test, data.task, data.classes),
        1.0,
        "",
        may_augment=may_augment,
    )
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3))
    tune(model_of(net), data, np.arange(40), epochs=1)
    assert seen == [may_augment]


def test_an_exception_leaves_the_network_alone(noisy, digits, few):
    before = state_of(noisy.module)

    def stop(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(noisy, digits, few, epochs=3, progress=stop)
    assert same(before, state_of(noisy.module))
    assert all(p.grad is None and p.requires_grad for p in noisy.module.parameters())


def test_what_cannot_be_tuned(noisy, digits, few, one_line):
    with pytest.raises(UnknownNameError) as caught:
        tune(noisy, digits, few, keys=["stage1.conv1.wieght"])
    one_line(caught, "stage1.conv1.weight")
    with pytest.raises(UsageError) as caught:
        tune(noisy, digits, few, keys=["stage1.bn1.running_mean"])
    one_line(caught, "parameter")
    with pytest.raises(UsageError) as caught:
        tune(noisy, digits, few[:2])
    one_line(caught, "3")
    with pytest.raises(UsageError) as caught:
        tune(model_of(nn.Linear(4, 7)), made(), np.arange(40))
    one_line(caught, "7")


def test_copies_do_not_share_memory(noisy, digits, few):
    tuned = tune(noisy, digits, few, epochs=0)
    with torch.no_grad():
        copy.copy(tuned.module).linear.bias.add_(1)
    assert not torch.equal(tuned.module.linear.bias, noisy.module.linear.bias)

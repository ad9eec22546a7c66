"""The steps of DivideMix: division, refinement, guessing, mixing, and their edges."""

import pytest
import torch
from fakes import Epoch, Examples, Network, blobs, learn, made_networks, symmetric_noise
from torch.nn.functional import cross_entropy

from repprobe.errors import RepprobeError
from repprobe.training.methods import build
from repprobe.training.methods.dividemix import (
    confidence_penalty,
    mixmatch_loss,
    refined,
    sharpened,
)
from repprobe.training.methods.mixing import draw_beta


class Table:
    """A network that answers from a table of logits by the first input, whatever the mode."""

    training = True

    def __init__(self, logits):
        self.logits, self.modes, self.shown = logits, [], []

    def __call__(self, inputs):
        self.modes.append(self.training)
        self.shown.append(inputs.x)
        return self.logits[inputs.x[:, 0].round().long().clamp(0, len(self.logits) - 1)]

    def train(self, mode=True):
        self.training = mode


def numbered(n, classes, batch_size=4):
    """Examples whose input is their row."""
    return Examples(torch.arange(n).float()[:, None], torch.arange(n) % classes, classes,
                    batch_size, jitter=0.0)  # fmt: skip


def answering(right, n, classes):
    """Logits that agree with the labels of the rows in `right` only."""
    labels = torch.arange(n) % classes
    answers = torch.where(torch.isin(torch.arange(n), right), labels, (labels + 1) % classes)
    return 4 * torch.eye(classes)[answers]


def made(rights, n=20, classes=4, **arguments):
    method = build("dividemix", warmup=1, **arguments)
    examples = numbered(n, classes)
    method.begin(examples)
    networks = [Table(answering(torch.as_tensor(right), n, classes)) for right in rights]
    return method, Epoch(1, 9, examples, networks)


def test_refinement_and_sharpening_by_hand():
    labels = torch.tensor([[1.0, 0.0, 0.0]])
    p = torch.tensor([[0.2, 0.5, 0.3]])
    mixed = refined(labels, p, torch.tensor([0.6]))
    torch.testing.assert_close(mixed, torch.tensor([[0.68, 0.2, 0.12]]))
    torch.testing.assert_close(refined(labels, p, torch.ones(1)), labels)
    torch.testing.assert_close(refined(labels, p, torch.zeros(1)), p)
    # .68² = .4624, .2² = .04, .12² = .0144; their sum is .5168
    torch.testing.assert_close(
        sharpened(mixed, 0.5), torch.tensor([[0.4624, 0.04, 0.0144]]) / 0.5168
    )
    torch.testing.assert_close(sharpened(p, 1.0), p)
    torch.testing.assert_close(sharpened(labels, 0.5), labels)


def test_each_network_is_taught_by_the_others_division():
    first, second = torch.arange(12), torch.arange(6, 20)
    method, epoch = made([first, second])
    turns = list(method.turns(epoch))
    for network, clean in ((0, second), (1, first)):
        mine = [t for t in turns if t.network == network]
        kept = torch.cat([t.labelled.rows for t in mine]).sort().values
        assert torch.equal(kept, clean)  # one pass over the labelled, each once
        for turn in mine:
            assert len(turn.labelled.views) == len(turn.unlabelled.views) == 2
            assert not torch.isin(turn.unlabelled.rows, clean).any()
            assert (turn.clean > 0.99).all() and turn.clean.shape == turn.labelled.rows.shape
    assert [t.network for t in turns] == sorted(t.network for t in turns)


def test_few_dropped_examples_are_gone_through_again_and_again():
    method, epoch = made([torch.arange(2, 20)] * 2)
    rows = [t.unlabelled.rows.sort().values.tolist() for t in method.turns(epoch)]
    assert rows == [[0, 1]] * 10


@pytest.mark.parametrize("wrong", [0, 1])
def test_where_nothing_is_dropped_the_kept_are_mixed_with_each_other(wrong):
    # one dropped example alone makes no batch
    method, epoch = made([torch.arange(wrong, 20)] * 2)
    turns = list(method.turns(epoch))
    assert all(t.unlabelled is None for t in turns)
    assert sum(len(t.labelled.rows) for t in turns) == 2 * (20 - wrong)
    for turn in turns:
        losses = method.losses(epoch, turn)
        assert torch.isfinite(losses[turn.network])


def test_where_nobody_looks_clean_the_network_learns_from_all_labels(monkeypatch):
    monkeypatch.setattr(
        "repprobe.training.methods.dividemix.clean_probability",
        lambda losses, seed: 0.4 * torch.ones(len(losses)).double().numpy(),
    )
    method, epoch = made([torch.arange(20)] * 2)
    turns = list(method.turns(epoch))
    assert len(turns) == 10 and all(t.clean is None and t.unlabelled is None for t in turns)
    loss, none = method.losses(epoch, turns[0])
    logits = epoch.networks[0].logits[turns[0].labelled.rows]
    assert none is None
    torch.testing.assert_close(loss, cross_entropy(logits, turns[0].labelled.labels))


def test_the_weight_of_the_dropped_grows_over_the_ramp():
    method, epoch = made([torch.arange(12)] * 2, lambda_u=32.0, ramp=4)
    found = []
    for number in (1, 3, 5, 7):
        epoch.number = number
        found += [t.weight for t in method.turns(epoch) if t.network == 0]
    # three steps an epoch: 32/4 · (epoch − 1 + seen/12)
    grown = [8 * (e + s / 3) for e in (0, 2) for s in range(3)]
    assert found == pytest.approx([*grown, *[32.0] * 6])


def test_the_loss_is_that_of_the_paper_step_by_step():
    method, epoch = made([torch.arange(12), torch.arange(6, 20)], alpha=4.0, lambda_u=10.0, ramp=1)
    epoch.number = 3
    epoch.networks[0].logits = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    *_, turn = (t for t in method.turns(epoch) if t.network == 0)
    first, second = epoch.networks
    generator = torch.Generator()
    generator.set_state(epoch.generator.get_state())
    first.modes.clear(), second.modes.clear(), first.shown.clear()
    loss, none = method.losses(epoch, turn)
    assert none is None
    # the one that learns stays in training mode, the other guesses in evaluation mode
    assert first.modes == [True] * 5 and second.modes == [False] * 2
    assert first.training and second.training

    x, u, w = turn.labelled.rows, turn.unlabelled.rows, turn.clean[:, None]
    p_first, p_second = first.logits.softmax(1), second.logits.softmax(1)
    q_x = (w * torch.eye(4)[x % 4] + (1 - w) * p_first[x]) ** 2
    q_u = ((p_first[u] + p_second[u]) / 2) ** 2
    q = torch.cat([v / v.sum(1, keepdim=True) for v in (q_x, q_x, q_u, q_u)])
    share = draw_beta(4.0, generator)
    share = max(share, 1 - share)
    inputs = torch.cat([x, x, u, u]).float()[:, None]
    partner = torch.randperm(len(inputs), generator=generator)
    mixed = share * inputs + (1 - share) * inputs[partner]
    torch.testing.assert_close(first.shown[-1], mixed)
    expected = mixmatch_loss(
        first.logits[mixed[:, 0].round().long()],
        share * q + (1 - share) * q[partner],
        2 * len(x),
        10.0,
    )
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("asymmetric", [False, True])
def test_the_warm_up_is_cross_entropy_with_a_penalty_for_asymmetric_noise(asymmetric):
    method, epoch = made([torch.arange(9)] * 2, asymmetric=asymmetric)
    epoch.number = 0
    turns = list(method.turns(epoch))
    assert [t.network for t in turns] == [0] * 5 + [1] * 5
    none, loss = method.losses(epoch, turns[-1])
    logits = epoch.networks[1].logits[turns[-1].labelled.rows]
    expected = cross_entropy(logits, turns[-1].labelled.labels)
    expected += confidence_penalty(logits) if asymmetric else 0
    assert none is None
    torch.testing.assert_close(loss, expected)


def test_losses_of_several_epochs_are_averaged_before_they_are_divided(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "repprobe.training.methods.dividemix.clean_probability",
        lambda losses, seed: seen.append(losses) or (losses < 0.5).astype(float),
    )
    method, epoch = made([torch.arange(8)] * 2, averaged=3)
    for right in (8, 12, 16, 20, 20):
        epoch.networks[0].logits = answering(torch.arange(right), 20, 4)
        list(method.turns(epoch))
        assert method.state()["losses"].shape[0] <= 2
    losses = torch.stack([torch.as_tensor(s) for s in seen[::2]])
    ones = [(torch.arange(20) >= right).double() for right in (8, 12, 16)]
    torch.testing.assert_close(losses[0], ones[0])
    torch.testing.assert_close(losses[1], (ones[0] + ones[1]) / 2)
    torch.testing.assert_close(losses[2], sum(ones) / 3)
    torch.testing.assert_close(losses[3], (ones[1] + ones[2]) / 3)
    torch.testing.assert_close(losses[4], ones[2] / 3)


def test_outputs_that_are_infinite_are_named():
    method, epoch = made([torch.arange(8)] * 2)
    epoch.networks[1].logits = torch.full((20, 4), float("nan"))
    with pytest.raises(RepprobeError, match="beginning of epoch 2"):
        next(method.turns(epoch))


def test_after_some_epochs_the_division_finds_the_wrong_labels():
    x, true = blobs(400)
    noisy = symmetric_noise(true, 0.4, 3)
    examples = Examples(x, noisy, 3)
    method = build("dividemix", warmup=3)
    networks, optimizers = made_networks(method, 2, 3)
    method.begin(examples)
    learn(method, networks, optimizers, examples, 5)
    turns = list(method.turns(Epoch(5, 6, examples, networks)))
    for network in (0, 1):
        kept = torch.cat([t.labelled.rows for t in turns if t.network == network])
        assert (noisy[kept] == true[kept]).float().mean() > 0.98
        assert len(kept) > 0.9 * (noisy == true).sum()


def test_very_few_examples_do_not_break_it():
    x, labels = blobs(6)
    examples = Examples(x, labels, 3, batch_size=4)
    method = build("dividemix", warmup=1)
    networks = [Network(2, 3, seed) for seed in range(2)]
    optimizers = [torch.optim.Adam(n.parameters()) for n in networks]
    method.begin(examples)
    learn(method, networks, optimizers, examples, 4)

"""Mixing, and the numbers it is drawn with."""

import numpy as np
import pytest
import torch
from fakes import Epoch, Examples
from scipy import stats
from torch.nn.functional import cross_entropy

from repprobe.feeding import Fed
from repprobe.training.methods import build
from repprobe.training.methods.border import Batch
from repprobe.training.methods.mixing import draw_beta


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_are_distributed_as_beta(alpha):
    generator = torch.Generator().manual_seed(0)
    drawn = [draw_beta(alpha, generator) for _ in range(2000)]
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert drawn[0] == draw_beta(alpha, torch.Generator().manual_seed(0))


def losses(alpha):
    """The loss of one batch, with the network's inputs and outputs."""
    x = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    seen = []

    def network(inputs):
        seen.append(inputs.x)
        return 2 * inputs.x

    epoch = Epoch(0, 1, Examples(x, labels, 3), [network], seed=3)
    batch = Batch(torch.arange(6), (Fed(x, 6),), labels)
    (loss,) = build("mixup", alpha=alpha).losses(epoch, batch)
    return loss, seen[0], x, labels


def test_without_alpha_it_is_cross_entropy():
    loss, seen, x, labels = losses(0)
    assert torch.equal(seen, x)
    torch.testing.assert_close(loss, cross_entropy(2 * x, labels))


def test_inputs_and_labels_are_mixed_with_the_same_weight_and_partner():
    loss, seen, x, labels = losses(1.0)
    generator = torch.Generator().manual_seed(3000)
    share = draw_beta(1.0, generator)
    partner = torch.randperm(6, generator=generator)
    assert 0.01 < share < 0.99 and not torch.equal(partner, torch.arange(6))
    torch.testing.assert_close(seen, share * x + (1 - share) * x[partner])
    one_hot = np.eye(3)
    target = share * one_hot[labels] + (1 - share) * one_hot[labels[partner]]
    expected = -(target * torch.log_softmax(2 * seen, 1).numpy()).sum(1).mean()
    assert loss.item() == pytest.approx(expected, rel=1e-6)

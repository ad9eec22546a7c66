"""The targets of early-learning regularization."""

import pytest
import torch
from fakes import Epoch, Examples, blobs

from repprobe.training.methods import build
from repprobe.training.methods.elr import moved_targets


def test_targets_are_running_means_of_clamped_probabilities():
    old = torch.tensor([[0.5, 0.25, 0.0]])
    logits = torch.tensor([[0.7, 0.2, 0.1]]).log().requires_grad_()
    new = moved_targets(old, logits, 0.9)
    torch.testing.assert_close(new, torch.tensor([[0.52, 0.245, 0.01]]))
    assert not new.requires_grad
    sure = moved_targets(torch.zeros(1, 3), torch.tensor([[100.0, 0.0, 0.0]]), 0.0)
    total = 0.9999 + 2e-4
    torch.testing.assert_close(sure, torch.tensor([[0.9999 / total, 1e-4 / total, 1e-4 / total]]))


def test_every_example_has_targets_of_its_own():
    x, labels = blobs(10)
    examples = Examples(x, labels, 3, batch_size=4, jitter=0.0)
    method = build("elr", beta=0.5, lam=1.0)
    method.begin(examples)
    epoch = Epoch(0, 1, examples, [lambda inputs: torch.cat([inputs.x, inputs.x[:, :1]], 1)])
    for turn in method.turns(epoch):
        method.losses(epoch, turn)
    p = torch.cat([x, x[:, :1]], 1).softmax(1).clamp(1e-4, 1 - 1e-4)
    torch.testing.assert_close(method.state()["targets"], 0.5 * p / p.sum(1, keepdim=True))


def test_the_gradient_is_the_papers():
    # Lemma 2 of the paper: the gradient with respect to the logits is p − y + λ g, where
    # g_c = p_c / (1 − ⟨p, t⟩) · Σ_k (t_k − t_c) p_k
    from repprobe.training.methods.elr import elr_loss

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    t = torch.tensor([[0.1, 0.5, 0.2, 0.1]], dtype=torch.float64)
    elr_loss(logits, torch.tensor([2]), t, 3.0).backward()
    p = logits.detach().softmax(1)
    g = p / (1 - (p * t).sum()) * ((t * p).sum() - t)
    expected = p - torch.eye(4)[2] + 3 * g
    assert logits.grad[0].tolist() == pytest.approx(expected[0].tolist(), rel=1e-9)

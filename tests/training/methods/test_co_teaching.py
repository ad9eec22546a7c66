"""How many examples are kept, and which."""

import pytest
import torch
from fakes import Epoch, Examples, blobs
from torch.nn.functional import cross_entropy

from repprobe.errors import UsageError
from repprobe.training.methods import build
from repprobe.training.methods.co_teaching import co_teaching_losses


def test_the_share_kept_falls_to_that_of_right_labels():
    method = build("co-teaching", rate=0.4, ramp=4)
    shares = [method.kept_share(t) for t in range(7)]
    assert shares == pytest.approx([1, 0.9, 0.8, 0.7, 0.6, 0.6, 0.6])


@pytest.mark.parametrize(
    ("share", "count", "kept"), [(1, 10, 10), (0.6, 10, 6), (1 - 0.9, 10, 1), (0.55, 10, 6),
                                 (0.001, 10, 1), (0.3, 3, 1)]
)  # fmt: skip
def test_as_many_are_kept_as_the_share_asks_for_at_least(share, count, kept):
    logits = torch.randn(count, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    other = torch.zeros(count, 2)
    loss, _ = co_teaching_losses(logits, other, torch.zeros(count, dtype=torch.int64), share)
    loss.backward()
    assert (logits.grad.abs().sum(1) > 0).sum() == kept


def test_at_first_both_learn_from_all():
    x, labels = blobs(20)
    examples = Examples(x, labels, 3, batch_size=20)
    outputs = iter(torch.randn(2, 20, 3))
    epoch = Epoch(0, 5, examples, [lambda inputs: next(outputs)] * 2)
    method = build("co-teaching", rate=0.9)
    (batch,) = method.turns(epoch)
    shown = []
    epoch.networks = [lambda inputs, o=o: shown.append(o) or o for o in torch.randn(2, 20, 3)]
    losses = method.losses(epoch, batch)
    for loss, logits in zip(losses, shown, strict=True):
        torch.testing.assert_close(loss, cross_entropy(logits, batch.labels))


def test_the_rate_has_to_be_known():
    x, labels = blobs(20)
    with pytest.raises(UsageError, match=r"rate=0\.4"):
        build("co-teaching").begin(Examples(x, labels, 3))

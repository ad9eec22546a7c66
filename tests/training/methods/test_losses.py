"""Every loss: values by hand, an independent implementation, its gradient, and its limits."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from repprobe.training.methods.co_teaching import co_teaching_losses
from repprobe.training.methods.dividemix import confidence_penalty, mixmatch_loss
from repprobe.training.methods.elr import elr_loss
from repprobe.training.methods.forward_correction import forward_corrected
from repprobe.training.methods.gce import generalized_cross_entropy
from repprobe.training.methods.mixup import mixup_loss
from repprobe.training.methods.sce import symmetric_cross_entropy

CLASSES, COUNT = 5, 12

generator = np.random.default_rng(0)
LOGITS = torch.tensor(2 * generator.normal(size=(COUNT, CLASSES)))
LABELS, PARTNERS = torch.tensor(generator.integers(CLASSES, size=(2, COUNT)))
TRANSITION = torch.tensor(generator.dirichlet(np.ones(CLASSES), CLASSES))
TARGETS = torch.tensor(0.9 * generator.dirichlet(np.ones(CLASSES), COUNT))

LOSSES = {
    "gce": lambda x: generalized_cross_entropy(x, LABELS, 0.7),
    "sce": lambda x: symmetric_cross_entropy(x, LABELS, 0.1, 1.0),
    "forward": lambda x: forward_corrected(x, LABELS, TRANSITION),
    "elr": lambda x: elr_loss(x, LABELS, TARGETS, 3.0),
    "mixup": lambda x: mixup_loss(x, LABELS, PARTNERS, 0.3),
    "co-teaching, first": lambda x: co_teaching_losses(x, x.detach().flip(1), LABELS, 0.6)[0],
    "co-teaching, second": lambda x: co_teaching_losses(x.detach().flip(1), x, LABELS, 0.6)[1],
    "mixmatch": lambda x: mixmatch_loss(x, TARGETS.to(x), 8, 25.0),
    "mixmatch, all labelled": lambda x: mixmatch_loss(x, TARGETS.to(x), COUNT, 25.0),
    "confidence penalty": confidence_penalty,
}


def probabilities(row):
    powers = [math.exp(v) for v in row]
    return [v / sum(powers) for v in powers]


P = [probabilities(row) for row in LOGITS.tolist()]
ROWS = list(zip(P, LABELS.tolist(), PARTNERS.tolist(), TARGETS.tolist(), strict=True))


def slow_gce():
    return np.mean([(1 - p[y] ** 0.7) / 0.7 for p, y, _, _ in ROWS])


def slow_sce():
    total = 0.0
    for p, y, _, _ in ROWS:
        one_hot = [1.0 if k == y else 1e-4 for k in range(CLASSES)]
        reverse = -sum(v * math.log(q) for v, q in zip(p, one_hot, strict=True))
        total += -0.1 * math.log(p[y]) + reverse
    return total / COUNT


def slow_forward():
    t = TRANSITION.tolist()
    return np.mean([-math.log(sum(t[i][y] * p[i] for i in range(CLASSES))) for p, y, _, _ in ROWS])


def slow_elr():
    return np.mean(
        [
            -math.log(p[y]) + 3 * math.log(1 - sum(a * b for a, b in zip(p, t, strict=True)))
            for p, y, _, t in ROWS
        ]
    )


def slow_mixup():
    return np.mean([-0.3 * math.log(p[a]) - 0.7 * math.log(p[b]) for p, a, b, _ in ROWS])


def slow_co_teaching():
    other = [-math.log(p[CLASSES - 1 - y]) for p, y, _, _ in ROWS]
    easy = sorted(range(COUNT), key=other.__getitem__)[:8]  # 0.6 · 12 = 7.2, rounded up
    return np.mean([-math.log(P[i][LABELS[i]]) for i in easy])


def slow_mixmatch(labelled):
    q, weight, prior = TARGETS.tolist(), 25.0, 1 / CLASSES
    total = 0.0
    for i in range(COUNT):
        for k in range(CLASSES):
            if i < labelled:
                total -= q[i][k] * math.log(P[i][k]) / labelled
            else:
                total += weight * (P[i][k] - q[i][k]) ** 2 / (COUNT - labelled) / CLASSES
    for k in range(CLASSES):
        total += prior * math.log(prior / np.mean([p[k] for p in P]))
    return total


SLOW = {
    "gce": slow_gce,
    "sce": slow_sce,
    "forward": slow_forward,
    "elr": slow_elr,
    "mixup": slow_mixup,
    "co-teaching, first": slow_co_teaching,
    "co-teaching, second": slow_co_teaching,
    "mixmatch": lambda: slow_mixmatch(8),
    "mixmatch, all labelled": lambda: slow_mixmatch(COUNT),
    "confidence penalty": lambda: np.mean([sum(v * math.log(v) for v in p) for p in P]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_what_loops_over_examples_and_classes_give(name):
    assert LOSSES[name](LOGITS).item() == pytest.approx(SLOW[name](), rel=1e-12)
    assert LOSSES[name](LOGITS.float()).dtype == torch.float32
    assert LOSSES[name](LOGITS.float()).item() == pytest.approx(SLOW[name](), rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_its_gradient_is_that_of_finite_differences(name):
    assert torch.autograd.gradcheck(LOSSES[name], LOGITS.clone().requires_grad_())


@pytest.mark.parametrize("name", LOSSES)
def test_saturated_networks_have_finite_losses_and_gradients(name):
    for scale in (1e3, 1e-3):
        logits = (scale * LOGITS).float().requires_grad_()
        loss = LOSSES[name](logits)
        loss.backward()
        assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


def log(*rows):
    """Logits whose softmax are these rows."""
    return torch.tensor(rows, dtype=torch.float64).log() + 1.5


def test_values_by_hand():
    def value(loss):
        return pytest.approx(loss.item(), abs=1e-7)

    y0, y1 = torch.tensor([0]), torch.tensor([1])
    # (1 − √.25)/.5 = 1 and (1 − √.36)/.5 = .8
    gce = generalized_cross_entropy(log((0.25, 0.75), (0.36, 0.64)), torch.tensor([0, 0]), 0.5)
    assert value(gce) == 0.9
    # −.1 ln .7 + (.2 + .1)·9.2103404
    assert value(symmetric_cross_entropy(log((0.7, 0.2, 0.1)), y0, 0.1, 1.0)) == 2.7987696
    # Tᵀp = (.9·.8 + .1·.3, .9·.2 + .1·.7) = (.75, .25)
    t = torch.tensor([[0.8, 0.2], [0.3, 0.7]])
    assert value(forward_corrected(log((0.9, 0.1)), y1, t)) == 1.3862944
    # −ln .8 + 3 ln(1 − .8·.5 − .2·.25)
    t = torch.tensor([[0.5, 0.25]])
    assert value(elr_loss(log((0.8, 0.2)), y0, t, 3.0)) == -1.5703675
    # −.25 ln .8 − .75 ln .2
    assert value(mixup_loss(log((0.8, 0.2)), y0, y1, 0.25)) == 1.2628643
    # .6 ln .6 + .4 ln .4
    assert value(confidence_penalty(log((0.6, 0.4)))) == -0.6730117
    # L_X = −.9 ln .8 − .1 ln .2; L_U = (.1² + .1²)/2; L_reg = .5 ln(.5/.7) + .5 ln(.5/.3)
    q = torch.tensor([[0.9, 0.1], [0.5, 0.5]])
    loss = mixmatch_loss(log((0.8, 0.2), (0.6, 0.4)), q, 1, 25.0)
    assert value(loss) == pytest.approx(0.3617730 + 25 * 0.01 + 0.0871767, abs=1e-7)


def test_co_teaching_by_hand():
    # of labels 0, the first network finds the last two easy, the second the first two
    first = log((0.1, 0.9), (0.2, 0.8), (0.8, 0.2), (0.9, 0.1))
    second = log((0.7, 0.3), (0.6, 0.4), (0.4, 0.6), (0.5, 0.5))
    labels = torch.zeros(4, dtype=torch.int64)
    for_first, for_second = co_teaching_losses(first, second, labels, 0.5)
    assert for_first.item() == pytest.approx(-(math.log(0.1) + math.log(0.2)) / 2)
    assert for_second.item() == pytest.approx(-(math.log(0.4) + math.log(0.5)) / 2)


def ce():
    return pytest.approx(cross_entropy(LOGITS, LABELS).item(), rel=1e-9)


def test_limits():
    assert generalized_cross_entropy(LOGITS, LABELS, 1e-12).item() == ce()
    p_y = LOGITS.softmax(1).gather(1, LABELS[:, None])
    absolute = (LOGITS.softmax(1) - torch.eye(CLASSES)[LABELS]).abs().sum(1).mean()
    at_one = generalized_cross_entropy(LOGITS, LABELS, 1)
    assert at_one.item() == pytest.approx((1 - p_y).mean().item(), rel=1e-12)
    assert at_one.item() == pytest.approx(absolute.item() / 2, rel=1e-12)
    assert symmetric_cross_entropy(LOGITS, LABELS, 1.0, 0).item() == ce()
    assert 10 * symmetric_cross_entropy(LOGITS, LABELS, 0.1, 0).item() == ce()
    reverse = symmetric_cross_entropy(LOGITS, LABELS, 0, 1).item()
    assert reverse == pytest.approx(-math.log(1e-4) * at_one.item(), rel=1e-12)
    assert forward_corrected(LOGITS, LABELS, torch.eye(CLASSES)).item() == ce()
    assert elr_loss(LOGITS, LABELS, TARGETS, 0).item() == ce()
    assert elr_loss(LOGITS, LABELS, 0 * TARGETS, 3).item() == ce()
    assert mixup_loss(LOGITS, LABELS, PARTNERS, 1.0).item() == ce()
    for loss in co_teaching_losses(LOGITS, LOGITS, LABELS, 1.0):
        assert loss.item() == ce()


def test_mixmatch_of_certain_labels_is_cross_entropy_and_the_prior():
    uniform = torch.zeros(CLASSES, CLASSES)
    one_hot = torch.eye(CLASSES)
    assert mixmatch_loss(uniform, one_hot, CLASSES, 0).item() == pytest.approx(math.log(CLASSES))
    sure = 50 * one_hot  # balanced and right: nothing is left to pay
    assert mixmatch_loss(sure, one_hot, 2, 25.0).item() == pytest.approx(0, abs=1e-6)


def test_a_label_that_one_class_alone_explains_teaches_that_class():
    transition = torch.tensor([[1.0, 0.0], [0.4, 0.6]])
    logits = torch.tensor([[300.0, -300.0]], requires_grad=True)
    loss = forward_corrected(logits, torch.tensor([1]), transition)
    loss.backward()
    assert loss.item() == pytest.approx(600 - math.log(0.6))
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, -1.0]]))

"""DivideMix: labels that look wrong are dropped, and learned as in semi-supervised learning.

Li, Socher & Hoi, "DivideMix: Learning with Noisy Labels as Semi-supervised Learning", ICLR 2020,
Algorithm 1. Where paper and authors' code differ, this follows the code: L_U is averaged over
the classes too, λ_u grows linearly after the warm-up, an epoch is one pass over the labelled
examples. It differs in the warm-up, where the code takes batches of twice the size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, one_hot, softmax

from repprobe.errors import RepprobeError
from repprobe.feeding import Fed
from repprobe.training.methods.border import Batch, Epoch, Examples, Method, Network
from repprobe.training.methods.checks import (
    require_flag,
    require_longer,
    require_number,
    require_whole,
)
from repprobe.training.methods.mixing import draw_beta
from repprobe.training.methods.mixture import clean_probability, normalized


@dataclass(frozen=True, eq=False)
class Turn:
    """A step of one of the networks.

    Attributes
    ----------
    network : which of the two learns.
    labelled : examples whose labels are kept; in the warm-up, any.
    clean : w (b,), how probably their labels are clean; None in the warm-up.
    unlabelled : examples whose labels are dropped; None where there are none.
    weight : λ_u as it is now.
    """

    network: int
    labelled: Batch
    clean: Tensor | None = None
    unlabelled: Batch | None = None
    weight: float = 0.0


@dataclass(eq=False)
class DivideMix(Method):
    """Minimize L_X + λ_u·L_U + L_reg for each network, on the division made by the other.

    Attributes
    ----------
    warmup : epochs of cross-entropy before the first division.
    threshold : τ in [0, 1): examples with w > τ keep their labels.
    temperature : T of the sharpening, above 0.
    alpha : mixing weights are drawn from Beta(alpha, alpha).
    lambda_u : λ_u ≥ 0; 25 is the usual one, the authors also took 0, 50 and 150.
    ramp : epochs after the warm-up in which the weight of L_U grows from 0 to λ_u.
    averaged : number of epochs whose losses are averaged before they are divided; the authors
        took 5 for 90 % symmetric noise.
    asymmetric : whether the warm-up penalizes confidence, as the authors do for asymmetric noise.
    """

    name: ClassVar[str] = "dividemix"
    networks: ClassVar[int] = 2
    mixes: ClassVar[bool] = True
    warmup: int = 10
    threshold: float = 0.5
    temperature: float = 0.5
    alpha: float = 4.0
    lambda_u: float = 25.0
    ramp: int = 16
    averaged: int = 1
    asymmetric: bool = False

    def __post_init__(self) -> None:
        require_whole("warmup of dividemix", self.warmup, 1)
        require_number("threshold of dividemix", self.threshold, least=0, below=1)
        require_number("temperature of dividemix", self.temperature, above=0)
        require_number("alpha of dividemix", self.alpha, above=0)
        require_number("lambda_u of dividemix", self.lambda_u, least=0)
        require_whole("ramp of dividemix", self.ramp, 1)
        require_whole("averaged of dividemix", self.averaged, 1)
        require_flag("asymmetric of dividemix", self.asymmetric)

    @property
    def keeps_examples(self) -> bool:
        return True

    def check_epochs(self, epochs: int) -> None:
        require_longer("dividemix", self.warmup, epochs)

    def begin(self, examples: Examples) -> None:
        # (fewer than `averaged` epochs, 2, n): normalized losses that the next division counts in
        self._losses = torch.empty(0, 2, len(examples), dtype=torch.float64)

    def turns(self, epoch: Epoch) -> Iterator[Turn]:
        if epoch.number < self.warmup:
            for network in range(2):
                yield from self._warmup(epoch, network)
            return
        clean = self._divide(epoch)
        for network in range(2):
            yield from self._turns_of(epoch, network, clean[1 - network])

    def losses(self, epoch: Epoch, turn: Turn) -> Sequence[Tensor | None]:
        if turn.clean is None:
            logits = epoch.networks[turn.network](turn.labelled.inputs)
            loss = cross_entropy(logits, turn.labelled.labels)
            if self.asymmetric:
                loss = loss + confidence_penalty(logits)
        else:
            loss = self._mixmatch(epoch, turn, turn.clean)
        return [loss, None] if turn.network == 0 else [None, loss]

    def state(self) -> dict[str, Tensor]:
        return {"losses": self._losses.clone()} if len(self._losses) else {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        if "losses" in state:
            self._losses = state["losses"].cpu()

    def _warmup(self, epoch: Epoch, network: int) -> Iterator[Turn]:
        for batch in epoch.examples.batches():
            yield Turn(network, batch)

    def _divide(self, epoch: Epoch) -> Tensor:
        """Return w (2, n) by each network (Algorithm 1, lines 4 and 5)."""
        labels = epoch.examples.labels
        now = []
        for network in epoch.networks:
            answers = epoch.answers(network).cpu().double()
            losses = cross_entropy(answers, labels.cpu(), reduction="none")
            if not torch.isfinite(losses).all():
                raise RepprobeError(
                    f"the network's outputs are infinite at the beginning of epoch "
                    f"{epoch.number + 1}; train anew with a lower learning rate."
                )
            now.append(torch.from_numpy(normalized(losses.numpy())))
        recent = torch.cat([self._losses, torch.stack(now)[None]])
        self._losses = recent[1:] if len(recent) == self.averaged else recent
        clean = []
        for losses in recent.mean(0):
            seed = int(torch.randint(2**31, (), generator=epoch.generator))
            clean.append(torch.from_numpy(clean_probability(losses.numpy(), seed)))
        return torch.stack(clean).to(labels.device, torch.float32)

    def _turns_of(self, epoch: Epoch, network: int, clean: Tensor) -> Iterator[Turn]:
        """Pair batches of labelled and unlabelled examples (Algorithm 1, lines 7 to 10).

        Where fewer than two look clean there is nothing to go by: the epoch is one of warm-up.
        """
        keep = clean > self.threshold
        labelled, unlabelled = keep.nonzero()[:, 0], (~keep).nonzero()[:, 0]
        if len(labelled) < 2:
            yield from self._warmup(epoch, network)
            return
        dropped = _endless(epoch.examples, unlabelled)
        seen = 0
        for batch in epoch.examples.batches(labelled, views=2):
            now = epoch.number + seen / len(labelled)
            weight = self.lambda_u * min(1.0, (now - self.warmup) / self.ramp)
            yield Turn(network, batch, clean[batch.rows], next(dropped, None), weight)
            seen += len(batch.rows)

    def _mixmatch(self, epoch: Epoch, turn: Turn, clean: Tensor) -> Tensor:
        """Return the loss of equation (12) for a pair of batches (Algorithm 1, lines 11 to 28)."""
        network, other = epoch.networks[turn.network], epoch.networks[1 - turn.network]
        with torch.no_grad():
            # the network that learns guesses in training mode, as in the authors' code
            q_x = _mean_probabilities([network], turn.labelled)
            labels = one_hot(turn.labelled.labels, epoch.examples.classes).to(q_x)
            targets_x = sharpened(refined(labels, q_x, clean), self.temperature)
            views, targets = list(turn.labelled.views), [targets_x, targets_x]
            if turn.unlabelled is not None:
                with _fixed(other):
                    q_u = _mean_probabilities([network, other], turn.unlabelled)
                views += turn.unlabelled.views
                targets += 2 * [sharpened(q_u, self.temperature)]
        inputs, target = torch.cat([view.x for view in views]), torch.cat(targets)
        share = draw_beta(self.alpha, epoch.generator)
        share = max(share, 1 - share)  # equations (5) and (6)
        partner = torch.randperm(len(inputs), generator=epoch.generator).to(inputs.device)
        mixed = share * inputs + (1 - share) * inputs[partner]  # equation (7)
        target = share * target + (1 - share) * target[partner]  # equation (8)
        logits = network(Fed(mixed, len(mixed)))
        return mixmatch_loss(logits, target, 2 * len(clean), turn.weight)


def refined(labels: Tensor, probabilities: Tensor, clean: Tensor) -> Tensor:
    """Return w·y + (1 − w)·p, equation (3), for labels and probabilities (b, C) and w (b,)."""
    return clean[:, None] * labels + (1 - clean[:, None]) * probabilities


def sharpened(probabilities: Tensor, temperature: float) -> Tensor:
    """Return p^(1/T), normalized again, equation (4), for probabilities (b, C)."""
    return softmax(probabilities.log() / temperature, 1)


def confidence_penalty(logits: Tensor) -> Tensor:
    """Return the mean of −H(p) = Σ p log p, equation (2), for logits (b, C)."""
    log_p = log_softmax(logits, 1)
    return (log_p.exp() * log_p).sum(1).mean()


def mixmatch_loss(logits: Tensor, targets: Tensor, labelled: int, weight: float) -> Tensor:
    """Return L_X + λ_u·L_U + L_reg, equation (12), for logits and targets (m, C).

    The first `labelled` of the m rows are labelled. L_X is their cross-entropy, equation (9);
    L_U the mean squared error of the other rows' probabilities, equation (10); L_reg the
    divergence of the mean prediction from equal shares of the classes, equation (11).
    """
    log_p = log_softmax(logits, 1)
    loss = -(targets * log_p)[:labelled].sum(1).mean()
    if labelled < len(logits):
        loss = loss + weight * (log_p.exp() - targets)[labelled:].square().mean()
    count, classes = logits.shape
    log_mean = torch.logsumexp(log_p, 0) - math.log(count)
    return loss - math.log(classes) - log_mean.mean()


def _mean_probabilities(networks: Sequence[Network], batch: Batch) -> Tensor:
    found = [softmax(network(view), 1) for network in networks for view in batch.views]
    return sum(found[1:], found[0]) / len(found)


@contextmanager
def _fixed(network: Network) -> Iterator[None]:
    """Hold a network in evaluation mode."""
    network.train(False)
    try:
        yield
    finally:
        network.train()


def _endless(examples: Examples, rows: Tensor) -> Iterator[Batch]:
    """Yield batches of two views of some examples again and again; none where there are none."""
    while True:
        empty = True
        for batch in examples.batches(rows, views=2) if len(rows) > 1 else ():
            empty = False
            yield batch
        if empty:
            return

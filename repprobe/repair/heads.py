"""From fitted linear models to the heads of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from repprobe.repair import fitting
from repprobe.repair.choosing import ChosenCut
from repprobe.repair.features import Candidates, last_linear
from repprobe.repair.fitting import Linear
from repprobe.repair.job import Job

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.repair.head import Head


def mended(
    job: Job, networks: Sequence[Candidates], cut: ChosenCut, linear: Sequence[Linear]
) -> list[Model]:
    """Return copies of the networks with new heads after the cut."""
    from repprobe.repair.network import with_head

    return [
        with_head(network.model, job.data, head_of(job, network, cut, one))
        for network, one in zip(networks, linear, strict=True)
    ]


def head_of(job: Job, network: Candidates, cut: ChosenCut, linear: Linear) -> Head:
    """Return the head for a network.

    One on the network's answers becomes one on the last hidden layer: both are linear, so
    their product is.
    """
    from repprobe.capture import Pooling
    from repprobe.repair.head import Head

    layer, pooling, (weight, bias) = cut.layer, network.poolings[cut.layer], linear
    if network.place is not None and layer == network.answer:
        last = last_linear(network.model, network.place)
        old, shift = (np.asarray(p.detach().cpu(), np.float64) for p in (last.weight, last.bias))
        weight, bias = weight @ old, bias + weight @ shift
        layer, pooling = network.place.layer, Pooling("none")
    return Head(layer, pooling, weight, bias, job.kind, fitting.regularization(job.kind, cut.point))

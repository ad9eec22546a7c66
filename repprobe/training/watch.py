"""Losses and weights are looked at while networks learn, so that none that is no number stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from repprobe.training.networks import TrainedNetwork

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_LOOKED_AT = {"cpu": 1, "cuda": 32}
"""Steps after which losses are looked at: on a GPU looking means waiting for it."""


class NotFiniteError(Exception):
    """A loss or weight is infinite or no number.

    Attributes
    ----------
    what : as a clause, e.g. "the loss became nan".
    step : of the epoch, from 1.
    """

    def __init__(self, what: str, step: int) -> None:
        super().__init__(what)
        self.what, self.step = what, step


class Watch:
    """Looks at the losses and weights of networks; several processes find the same.

    What is infinite before the first step, such as a mask, is left alone.
    """

    def __init__(self, fabric: Fabric, networks: Sequence[TrainedNetwork]) -> None:
        self._fabric = fabric
        self._networks = networks
        self._infinite = {name for name, finite in self._finite() if not finite}
        self._every = _LOOKED_AT.get(fabric.device.type, 1)
        self.begin()

    def begin(self) -> None:
        """Begin an epoch."""
        self._losses: list[Tensor] = []
        self._seen = 0

    def step(self, losses: Sequence[Tensor]) -> None:
        """Take the losses of a step, one per network that learns; may raise NotFiniteError."""
        self._losses.append(torch.stack([loss.detach().float() for loss in losses]).mean())
        if len(self._losses) % self._every == 0:
            self._look()

    def end(self) -> tuple[float, int]:
        """Return the epoch's mean loss over steps and networks, NaN without any, and the steps.

        Raises NotFiniteError also for weights.
        """
        self._look()
        self._look_at_weights()
        count = len(self._losses)
        mean = float(self._over_processes(torch.stack(self._losses)).mean()) if count else torch.nan
        return mean, count

    def _look(self) -> None:
        new = self._losses[self._seen :]
        if not new:
            return
        values = self._over_processes(torch.stack(new))  # all of them have to stop
        bad = torch.nonzero(~values.isfinite()).flatten()
        if len(bad):
            first = int(bad[0])
            raise NotFiniteError(f"the loss became {float(values[first])}", self._seen + first + 1)
        self._seen = len(self._losses)

    def _look_at_weights(self) -> None:
        found = [(name, ok) for name, ok in self._finite() if name not in self._infinite]
        if not found:
            return
        good = torch.stack([ok for _, ok in found]).float()
        bad = torch.nonzero(self._over_processes(good) < 1).flatten()  # all of them have to stop
        if len(bad):
            name = found[int(bad[0])][0]
            raise NotFiniteError(f"'{name}' became infinite or no number", len(self._losses))

    def _finite(self) -> list[tuple[str, Tensor]]:
        """Return for all weights and buffers of the networks, by name, whether they are finite."""
        return [
            (name, tensor.isfinite().all())
            for network in self._networks
            for name, tensor in network.module.state_dict().items()
            if tensor.is_floating_point()
        ]

    def _over_processes(self, values: Tensor) -> Tensor:
        return cast("Tensor", self._fabric.all_reduce(values, reduce_op="mean"))

"""Networks under training: built for the data, set up with an optimizer, and asked for answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from repprobe.data import Data
from repprobe.errors import RepprobeError, UsageError
from repprobe.feeding import Fed, takes_graphs
from repprobe.memory_format import fastest_format
from repprobe.training.architecture import outputs
from repprobe.training.inputs import Inputs
from repprobe.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class TrainedNetwork:
    """A network with its optimizer; satisfies `methods.border.Network`.

    Attributes
    ----------
    module : the network itself, on the device.
    optimizer : of its parameters.
    """

    def __init__(self, fabric: Fabric, module: nn.Module, recipe: Recipe, flat: bool) -> None:
        """Set a network up on the devices; `flat` if targets are (b,), and so answers."""
        self.module = module
        self.optimizer = _optimizer(module, recipe)
        self._fabric = fabric
        self._flat = flat
        self._wrapped, self._stepping = fabric.setup(module, self.optimizer)

    def __call__(self, inputs: Fed) -> Tensor:
        return self._answer(inputs, self._wrapped)

    @property
    def training(self) -> bool:
        return self.module.training

    def train(self, mode: bool = True) -> None:
        self._wrapped.train(mode)

    def descend(self, loss: Tensor) -> None:
        """Add the gradients of a loss."""
        self._fabric.backward(loss)

    def step(self, learning_rate: float) -> None:
        """Take a step along the gradients, and forget them."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self._stepping.step()
        self._stepping.zero_grad()

    def answers(self, inputs: Inputs, batch_size: int, rows: Any = None) -> Tensor:
        """Return the outputs (n, C) or (n,) at `rows` (None for all), float32, on the device.

        In evaluation mode and without gradients; the mode is as before afterwards.
        """
        chosen = np.arange(len(inputs)) if rows is None else rows
        size = len(chosen) if inputs.whole else batch_size
        with evaluating(self.module), torch.no_grad(), self._fabric.autocast():
            found = [
                self._answer(inputs.fed(chosen[start : start + size]), self.module)
                for start in range(0, len(chosen), size)
            ]
        return torch.cat(found).float()

    def _answer(self, inputs: Fed, module: nn.Module) -> Tensor:
        memory_format = fastest_format(self.module, inputs)
        if memory_format is not torch.contiguous_format:
            inputs = inputs.in_format(memory_format)
        answer: Tensor = answer_of(inputs.run(module), inputs)
        return answer[:, 0] if self._flat and answer.ndim == 2 else answer


def answer_of(output: Any, inputs: Fed) -> Any:
    """Return what stands for the examples in what a network put out.

    Some networks have their answer as `logits` beside those of other heads; where nodes are the
    examples, the answers to all nodes are put out.
    """
    answer = getattr(output, "logits", output)
    if inputs.nodes is not None and isinstance(answer, Tensor) and len(answer) == len(inputs.x):
        return answer[inputs.nodes]
    return answer


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Hold a network in evaluation mode."""
    before = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, mode in before.items():
            part.training = mode


def check_answers(module: nn.Module, inputs: Inputs, data: Data, name: str) -> None:
    """Raise UsageError unless the network gives one number per class or target of an example."""
    width = outputs(data)
    try:
        fed = inputs.fed(np.arange(min(2, len(inputs))))
        with evaluating(module), torch.no_grad():
            output = answer_of(fed.run(module), fed)
    except RepprobeError:
        raise
    except Exception as error:  # whatever a network may raise at inputs it is not made for
        if takes_graphs(module) != data.of_graphs:
            held = "graphs" if data.of_graphs else "no graphs"
            raise UsageError(
                f"{name} cannot be run on '{data.name}', which holds {held}."
            ) from None
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(".: ")
        raise UsageError(f"{name} cannot be run on '{data.name}': {reason}.") from None
    if not isinstance(output, Tensor):
        raise UsageError(f"{name} puts out a {type(output).__name__}, not one tensor.")
    if fed.graph is not None and fed.nodes is None and len(fed.x) == len(output) != len(fed):
        raise UsageError(
            f"{name} puts out one row per node, as torch_geometric's models do, and so is for "
            "tasks on nodes; for whole graphs take a file.py:function whose network has a read-out."
        )
    if output.shape != (len(fed), width) and not (width == 1 and output.shape == (len(fed),)):
        raise UsageError(
            f"{name} puts out {tuple(output.shape)} for {len(fed)} examples; it has to be "
            f"({len(fed)}, {width}), one number per class or target."
        )


def _optimizer(module: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    parameters = [p for p in module.parameters() if p.requires_grad]
    if recipe.optimizer == "adam":
        return torch.optim.Adam(parameters, recipe.learning_rate, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        parameters,
        recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )

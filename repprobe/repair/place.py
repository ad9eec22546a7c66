"""`head_place`: the linear layer that makes a network's answer, where there is one to replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from repprobe.capture.guard import undisturbed
from repprobe.capture.inputs import Inputs
from repprobe.capture.layer import Layer, Trace
from repprobe.capture.members import logits
from repprobe.capture.place import placed
from repprobe.capture.stages import default_layers, last_hidden
from repprobe.capture.trace import EXAMPLES, trace
from repprobe.capture.unwrap import named_modules
from repprobe.feeding import Fed

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data, Task


@dataclass(frozen=True)
class Place:
    """Where a linear head can be put without changing the network's form.

    Attributes
    ----------
    module : dotted name of the `nn.Linear` that makes the answer.
    layer : capture's name of what it is given: the last hidden representation.
    """

    module: str
    layer: str


def head_place(model: Model, data: Data) -> Place | None:
    """Find the linear layer whose output is the network's answer; None where there is none.

    It has to be an `nn.Linear` with a bias that is called once, is given one vector per example
    that some weights have made, and shares its parameters with nothing. A softmax or log-softmax
    may follow where there are classes. Raises as `capture` does where the network cannot be run.
    """
    run, few = traced(model, data)
    return find_place(model.module, run, few, data.task)


def traced(model: Model, data: Data) -> tuple[Trace, Fed]:
    """Return the trace of a network on the CPU, and the examples it was run on."""
    inputs = Inputs.of(model, data, np.arange(0), np.arange(min(EXAMPLES, len(data.test))))
    with placed(model.module, "cpu") as module:
        few = inputs.prepared(inputs.few(EXAMPLES), module)
        run = trace(module, few)
        return run, few.with_x(few.x.long()) if run.integer_inputs else few


def find_place(module: nn.Module, run: Trace, few: Fed, task: Task) -> Place | None:
    """Find the place in a network that has been traced on these examples; see `head_place`."""
    hidden = last_hidden(run)
    if hidden is None or not _is_vector(hidden, few):
        return None
    layer = next(
        (
            la
            for la in default_layers(run)
            if not la.reason and run.same_information(la, hidden) and la.values == hidden.values
        ),
        None,
    )
    with placed(module, "cpu") as root:
        linear = named_modules(root)[hidden.module]
        if layer is None or not _is_replaceable(root, linear):
            return None
        if not _answers(root, linear, few, task):
            return None
    return Place(hidden.module, layer.name)


def _is_vector(hidden: Layer, few: Fed) -> bool:
    per_example = hidden.level == ("example" if few.nodes is None else "node")
    return not hidden.reason and per_example and len(hidden.shape) == 1 and hidden.batch_axis == 0


def _is_replaceable(root: nn.Module, linear: nn.Module) -> bool:
    """Whether a module is a plain linear layer with parameters of its own."""
    if not isinstance(linear, nn.Linear) or type(linear).forward is not nn.Linear.forward:
        return False
    own = linear._parameters
    if set(own) != {"weight", "bias"} or own["bias"] is None or len(list(linear.children())):
        return False
    elsewhere = (p for m in root.modules() if m is not linear for p in m._parameters.values())
    return not any(p is own["weight"] or p is own["bias"] for p in elsewhere)


def _answers(root: nn.Module, linear: nn.Module, few: Fed, task: Task) -> bool:
    """Whether the one output of the layer is the network's answer, up to a softmax of classes."""
    made: list[Tensor] = []

    def hook(_module: nn.Module, _args: Any, output: Tensor) -> None:
        made.append(output.clone())

    with undisturbed(root):
        handle = linear.register_forward_hook(hook)
        try:
            answer = logits(few.run(root))
        finally:
            handle.remove()
        if answer is None or len(made) != 1 or answer.numel() != made[0].numel():
            return False
        scores = made[0]
        found = answer.reshape(scores.shape)
        same = [scores]
        if task == "classification":
            same += [scores.log_softmax(1), scores.softmax(1)]
        return any(torch.allclose(found, other, 1e-4, 1e-6) for other in same)

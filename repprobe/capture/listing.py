"""Lists the layers of a network with their types and shapes, without probing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from repprobe.capture.choose import all_layers
from repprobe.capture.inputs import Inputs
from repprobe.capture.layer import Level
from repprobe.capture.place import placed
from repprobe.capture.stages import default_layers
from repprobe.capture.trace import EXAMPLES, trace

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data


@dataclass(frozen=True)
class LayerInfo:
    """One line of the list of layers.

    Attributes
    ----------
    name, type : dotted name, and class name of the module.
    shape : of one row, i.e. of one example, node or edge.
    default : whether the layer is recorded when no layers are named.
    reason : why it cannot be probed; empty if it can.
    level : what its rows are: "example", "node" or "edge".
    """

    name: str
    type: str
    shape: tuple[int, ...]
    default: bool
    reason: str
    level: Level = "example"


def list_layers(model: Model, data: Data, *, device: str = "cpu", seed: int = 0) -> list[LayerInfo]:
    """Return every layer of a network in the order of execution, from a run on a few inputs.

    Modules that the network does not call come last. Raises as `capture` does.
    """
    rows = np.arange(min(EXAMPLES, len(data.test)))
    inputs = Inputs.of(model, data, np.arange(0), rows)
    with placed(model.module, device) as module:
        run = trace(module, inputs.prepared(inputs.few(EXAMPLES), module), seed)
    default = {layer.name for layer in default_layers(run) if not layer.reason}
    called = [
        LayerInfo(la.name, la.kind, la.shape, la.name in default, la.reason, la.level)
        for la in all_layers(run)
    ]
    uncalled = [
        LayerInfo(name, kind, (), False, "the network does not call it")
        for name, kind in run.uncalled.items()
    ]
    return called + uncalled

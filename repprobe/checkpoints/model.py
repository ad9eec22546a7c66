"""`Model`: a trained network as it came out of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.entry import Entry
from repprobe.checkpoints.origin import Origin
from repprobe.checkpoints.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Model:
    """A network with everything known about where it came from.

    Attributes
    ----------
    name : short label for tables and pictures (the file's stem).
    module : the network, in evaluation mode, on the CPU.
    architecture : how to build it again: "zoo:cifar-resnet", "torchvision:resnet18",
        "nets.py:build", …
    arguments : keyword arguments of that builder, e.g. {"depth": 20, "num_classes": 10}.
    preprocessing : what raw inputs go through before they reach the network.
    sha256 : of the checkpoint file; "" for a module handed over in memory.
    metadata : plain values found beside the state dict, e.g. {"best_prec1": 91.8}.
    notes : sentences the user should be told, e.g. that a prefix was taken off.
    origin : what it was trained on, where the checkpoint is one of `train`.
    entry : where in the checkpoint file its state dict lies; None where there is no file that
        has a place for its weights.
    image_size : side in pixels of the images it takes, where that was found and is not the
        size that the data have; None leaves images as they are.
    findings : how what the file does not tell was found (architecture, preprocessing, size), in
        plain values for run.json.
    """

    name: str
    module: nn.Module
    architecture: str
    preprocessing: Preprocessing
    arguments: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    origin: Origin | None = None
    entry: Entry | None = None
    image_size: int | None = None
    findings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_module(cls, module: nn.Module, preprocess: str | None = None) -> Model:
        """Return a network that was handed over in memory; its inputs are "unit" by default."""
        preprocessing = Preprocessing.parse(preprocess or "unit")
        kind = type(module)
        return cls(kind.__name__, module, kind.__qualname__, preprocessing)

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.module.parameters())

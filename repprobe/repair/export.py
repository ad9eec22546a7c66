"""`export_program`: a fixed network as a program that torch runs without repprobe."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from repprobe.atomic import whole_file
from repprobe.capture.guard import undisturbed
from repprobe.capture.members import logits
from repprobe.capture.unwrap import unwrap
from repprobe.errors import OutputError, UsageError
from repprobe.repair.place import traced

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.checkpoints.preprocessing import Preprocessing
    from repprobe.data.dataset import Data

NOTE = "repprobe.json"
"""The extra file of a program that says what it takes and gives."""

_EXAMPLES = 4


class Program(nn.Module):
    """Raw inputs to scores: preprocessing, then the networks, whose scores are added.

    Parameters
    ----------
    modules : the networks, in evaluation mode; they are copied, to the CPU and to float32.
    preprocessing, unit : what raw inputs go through; see `Preprocessing`.
    integers : whether the networks take whole numbers, such as tokens.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        modules: Sequence[nn.Module],
        preprocessing: Preprocessing,
        unit: float,
        integers: bool,
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(
            copy.deepcopy(unwrap(module)).cpu().float() for module in modules
        )
        self.register_buffer("mean", torch.tensor(preprocessing.mean))
        self.register_buffer("std", torch.tensor(preprocessing.std))
        self.preprocessing = preprocessing
        self.unit = unit
        self.integers = integers

    def forward(self, x: Tensor) -> Tensor:
        """Map raw float32 inputs (b, …) to scores (b, C)."""
        x = self.preprocessing.arrange(x)
        if len(self.mean):
            shape = (1, -1, *([1] * (x.ndim - 2)))
            x = (x / self.unit - self.mean.view(shape)) / self.std.view(shape)
        given = x.long() if self.integers else x
        scores = [self._scores(network, given) for network in self.networks]
        return torch.stack(scores).sum(0)

    @staticmethod
    def _scores(network: nn.Module, x: Tensor) -> Tensor:
        # each has inputs of its own, as some networks work in place
        found = logits(network(x.clone()))
        if found is None:
            raise UsageError("the network puts out no scores, so there is nothing to export.")
        return found.reshape(x.shape[0], -1).float()


def program_inputs(data: Data) -> str:
    """Return what a program for these data takes, as a phrase."""
    shape = ", ".join(["n", *map(str, data.input_shape)])
    values = "values as in the data" + (f", 0…{data.unit:g}" if data.unit != 1 else "")
    return f"float32 inputs ({shape}) with {values}, preprocessing inside"


def export_program(fixed: Sequence[Model], data: Data, path: Path) -> None:
    """Write a program of torch.export (`.pt2`) that gives the scores of a fixed network.

    It takes float32 inputs (b, …) of any number b, with the values that the data hold as they are
    read: 0 to 255 for 8-bit images, channels first. The preprocessing is inside. It gives float32
    scores (b, C) in the order of the classes; of two networks the sum. Runs with torch alone, on
    the CPU or wherever it is moved to::

        program = torch.export.load("fixed.pt2").module()
        classes = program(images.float()).argmax(1)

    The extra file `repprobe.json` in it says what it takes and gives. The file is whole or not
    there.

    Raises
    ------
    UsageError
        The network is for graphs, which have no form that a program could take, or `path` does
        not end in .pt2.
    OutputError
        torch cannot export the network, or the file cannot be written.
    """
    if path.suffix != ".pt2":
        raise UsageError(f"'{path}': exported programs end in .pt2.")
    if data.of_graphs:
        raise UsageError(
            "networks for graphs cannot be exported: a program takes one tensor; leave --export "
            "out."
        )
    first = fixed[0]
    run, _ = traced(first, data)
    program = Program(
        [model.module for model in fixed], first.preprocessing, data.unit, run.integer_inputs
    )
    few = data.test.inputs(np.arange(_EXAMPLES) % len(data.test))
    assert isinstance(few, np.ndarray)
    exported = _exported(program.eval(), torch.from_numpy(np.array(few, np.float32)))
    note = {
        "input": program_inputs(data),
        "preprocessing": first.preprocessing.name,
        "output": "float32 scores (n, C), in the order of the classes",
        "task": data.task,
        "classes": list(data.classes),
    }
    extra = {NOTE: json.dumps(note, ensure_ascii=False)}
    try:
        with whole_file(path) as stream, _quiet():
            torch.export.save(exported, stream, extra_files=extra)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise OutputError(f"the program '{path}' cannot be written: {reason}.") from None


def _exported(program: Program, inputs: Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch", min=1)
    try:
        with undisturbed(program), _quiet():
            program(inputs)  # what is made at the first call is made now, and not traced
        with torch.no_grad(), _quiet():
            exported = torch.export.export(
                program, (inputs,), dynamic_shapes=({0: batch},), strict=False
            )
        # what comes after a cut; evaluation mode leaves nothing in place that has effects
        exported.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        exported.graph_module.recompile()
        return exported
    except UsageError:
        raise
    except Exception as error:  # whatever a network does that cannot be traced
        raise OutputError(f"torch cannot export the network: {_first_line(error)}.") from None


def _quiet() -> warnings.catch_warnings:
    return warnings.catch_warnings(action="ignore")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(".: ")

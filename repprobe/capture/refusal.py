"""What to say when a network cannot be run on the inputs it is given."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from repprobe.capture.layer import Call
from repprobe.capture.shortage import is_shortage, no_room
from repprobe.errors import CaptureError
from repprobe.feeding import Fed


class TakesIntegersError(Exception):
    """The network looks its inputs up in an embedding: they are whole numbers."""


def explained(
    error: Exception, batch: Fed, call: Call | None, modules: Mapping[str, nn.Module]
) -> Exception:
    """Say in one line why the network stopped; `call`, the innermost that was open, is where."""
    if is_shortage(error):
        return no_room()
    inputs = batch.x
    shape = tuple(inputs.shape[1:])
    kind, parts = ("inputs", "channels")
    if batch.edges is not None:
        kind, parts = ("graphs with nodes", "features per node")
    refused = f"the network cannot be run on {kind} of shape {shape}: {first_line(error)}"
    if call is None:
        return error if isinstance(error, CaptureError) else CaptureError(refused)
    module = modules[call.module]
    got = call.given.shape if call.given else ()
    if isinstance(module, nn.Embedding | nn.EmbeddingBag) and inputs.is_floating_point():
        return (
            TakesIntegersError()
            if torch.equal(inputs, inputs.round())
            else CaptureError(
                f"the network takes whole numbers (layer '{call.name}' looks them up), the "
                "inputs have fractions; use --preprocess none."
            )
        )
    takes = getattr(module, "in_channels", None)
    if takes is not None and got == tuple(inputs.shape) and len(got) > 1 and takes != got[1]:
        return CaptureError(f"the network takes {takes} {parts}, the data have {got[1]}.")
    takes = getattr(module, "in_features", None)
    if takes is not None and got and takes != got[-1]:
        return CaptureError(
            f"the network is not for {kind} of shape {shape}: its layer '{call.name}' takes "
            f"{takes} features and gets {got[-1]}."
        )
    return CaptureError(f"{refused} (in layer '{call.name}')" if call.module else refused)


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its class if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__

"""TorchScript archives: the weights are taken, the code is not even read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.problems import DemandingError, UnsupportedError
from repprobe.checkpoints.reading.records import Kind, Made, TensorRecord
from repprobe.checkpoints.reading.states import DEPTH, ENTRIES
from repprobe.checkpoints.reading.torch_zip import PICKLE, TorchArchive

if TYPE_CHECKING:
    from torch import Tensor

LEFT_OUT = "The code of the TorchScript archive was not read; only its weights were."
_MODE = "training"


def weights(archive: TorchArchive) -> OrderedDict[str, Tensor]:
    """Return the parameters and buffers by their dotted names.

    Without the code a tensor that is a plain attribute looks like a buffer; but `torch.jit`
    writes attributes after `training`, and buffers before it.
    """
    if PICKLE not in archive.records:
        raise UnsupportedError(
            "a TorchScript archive of before PyTorch 1.4; load it with torch.jit.load and save "
            "its state_dict()"
        )
    saved = archive.load(Budget())
    if not isinstance(saved, Made) or saved.name.kind is not Kind.SCRIPT:
        raise UnsupportedError("a TorchScript archive without a module")
    modules = list(_modules(saved, "", 0, [ENTRIES]))
    told = any(_declared(attributes) for _, attributes in modules)
    found = OrderedDict(
        (prefix + name, archive.tensors.make(value).detach())
        for prefix, attributes in modules
        for name, value in (_declared(attributes) if told else attributes).items()
        if isinstance(value, TensorRecord)
    )
    if not found:
        raise UnsupportedError(
            "a TorchScript archive without weights of its own (a frozen module keeps them in its "
            "code); save the state_dict() of the module it was made of"
        )
    return found


def _modules(
    made: Made, prefix: str, depth: int, left: list[int]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each module's prefix and attributes, in the order of a state dict."""
    if depth > DEPTH:
        raise DemandingError(f"layers inside one another, over {DEPTH} deep")
    attributes = made.state if isinstance(made.state, dict) else {}
    left[0] -= 1 + len(attributes)
    if left[0] < 0:
        raise DemandingError(f"a network with over {ENTRIES} parts")
    yield prefix, attributes
    for name, value in attributes.items():
        if _is_module(value):
            yield from _modules(value, f"{prefix}{name}.", depth + 1, left)


def _declared(attributes: dict[str, Any]) -> dict[str, TensorRecord]:
    """Return the tensors before the mode; none where older versions put the mode first."""
    names = list(attributes)
    before = names[: names.index(_MODE)] if _MODE in attributes else names
    return {k: v for k in before if isinstance(v := attributes[k], TensorRecord)}


def _is_module(value: Any) -> bool:
    return (
        isinstance(value, Made)
        and value.name.kind is Kind.SCRIPT
        and isinstance(value.state, dict)
        and _MODE in value.state
    )

"""Tensors and parameters, as a pickle describes them; no memory is taken for any of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.problems import DamagedError, UnsupportedError
from repprobe.checkpoints.reading.records import Name, Storage, TensorRecord

_DIMENSIONS = 32
_FAR = 1 << 60


def set_variable(target: TensorRecord, state: Any) -> None:
    """Give a variable of PyTorch 0.1 to 0.3 its state: (whether it has a gradient, …)."""
    if type(state) is not tuple or not state or type(state[0]) is not bool:
        raise DamagedError("a variable of another form")
    target.requires_grad = state[0]


def tensor_of(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, dtype: Any = None
) -> TensorRecord:
    """Return a view of a storage, once its numbers make sense."""
    import torch

    if not isinstance(storage, Storage):
        raise DamagedError("a tensor without a storage")
    dtype = dtype or storage.dtype or torch.uint8
    if not isinstance(dtype, torch.dtype) or not _numbers((offset,)):
        raise DamagedError("a tensor of another form")
    if not _numbers(size) or not _numbers(stride) or len(size) != len(stride):
        raise DamagedError("a tensor of another form")
    return TensorRecord(storage, dtype, offset, tuple(size), tuple(stride), requires_grad is True)


def _numbers(values: Any) -> bool:
    """Whether these are counts that a tensor can have."""
    return (
        isinstance(values, tuple)
        and len(values) <= _DIMENSIONS
        and all(type(v) is int and 0 <= v < _FAR for v in values)
    )


def _tensor(arguments: tuple[Any, ...], _: Budget) -> TensorRecord:
    storage, offset, size, stride = arguments
    return tensor_of(storage, offset, size, stride, False)


def _tensor_2(arguments: tuple[Any, ...], _: Budget) -> TensorRecord:
    storage, offset, size, stride, requires_grad, *more = arguments
    if len(more) > 2:
        raise DamagedError("a tensor of another form")
    return tensor_of(storage, offset, size, stride, requires_grad)


def _tensor_3(arguments: tuple[Any, ...], _: Budget) -> TensorRecord:
    storage, offset, size, stride, requires_grad, _hooks, dtype, *_more = arguments
    return tensor_of(storage, offset, size, stride, requires_grad, dtype)


def _parameter(arguments: tuple[Any, ...], _: Budget) -> TensorRecord:
    tensor, requires_grad, *_more = (*arguments, True) if len(arguments) == 1 else arguments
    if not isinstance(tensor, TensorRecord):
        raise DamagedError("a parameter without a tensor")
    return replace(tensor, requires_grad=requires_grad is True, is_parameter=True)


def _buffer(arguments: tuple[Any, ...], _: Budget) -> TensorRecord:
    tensor = arguments[0]
    if not isinstance(tensor, TensorRecord):
        raise DamagedError("a buffer without a tensor")
    return tensor


def _subclass(arguments: tuple[Any, ...], budget: Budget) -> TensorRecord:
    """A tensor with attributes of its own, which are left out."""
    function, kind, inner, _state = arguments
    names = {"torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
    if not isinstance(kind, Name) or kind.full not in names:
        raise DamagedError("a tensor of another class")
    make = CALLS.get(function.full) if isinstance(function, Name) else None
    if make not in (_tensor, _tensor_2, _tensor_3):
        raise DamagedError("a tensor made in another way")
    found: TensorRecord = make(inner, budget)
    return replace(found, is_parameter=kind.name == "Parameter")


def _size(arguments: tuple[Any, ...], _: Budget) -> Any:
    import torch

    (sides,) = arguments or ((),)
    if isinstance(sides, list):
        sides = tuple(sides[: _DIMENSIONS + 1])
    if not _numbers(sides):
        raise DamagedError("a size of another form")
    return torch.Size(sides)


def _device(arguments: tuple[Any, ...], _: Budget) -> Any:
    import torch

    try:
        return torch.device(*arguments)
    except (RuntimeError, TypeError):
        raise DamagedError("an unknown device") from None


def _no_tensor(arguments: tuple[Any, ...], _: Budget) -> Any:
    raise UnsupportedError("a tensor made in another way")


def _from_bytes(arguments: tuple[Any, ...], budget: Budget) -> Storage:
    from repprobe.checkpoints.reading.legacy import storage_in

    (data,) = arguments
    if not isinstance(data, bytes):
        raise DamagedError("a storage without bytes")
    return storage_in(data, budget)


CALLS: dict[str, Callable[[tuple[Any, ...], Budget], Any]] = {
    "torch.Size": _size,
    "torch.Tensor": _no_tensor,
    "torch.device": _device,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_2,
    "torch._utils._rebuild_tensor_v3": _tensor_3,
    "torch.autograd.variable.Variable": _parameter,
    "torch.nn.parameter.Buffer": _buffer,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.storage._load_from_bytes": _from_bytes,
}

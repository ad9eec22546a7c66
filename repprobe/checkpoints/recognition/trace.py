"""What a network computes, as a hash of its expression: equal hashes, equal functions.

Networks of the same shapes may differ in activations, padding or pooling, and networks of two
libraries may be the same. Both are told apart without weights: the network is run on the meta
device, and every tensor gets the hash of the operation that made it and of what went in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from repprobe.checkpoints.blueprint import build_on_meta, build_uninitialized
from repprobe.checkpoints.recognition.fingerprints import is_derived

_RESHAPED = {"view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "view_copy"}
"""Operations that keep all values, in their order: a chain of them is one."""

_SAME = {"clone", "contiguous", "detach", "alias", "lift_fresh", "dropout"}
_COMMUTE = {"add", "mul"}
_NO_MATTER = {"device", "layout", "pin_memory", "memory_format", "non_blocking", "copy"}


def expression(build: Callable[[], nn.Module], input_shape: tuple[int, ...]) -> str | None:
    """Return the hash of what a network in evaluation mode computes; None if it cannot be had.

    Its parameters and buffers go in by their place in the state dict, so names do not count;
    buffers that it makes for itself, and constants, go in by their values.

    Parameters
    ----------
    build : makes the network.
    input_shape : (channels, height, width), for which the expression is taken.
    """
    for make in (build_on_meta, build_uninitialized):
        try:
            return _traced(make(build).eval(), input_shape)
        except Exception:
            continue  # a step needs values: there are more of them on the next way
    return None


def _traced(network: nn.Module, input_shape: tuple[int, ...]) -> str:
    trace = _Trace()
    state = network.state_dict(keep_vars=True)
    for place, key in enumerate(key for key in state if not is_derived(key)):
        trace.name(state[key], f"state {place}")
    x = torch.empty((1, *input_shape), device="meta")
    trace.name(x, "input")
    with torch.no_grad(), trace:
        output = network(x)
    return trace.of(output)


class _Unknown(Exception):
    """A tensor on the meta device whose values matter."""


class _Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Runs everything on the meta device and gives each tensor the hash of its expression."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: dict[int, str] = {}
        self.bases: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.seen: dict[int, int] = {}
        self.writes: dict[int, list[str]] = {}
        self.metas: dict[int, torch.Tensor] = {}
        self.alive: list[Any] = []  # else another tensor would get the same id

    def name(self, tensor: torch.Tensor, text: str, base: Any = None) -> None:
        """Give a tensor its hash; `base` is hash and shape of what it is another shape of."""
        self.alive.append(tensor)
        self.names[id(tensor)] = text
        self.seen[id(tensor)] = len(self.writes.get(self._storage(tensor), ()))
        self.bases.pop(id(tensor), None)
        if base:
            self.bases[id(tensor)] = base

    def of(self, value: Any) -> str:
        """Return the hash of a result, which may be nested."""
        leaves, structure = tree_flatten(value)
        return _hash(str(structure), *(self._text(leaf) for leaf in leaves))

    def _text(self, value: Any) -> str:
        if isinstance(value, torch.Tensor):
            return self._tensor(value)[0]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return repr(float(value))
        if isinstance(value, (list, tuple)):
            return _hash("list", *map(self._text, value))
        return repr(value)

    def _tensor(self, tensor: torch.Tensor) -> tuple[str, tuple[str, tuple[int, ...]]]:
        """Return the hash of a tensor, and hash and shape of what it is another shape of."""
        shape = tuple(tensor.shape)
        if id(tensor) not in self.names:
            if tensor.is_meta:
                raise _Unknown
            values = tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()
            self.name(tensor, _hash(str(tensor.dtype), str(shape), values))
        text = self.names[id(tensor)]
        later = self.writes.get(self._storage(tensor), [])[self.seen[id(tensor)] :]
        if later:
            text = _hash(text, *later)
            return text, (text, shape)
        return text, self.bases.get(id(tensor), (text, shape))

    def _storage(self, tensor: torch.Tensor) -> int:
        storage = tensor.untyped_storage()
        self.alive.append(storage)
        return int(storage._cdata)

    def _meta(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.is_meta:
            return value
        if id(value) not in self.metas:
            self.metas[id(value)] = torch.empty_strided(
                value.shape, value.stride(), dtype=value.dtype, device="meta"
            )
        return self.metas[id(value)]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [t for t in tree_flatten((args, kwargs))[0] if isinstance(t, torch.Tensor)]
        if tensors and not any(t.is_meta for t in tensors) and not self._of_state(tensors):
            if func._schema.is_mutable:  # what was written into has other values now
                self.names.pop(id(tensors[0]), None)
            return func(*args, **kwargs)  # on known values alone: its result is one, too
        operation, text = self._operation(func, args, kwargs)
        if "device" in kwargs and tensors:
            kwargs["device"] = torch.device("meta")
        result = func(*tree_map(self._meta, args), **tree_map(self._meta, kwargs))
        if func._schema.is_mutable:
            return self._written(args, kwargs, result, text)
        made = [out for out in tree_flatten(result)[0] if isinstance(out, torch.Tensor)]
        for number, out in enumerate(made):
            own = f"{text}.{number}" if number else text
            if tensors:
                self._made(out, operation, tensors[0], args, own)
            elif out.is_meta:
                self.name(out, own)
        return result

    def _of_state(self, tensors: Iterable[torch.Tensor]) -> bool:
        return any(self.names.get(id(t), "").startswith("state ") for t in tensors)

    def _operation(self, func: Any, args: Any, kwargs: Any) -> tuple[str, str]:
        name = func._schema.name.removeprefix("aten::")
        operation = name.rstrip("_") if not name.endswith("__") else name
        words = [self._text(a) for a in args]
        if operation == "mean" and len(args) > 1 and args[1]:
            rank = args[0].ndim
            words = [words[0], str(sorted(d % rank for d in args[1]))]
        if operation in _COMMUTE and len(args) == 2 and not kwargs:
            words.sort()
        options = {k: self._text(v) for k, v in sorted(kwargs.items()) if k not in _NO_MATTER}
        return operation, _hash(operation, func._schema.overload_name, *words, str(options))

    def _made(
        self, out: torch.Tensor, operation: str, source: torch.Tensor, args: Any, text: str
    ) -> None:
        shape = tuple(out.shape)
        own, base = self._tensor(source)
        if operation in _SAME or (operation == "_to_copy" and out.dtype == source.dtype):
            self.name(out, own, base)
        elif operation in _RESHAPED:
            self.name(
                out, base[0] if shape == base[1] else _hash("shape", base[0], str(shape)), base
            )
        elif operation == "mean" and len(args) > 1 and args[1]:
            flat = tuple(n for d, n in enumerate(source.shape) if d not in _dims(args[1], source))
            whole = text if shape == flat else _hash("shape", text, str(shape))
            self.name(out, whole, (text, flat))
        else:
            self.name(out, text)

    def _written(self, args: Any, kwargs: Any, result: Any, text: str) -> Any:
        """Note that a tensor was written into: others that share its memory have changed, too."""
        target = args[0] if args else next(iter(kwargs.values()))
        self.writes.setdefault(self._storage(self._meta(target)), []).append(text)
        if self._meta(target) is not target:
            self.writes.setdefault(self._storage(target), []).append(text)
        self.name(target, text)
        for out in tree_flatten(result)[0]:
            if isinstance(out, torch.Tensor) and out is not target:
                self.name(out, text)
        return result


def _dims(given: Iterable[int], tensor: torch.Tensor) -> set[int]:
    return {d % tensor.ndim for d in given}


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]

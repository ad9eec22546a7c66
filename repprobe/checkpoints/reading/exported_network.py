"""An exported program as a network: its operators run inside modules of the original names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from repprobe.checkpoints.reading.exported_arguments import Ref, Unread
from repprobe.checkpoints.reading.exported_records import Program, Step
from repprobe.checkpoints.reading.exported_run import Frame
from repprobe.checkpoints.reading.exported_tree import Call, Plan
from repprobe.errors import CaptureError


class Part(nn.Module):
    """A module of the program; each of its calls has operators and calls of its own.

    Where they need sizes, these are had from the pass through the whole network.
    """

    _frame: Frame
    _calls: list[Call]

    def forward(self, *given: Any) -> Any:
        """Run the call that comes next; it takes and gives tensors (b, …)."""
        frame = self._frame
        call = self._calls[frame.count(id(self)) % len(self._calls)]
        if len(given) != len(call.takes):
            raise CaptureError(
                f"layer '{call.path}' of the exported program takes {len(call.takes)} tensors."
            )
        before = {name: frame.values[name] for name in call.takes if name in frame.values}
        frame.values.update({n: frame.hidden(n, x) for n, x in zip(call.takes, given, strict=True)})
        self._run(call.items)
        found = tuple(frame.shown(name) for name in call.gives)
        # what a hook may have put in the place of an argument stays inside
        frame.values.update({n: x for n, x in before.items() if n in frame.values})
        return found[0] if len(found) == 1 else found or None

    def _run(self, items: Sequence[Step | Call]) -> None:
        for item in items:
            if isinstance(item, Step):
                self._frame.step(item)
                continue
            module = self._frame.module(item.path)
            found = module(*[self._frame.shown(name) for name in item.takes])
            several = found if isinstance(found, tuple) else (found,)
            self._frame.values.update(
                {n: self._frame.hidden(n, x) for n, x in zip(item.gives, several, strict=False)}
            )


class Network(Part):
    """A whole program: takes inputs (b, …) with any number b of examples.

    Its state dict has the keys of the network that was exported.
    """

    _program: Program

    def forward(self, x: Tensor) -> Any:
        """Return what the program gives: a tensor, or a tuple of several."""
        frame, program = self._frame, self._program
        self._check(x)
        if x.dtype != program.dtype and not program.dtype.is_floating_point:
            x = x.to(program.dtype)
        frame.begin(self, x)
        try:
            frame.values[program.source] = frame.hidden(program.source, x)
            self._run(self._calls[0].items)
            found = tuple(
                frame.shown(one.name) if isinstance(one, Ref) else one for one in program.outputs
            )
        finally:
            frame.end()
        return found[0] if len(found) == 1 else found

    def _check(self, x: Tensor) -> None:
        wanted = self._program.shape[1:]
        fits = len(wanted) == x.ndim - 1 and all(
            size in (None, given) for size, given in zip(wanted, x.shape[1:], strict=True)
        )
        if not fits:
            raise CaptureError(
                f"the exported program takes inputs of shape {_words(wanted)}, the data have "
                f"{tuple(x.shape[1:])}."
            )


def network(
    program: Program,
    made: Plan,
    tensors: Mapping[str, Tensor],
    constants: Mapping[str, Tensor],
    frame: Frame,
) -> Network:
    """Build the network of a program.

    Raises
    ------
    Unread
        It names a tensor or module that cannot be there.
    """
    try:
        return _Builder(program, made, tensors, constants, frame).build()
    except (KeyError, TypeError, AttributeError, RuntimeError) as err:  # names that modules have
        raise Unread(f"its modules cannot be built: {str(err).splitlines()[0][:120]}") from None


class _Builder:
    def __init__(
        self,
        program: Program,
        made: Plan,
        tensors: Mapping[str, Tensor],
        constants: Mapping[str, Tensor],
        frame: Frame,
    ) -> None:
        self._program, self._plan, self._frame = program, made, frame
        self._given = tensors, constants
        self._parameters: dict[int, nn.Parameter] = {}

    def build(self) -> Network:
        kinds = {path: calls[0].kind for path, calls in self._plan.calls.items()}
        root = self._made(Network, self._plan.root.kind, [self._plan.root])
        assert isinstance(root, Network)
        root.__dict__["_program"] = self._program
        for path in sorted(self._paths(), key=lambda path: path.count(".")):
            calls = self._plan.calls.get(path, [])
            module: nn.Module | None = self._chain(path)
            if module is None:  # an empty container counts as false
                module = self._made(Part, kinds.get(path, "Module"), calls)
            holder, _, name = path.rpartition(".")
            root.get_submodule(holder).add_module(name, module)
        self._order(root)
        for name, (role, where) in self._program.tensors.items():
            self._register(root, name, role, where)
        for module in root.modules():
            _tell_channels(module)
        return root.eval()

    def _paths(self) -> set[str]:
        """Return the names of all modules, also of those that only hold others or tensors."""
        held = [w for role, w in self._program.tensors.values() if role != "constant"]
        paths = {*self._plan.calls, *(where.rpartition(".")[0] for where in held)} - {""}
        for path in list(paths):
            parts = path.split(".")
            paths |= {".".join(parts[:end]) for end in range(1, len(parts))}
        return paths

    def _made(self, base: type[Part], kind: str, calls: list[Call]) -> Part:
        module: Part = type(kind, (base,), {})()
        module.__dict__.update(_frame=self._frame, _calls=calls)
        return module

    def _chain(self, path: str) -> nn.Module | None:
        """Return an nn.Sequential where the module calls its children in a row, as that does."""
        calls = self._plan.calls.get(path, [])
        if not calls or calls[0].kind != "Sequential":
            return None
        rows = [[item for item in call.items if isinstance(item, Call)] for call in calls]
        children = [item.path for item in rows[0]]
        if len(set(children)) < len(children):
            return None
        for call, row in zip(calls, rows, strict=True):
            ways = [call.takes, *(item.gives for item in row)]
            fits = (
                len(row) == len(call.items)
                and [item.path for item in row] == children
                and all(item.path.rpartition(".")[0] == path for item in row)
                and all(len(way) == 1 for way in ways)
                and [item.takes for item in row] == ways[:-1]
                and call.gives == ways[-1]
            )
            if not fits:
                return None
        used = {p for p in self._paths() if p.rpartition(".")[0] == path}
        return nn.Sequential() if used == set(children) else None

    def _order(self, root: Network) -> None:
        """Put modules into the order of the original network, as far as it is told.

        Parameters stand in that order; modules without any come after those with.
        """
        owners = (where.split(".")[:-1] for _, where in self._program.tensors.values())
        held = (".".join(way[:end]) for way in owners for end in range(1, len(way) + 1))
        told = dict.fromkeys([*held, *self._program.modules, *self._plan.calls])
        order = {path: place for place, path in enumerate(told)}
        for holder, module in root.named_modules():
            start = f"{holder}." if holder else ""
            if isinstance(module, nn.Sequential):  # runs them in the order in which it has them
                calls = enumerate(self._plan.calls)
                order.update({p: i for i, p in calls if p.rpartition(".")[0] == holder})
            children = sorted(
                module._modules.items(), key=lambda item: order.get(start + item[0], len(order))
            )
            module._modules.clear()
            module._modules.update(children)

    def _register(self, root: Network, name: str, role: str, where: str) -> None:
        tensors, constants = self._given
        source = tensors if role in ("parameter", "buffer") else constants
        tensor = source.get(where)
        if tensor is None:
            raise Unread(f"its tensor '{where[:80]}' is not in the archive")
        if role == "constant":
            attribute = f"_constant_{len(self._frame.owners)}"
            root.register_buffer(attribute, tensor, persistent=False)
            self._frame.owners[name] = ("", attribute)
            return
        holder, _, attribute = where.rpartition(".")
        owner = root.get_submodule(holder)
        if role == "parameter":
            # weights that are tied in the program are tied here
            tied = self._parameters.setdefault(
                id(tensor), nn.Parameter(tensor.detach(), requires_grad=tensor.is_floating_point())
            )
            owner.register_parameter(attribute, tied)
        else:
            owner.register_buffer(attribute, tensor, persistent=role == "buffer")
        self._frame.owners[name] = (holder, attribute)


_CHANNELS = {"Conv": "out_channels", "BatchNorm": "num_features", "GroupNorm": "num_channels"}


def _tell_channels(module: nn.Module) -> None:
    """Say of a layer what the layers of torch say of themselves: channels, features."""
    weight = module._parameters.get("weight")
    kind = type(module).__name__
    if weight is None or not isinstance(module, Part):
        return
    told: dict[str, Any] = {}
    if kind == "Linear" and weight.ndim == 2:
        told = {"out_features": weight.shape[0], "in_features": weight.shape[1]}
    elif kind == "LayerNorm":
        told = {"normalized_shape": tuple(weight.shape)}
    elif kind == "Embedding" and weight.ndim == 2:
        told = {"embedding_dim": weight.shape[1]}
    else:
        name = next((n for start, n in _CHANNELS.items() if kind.startswith(start)), None)
        if name is not None and "Transpose" not in kind:
            told = {name: weight.shape[0]}
    module.__dict__.update(told)


def _words(shape: Sequence[int | None]) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def on_meta(tensor: Tensor) -> Tensor:
    """Return a tensor of the same form that has no values."""
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")

"""Pickled networks are rebuilt from known layers: their classes are filled, never called.

What a layer's forward pass may run is what its library wrote: attributes that would take the
place of a method, and hooks, are not taken.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from importlib import import_module
from types import MethodType
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.array_calls import array_of
from repprobe.checkpoints.reading.names import LAYERS, MORE_LAYERS
from repprobe.checkpoints.reading.problems import ForeignError, ProblemError
from repprobe.checkpoints.reading.records import (
    Array,
    Bound,
    Choice,
    Kind,
    Made,
    Name,
    Partial,
    TensorRecord,
)
from repprobe.checkpoints.reading.states import part
from repprobe.checkpoints.reading.tensors import Tensors

if TYPE_CHECKING:
    from torch import nn

_PACKAGES = ("torch.nn", "torchvision.models", "torchvision.ops", "timm.models", "timm.layers")
_GRAPHS = "torch_geometric.nn"
_NOT_LAYERS = (
    "torch_geometric.nn.sequential",  # its class is changed by every instance
    "torch_geometric.nn.nlp",
    "torch_geometric.nn.model_hub",
    "torch_geometric.nn.to_",
    "timm.models._hub",
)
_FORWARD_HOOKS = re.compile(r".*(forward|propagate|message|aggregate|update)(_pre)?_hooks.*")
_PARTS = ("_parameters", "_buffers", "_modules")
_MOST_RECURRENT_LAYERS = 1000
_MOST_VALUES = 300_000
_LARGEST_ARGUMENT = 1 << 16
"""Of a function that layers call while they run: it could ask for any amount of memory."""


class NotRebuiltError(ProblemError):
    """The network has parts that the installed libraries lack; its state dict is all there is."""


def rebuild(made: Made, tensors: Tensors) -> nn.Module:
    """Return the network, its tensors those that `tensors` makes.

    The state dict of `made` must have been listed before, so that it has no circles.

    Raises
    ------
    NotRebuiltError
        The installed libraries have no such layer, or one of its attributes is none of a layer's.
    ForeignError
        A name stands for something else than a layer there.
    """
    return _Rebuilding(tensors).module(made)


class _Rebuilding:
    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.left = _MOST_VALUES
        self.done: dict[int, Any] = {}

    def module(self, made: Made) -> nn.Module:
        from torch import nn

        if id(made) in self.done:
            found: nn.Module = self.done[id(made)]
            return found
        kind = layer(made.name)
        found = kind.__new__(kind)
        self.done[id(made)] = found
        state = made.state
        if not isinstance(state, dict):
            raise NotRebuiltError(f"{made.name.full} without attributes")
        nn.Module.__init__(found)  # sets up empty dictionaries; no layer's own constructor
        given = {key: self._attribute(kind, made, key, value) for key, value in state.items()}
        given = {key: value for key, value in given.items() if value is not _LEFT_OUT}
        for name in _PARTS:
            given[name] = self._parts(made, name)
        self._set(found, kind, given)
        return found

    def _set(self, found: nn.Module, kind: type[nn.Module], given: dict[str, Any]) -> None:
        from torch import nn

        if issubclass(kind, nn.RNNBase):
            layers = given.get("num_layers")
            if not isinstance(layers, int) or not 0 < layers <= _MOST_RECURRENT_LAYERS:
                raise NotRebuiltError("a recurrent layer of another form")
        if _GRAPHS in sys.modules and _passes_messages(kind):
            # the pickled inspector holds text that would become code; a new one is made
            vars(found).update(given)
            _inspect(found)
        else:
            as_pickled: Any = found  # fills in what older versions lack
            as_pickled.__setstate__(given)

    def _attribute(self, kind: type[nn.Module], made: Made, key: Any, value: Any) -> Any:
        if not isinstance(key, str) or not key.isidentifier() or key.startswith("__"):
            raise NotRebuiltError("an attribute without a name")
        if key in _PARTS or key in ("inspector", "_compiled_call_impl"):
            return _LEFT_OUT
        if "hook" in key and isinstance(value, dict):
            if value and _FORWARD_HOOKS.fullmatch(key) and "load_" not in key:
                raise NotRebuiltError("a layer with a hook")
            return OrderedDict()
        if callable(getattr(kind, key, None)):
            own = isinstance(value, Bound) and value.owner is made
            if not own or key != "forward":
                raise NotRebuiltError(f"an attribute in place of {made.name.name}.{key}")
            if value.method == "forward":
                return _LEFT_OUT
        return self.value(value)

    def _parts(self, made: Made, name: str) -> dict[str, Any]:
        """Return the parameters, buffers or modules of a layer, each None or what it must be."""
        found: dict[str, Any] = OrderedDict()
        for key, value in part(made, name).items():
            if value is None:
                found[key] = None
            elif name == "_modules" and isinstance(value, Made):
                found[key] = self.module(value)
            elif name != "_modules" and isinstance(value, TensorRecord):
                found[key] = self._tensor(value, name == "_parameters")
            else:
                raise NotRebuiltError("a part of another kind")
        return found

    def _tensor(self, record: TensorRecord, as_parameter: bool) -> Any:
        from torch import nn

        found = self.tensors.make(record)
        if as_parameter and not isinstance(found, nn.Parameter):
            graded = found.is_floating_point() or found.is_complex()
            found = self.done.setdefault(id(record), nn.Parameter(found, graded))
        return found

    def value(self, value: Any) -> Any:
        """Return what an attribute was, from its records."""
        self.left -= 1
        if self.left < 0:
            raise NotRebuiltError(f"over {_MOST_VALUES} attributes")
        if id(value) in self.done:
            return self.done[id(value)]
        if isinstance(value, Made):
            return self.module(value)
        if isinstance(value, dict):
            kept: dict[Any, Any] = OrderedDict() if isinstance(value, OrderedDict) else {}
            self.done[id(value)] = kept
            kept.update((self._key(k), self.value(v)) for k, v in value.items())
            return kept
        if type(value) is list:
            items: list[Any] = []
            self.done[id(value)] = items
            items.extend(map(self.value, value))
            return items
        if type(value) in (tuple, set, frozenset):
            found = self.done[id(value)] = type(value)(map(self.value, value))
            return found
        return self._leaf(value)

    def _key(self, key: Any) -> Any:
        return self._leaf(key) if isinstance(key, Name) else key

    def _leaf(self, value: Any) -> Any:
        from functools import partial

        if isinstance(value, TensorRecord):
            return self.tensors.make(value)
        if isinstance(value, Array):
            return array_of(value)
        if isinstance(value, Name):
            return _named(value)
        if isinstance(value, Partial):
            if not isinstance(value.function, Name):
                raise NotRebuiltError("a partial function of another form")
            given = [self.value(argument) for argument in value.arguments]
            named = {str(k): self.value(v) for k, v in value.keywords.items()}
            for number in (*given, *named.values()):
                if isinstance(number, int) and abs(number) > _LARGEST_ARGUMENT:
                    raise NotRebuiltError(f"a partial function with the argument {number}")
            return partial(_named(value.function), *given, **named)
        if isinstance(value, Bound):
            return self._method(value)
        if isinstance(value, Choice):
            members: Any = _known(value.name)
            if value.value not in {member.value for member in members}:
                raise NotRebuiltError(f"an unknown {value.name.name}")
            return members(value.value)
        if type(value).__module__ in ("builtins", "torch"):
            return value
        raise NotRebuiltError("an attribute of an unknown kind")

    def _method(self, bound: Bound) -> Any:
        kind = layer(bound.owner.name)
        function = getattr(kind, bound.method, None)
        if not callable(function) or not bound.method.startswith("forward"):
            raise NotRebuiltError("a method that is not there")
        return MethodType(function, self.module(bound.owner))


_LEFT_OUT = object()


def layer(name: Name) -> type[nn.Module]:
    """Return the class of layers that a name stands for; nothing the file names is imported.

    Raises
    ------
    NotRebuiltError
        The installed libraries have no such class.
    ForeignError
        It is no class of layers.
    """
    from torch import nn

    found = _known(name)
    home = f"{getattr(found, '__module__', '')}"
    if (
        not isinstance(found, type)
        or not issubclass(found, nn.Module)
        or not (f"{home}.".startswith(LAYERS) or f"{home}.{name.name}" in MORE_LAYERS)
    ):
        raise ForeignError(name.full)
    if home.startswith(_NOT_LAYERS):
        raise NotRebuiltError(f"{name.full}, which makes code")
    return found


def _named(name: Name) -> Any:
    if name.kind is Kind.LAYER:
        return layer(name)
    if name.kind is Kind.FUNCTION:
        found = _known(name)
        if not callable(found) or isinstance(found, type):
            raise ForeignError(name.full)
        return found
    raise NotRebuiltError(f"{name.full} among the attributes")


def _known(name: Name) -> Any:
    """Return what a name stands for in a module that its own package has imported."""
    package = name.module.partition(".")[0]
    try:
        for imported in (*_PACKAGES, _GRAPHS):
            if imported.partition(".")[0] == package:
                import_module(imported)
    except ImportError:
        raise NotRebuiltError(f"layers of {package}, which is not installed") from None
    module = sys.modules.get(name.module)
    if module is None or name.name not in vars(module):
        raise NotRebuiltError(f"{name.full}, which the installed {package} lacks")
    return vars(module)[name.name]


def _passes_messages(kind: type[nn.Module]) -> bool:
    from torch_geometric.nn import MessagePassing

    return issubclass(kind, MessagePassing)


def _inspect(layer: Any) -> None:
    """Do again what `MessagePassing` finds out about its own class when it is made."""
    from torch_geometric.inspector import Inspector

    inspector = layer.inspector = Inspector(type(layer))
    inspector.inspect_signature(layer.message)
    inspector.inspect_signature(layer.aggregate, exclude=[0, "aggr"])
    inspector.inspect_signature(layer.message_and_aggregate, [0])
    inspector.inspect_signature(layer.update, exclude=[0])
    inspector.inspect_signature(layer.edge_update)
    layer._user_args = inspector.get_flat_param_names(
        ["message", "aggregate", "update"], exclude=layer.special_args
    )
    layer._fused_user_args = inspector.get_flat_param_names(
        ["message_and_aggregate", "update"], exclude=layer.special_args
    )
    layer._edge_user_args = inspector.get_param_names("edge_update", exclude=layer.special_args)

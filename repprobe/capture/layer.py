"""What a run of the network shows: its calls, and the layers that can be recorded there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Layout = Literal["vector", "sequence", "map", "channels-last"]
"""How an activation (B, …) is laid out: (B,) or (B, D); (B, T, D); (B, C, …); (B, …, C)."""

Level = Literal["example", "node", "edge"]
"""What an activation has one row for. Where nodes are the examples, these have the level node."""

RowMode = Literal["mean", "max", "sum"]
"""How the rows of an example, its nodes or edges, become one."""

PoolMode = Literal["auto", "mean", "max", "sum", "grid", "flatten", "cls", "last", "none"]

Side = Literal["output", "input"]


@dataclass(frozen=True, slots=True)
class Layer:
    """A point of the forward pass.

    Attributes
    ----------
    name : dotted name of the module; `_1`, `_2`, … for its later calls; `[0]`, `["key"]` for
        members of tuples and dicts; `.input` for what the module is given.
    module : dotted name of the module alone.
    call : which call of the module, from 0.
    member : the way to the tensor inside the output, as `members` gives it: (1, "logits").
    side : whether the output or the input of the module is meant.
    kind : class name of the module.
    shape : of one row, i.e. of one example, node or edge.
    dtype : e.g. "float32".
    layout : where the channels are.
    batch_axis : the axis of the tensor that counts the rows.
    order : moment in the run; increases in the order of execution.
    digest : of the values for the traced examples: equal values, equal digest.
    reason : why the layer cannot be probed; empty if it can.
    level : what its rows are.
    own_pooling : how the network itself pools the rows of each graph; None if it shows nowhere.
    """

    name: str
    module: str
    call: int
    member: tuple[Any, ...]
    side: Side
    kind: str
    shape: tuple[int, ...]
    dtype: str
    layout: Layout
    batch_axis: int
    order: int
    digest: str
    reason: str = ""
    level: Level = "example"
    own_pooling: RowMode | None = None

    @property
    def values(self) -> int:
        """Number of values per row."""
        return math.prod(self.shape)


@dataclass(slots=True, eq=False)
class Call:
    """One call of one module; calls inside it are its children.

    Attributes
    ----------
    start, end : moments at which it began and ended.
    weighted : whether the module itself computes with a weight of two or more axes, and is no
        normalization.
    container : whether it only strings its members together, as nn.Sequential does.
    passes_messages : whether it passes messages along the edges of a graph.
    given : what it was given, as a layer; None if it was given no tensor.
    layers : the tensors it put out.
    """

    module: str
    kind: str
    number: int
    start: int
    weighted: bool
    container: bool
    passes_messages: bool = False
    parent: Call | None = None
    end: int = -1
    given: Layer | None = None
    children: list[Call] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Dotted name, with the number of the call from the second on."""
        return call_name(self.module, self.kind, self.number)

    @property
    def is_leaf(self) -> bool:
        """Whether it called no other module."""
        return not self.children

    def walk(self) -> Iterator[Call]:
        """Yield this call and all inside it, in the order in which they began."""
        yield self
        for child in self.children:
            yield from child.walk()

    @property
    def units(self) -> list[Call]:
        """The weighted calls inside (or this one) that hold no weighted call themselves."""
        below = [unit for child in self.children for unit in child.units]
        return below or ([self] if self.weighted else [])


@dataclass(frozen=True, slots=True)
class Trace:
    """All calls of one run, in order.

    Attributes
    ----------
    root : the call of the network itself.
    source : the network's input, as the layer `input`.
    unit_ends : the moments at which the calls in `root.units` ended.
    containers : dotted names of modules that only hold others.
    uncalled : module names with their class names that took no part in the run.
    parameters : names of parameters and buffers.
    integer_inputs : whether the network takes its inputs as whole numbers (token indices).
    notes : sentences the user should be told.
    """

    root: Call
    source: Layer
    unit_ends: tuple[int, ...]
    containers: frozenset[str]
    uncalled: dict[str, str]
    parameters: frozenset[str]
    integer_inputs: bool
    notes: tuple[str, ...]

    @property
    def calls(self) -> list[Call]:
        """Every call but the network's own, unless that is the only one."""
        inner = list(self.root.walk())[1:]
        return inner or [self.root]

    @property
    def layers(self) -> list[Layer]:
        """Every tensor put out by a module, in the order of execution."""
        found = [layer for call in self.calls for layer in call.layers]
        return sorted(found, key=lambda layer: layer.order)

    def same_information(self, a: Layer, b: Layer) -> bool:
        """Whether two layers hold equal values, and no weights worked between them.

        The second condition keeps two stages apart that happen to agree: an untrained residual
        block that adds zero, or layers that died.
        """
        first, last = sorted((a.order, b.order))
        return a.digest == b.digest and not any(first < end <= last for end in self.unit_ends)


RESERVED = ("input", "output")
"""Names of the raw input and the network's own answer in `scores.csv`."""


def call_name(module: str, kind: str, number: int) -> str:
    """Return the name of call `number` of a module; the network itself goes by its class.

    A module that is called `input` or `output` at the top gets its number from the first call
    on, since these two names are taken.
    """
    base = module or kind
    return base if number == 0 and base not in RESERVED else f"{base}_{number}"


def member_name(name: str, member: tuple[Any, ...]) -> str:
    """Append the way to a member: ("lstm", (1, 0)) gives `lstm[1][0]`."""
    return name + "".join(f'["{m}"]' if isinstance(m, str) else f"[{m}]" for m in member)

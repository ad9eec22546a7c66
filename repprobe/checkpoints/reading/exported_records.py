"""The records of an exported program: its operators in order, and what they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.exported_arguments import references

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Level:
    """A call of a module that an operator belongs to: which, of which module, of what class."""

    call: str
    path: str
    kind: str


@dataclass(frozen=True)
class Step:
    """One operator with its arguments and the names of what it gives.

    Attributes
    ----------
    arguments, keywords : plain values, `Ref`s and `DEVICE`, also inside lists.
    results : a name, a list of names, or None per thing that it gives.
    numeric : whether it gives sizes, not tensors.
    stack : the calls of modules that it belongs to, from the outside in.
    """

    target: str
    run: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]
    results: tuple[str | list[str] | None, ...]
    numeric: bool
    stack: tuple[Level, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Step:
        return self  # nothing changes it, and it is known by what it is

    def names(self) -> Iterator[str]:
        """Yield the names of what it gives."""
        for result in self.results:
            yield from [result] if isinstance(result, str) else result or []

    def uses(self) -> Iterator[str]:
        """Yield the names of what it takes, in order."""
        yield from references((self.arguments, list(self.keywords.values())))


@dataclass(frozen=True)
class Program:
    """A checked program.

    Attributes
    ----------
    source : the name of its one input; `shape` has None where a size is free.
    tensors : name → (kind, where): "parameter", "buffer" or "loose buffer" with its dotted name
        in the network, or "constant" with its name among the constants.
    outputs : what it gives.
    modules : dotted names in the order of the original network, as far as they are told.
    """

    source: str
    shape: tuple[int | None, ...]
    hints: tuple[int, ...]
    dtype: torch.dtype
    tensors: Mapping[str, tuple[str, str]]
    steps: tuple[Step, ...]
    outputs: tuple[Any, ...]
    modules: tuple[str, ...]
    notes: tuple[str, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        return self

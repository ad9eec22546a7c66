"""Runs the operators of an exported program one by one, for any number of examples."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from repprobe.checkpoints.reading.exported_arguments import DEVICE, Ref, Unread, references
from repprobe.checkpoints.reading.exported_records import Program, Step

if TYPE_CHECKING:
    from torch import nn

MOST_VALUES = 2**28
"""The most values that one operator may give for the examples of a check."""

_SHAPED = (
    "view reshape _unsafe_view expand repeat tile zeros ones full new_zeros new_ones new_full "
    "broadcast_to unflatten squeeze squeeze_ arange split split_with_sizes"
)
_LITERAL = frozenset(_SHAPED.split())
"""Operators that may have the number of examples among their arguments, or depend on it."""


class Frame:
    """What a pass through the network has computed so far.

    Attributes
    ----------
    values : name → tensor or size, as long as something needs it.
    owners : name of a parameter, buffer or constant → (dotted name of its module, attribute).

    A program that was exported for a fixed number n of examples runs over groups of n: each
    operator is mapped over the groups, so that it never sees another number than its own. Tensors
    that depend on the input then have one axis more, in front; modules take and give them
    without it, with the examples first.
    """

    def __init__(
        self, last: Mapping[int, tuple[str, ...]], fixed: int | None, lifted: frozenset[str]
    ) -> None:
        """Prepare for a program.

        Parameters
        ----------
        last : as of `Plan`.
        fixed : how many examples the program is for, if it is so for a fixed number.
        lifted : names of the tensors that depend on the input.
        """
        self.values: dict[str, Any] = {}
        self.owners: dict[str, tuple[str, str]] = {}
        self.leading: dict[str, int] = {}
        self._last, self._fixed, self._lifted = last, fixed, lifted
        self._root: list[nn.Module] = []
        self._counts: Counter[int] = Counter()
        self._examples = 0
        self._device = torch.device("cpu")

    def __deepcopy__(self, memo: dict[int, Any]) -> Frame:
        copied = Frame(self._last, self._fixed, self._lifted)
        memo[id(self)] = copied
        copied.owners, copied.leading = self.owners, self.leading
        copied._root = copy.deepcopy(self._root, memo)
        return copied

    def begin(self, root: nn.Module, x: Tensor) -> None:
        """Start a pass over inputs (b, …)."""
        self.end()
        self._root = [root]
        self._examples, self._device = len(x), x.device

    def end(self) -> None:
        """Let go of everything."""
        self.values = {}
        self._counts.clear()

    def count(self, module: int) -> int:
        """Return how often a module was called before in this pass."""
        self._counts[module] += 1
        return self._counts[module] - 1

    def module(self, path: str) -> nn.Module:
        """Return the module of a dotted name."""
        return self._root[0].get_submodule(path)

    def step(self, step: Step) -> None:
        """Run an operator, keep what it gives, and let go of what nothing needs any more."""
        names = set(step.uses())
        lifted = self._fixed is not None and not names.isdisjoint(self._lifted)
        found = self._mapped(step) if lifted else self._run(step, {})
        results = found if isinstance(found, tuple) else (found,)
        if len(step.results) == 1 and isinstance(step.results[0], list):
            results = (found,)
        for result, value in zip(step.results, results, strict=False):
            if isinstance(result, str):
                self.values[result] = value
            elif result is not None:
                self.values.update(zip(result, value, strict=True))
        for name in self._last.get(id(step), ()):
            self.values.pop(name, None)

    def shown(self, name: str) -> Any:
        """Return a value as modules take and give it: examples first, (b, …)."""
        value = self.value(name)
        if not self._groups(name, value):
            return value
        if self._fixed == 1:
            return value[:, 0]
        return value.flatten(0, 1)[: self._examples]

    def hidden(self, name: str, value: Any) -> Any:
        """Return what modules take and give as operators have it; see `shown`."""
        if not self._groups(name, value, hidden=False):
            return value
        if self._fixed == 1:
            return value[:, None]
        assert self._fixed is not None
        missing = -len(value) % self._fixed
        if missing:
            value = torch.cat([value, value[-1:].expand(missing, *value.shape[1:])])
        return value.unflatten(0, (-1, self._fixed))

    def _groups(self, name: str, value: Any, hidden: bool = True) -> bool:
        fixed = self._fixed is not None and name in self._lifted and isinstance(value, Tensor)
        return fixed and self.leading.get(name) == self._fixed and value.ndim > int(hidden)

    def value(self, name: str) -> Any:
        """Return what a name stands for."""
        if name in self.values:
            return self.values[name]
        if name in self.owners and self._root:
            path, attribute = self.owners[name]
            return getattr(self.module(path), attribute)
        raise Unread(f"'{name}' is had from a pass through the whole network only")

    def _run(self, step: Step, given: Mapping[str, Any]) -> Any:
        arguments = self._filled(step.arguments, given)
        keywords = {key: self._filled(value, given) for key, value in step.keywords.items()}
        return bounded(step, step.run(*arguments, **keywords))

    def _mapped(self, step: Step) -> Any:
        """Run an operator on each group of examples."""
        names = [name for name in dict.fromkeys(step.uses()) if name in self._lifted]
        tensors = [self.value(name) for name in names]
        if step.numeric:
            first = [tensor[0] for tensor in tensors]
            return self._run(step, dict(zip(names, first, strict=True)))

        def of_a_group(*group: Tensor) -> Any:
            return self._run(step, dict(zip(names, group, strict=True)))

        return torch.vmap(of_a_group, randomness="different")(*tensors)

    def _filled(self, value: Any, given: Mapping[str, Any]) -> Any:
        if isinstance(value, Ref):
            return given[value.name] if value.name in given else self.value(value.name)
        if value is DEVICE:
            return self._device
        if isinstance(value, list | tuple):
            return type(value)(self._filled(one, given) for one in value)
        return value


def bounded(step: Step, found: Any) -> Any:
    """Return what an operator gave, unless it is a number beyond all sizes."""
    if isinstance(found, int | float) and abs(found) > 2**62:
        raise Unread(f"{step.target} gives a number beyond all sizes")
    return found


def lifted_names(program: Program) -> frozenset[str]:
    """Return the names of the tensors that depend on the input."""
    found = {program.source}
    for step in program.steps:
        if not step.numeric and not found.isdisjoint(step.uses()):
            found.update(step.names())
    return frozenset(found)


def is_for_any_number(program: Program) -> bool:
    """Whether no operator depends on how many examples there are.

    It may be so although the program was exported for a fixed number: nothing in it says the
    number, as in a chain of convolutions.
    """
    for step in program.steps:
        name = step.target.split(".")[-2]
        sizes = next((v for v in step.keywords.values() if isinstance(v, list)), [])
        if name in ("squeeze", "squeeze_", "arange"):
            return False
        if name in _LITERAL and not (sizes and sizes[0] == -1):
            return False
    return True


def shapes(
    program: Program, tensors: Mapping[str, Tensor], examples: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of everything that the program makes of so many examples.

    Nothing is computed: the operators run on tensors without values.

    Raises
    ------
    Unread
        An operator does not take what it is given, or gives too much.
    """
    last = {id(step): () for step in program.steps}
    frame = Frame(last, None, frozenset())
    frame._device = torch.device("meta")
    frame.values = dict(tensors)
    frame.values[program.source] = torch.empty(
        (examples, *program.hints[1:]), dtype=program.dtype, device="meta"
    )
    for step in program.steps:
        try:
            with torch.no_grad():
                frame.step(step)
        except Unread:
            raise
        except Exception as err:
            lines = str(err).strip().splitlines() or [type(err).__name__]
            raise Unread(f"{step.target} cannot be run: {lines[0][:120]}") from None
        _check_size(step, (frame.values.get(name) for name in step.names()))
    for name in references(program.outputs):
        frame.value(name)
    return {n: tuple(v.shape) for n, v in frame.values.items() if isinstance(v, Tensor)}


def _check_size(step: Step, values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, Tensor) and value.numel() > MOST_VALUES:
            raise Unread(f"{step.target} gives {value.numel()} values for two examples")
        if isinstance(value, Tensor) != (not step.numeric):
            raise Unread(f"{step.target} does not give what the program says")

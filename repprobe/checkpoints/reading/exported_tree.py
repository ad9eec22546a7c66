"""Sorts the operators of an exported program into the modules that called them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from repprobe.checkpoints.reading.exported_arguments import references
from repprobe.checkpoints.reading.exported_records import Level, Program, Step


@dataclass(frozen=True)
class Call:
    """A call of a module: what goes in, what comes out, what happens inside.

    Attributes
    ----------
    path, kind : dotted name of the module, and the name of its class.
    takes, gives : names of tensors, in the order in which they are used and made.
    items : its operators and the calls inside, in order.
    """

    path: str
    kind: str
    takes: tuple[str, ...]
    gives: tuple[str, ...]
    items: tuple[Step | Call, ...]

    def __deepcopy__(self, memo: dict[int, Any]) -> Call:
        return self  # nothing changes it


@dataclass
class Plan:
    """A program by its modules.

    Attributes
    ----------
    root : the call of the whole network.
    calls : dotted name → the calls of that module, in order.
    last : id of a step → the names that nothing needs after it.
    """

    root: Call
    calls: dict[str, list[Call]] = field(default_factory=dict)
    last: dict[int, tuple[str, ...]] = field(default_factory=dict)


def plan(program: Program) -> Plan:
    """Sort the operators of a program into calls of its modules."""
    return _Planner(program).plan()


class _Planner:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._made: dict[str, int] = {program.source: -1}
        self._used: dict[str, int] = {}
        for place, step in enumerate(program.steps):
            for name in step.uses():
                self._used[name] = place
            if not step.numeric:
                self._made.update(dict.fromkeys(step.names(), place))
        end = len(program.steps)
        self._used.update(dict.fromkeys(references(program.outputs), end))
        kinds = [step.stack[0] for step in program.steps if step.stack and not step.stack[0].path]
        self._kind = kinds[0].kind if kinds else "Program"

    def plan(self) -> Plan:
        steps = self._program.steps
        items = self._items(0, len(steps), "", 0)
        root = Call("", self._kind, (self._program.source,), (), items)
        made = Plan(root, last=self._last())
        waiting = [root]
        while waiting:
            call = waiting.pop()
            made.calls.setdefault(call.path, []).append(call)
            waiting += [item for item in reversed(call.items) if isinstance(item, Call)]
        return made

    def _items(self, start: int, stop: int, path: str, depth: int) -> tuple[Step | Call, ...]:
        """Group the steps from `start` to `stop`, which belong to the module at `path`."""
        items: list[Step | Call] = []
        place = start
        while place < stop:
            inside = self._level(place, depth)
            end = place + 1
            if inside is None:
                items.append(self._program.steps[place])
            else:
                while end < stop and self._level(end, depth) == inside:
                    end += 1
                if inside.path == path or not inside.path:  # the module itself, told once more
                    items += self._items(place, end, path, depth + 1)
                else:
                    items.append(self._call(place, end, depth))
            place = end
        return tuple(items)

    def _level(self, place: int, depth: int) -> Level | None:
        stack = self._program.steps[place].stack
        return stack[depth] if depth < len(stack) else None

    def _call(self, start: int, stop: int, depth: int) -> Call:
        level = self._program.steps[start].stack[depth]
        takes: dict[str, None] = {}
        gives = []
        for step in self._program.steps[start:stop]:
            takes.update(dict.fromkeys(self._from_before(step.uses(), start)))
            if not step.numeric:
                gives += [n for n in step.names() if self._used.get(n, -1) >= stop]
        items = self._items(start, stop, level.path, depth + 1)
        return Call(level.path, level.kind, tuple(takes), tuple(gives), items)

    def _from_before(self, names: Iterable[str], start: int) -> list[str]:
        return [name for name in names if self._made.get(name, start) < start]

    def _last(self) -> dict[int, tuple[str, ...]]:
        ending: dict[int, list[str]] = {}
        for name, made in self._made.items():
            place = self._used.get(name, made)
            if 0 <= place < len(self._program.steps):
                ending.setdefault(place, []).append(name)
        steps: Sequence[Step] = self._program.steps
        return {id(steps[place]): tuple(names) for place, names in ending.items()}

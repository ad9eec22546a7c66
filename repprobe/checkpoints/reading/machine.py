"""The stack and the memo of a pickle, and what each opcode does to them; nothing runs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any

from repprobe.checkpoints.reading import calls
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.names import admit
from repprobe.checkpoints.reading.problems import (
    CutShortError,
    DamagedError,
    DemandingError,
    ForeignError,
)

_CHUNK = 1 << 16
_LINE = 1 << 16
_DIGITS = 300
_HIGHEST_PROTOCOL = 5

Persistent = Callable[[Any], Any]


class Machine:
    """The stack, the memo and the opcodes of the pickle protocols 0 to 5."""

    def __init__(
        self, file: IO[bytes], end: int, persistent: Persistent, budget: Budget, script: bool
    ) -> None:
        self.file, self.end, self.persistent, self.script = file, end, persistent, script
        self.budget = budget
        self.stack: list[Any] = []
        self.marked: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        if count > _CHUNK and count > self.end - self.file.tell():
            raise CutShortError
        data = self.file.read(count)
        if len(data) != count:
            raise CutShortError
        return data

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def line(self) -> str:
        return self.raw_line(_LINE).decode("utf-8")

    def raw_line(self, limit: int) -> bytes:
        data = self.file.readline(limit)
        if not data.endswith(b"\n"):
            raise CutShortError if len(data) < limit else DemandingError("an endless line")
        return data[:-1]

    def integer(self) -> int:
        text = self.line().removesuffix("L")
        if len(text) > _DIGITS:
            raise DemandingError("a number of hundreds of digits")
        return int(text)

    def popped(self) -> list[Any]:
        """Return what was pushed since the last mark, and take both away."""
        items, self.stack = self.stack, self.marked.pop()
        return items

    # plain values

    def push_int(self) -> None:
        text = self.line()
        if text in ("00", "01"):
            self.stack.append(text == "01")
        elif len(text) > _DIGITS:
            raise DemandingError("a number of hundreds of digits")
        else:
            self.stack.append(int(text))

    def push_long(self) -> None:
        self.stack.append(self.integer())

    def push_float(self) -> None:
        self.stack.append(float(self.line()))

    def push_binary_float(self) -> None:
        self.stack.append(struct.unpack(">d", self.take(8))[0])

    def long_of(self, size: int) -> None:
        if size > _DIGITS:
            raise DemandingError("a number of hundreds of digits")
        self.stack.append(int.from_bytes(self.take(size), "little", signed=True))

    def text_of(self, count: int) -> None:
        self.budget.take_text(count)
        self.stack.append(self.take(count).decode("utf-8", "surrogatepass"))

    def old_string_of(self, count: int) -> None:
        # of Python 2, where text and bytes were one; every byte is kept
        self.budget.take_text(count)
        self.stack.append(self.take(count).decode("latin-1"))

    def bytes_of(self, count: int) -> None:
        self.budget.take_bytes(count)
        self.stack.append(self.take(count))

    def push_line_of_text(self) -> None:
        data = self.raw_line(self.budget.text + 1)
        self.budget.take_text(len(data))
        self.stack.append(data.decode("raw-unicode-escape"))

    def push_quoted(self) -> None:
        data = self.raw_line(self.budget.text + 1).strip()
        self.budget.take_text(len(data))
        if len(data) < 2 or data[:1] != data[-1:] or data[:1] not in (b"'", b'"'):
            raise DamagedError("a string without quotes")
        self.stack.append(data[1:-1].decode("unicode_escape"))

    # containers

    def mark(self) -> None:
        self.marked.append(self.stack)
        self.stack = []

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.popped()

    def tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) != count:
            raise DamagedError("a tuple of too few")
        self.stack[-count:] = [items]

    def marked_as(self, make: Callable[[list[Any]], Any]) -> None:
        items = self.popped()
        self.stack.append(make(items))

    def append(self) -> None:
        item = self.stack.pop()
        self.extend([item])

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise DamagedError("items for what is no list")
        self.stack[-1].extend(items)

    def pop_mark(self) -> None:
        self.popped()

    def set_items(self) -> None:
        items = self.popped()
        calls.put(self.stack[-1], items, self.budget)

    def set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        calls.put(self.stack[-1], [key, value], self.budget)

    def add_items(self) -> None:
        items = self.popped()
        calls.add(self.stack[-1], items, self.budget)

    def dictionary(self, items: list[Any]) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        calls.put(found, items, self.budget)
        return found

    def frozen(self, items: list[Any]) -> frozenset[Any]:
        found: set[Any] = set()
        calls.add(found, items, self.budget)
        return frozenset(found)

    # memo

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    # what would import or call in other machines

    def push_global(self) -> None:
        module = self.line()
        self.stack.append(admit(module, self.line(), script=self.script))

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(admit(module, name, script=self.script))

    def extension(self, size: int) -> None:
        raise ForeignError(f"copyreg extension {self.number(size)}")

    def buffer(self) -> None:
        raise DamagedError("a buffer outside of the pickle")

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(calls.call(function, arguments, self.budget))

    def new(self) -> None:
        arguments, made = self.stack.pop(), self.stack.pop()
        self.stack.append(calls.new(made, arguments, self.budget))

    def new_with_names(self) -> None:
        keywords = self.stack.pop()
        if keywords != {}:
            raise ForeignError(f"{calls.shown(self.stack[-2])} with arguments by name")
        self.new()

    def instance(self) -> None:
        module, name = self.line(), self.line()
        made = admit(module, name, script=self.script)
        self.stack.append(calls.new(made, tuple(self.popped()), self.budget))

    def instance_of_first(self) -> None:
        made, *arguments = self.popped()
        self.stack.append(calls.new(made, tuple(arguments), self.budget))

    def build(self) -> None:
        state = self.stack.pop()
        calls.build(self.stack[-1], state, self.budget)

    def persistent_text(self) -> None:
        self.stack.append(self.persistent(self.line()))

    def persistent_id(self) -> None:
        self.stack.append(self.persistent(self.stack.pop()))

    # framing

    def protocol(self) -> None:
        if self.number(1) > _HIGHEST_PROTOCOL:
            raise DamagedError("an unknown protocol")

    def frame(self) -> None:
        if self.number(8) > self.end - self.file.tell():
            raise CutShortError

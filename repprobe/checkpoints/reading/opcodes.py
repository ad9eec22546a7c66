"""Reads a pickle, opcode by opcode: what it names and makes are records, and nothing runs."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any

from repprobe.checkpoints.reading.budget import STEPS, Budget
from repprobe.checkpoints.reading.machine import Machine, Persistent
from repprobe.checkpoints.reading.problems import (
    CutShortError,
    DamagedError,
    DemandingError,
    ProblemError,
)


def load(
    file: IO[bytes],
    end: int,
    persistent: Persistent,
    *,
    budget: Budget | None = None,
    script: bool = False,
) -> Any:
    """Read the pickle that starts where `file` stands, and leave the file after it.

    Parameters
    ----------
    end : offset of the first byte that cannot be the pickle's.
    persistent : turns a persistent id into what it stands for.
    script : whether classes of TorchScript are admitted.

    Raises
    ------
    ProblemError
        Any of `problems`.
    """
    machine = Machine(file, end, persistent, budget or Budget(), script)
    try:
        return _run(machine)
    except ProblemError:
        raise
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        AssertionError,
        struct.error,
    ) as err:
        raise DamagedError(f"a pickle with {type(err).__name__}") from None


def _run(machine: Machine) -> Any:
    """Follow the opcodes to STOP; return what then lies on the stack."""
    read, budget = machine.file.read, machine.budget
    while True:
        code = read(1)
        if code == b".":
            if len(machine.stack) != 1 or machine.marked:
                raise DamagedError("a pickle that leaves its stack in disorder")
            return machine.stack.pop()
        budget.steps -= 1
        if budget.steps < 0:
            raise DemandingError(f"over {STEPS} opcodes")
        operation = _OPERATIONS.get(code)
        if operation is None:
            raise DamagedError("an unknown opcode") if code else CutShortError
        operation(machine)


_M = Machine
_OPERATIONS: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": _M.protocol,
    b"\x95": _M.frame,
    b"N": lambda m: m.stack.append(None),
    b"\x88": lambda m: m.stack.append(True),
    b"\x89": lambda m: m.stack.append(False),
    b"I": _M.push_int,
    b"L": _M.push_long,
    b"F": _M.push_float,
    b"G": _M.push_binary_float,
    b"K": lambda m: m.stack.append(m.number(1)),
    b"M": lambda m: m.stack.append(m.number(2)),
    b"J": lambda m: m.stack.append(int.from_bytes(m.take(4), "little", signed=True)),
    b"\x8a": lambda m: m.long_of(m.number(1)),
    b"\x8b": lambda m: m.long_of(m.number(4)),
    b"V": _M.push_line_of_text,
    b"X": lambda m: m.text_of(m.number(4)),
    b"\x8c": lambda m: m.text_of(m.number(1)),
    b"\x8d": lambda m: m.text_of(m.number(8)),
    b"S": _M.push_quoted,
    b"T": lambda m: m.old_string_of(m.number(4)),
    b"U": lambda m: m.old_string_of(m.number(1)),
    b"B": lambda m: m.bytes_of(m.number(4)),
    b"C": lambda m: m.bytes_of(m.number(1)),
    b"\x8e": lambda m: m.bytes_of(m.number(8)),
    b"\x96": lambda m: m.bytes_of(m.number(8)),
    b"(": _M.mark,
    b"0": _M.pop,
    b"1": _M.pop_mark,
    b"2": lambda m: m.stack.append(m.stack[-1]),
    b")": lambda m: m.stack.append(()),
    b"t": lambda m: m.marked_as(tuple),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"]": lambda m: m.stack.append([]),
    b"l": lambda m: m.marked_as(list),
    b"a": _M.append,
    b"e": lambda m: m.extend(m.popped()),
    b"}": lambda m: m.stack.append({}),
    b"d": lambda m: m.marked_as(m.dictionary),
    b"s": _M.set_item,
    b"u": _M.set_items,
    b"\x8f": lambda m: m.stack.append(set()),
    b"\x90": _M.add_items,
    b"\x91": lambda m: m.marked_as(m.frozen),
    b"p": lambda m: m.put(m.integer()),
    b"q": lambda m: m.put(m.number(1)),
    b"r": lambda m: m.put(m.number(4)),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"g": lambda m: m.get(m.integer()),
    b"h": lambda m: m.get(m.number(1)),
    b"j": lambda m: m.get(m.number(4)),
    b"c": _M.push_global,
    b"\x93": _M.stack_global,
    b"\x82": lambda m: m.extension(1),
    b"\x83": lambda m: m.extension(2),
    b"\x84": lambda m: m.extension(4),
    b"R": _M.reduce,
    b"\x81": _M.new,
    b"\x92": _M.new_with_names,
    b"i": _M.instance,
    b"o": _M.instance_of_first,
    b"b": _M.build,
    b"P": _M.persistent_text,
    b"Q": _M.persistent_id,
    b"\x97": _M.buffer,
    b"\x98": _M.buffer,
}

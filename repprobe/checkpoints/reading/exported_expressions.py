"""Texts in an exported program that other loaders evaluate: arithmetic on sizes, or refused."""

from __future__ import annotations

import ast
import re
from typing import Any

from repprobe.checkpoints.reading.exported_arguments import short

_FUNCTIONS = """
    Symbol Integer Float Rational Add Mul Pow FloorDiv CleanDiv Mod PythonMod Max Min Abs Eq Ne Ge
    Gt Le Lt And Or Not Xor Piecewise ToFloat TruncToInt TruncToFloat FloatTrueDiv IntTrueDiv
    FloatPow PowByNatural CeilToInt FloorToInt RoundToInt RoundDecimal ceiling floor Where
    Identity OpaqueUnaryFn_sqrt IsNonOverlappingAndDenseIndicator LShift RShift
"""
_KNOWN = frozenset(_FUNCTIONS.split())
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.operator, ast.unaryop,
    ast.cmpop, ast.boolop, ast.expr_context, ast.keyword,
)  # fmt: skip
_LONGEST = 2_000
_CODE = re.compile(r"__|\b(import|eval|exec|open|getattr|lambda)\b")


class Unsafe(Exception):
    """What a program asks for that is more than arithmetic on tensors."""


def check_expressions(document: Any) -> None:
    """Raise `Unsafe` where an expression or a guard, anywhere in it, is more than arithmetic.

    None of them is evaluated here either way.
    """
    waiting = [document]
    while waiting:
        inside = waiting.pop()
        if isinstance(inside, list):
            waiting += inside
        elif isinstance(inside, dict):
            waiting += inside.values()
            text = inside.get("expr_str", "0")
            if not isinstance(text, str) or not _is_arithmetic(text):
                raise Unsafe(f"the expression {short(str(text))}")
            guards = inside.get("guards_code") or []
            for guard in guards if isinstance(guards, list) else [guards]:
                if not isinstance(guard, str) or _CODE.search(guard):
                    raise Unsafe(f"the guard {short(str(guard))}")


def _is_arithmetic(text: str) -> bool:
    """Whether a text has only numbers, names of sizes, and functions of both."""
    if len(text) > _LONGEST:
        return False
    try:
        nodes = list(ast.walk(ast.parse(text, mode="eval")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return all(_is_plain(node, id(node) in called) for node in nodes)


def _is_plain(node: ast.AST, called: bool) -> bool:
    if isinstance(node, ast.Name):
        return node.id in _KNOWN if called else "__" not in node.id
    if isinstance(node, ast.Constant):
        name = isinstance(node.value, str) and node.value.isidentifier()
        return name or isinstance(node.value, bool | int | float)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name)
    return isinstance(node, _NODES)

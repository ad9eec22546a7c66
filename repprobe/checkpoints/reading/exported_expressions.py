"""Texts in an exported program that other loaders evaluate: arithmetic on sizes, or refused."""

from __future__ import annotations

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
_TOKEN = re.compile(
    r"\s+|Symbol\('\w+'(?:, ?\w+ ?= ?(?:True|False))*\)|(?P<called>[A-Za-z_]\w*)\s*\("
    r"|(?P<name>[A-Za-z_]\w*)|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\*\*|//|[<>=!]=|[-+*/%<>&|~(),]"
)
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
            if "expr_str" in inside:
                _check_expression(inside["expr_str"])
            if "guards_code" in inside:
                _check_guards(inside["guards_code"])


def _check_expression(text: Any) -> None:
    if not isinstance(text, str) or not _is_arithmetic(text):
        raise Unsafe(f"the expression {short(str(text))}")


def _check_guards(guards: Any) -> None:
    for guard in guards if isinstance(guards, list) else [guards]:
        if not isinstance(guard, str) or _CODE.search(guard):
            raise Unsafe(f"the guard {short(str(guard))}")


def _is_arithmetic(text: str) -> bool:
    """Whether a text has only numbers, names of sizes, and functions of both.

    It is cut into tokens, none of which can reach into an object or hold text.
    """
    if len(text) > _LONGEST:
        return False
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or "__" in token[0]:
            return False
        if token["called"] is not None and token["called"] not in _KNOWN:
            return False
        place = token.end()
    return True

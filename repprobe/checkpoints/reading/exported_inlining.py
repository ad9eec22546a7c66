"""Takes the graphs inside a program's graph out: those that only turn gradients or autocast off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from repprobe.checkpoints.reading.exported_arguments import Unread, short

_WRAPPED = "torch.ops.higher_order.wrap_with_"
_DEEPEST = 4


def inlined(nodes: list[Any], depth: int = 0) -> Iterator[Any]:
    """Yield the operators of a graph, those of inner graphs in the place of the call of these.

    Raises
    ------
    Unread
        An inner graph turns autocast on, or cannot be what torch wrote.
    """
    for node in nodes:
        target = node.get("target") if isinstance(node, dict) else None
        if target not in (f"{_WRAPPED}set_grad_enabled", f"{_WRAPPED}autocast"):
            yield node
            continue
        if depth >= _DEEPEST:
            raise Unread("its graphs lie inside one another too deeply")
        yield from inlined(list(_inside(node, target)), depth + 1)


def _inside(node: Mapping[str, Any], target: str) -> Iterator[Any]:
    """Yield the operators of an inner graph under names that are the outer graph's."""
    given = [one.get("arg") if isinstance(one, dict) else None for one in node.get("inputs") or []]
    places = [i for i, one in enumerate(given) if isinstance(one, dict) and "as_graph" in one]
    if len(places) != 1:
        raise Unread(f"{short(target)} has not one graph")
    told, values = given[: places[0]], given[places[0] + 1 :]
    if target.endswith("autocast") and told[2:3] != [{"as_bool": False}]:
        raise Unread("a part of it is in mixed precision (autocast), which is not read")
    held: Any = given[places[0]]
    inner = held["as_graph"]
    graph = inner.get("graph") if isinstance(inner, dict) else None
    if not isinstance(graph, dict) or not isinstance(graph.get("nodes"), list):
        raise Unread(f"{short(target)} has no proper graph")
    takes, gives = list(_names(graph.get("inputs"))), list(_names(graph.get("outputs")))
    outer_takes, outer_gives = list(_names(values)), list(_names(node.get("outputs")))
    if len(takes) != len(outer_takes) or len(gives) != len(outer_gives):
        raise Unread(f"{short(target)} does not fit its graph")
    known = dict(zip(takes, outer_takes, strict=True))
    before = f"{outer_gives[0] if outer_gives else ''}/"
    for made in graph["nodes"]:
        if not isinstance(made, dict):
            raise Unread("one of its operators is no object")
        inputs = [
            {**one, "arg": _renamed(one.get("arg"), known, before)}
            for one in made.get("inputs") or []
            if isinstance(one, dict)
        ]
        outputs = _renamed(made.get("outputs") or [], known, before)
        yield {**made, "inputs": inputs, "outputs": outputs}
    for inside, outside in zip(gives, outer_gives, strict=True):
        yield {
            "target": "torch.ops.aten.alias.default",
            "inputs": [
                {"name": "self", "arg": {"as_tensor": {"name": known.get(inside, before + inside)}}}
            ],
            "outputs": [{"as_tensor": {"name": outside}}],
        }


def _names(values: Any) -> Iterator[str]:
    """Yield the names that arguments refer to, in order."""
    if isinstance(values, list):
        for value in values:
            yield from _names(value)
    elif isinstance(values, dict):
        for key, value in values.items():
            if key in ("name", "as_name") and isinstance(value, str):
                yield value
            elif key != "as_graph":
                yield from _names(value)


def _renamed(value: Any, known: Mapping[str, str], before: str) -> Any:
    """Put other names in arguments; graphs inside have names of their own."""
    if isinstance(value, list):
        return [_renamed(one, known, before) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        if key in ("name", "as_name") and isinstance(one, str):
            found[key] = known.get(one, before + one)
        else:
            found[key] = one if key == "as_graph" else _renamed(one, known, before)
    return found

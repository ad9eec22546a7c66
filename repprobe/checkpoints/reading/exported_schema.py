"""Checks an exported program as it stands in the file, and turns it into records."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading import exported_operators as operators
from repprobe.checkpoints.reading.exported_arguments import (
    DEVICE,
    Ref,
    Unread,
    argument,
    references,
    short,
)
from repprobe.checkpoints.reading.exported_expressions import Unsafe, check_expressions
from repprobe.checkpoints.reading.exported_inlining import inlined
from repprobe.checkpoints.reading.exported_records import Level, Program, Step

if TYPE_CHECKING:
    import torch

MAJOR = 8
"""The version of the schema that is read: that of torch 2.6 and later."""

MOST_STEPS = 20_000


def program_of(document: Any) -> Program:
    """Check a program as it stands in the file.

    Raises
    ------
    Unsafe
        It asks for an operator, an object or an expression that is not admitted.
    Unread
        It is not what torch writes, or something that is not read.
    """
    if not isinstance(document, dict) or not isinstance(document.get("graph_module"), dict):
        raise Unread("it is no exported program")
    major = _entry(_entry(document, "schema_version", dict), "major", int)
    if major != MAJOR:
        raise Unread(
            f"its schema has the version {major}, which is not read; export it again with torch "
            "2.6 or later"
        )
    module = document["graph_module"]
    graph, signature = _entry(module, "graph", dict), _entry(module, "signature", dict)
    if len(_entry(graph, "nodes", list)) > MOST_STEPS:
        raise Unread(f"it has more than the {MOST_STEPS} operators that are read at most")
    check_expressions(document)
    if graph.get("custom_obj_values"):
        raise Unsafe(f"custom objects ({short(next(iter(graph['custom_obj_values'])))})")
    source, tensors, literals = _inputs(graph, signature)
    shape, hints, dtype = _shape(graph, source)
    steps = _steps(graph, {source, *tensors}, literals)
    outputs, notes = _outputs(graph, signature, literals)
    known = {source, *tensors} | {name for step in steps for name in step.names()}
    for name in references(outputs):
        if name not in known:
            raise Unread(f"it gives '{short(name)}', which nothing makes")
    if any(step.keywords.get(key) is True for step in steps for key in ("training", "train")):
        notes = [*notes, "The program was exported in training mode."]
    modules = _modules(module.get("module_call_graph"))
    return Program(
        source, shape, hints, dtype, tensors, tuple(steps), outputs, modules, tuple(notes)
    )


def _modules(listed: Any) -> tuple[str, ...]:
    entries = listed if isinstance(listed, list) else []
    names = (entry.get("fqn") for entry in entries if isinstance(entry, dict))
    return tuple(dict.fromkeys(n.partition("@")[0] for n in names if isinstance(n, str)))


def _inputs(
    graph: Mapping[str, Any], signature: Mapping[str, Any]
) -> tuple[str, dict[str, tuple[str, str]], dict[str, Any]]:
    """Return the name of the input, and those of tensors and plain values that are given too."""
    sources: list[str] = []
    tensors: dict[str, tuple[str, str]] = {}
    literals: dict[str, Any] = {}
    for spec in _entry(signature, "input_specs", list):
        kind, told = _only(spec)
        if kind == "user_input":
            given = argument(_entry(told, "arg", dict))
            if isinstance(given, Ref):
                sources.append(given.name)
        elif kind == "constant_input":
            literals[_entry(told, "name", str)] = argument(_entry(told, "value", dict))
        elif kind in ("parameter", "buffer", "tensor_constant"):
            name = _entry(_entry(told, "arg", dict), "name", str)
            loose = kind == "buffer" and told.get("persistent") is False
            role = "loose buffer" if loose else kind.replace("tensor_", "")
            tensors[name] = (role, _entry(told, f"{kind}_name", str))
        elif kind == "custom_obj":
            raise Unsafe(f"a custom object ({short(str(told.get('custom_obj_name')))})")
        else:
            raise Unread(f"it has an input of the kind '{short(kind)}'")
    given_names = {name for spec in _entry(graph, "inputs", list) for name in _named(spec)}
    if not {*sources, *tensors} <= given_names | set(literals):
        raise Unread("its signature names inputs that its graph does not have")
    if len(sources) != 1:
        raise Unread(f"it takes {len(sources)} inputs, and networks of one input are read")
    return sources[0], tensors, literals


def _named(spec: Any) -> list[str]:
    found = argument(spec)
    return [found.name] if isinstance(found, Ref) else []


def _shape(
    graph: Mapping[str, Any], source: str
) -> tuple[tuple[int | None, ...], tuple[int, ...], torch.dtype]:
    meta = _entry(_entry(graph, "tensor_values", dict), source, dict)
    shape: list[int | None] = []
    hints: list[int] = []
    for size in _entry(meta, "sizes", list):
        kind, told = _only(size)
        hint = told
        if kind == "as_expr":
            hint = told.get("hint") if isinstance(told, dict) else None
            hint = hint.get("as_int") if isinstance(hint, dict) else None
            hint = 2 if hint is None else hint
        if isinstance(hint, bool) or not isinstance(hint, int) or not 0 < hint < 2**20:
            raise Unread("the shape of its input is impossible")
        shape.append(hint if kind == "as_int" else None)
        hints.append(hint)
    if not 1 < len(shape) < 8:
        raise Unread(f"its input has {len(shape)} axes, and the first has to count the examples")
    dtype = argument({"as_scalar_type": meta.get("dtype")})
    return tuple(shape), tuple(hints), dtype


def _steps(graph: Mapping[str, Any], known: set[str], literals: Mapping[str, Any]) -> list[Step]:
    known = set(known)
    steps: list[Step] = []
    stack: tuple[Level, ...] = ()
    for number, node in enumerate(inlined(_entry(graph, "nodes", list))):
        if number >= MOST_STEPS:
            raise Unread(f"it has more than the {MOST_STEPS} operators that are read at most")
        if not isinstance(node, dict):
            raise Unread("one of its operators is no object")
        target = _entry(node, "target", str)
        if operators.is_check(target):
            continue
        run = operators.find(target)
        if run is None:
            raise Unsafe(f"the operator {short(target)}")
        stack = _stack(node, stack)
        step = _step(node, target, run, stack, literals)
        for name in step.uses():
            if name not in known:
                raise Unread(f"{short(target)} takes '{short(name)}', which nothing made before")
        for name in step.names():
            if name in known:
                raise Unread(f"'{short(name)}' is made twice")
            known.add(name)
        steps.append(step)
    return steps


def _step(
    node: Mapping[str, Any],
    target: str,
    run: Callable[..., Any],
    stack: tuple[Level, ...],
    literals: Mapping[str, Any],
) -> Step:
    arguments: list[Any] = []
    keywords: dict[str, Any] = {}
    for given in _entry(node, "inputs", list):
        name = _entry(given, "name", str)
        value = argument(_entry(given, "arg", dict), literals)
        if operators.is_of_numbers(target):
            arguments.append(value)
        elif name.isidentifier():
            keywords[name] = value
        else:
            raise Unread(f"an argument of {short(target)} has no name")
    if operators.makes_tensors(run):
        keywords["device"] = DEVICE
    results: list[str | list[str] | None] = []
    numeric = False
    for given in _entry(node, "outputs", list):
        kind, _ = _only(given)
        found = argument(given)
        if isinstance(found, list):
            names = [one.name for one in found if isinstance(one, Ref)]
            if len(names) < len(found):
                raise Unread(f"{short(target)} gives something else than tensors")
            results.append(names)
        elif isinstance(found, Ref) or found is None:
            results.append(found.name if isinstance(found, Ref) else None)
        else:
            raise Unread(f"{short(target)} gives something else than tensors")
        numeric = numeric or kind.startswith("as_sym")
    return Step(target, run, tuple(arguments), keywords, tuple(results), numeric, stack)


def _stack(node: Mapping[str, Any], before: tuple[Level, ...]) -> tuple[Level, ...]:
    """Return the calls of modules that an operator belongs to; of sizes, those of the one before.

    They are told as "call,path,class;call,path,class".
    """
    metadata = node.get("metadata")
    text = metadata.get("nn_module_stack") if isinstance(metadata, dict) else None
    if not isinstance(text, str) or text.startswith("_empty_nn_module_stack"):
        return before  # sizes, which torch puts in the place where they are needed first
    found = []
    for entry in text.split(";"):
        rest, _, kind = entry.rpartition(",")
        call, _, path = rest.partition(",")
        path = re.sub(r"^L\['self'\]\.?|^L__self__\.?|@\d+$", "", path)
        if re.fullmatch(r"([A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*)?", path) and len(path) < 500:
            name = kind.rpartition(".")[2]
            found.append(Level(call, path, name if name.isidentifier() else "Module"))
    return tuple(found[:64])


def _outputs(
    graph: Mapping[str, Any], signature: Mapping[str, Any], literals: Mapping[str, Any]
) -> tuple[tuple[Any, ...], list[str]]:
    outputs, notes = [], []
    for spec in _entry(signature, "output_specs", list):
        kind, told = _only(spec)
        if kind == "user_output":
            outputs.append(argument(_entry(told, "arg", dict), literals))
        elif kind == "buffer_mutation":
            notes = ["What the program would change of its own buffers is left out."]
        else:
            raise Unread(f"it has an output of the kind '{short(kind)}'")
    if not any(isinstance(output, Ref) for output in outputs):
        raise Unread("it gives no tensor")
    return tuple(outputs), notes


def _only(value: Any) -> tuple[str, Any]:
    """Return the one entry of a union."""
    if not isinstance(value, dict) or len(value) != 1:
        raise Unread("one of its unions has not exactly one member")
    kind, told = next(iter(value.items()))
    return kind, told


def _entry(value: Any, name: str, kind: type) -> Any:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise Unread(f"it has no proper '{short(name)}'")
    return found

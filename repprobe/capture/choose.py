"""Which layers to record: patterns over the names, every leaf, or one per stage."""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass

from repprobe.capture.layer import Layer, Trace
from repprobe.capture.stages import default_layers, last_hidden
from repprobe.errors import CaptureError, UnknownNameError

ALL = "all"
"""The pattern that stands for every call of a leaf module."""

LIST_HINT = "List them with: repprobe layers MODEL --data DATA --list"


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes
    ----------
    layers : to record, in the order of execution.
    skipped : name -> reason, for layers that were asked for and cannot be probed.
    """

    layers: tuple[Layer, ...]
    skipped: dict[str, str]


def choose(trace: Trace, patterns: Sequence[str] = ()) -> Choice:
    """Return the layers that match any of the patterns, or one per stage if there are none.

    A pattern is a name or a glob (`*` also crosses dots). It is compared with the names of the
    layers; a module's name stands for all that the module puts out. Brackets are taken as they
    are (`lstm[0]`) wherever that finds a layer, else as a set of characters (`layer[12].*`).
    `all` is every call of a leaf module.

    Raises
    ------
    UnknownNameError
        A pattern matches no layer.
    CaptureError
        None of the layers can be probed.
    """
    wanted: dict[str, Layer] = {}
    skipped: dict[str, str] = {}
    if patterns:
        for pattern in patterns:
            layers, uncalled = _matching(trace, pattern)
            wanted.update((layer.name, layer) for layer in layers)
            skipped.update((name, "the network does not call it") for name in uncalled)
    else:
        wanted = {layer.name: layer for layer in default_layers(trace)}
    skipped.update((name, layer.reason) for name, layer in wanted.items() if layer.reason)
    chosen = sorted((la for la in wanted.values() if not la.reason), key=lambda la: la.order)
    if not chosen:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
        raise CaptureError(f"none of the layers can be probed ({reasons}). {LIST_HINT}")
    return Choice(tuple(chosen), skipped)


def all_layers(trace: Trace) -> list[Layer]:
    """Return every layer that a pattern can match, in the order of execution."""
    hidden = last_hidden(trace)
    found = trace.layers if hidden is None else [*trace.layers, hidden]
    return sorted(found, key=lambda layer: layer.order)


def _matching(trace: Trace, pattern: str) -> tuple[list[Layer], list[str]]:
    if pattern == ALL:
        return [layer for call in trace.calls if call.is_leaf for layer in call.layers], []
    layers = all_layers(trace)
    of_call = {id(layer): call.name for call in trace.calls for layer in call.layers}
    literal = "".join(f"[{c}]" if c in "[]" else c for c in pattern)
    for form in (glob.escape(pattern), literal, pattern):
        matches = re.compile(fnmatch.translate(form)).match
        found = [la for la in layers if matches(la.name) or matches(of_call.get(id(la), la.name))]
        uncalled = [name for name in trace.uncalled if matches(name)]
        if found or uncalled:
            return found, uncalled
    raise _unknown(trace, pattern, [layer.name for layer in layers])


def _unknown(trace: Trace, pattern: str, names: list[str]) -> UnknownNameError:
    if pattern in trace.parameters:
        layer = pattern.rpartition(".")[0]
        owner = f"the layer '{layer}'" if layer else "the network itself"
        return UnknownNameError(
            f"'{pattern}' is a parameter of {owner}, not a layer; take '{layer or ALL}'."
        )
    return UnknownNameError.near("layer", pattern, names, LIST_HINT)

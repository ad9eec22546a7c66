"""The layers that are recorded by default: one per stage of computation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from repprobe.capture.layer import Call, Layer, Trace


@dataclass(slots=True)
class _Stage:
    """A stage: what represents it, and whether later norms and activations belong to it."""

    layer: Layer | None
    open: bool


def default_layers(trace: Trace) -> list[Layer]:
    """Return one layer per stage of computation, in order, never twice the same information.

    The module tree is opened from the root down; what is not opened is a *block* (two or more
    weighted modules: one stage, its output) or a single module. A *container* (nn.Sequential and
    the like) is opened unless it holds a single weighted module, when it is a stage under its own
    name (`features.0`). Another module is opened if inside it a container holds two or more
    blocks in a row (a backbone, an encoder), or if it comes first and holds half of the
    network's weighted modules or more (a wrapped network).

    A weighted module forms a group with the norms and activations after it, up to the next
    weighted module; the group's layer is the last that changes values but not their shape, so
    neither pooling nor dropout nor flattening. After a block there is no group: a norm there
    prepares what follows.

    The last two layers are the *last hidden representation*, i.e. what the head is given, and
    the output of the *head*, i.e. of the weighted module that made the network's answer or,
    failing that, ran last. The last hidden representation goes by the name of the first module
    that put out the same values, else it is `<head>.input`; if it is as long as the group before
    it, an activation without a module stands between them, and it takes that group's place.

    A module that passes messages along the edges of a graph counts as a single module: a round
    is one stage, with the norms and activations after it, and may be the head. What is pooled
    from the nodes of a graph takes no stage's place.

    Layers that cannot be recorded are in the list, with the reason.
    """
    head = _head(trace)
    stages: list[_Stage] = []
    for call in _opened(trace, trace.root):
        if head is not None and head in call.walk():
            _last_hidden(trace, stages, head)
            stages.append(_Stage(_main(head), open=False))
        elif call.units:
            alone = len(call.units) == 1 or call.passes_messages
            stages.append(_Stage(_main(call), open=alone))
        elif stages and stages[-1].open and _moves_on(call):
            stages[-1].layer = _main(call)
        elif head is None:
            stages.append(_Stage(_main(call), open=False))
    kept: list[Layer] = []
    for layer in (stage.layer for stage in stages if stage.layer is not None):
        again = any(trace.same_information(layer, k) for k in (trace.source, *kept) if not k.reason)
        if layer.reason or _is_answer(head, layer) or not again:
            kept.append(layer)
    return kept


def last_hidden(trace: Trace) -> Layer | None:
    """Return what the head is given, as the layer `<head>.input`."""
    head = _head(trace)
    return head.given if head is not None else None


def _head(trace: Trace) -> Call | None:
    units = sorted(trace.root.units, key=lambda unit: unit.end)
    answers = {answer.digest for answer in trace.root.layers if answer.digest}
    for unit in reversed(units):
        if any(layer.digest in answers for layer in unit.layers):
            return unit
    if not units:
        return None
    call: Call | None = units[-1]
    while call is not None and not call.passes_messages:
        call = call.parent
    return units[-1] if call is None or call is trace.root else call


def _opened(trace: Trace, call: Call) -> Iterator[Call]:
    if call.is_leaf:
        yield call
        return
    for child in call.children:
        if child.is_leaf or not _opens(trace, child):
            yield child
        else:
            yield from _opened(trace, child)


def _opens(trace: Trace, call: Call) -> bool:
    count = len(call.units)
    if call.container:
        return count != 1
    if count < 2 or call.passes_messages:
        return False
    blocks = Counter(
        holder
        for inner in call.walk()
        if inner is not call and len(inner.units) > 1
        for holder in [inner.module.rpartition(".")[0]]
        if holder in trace.containers and holder != call.module
    )
    if max(blocks.values(), default=0) > 1:
        return True
    comes_first = not any(end < call.start for end in trace.unit_ends)
    return comes_first and 2 * count >= len(trace.unit_ends)


def _main(call: Call) -> Layer | None:
    """Return the first tensor of a call that can be recorded, else the first with its reason."""
    return next((la for la in call.layers if not la.reason), next(iter(call.layers), None))


def _moves_on(call: Call) -> bool:
    """Whether a module without weights is a norm or an activation: new values, same shape."""
    made = _main(call)
    if made is None or call.given is None or "pool" in call.kind.lower():
        return False
    alike = (made.shape, made.level) == (call.given.shape, call.given.level)
    return alike and made.digest != call.given.digest


def _last_hidden(trace: Trace, stages: list[_Stage], head: Call) -> None:
    hidden = head.given
    if hidden is None or hidden.reason:
        return
    layers = [stage.layer for stage in stages if stage.layer is not None]
    if any(trace.same_information(layer, hidden) for layer in (*layers, trace.source)):
        return
    previous = stages[-1] if stages else None
    before = previous.layer if previous and previous.open else None
    if before and (before.values, before.level) == (hidden.values, hidden.level):
        stages.pop()
    stages.append(_Stage(_named(trace, hidden), open=False))


def _named(trace: Trace, hidden: Layer) -> Layer:
    """Return the first module's output with these values, by its outermost name."""
    for call in sorted(trace.calls, key=lambda call: call.end):
        if call.end > hidden.order:
            break
        for layer in call.layers:
            if not layer.reason and trace.same_information(layer, hidden):
                return _outermost(trace, call, layer)
    return hidden


def _outermost(trace: Trace, call: Call, layer: Layer) -> Layer:
    parent = call.parent
    if parent is None or parent.parent is None or parent.container or parent.end < 0:
        return layer
    wider = next((la for la in parent.layers if trace.same_information(la, layer)), None)
    return layer if wider is None else _outermost(trace, parent, wider)


def _is_answer(head: Call | None, layer: Layer) -> bool:
    return head is not None and layer in head.layers

"""`Lineup`: the networks of a run, and which of them are what others are compared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from repprobe.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from repprobe.checkpoints import Model

RANDOM, INPUT = "random", "input"
"""The references that are no network of the user's."""

FRESH = 3
"""Networks with fresh weights that a reference "random" stands for."""

Widths = Callable[["Model"], Mapping[str, int]]
"""Gives the layers of a network that are probed, and how wide their features are."""

_STREAM = 201
_SHOWN = 3
_EPOCH = re.compile(r"(?:^|[-_.])epoch[-_=]?(\d+)$")
"""Ends the name of a file that holds a network as it was after that epoch."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network of a run.

    Attributes
    ----------
    name : its label in the table.
    epoch : after which it was kept, where all networks asked for are snapshots of one run.
    """

    name: str
    model: Model
    epoch: int | None = None


@dataclass(frozen=True, eq=False)
class Lineup:
    """The networks of a run.

    Attributes
    ----------
    examined : those that were asked for, in the order of the table; snapshots by their epoch.
    references : what they are compared with, by name; they may be examined themselves.
    fresh : networks of the same architecture with fresh weights, all of the name `RANDOM`.
    compared : name of an examined network → those of its references.
    notes : name → sentences the user should be told.
    """

    examined: list[Network]
    references: dict[str, Network]
    fresh: list[Model]
    compared: dict[str, tuple[str, ...]]
    notes: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        models: Sequence[Model],
        references: Sequence[Model],
        widths: Widths,
        *,
        random: bool = False,
        seed: int = 0,
    ) -> Lineup:
        """Line networks up with what the user named as references.

        Without references the first network is that of the others, as far as their layers agree,
        unless it is untrained: then each is compared with its own best layer.

        Parameters
        ----------
        models : asked for, in the order of the table.
        references : networks to compare them with; one that is also asked for is measured once.
        widths : gives the layers of a network that are probed, and how wide their features are.
        random : whether they are compared with networks with fresh weights.
        seed : of the fresh weights.

        Raises
        ------
        UsageError
            The layers of a reference are not those of the network it is to be compared with, or
            the network is its own only reference.
        """
        known: dict[int, Mapping[str, int]] = {}

        def looked_up(model: Model) -> Mapping[str, int]:
            if id(model) not in known:
                known[id(model)] = widths(model)
            return known[id(model)]

        examined, named = _named(models, references, taken=[RANDOM] if random else [])
        lineup = cls(examined, named, [], {})
        if random:
            lineup._add_fresh(looked_up, seed)
        if named:
            lineup._compare(looked_up)
        else:
            lineup._compare_with_first(looked_up)
        return lineup

    @property
    def epochs(self) -> dict[str, int] | None:
        """Name → epoch, where the networks are snapshots of one run."""
        found = {n.name: n.epoch for n in self.examined if n.epoch is not None}
        return found or None

    def _compare(self, widths: Widths) -> None:
        """Compare each network with all the references but itself."""
        for network in self.examined:
            others = tuple(name for name in self.references if name != network.name)
            if not others and len(self.examined) == 1:
                raise UsageError(f"the reference is '{network.name}' itself; name another network.")
            for name in others:
                difference = _difference(network.model, self.references[name].model, widths)
                if difference:
                    raise UsageError(
                        f"the reference '{name}' is of another architecture than "
                        f"'{network.name}': {difference}."
                    )
            self.compared[network.name] = others

    def _compare_with_first(self, widths: Widths) -> None:
        first, *rest = self.examined
        if rest and _epoch(first.model) == 0:
            self.compared.update((network.name, ()) for network in self.examined)
            self.notes[first.name] = [
                "it is untrained (epoch 0), so the others are not compared with it but each with "
                "its own best layer; --reference names another network."
            ]
            return
        self.compared[first.name] = ()
        for network in rest:
            difference = _difference(network.model, first.model, widths)
            self.compared[network.name] = () if difference else (first.name,)
            if difference:
                self.notes[network.name] = [
                    f"it is compared with its own best layer, since its layers are not those of "
                    f"'{first.name}': {difference}."
                ]
            else:
                self.references[first.name] = first

    def _add_fresh(self, widths: Widths, seed: int) -> None:
        from repprobe.checkpoints.fresh import fresh

        first, *rest = self.examined
        for network in rest:
            difference = _difference(network.model, first.model, widths)
            if difference:
                raise UsageError(
                    f"random weights are for one architecture, and '{network.name}' is of another "
                    f"than '{first.name}': {difference}; probe one of them at a time."
                )
        numbers = np.random.Generator(np.random.PCG64([seed, _STREAM])).random(FRESH)
        self.fresh.extend(fresh(first.model, int(number * 2**53)) for number in numbers)


def distinct(names: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """Return the names, those that occur again numbered: a, a-2, a-3."""
    seen = dict.fromkeys(taken, 1)
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return result


def _named(
    models: Sequence[Model], references: Sequence[Model], taken: Sequence[str]
) -> tuple[list[Network], dict[str, Network]]:
    """Give every network a name, and find the references among those that were asked for."""
    run = _snapshots(models)
    if run is not None:
        stem, epochs = run
        order = sorted(range(len(models)), key=epochs.__getitem__)
        models = [models[i] for i in order]
        epochs = [epochs[i] for i in order]
        names = [f"{stem} epoch {epoch}".strip() for epoch in epochs]
    else:
        names = [m.name for m in models]
        epochs = []
    asked = {_identity(m) for m in models}
    others = list({_identity(m): m for m in references if _identity(m) not in asked}.values())
    labels = distinct([*names, *(m.name for m in others)], taken)
    everyone = [
        Network(label, m, epochs[i] if i < len(epochs) else None)
        for i, (label, m) in enumerate(zip(labels, [*models, *others], strict=True))
    ]
    by_identity = {_identity(n.model): n for n in reversed(everyone)}
    found = [by_identity[_identity(m)] for m in references]
    return everyone[: len(models)], {network.name: network for network in found}


def _identity(model: Model) -> str | int:
    return model.sha256 or id(model.module)


def _snapshots(models: Sequence[Model]) -> tuple[str, list[int]] | None:
    """Return the name of the run and the epochs, if the networks are snapshots of one run.

    The epoch is what the checkpoint says, else the number in the name of its file.
    """
    runs = {
        (
            *(_EPOCH.sub("", m.name), m.architecture, repr(m.arguments)),
            *(m.metadata.get(key) for key in ("method", "noise", "seed", "data_fingerprint")),
        )
        for m in models
    }
    epochs = [epoch for m in models if (epoch := _epoch(m)) is not None]
    if len(models) < 2 or len(runs) > 1 or len(set(epochs)) < len(models):
        return None
    return str(next(iter(runs))[0]), epochs


def _epoch(model: Model) -> int | None:
    epoch = model.metadata.get("epoch")
    if isinstance(epoch, int) and not isinstance(epoch, bool):
        return epoch
    numbered = _EPOCH.search(model.name)
    return int(numbered[1]) if numbered else None


def _difference(one: Model, other: Model, widths: Widths) -> str:
    """Say which layers of two networks differ; nothing if none does."""
    ours = widths(one)
    try:
        theirs = widths(other)
    except UnknownNameError as error:
        # What follows is advice on naming layers, and they are named as the network has them.
        return "in it " + re.split(r"; |\.(?: |$)", str(error))[0]
    differing = [
        f"{name} is {theirs[name]:,} wide, not {width:,}" if name in theirs else f"it has no {name}"
        for name, width in ours.items()
        if theirs.get(name) != width
    ]
    differing += [f"it has {name} besides" for name in theirs if name not in ours]
    rest = len(differing) - _SHOWN
    return ", ".join(differing[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")

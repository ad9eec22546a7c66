"""`Recovered`: a plain network's layers as the data tell them, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from repprobe.checkpoints.preprocessing import Preprocessing

ARCHITECTURE = "zoo:plain"


@dataclass(frozen=True)
class Rival:
    """Another hypothesis, that computes something else than the best one.

    Attributes
    ----------
    layers, preprocessing : what it says; see `Recovered`.
    accuracy, loss : of the network's own answers under it; the loss is in nats.
    nats, errors : by how much the best one's loss is lower, per example and in standard errors
        of a paired comparison; negative where it is higher.
    agreement : share of the examples on which both give the same class.
    """

    layers: list[dict[str, Any]]
    preprocessing: Preprocessing
    accuracy: float
    loss: float
    nats: float
    errors: float
    agreement: float


@dataclass(frozen=True)
class Recovered:
    """What a plain network is, as its file and labelled data tell.

    Attributes
    ----------
    layers : the argument of `zoo:plain`.
    preprocessing : of its inputs.
    hypotheses, tried : how many there are, preprocessings counted in, and how many of them, the
        commonest, were tried.
    examples : training examples that they were judged on.
    accuracy, loss : of the network's own answers; the loss is in nats per example.
    mismatch : how far what reaches its batch norms lies from what they keep, see `Outcome`; None
        where there are none.
    rivals : the nearest of those that compute something else, the best first.
    certain : whether the lead is beyond doubt.
    """

    layers: list[dict[str, Any]]
    preprocessing: Preprocessing
    hypotheses: int
    tried: int
    examples: int
    accuracy: float
    loss: float
    mismatch: float | None
    rivals: tuple[Rival, ...]
    certain: bool

    @property
    def architecture(self) -> str:
        return ARCHITECTURE

    @property
    def arguments(self) -> dict[str, Any]:
        """What builds the network by the name `architecture`."""
        return {"layers": self.layers}

    @property
    def sentence(self) -> str:
        """What the user should be told: the network, how many it was chosen from, the margin."""
        number = f"{self.hypotheses:,}" if self.hypotheses < 10**9 else f"{self.hypotheses:.0e}"
        text = (
            f"The architecture was recovered: of {number} plain networks that fit the file "
            f"({self.tried:,} were tried on {self.examples:,} training examples) this one answers "
            f"best, {self.accuracy:.1%} right with preprocessing {self.preprocessing.name} "
            f"({words(self.layers)})"
        )
        if not self.rivals:
            return f"{text}; no other computes anything else."
        rival = self.rivals[0]
        other = self._difference(rival)
        lead = f"{rival.nats:+.4f} nats per example, {rival.errors:.1f} standard errors"
        if self.certain:
            return f"{text}; the next, {other}, is worse by {lead}."
        return (
            f"{text}. That is not certain: the next, {other}, differs by {lead}, and gives the "
            f"same class on {rival.agreement:.1%}."
        )

    def _difference(self, rival: Rival) -> str:
        """Name what a rival has that this one has not."""
        found = []
        if rival.preprocessing != self.preprocessing:
            found.append(f"preprocessing {rival.preprocessing.name}")
        if rival.layers != self.layers:
            found.append(words(rival.layers))
        return " with ".join(reversed(found))


def words(layers: list[dict[str, Any]]) -> str:
    """Describe layers in a line, e.g. "conv 5×5 → relu → max 2 → linear 120 → …"."""
    return " → ".join(word for word in map(_word, layers) if word)


def _word(layer: dict[str, Any]) -> str:
    kind: str = layer["kind"]
    if kind == "conv2d":
        high, wide = layer["kernel_size"]
        extra = [f"stride {layer['stride']}"] if layer["stride"] != 1 else []
        if any(layer["padding"]):
            extra.append(f"padding {layer['padding'][0]}")
        if layer["dilation"] != 1:
            extra.append(f"dilation {layer['dilation']}")
        return " ".join([f"conv {layer['out_channels']} {high}×{wide}", *extra])
    if kind == "linear":
        return f"linear {layer['out_features']}"
    if kind in ("max_pool", "avg_pool"):
        stride = layer["stride"]
        step = "" if stride == layer["kernel_size"] else f"/{stride}"
        padding = f" padding {layer['padding']}" if layer["padding"] else ""
        return f"{kind[:3]} {layer['kernel_size']}{step}{padding}"
    if kind.startswith("adaptive"):
        return f"{kind[-3:]} to {layer['size']}×{layer['size']}"
    if kind == "leaky_relu":
        return f"leaky relu {layer['slope']:g}"
    return {"batch_norm": "norm", "flatten": ""}.get(kind, kind)

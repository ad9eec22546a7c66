"""The checkpoint of a run: what it holds, how it is written, and what may go on from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from repprobe.checkpoints.architectures import LOADS_MORE
from repprobe.checkpoints.reading import read
from repprobe.checkpoints.saving import save_checkpoint
from repprobe.errors import CheckpointError, UsageError
from repprobe.provenance import describe_versions
from repprobe.training import architecture
from repprobe.training.networks import TrainedNetwork
from repprobe.training.plan import Plan, settings_entry

_SHAPING = (
    *("batch_size", "learning_rate", "optimizer", "momentum", "weight_decay", "schedule"),
    *("augment", "image_size", "limit", "precision"),
)
"""Settings that a run cannot go on without."""

_ENTRIES: dict[str, type] = {
    **dict.fromkeys(("architecture", "method", "noise", "preprocess"), str),
    **dict.fromkeys(("arguments", "method_arguments", "settings", "state_dict"), Mapping),
    **dict.fromkeys(("method_state", "precision_state"), Mapping),
    **dict.fromkeys(("seed", "epoch", "epochs"), int),
    **dict.fromkeys(("history", "optimizers"), list),
    "noisy_labels": torch.Tensor,
}
"""What a file has to have for a run to go on from it."""

_RESUME = ("method_state", "precision_state", "optimizers")
"""Those of the entries that a snapshot lacks."""

_HINT = "take another --out, or --restart to replace it."


@dataclass(frozen=True, eq=False)
class Stored:
    """What an earlier call of the same run left.

    Attributes
    ----------
    epoch : epochs that are done.
    epochs : epochs that were asked for.
    history : a record per epoch.
    entries : everything in the file.
    """

    epoch: int
    epochs: int
    history: list[dict[str, Any]]
    entries: Mapping[str, Any]


def header(plan: Plan, preprocess: str) -> dict[str, Any]:
    """Return the entries that stay the same throughout a run."""
    noise = plan.noise
    labels = torch.from_numpy(plan.labels)
    matrix = None if noise is None else noise.transition
    return {
        "architecture": plan.architecture,
        "arguments": {k: v for k, v in plan.arguments.items() if not k.startswith(LOADS_MORE)},
        "preprocess": preprocess,
        "method": plan.method,
        "method_arguments": plan.method_arguments,
        "networks": plan.networks,
        "noise": plan.law,
        "noise_rate": 0.0 if noise is None else float(noise.rate),
        "transition": None if matrix is None else torch.from_numpy(matrix),
        "mutual_information": noise.mutual_information if noise and noise.classes else None,
        "noisy_labels": labels.float() if labels.is_floating_point() else labels,
        "train_rows": torch.from_numpy(plan.rows),
        "seed": plan.settings.seed,
        "data": plan.data.name,
        "data_fingerprint": plan.data.fingerprint,
        "settings": settings_entry(plan),
        "versions": describe_versions(),
    }


def save(
    path: Path,
    head: Mapping[str, Any],
    networks: Sequence[TrainedNetwork],
    progress: Mapping[str, Any],
    resume: Mapping[str, Any] | None = None,
) -> None:
    """Write a checkpoint whole; any earlier one at `path` is replaced.

    Parameters
    ----------
    head : from `header`.
    networks : one, or two; the second's weights are written as `state_dict_2`.
    progress : epoch, epochs and history.
    resume : what is needed to go on; without it the file is a snapshot.
    """
    second = {
        f"state_dict_{i}": _on_cpu(dict(n.module.state_dict()))
        for i, n in enumerate(networks[1:], start=2)
    }
    rest = {k: v for k, v in head.items() if k not in ("architecture", "arguments", "preprocess")}
    save_checkpoint(
        path,
        networks[0].module,
        architecture=head["architecture"],
        arguments=head["arguments"],
        preprocess=head["preprocess"],
        **rest,
        **progress,
        **second,
        **{name: _on_cpu(value) for name, value in (resume or {}).items()},
    )


def find(plan: Plan) -> Stored | None:
    """Return what lies at the plan's `out`; None if there is nothing, or it is to be replaced.

    A run of other settings is replaced where it had not got to the end of its first epoch.

    Raises
    ------
    UsageError
        It is no checkpoint that this run could go on from.
    """
    path = plan.out
    if plan.settings.restart or not path.exists():
        return None
    try:
        found = read(path).data
    except CheckpointError as error:
        raise UsageError(f"{str(error).rstrip('.')}; {_HINT}") from None
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name), kind) for name, kind in _ENTRIES.items()
    ):
        raise UsageError(f"'{path}' is there, and no run can go on from it; {_HINT}")
    difference = _difference(found, plan)
    if difference and found["epoch"] == 0 < found["epochs"]:
        return None
    if difference:
        # an argument that does not exist is to be told as such
        architecture.fresh(plan.architecture, plan.arguments, plan.settings.seed)
        raise UsageError(f"'{path}' was trained {difference}; {_HINT}")
    return Stored(found["epoch"], found["epochs"], list(found["history"]), found)


def snapshot(out: Path, epoch: int) -> Path:
    """Return where a run keeps its network as it was after an epoch."""
    return out.with_name(f"{out.stem}-epoch-{epoch:03d}{out.suffix}")


def check_snapshots(plan: Plan, stored: Stored | None) -> None:
    """Raise UsageError if a snapshot would replace a file that is none of the same run's."""
    every = plan.settings.keep_every
    if every is None or plan.settings.restart:
        return
    first = 0 if stored is None else stored.epoch + 1
    for epoch in range(-(-first // every) * every, plan.recipe.epochs + 1, every):
        path = snapshot(plan.out, epoch)
        if path.exists() and not _is_snapshot(path, plan):
            raise UsageError(f"'{path}' is there, and is no snapshot of this run; {_HINT}")


def _is_snapshot(path: Path, plan: Plan) -> bool:
    try:
        found = read(path).data
    except CheckpointError:
        return False
    if not isinstance(found, dict) or not all(
        isinstance(found.get(name), kind) for name, kind in _ENTRIES.items() if name not in _RESUME
    ):
        return False
    makes_room = found["epoch"] == 0 < found["epochs"] and plan.out.exists()
    return makes_room or not _difference(found, plan)


def epochs_in(path: Path) -> int:
    """Return how many epochs the checkpoint of a run has; 0 if there is none."""
    try:
        return int(read(path).data["epoch"])
    except (CheckpointError, LookupError, TypeError):
        return 0


def _difference(found: Mapping[str, Any], plan: Plan) -> str:
    """Say what the file's run differs in from the planned one; nothing if in nothing."""
    now = header(plan, plan.settings.preprocess or found["preprocess"])
    size = now["settings"]["image_size"]
    pairs = [("image size", found["settings"].get("image_size", size), size)]
    data = now["data_fingerprint"]
    if pairs[0][1] == size and found.get("data_fingerprint", data) != data:
        return _other_data(found.get("data"), plan.data.name)
    pairs += [(name, found[name], now[name]) for name in ("architecture",)]
    pairs += _by_key("argument", found["arguments"], now["arguments"])
    pairs += [("method", found["method"], now["method"])]
    pairs += _by_key(f"{plan.method}'s", found["method_arguments"], now["method_arguments"])
    pairs += [(name, found[name], now[name]) for name in ("seed", "noise")]
    pairs += [("preprocessing", found["preprocess"], now["preprocess"])]
    for name in _SHAPING:
        value = now["settings"][name]
        pairs.append((name.replace("_", " "), found["settings"].get(name, value), value))
    for name, old, new in pairs:
        if old != new:
            return f"with {_compared(name, old, new)}"
    if not torch.equal(found["noisy_labels"], now["noisy_labels"]):
        return f"with other labels than noise {now['noise']} gives now"
    return ""


def _other_data(old: Any, new: str) -> str:
    if old in (None, new):
        return f"on other data than '{new}' is now: the data have changed since"
    return f"on other data: '{_shown(old)}', not '{new}'"


def _compared(name: str, old: Any, new: Any) -> str:
    if old is None:
        return f"no {name}, not {_shown(new)}"
    return f"{name} {_shown(old)}, not {'none' if new is None else _shown(new)}"


def _by_key(
    kind: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    return [(f"{kind} {key}", old.get(key), new.get(key)) for key in {**old, **new}]


def _shown(value: Any) -> str:
    return re.sub(r"\s+", " ", str(value))


def _on_cpu(value: Any) -> Any:
    """Return plain values with all tensors on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {key: _on_cpu(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_on_cpu(item) for item in value)
    return value

"""The architecture of a checkpoint as the user states it, or as the file itself does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repprobe.checkpoints.architectures import CUT, LIBRARIES, LOADS_MORE
from repprobe.errors import CheckpointError


def stated_architecture(
    beside: Mapping[str, Any], arch: str | None, given: Mapping[str, Any], label: str
) -> tuple[str, dict[str, Any]] | None:
    """Return architecture and arguments as the user says, or as the file says; None if neither.

    Where the file holds a network that was cut, the user speaks of the one it was cut from.

    Parameters
    ----------
    beside : what stands beside the state dict; its entries `architecture` and `arguments` count.
    arch, given : of the user.

    Raises
    ------
    CheckpointError
        The file names something that would run code, or sets what only the user may.
    """
    return _stated(own_architecture(beside), beside.get("arguments", {}), arch, dict(given), label)


def own_architecture(beside: Mapping[str, Any]) -> str:
    """Return the entry `architecture` of a file, "" if there is none."""
    own = beside.get("architecture")
    return own if isinstance(own, str) and own.isprintable() else ""


def is_function(architecture: str) -> bool:
    """Whether an architecture is FILE.py:FUNCTION."""
    return architecture.rpartition(":")[0].endswith(".py")


def _stated(
    own: str, stated: Any, arch: str | None, given: dict[str, Any], label: str
) -> tuple[str, dict[str, Any]] | None:
    if own.startswith(CUT):
        entries = _named_arguments(stated, label)
        whole = own.removeprefix(CUT)
        base = _stated(whole, entries.get("base", {}), arch, given, label)
        if base is None:
            raise CheckpointError(
                f"'{label}' holds a network that was cut from {whole}; give --arch {whole}, if you "
                "trust that file: it is run."
            )
        return CUT + base[0], {**entries, "base": base[1]}
    if arch:
        if is_function(own) and Path(arch).name == Path(own).name:  # wherever the files lie
            named = _named_arguments(stated, label).items()
            given = {**{k: v for k, v in named if not k.startswith(LOADS_MORE)}, **given}
        return arch, given
    if own.partition(":")[0] not in LIBRARIES or ":" not in own:
        return None
    arguments = _named_arguments(stated, label)
    for name in arguments:
        if name.startswith(LOADS_MORE):
            raise CheckpointError(
                f"'{label}': its entry 'arguments' sets {name}, which only the user may do; give "
                "--arch."
            )
    return own, arguments


def _named_arguments(arguments: Any, label: str) -> dict[str, Any]:
    if not isinstance(arguments, dict) or not all(isinstance(k, str) for k in arguments):
        raise CheckpointError(f"'{label}': its entry 'arguments' is not a dictionary of names.")
    return arguments

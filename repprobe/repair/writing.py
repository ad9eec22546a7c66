"""`write_fixed`: a fixed network as a file, in the form of the one it came from or of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from repprobe.atomic import whole_file
from repprobe.checkpoints.architectures import LOADS_MORE
from repprobe.checkpoints.reading import is_safetensors, read
from repprobe.checkpoints.saving import save_checkpoint
from repprobe.errors import OutputError, UsageError
from repprobe.repair.drop_in import changes, patched, replaced
from repprobe.repair.form import check_form, keeps_form

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model


def write_fixed(source: Path | None, fixed: Sequence[Model], out: Path) -> None:
    """Write one network, or two that were trained together, as a checkpoint.

    Networks that fit the file they came from are written as that file with their weights in it:
    the same format, containers, keys, prefixes and types, everything beside them as it was; the
    tensors are on the CPU. Others, which were cut deeper, become a torch file that
    `repprobe.load` opens by itself, as do those of a safetensors file where `out` is none. It is
    whole or not there, and the source is only read.

    Parameters
    ----------
    source : the file that the networks were loaded from; None for those that come from none.
    fixed : as `with_head` and `as_stored` return them.
    out : another file; what is there is replaced.

    Raises
    ------
    UsageError
        `out` is the source, or its suffix is that of another format.
    CheckpointError
        The source no longer holds the networks that were loaded from it.
    OutputError
        The file cannot be written.
    """
    if source is not None and out.exists() and out.samefile(source):
        raise UsageError(f"'{out}' is the checkpoint itself, which is never touched; name another.")
    check_form(source, out)
    if source is None or not keeps_form(source, fixed, out):
        _write_own(fixed, out)
        return
    data, label = read(source).data, str(source)
    try:
        with whole_file(out) as stream:
            if is_safetensors(source):
                changed = {k: t for m in fixed for k, t in changes(data, m, label).items()}
                stream.write(patched(source.read_bytes(), changed))
            else:
                zipped = source.read_bytes()[:2] == b"PK"
                torch.save(
                    replaced(data, fixed, label),
                    stream,
                    _use_new_zipfile_serialization=zipped,
                )
            stream.flush()
            _check(Path(stream.name), fixed, out)
    except (OSError, RuntimeError) as error:
        raise _unwritable(out, error) from None


def _check(written: Path, fixed: Sequence[Model], out: Path) -> None:
    """Read the file again, and raise unless it holds the networks."""
    data = read(written).data
    if any(changes(data, model, str(out)) for model in fixed):
        raise OutputError(f"'{out}' does not hold the fixed weights after it was written.")


def _write_own(fixed: Sequence[Model], out: Path) -> None:
    """Write a checkpoint of repprobe's own, which says how its networks are built."""
    first = fixed[0]
    if any(model.arguments != first.arguments for model in fixed):
        raise UsageError(
            "the two networks pool the nodes of their graphs in different ways, which one file "
            "cannot say; give --pool."
        )
    origin = first.origin
    beside: dict[str, Any] = {
        f"state_dict_{number}": {k: v.detach().cpu() for k, v in m.module.state_dict().items()}
        for number, m in enumerate(fixed[1:], start=2)
    }
    if origin is not None:
        beside |= {
            "data": origin.data,
            "data_fingerprint": origin.fingerprint,
            "train_rows": torch.from_numpy(origin.rows),
            "settings": {"image_size": origin.image_size},
        }
    save_checkpoint(
        out,
        first.module,
        architecture=first.architecture,
        arguments=_without_files(first.arguments),
        preprocess=first.preprocessing.name,
        **beside,
    )


def _without_files(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return a builder's arguments without those that have it read another file."""
    if "base" in arguments and "cut" in arguments:
        return {**arguments, "base": _without_files(arguments["base"])}
    return {k: v for k, v in arguments.items() if not k.startswith(LOADS_MORE)}


def _unwritable(out: Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["no reason"])[0]
    return OutputError(f"the checkpoint '{out}' cannot be written: {reason}.")

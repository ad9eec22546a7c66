"""`load_model` and `load_networks`: from a checkpoint to networks that can be run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.model import Model

if TYPE_CHECKING:
    from repprobe.checkpoints.recognition.fingerprints import Progress
    from repprobe.data import Data
    from repprobe.data.sized import SizedData


def load_model(
    path: str | os.PathLike[str],
    *,
    arch: str | None = None,
    arch_args: Mapping[str, Any] | None = None,
    entry: str | None = None,
    trust: bool = False,
    preprocess: str | None = None,
    data: str | os.PathLike[str] | Data | SizedData | None = None,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> Model:
    """Open a checkpoint; nothing in the file is run.

    Of networks that were trained together it is the first. Parameters and errors are those of
    `load_networks`.
    """
    opening = _Opening(Path(path), False, arch, arch_args, entry, trust, preprocess, progress)
    return opening.networks(data, image_size)[0]


def load_networks(
    path: str | os.PathLike[str],
    *,
    arch: str | None = None,
    arch_args: Mapping[str, Any] | None = None,
    entry: str | None = None,
    trust: bool = False,
    preprocess: str | None = None,
    data: str | os.PathLike[str] | Data | SizedData | None = None,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> list[Model]:
    """Open a checkpoint and return all networks in it that were trained together.

    Mostly it is one; the methods `co-teaching` and `dividemix` train two, and theirs are the
    entries `state_dict` and `state_dict_2`.

    Parameters
    ----------
    path : a file of torch (of any age), Lightning, safetensors, TorchScript or torch.export; the
        index of sharded weights; or a folder of Hugging Face.
    arch : torchvision:NAME, timm:NAME, pyg:NAME, zoo:NAME, transformers:TYPE, file.py:function or
        package.module:function; without it the file's own entry is used (if repprobe or Hugging
        Face wrote it), or the architecture is found by the names, shapes and order of the tensors.
    arch_args : keyword arguments for the builder that `arch` names. Where the file says that it
        was trained with that function of that file, they are added to those it has.
    entry : place of the state dict in the file, e.g. "ema" or "nets[1]"; None takes the likeliest.
    trust : whether a file is loaded that asks to run code.
    preprocess : imagenet, cifar10, unit, none, MEAN/STD, …; without it the file's own entry is
        used, that of the library for a network with its classes, what `data` tell, or "unit".
    data : labelled clean data, by name, path or as `Data`: their training part settles what the
        file does not tell: which of several architectures it is, how a plain network is put
        together, preprocessing, and size of images.
    image_size : side in pixels of images, where it is known.
    progress : called with (stage, done, total) where something takes long.

    Returns
    -------
    list of Model
        In evaluation mode, on the CPU.

    Raises
    ------
    UnsafeCheckpointError
        The file asks to run code.
    CheckpointError
        The file cannot be read, its architecture is unknown, several fit and no data tell which,
        or it does not fit `arch`.
    UsageError, UnknownNameError
        `arch`, `arch_args`, `entry` or `preprocess` cannot be used.
    """
    opening = _Opening(Path(path), True, arch, arch_args, entry, trust, preprocess, progress)
    return opening.networks(data, image_size)


@dataclass(frozen=True)
class _Opening:
    """How a checkpoint is opened; see `open_checkpoint`."""

    path: Path
    together: bool
    arch: str | None
    arch_args: Mapping[str, Any] | None
    entry: str | None
    trust: bool
    preprocess: str | None
    progress: Progress | None

    def networks(
        self, data: str | os.PathLike[str] | Data | SizedData | None, image_size: int | None
    ) -> list[Model]:
        """Open it; what it leaves open is settled by the data, where there are any."""
        from repprobe.checkpoints.opening import open_checkpoint

        opened = open_checkpoint(**{f.name: getattr(self, f.name) for f in fields(self)})
        if data is None:
            return opened.networks()
        from repprobe.checkpoints.settling import settle
        from repprobe.data.sized import SizedData

        sized = data if isinstance(data, SizedData) else SizedData(data)
        return settle(opened, sized, image_size, self.progress)

"""Checkpoint files read as data: tensors and plain values, never anything that runs."""

from repprobe.checkpoints.reading.contents import Contents
from repprobe.checkpoints.reading.kinds import is_safetensors
from repprobe.checkpoints.reading.reader import read

__all__ = ["Contents", "is_safetensors", "read"]

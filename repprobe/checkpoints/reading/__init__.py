"""Checkpoint files read as data: tensors and plain values, never anything that runs."""

from repprobe.checkpoints.reading.torch_files import Contents, is_safetensors, read

__all__ = ["Contents", "is_safetensors", "read"]

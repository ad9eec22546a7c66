"""Training methods: ways of learning from labels that may be wrong, each one file."""

from repprobe.training.methods.registry import build, for_task, names

__all__ = ["build", "for_task", "names"]

"""Networks that repprobe can build by name: `build`, `names`, `guess_arguments`."""

from repprobe.zoo.registry import build, guess_arguments, names

__all__ = ["build", "guess_arguments", "names"]

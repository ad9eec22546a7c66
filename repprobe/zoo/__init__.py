"""Networks that repprobe can build by name: `build`, `names`, `guess_arguments`, `guesses`."""

from repprobe.zoo.registry import build, guess_arguments, guesses, names

__all__ = ["build", "guess_arguments", "guesses", "names"]

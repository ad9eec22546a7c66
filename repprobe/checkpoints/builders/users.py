"""Networks that a function of the user's makes: `file.py:function`, `package.module:function`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.builders.failures import one_line
from repprobe.errors import CheckpointError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import nn


def names_function(source: str) -> bool:
    """Whether what stands before the colon is a file or a module that can be imported."""
    if source.endswith(".py"):
        return True
    if not all(part.isidentifier() for part in source.split(".")):
        return False
    if "." in source:
        return True
    with _importable(Path()):  # of a name without a dot, only one that is there: else it is a typo
        return importlib.util.find_spec(source) is not None


def build(source: str, name: str, given: Mapping[str, Any]) -> nn.Module:
    """Call a function of the user's; its file or module is imported.

    Raises
    ------
    UsageError
        There is no such file or module, or no such function in it.
    CheckpointError
        It cannot be imported, or the function fails or gives no network.
    """
    from torch import nn

    made_by = function(source, name)
    # what a user's file prints must not mix with the results on stdout
    quiet = contextlib.redirect_stdout(sys.stderr)
    with _importable(_folder(source)), quiet, one_line(f"{source}:{name}"):
        network = made_by(**given)
    if not isinstance(network, nn.Module):
        raise CheckpointError(
            f"{source}:{name} gave a {type(network).__name__}, not a torch.nn.Module."
        )
    return network


def function(source: str, name: str) -> Callable[..., Any]:
    """Import a user's file or module and return a function of it; errors are those of `build`."""
    from torch import random

    quiet = contextlib.redirect_stdout(sys.stderr)
    with _importable(_folder(source)), quiet, random.fork_rng([]):
        module = _file(Path(source)) if source.endswith(".py") else _module(source)
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(found):
        own = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise UnknownNameError.near(
            f"function of {source}", name, own, f"It has {', '.join(own[:9]) or 'none'}."
        )
    return found


def _folder(source: str) -> Path:
    return Path(source).parent if source.endswith(".py") else Path()


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"--arch names the file '{path}', which does not exist.")
    spec = importlib.util.spec_from_file_location(f"repprobe_user_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # it ends in .py and exists
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    with one_line(str(path)):
        spec.loader.exec_module(module)
    return module


def _module(source: str) -> ModuleType:
    with one_line(source):
        try:
            return importlib.import_module(source)
        except ModuleNotFoundError as err:
            # one that the module itself lacks is its own failure
            if not err.name or not f"{source}.".startswith(f"{err.name}."):
                raise
            raise UsageError(
                f"--arch names the module '{source}', and there is no module '{err.name}'; it has "
                "to be installed, or to lie in the current folder."
            ) from None


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a user's file import the files beside it, as if it were run as a script."""
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))

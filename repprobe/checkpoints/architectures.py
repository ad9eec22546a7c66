"""What `--arch` may say: torchvision:NAME, timm:NAME, pyg:NAME, zoo:NAME or file.py:function."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.recognition import fingerprints, pyg
from repprobe.errors import (
    CheckpointError,
    RepprobeError,
    UnknownNameError,
    UsageError,
    nearest,
)
from repprobe.zoo import registry
from repprobe.zoo.registry import Shapes

if TYPE_CHECKING:
    from torch import nn

FORMS = "torchvision:NAME, timm:NAME, pyg:NAME, zoo:NAME or file.py:function"
LIBRARIES = ("torchvision", "timm", "pyg", "zoo")
"""Sources of named networks; building one runs no code of the user's, nor of a file's."""

CUT = "cut:"
"""What stands before the architecture of a network that ends at one of its layers, with a head.

Its arguments are `base`, those of the network itself, and `cut`, in plain values; see `repair`.
"""

LOADS_MORE = ("pretrained", "checkpoint", "weights", "cache")
"""How arguments begin that have a builder read or download weights: only the user may give them."""


def build(
    architecture: str, given: Mapping[str, Any], shapes: Shapes
) -> tuple[nn.Module, dict[str, Any]]:
    """Build a network that is to take a state dict of these shapes.

    Parameters
    ----------
    architecture : one of the `FORMS`. A file is imported, since the user named it.
    given : arguments of the builder; they win over what the shapes tell.
    shapes : for named networks, the number of classes and the like are read off them.

    Returns
    -------
    module, arguments
        The network, its weights not set, and all arguments it was built with.

    Raises
    ------
    UsageError
        `architecture` has none of the forms, or is a name that does not exist.
    CheckpointError
        The network cannot be built.
    """
    if architecture.startswith(CUT):
        whole = {k.removeprefix("base."): s for k, s in shapes.items() if k.startswith("base.")}
        base, arguments = build(architecture.removeprefix(CUT), given.get("base", {}), whole)
        from repprobe.checkpoints.blueprint import build_uninitialized

        return build_uninitialized(lambda: _cut(base, given)), {**given, "base": arguments}
    source, _, name = architecture.rpartition(":")
    if source.endswith(".py"):
        from torch import random

        with random.fork_rng([]):
            return _from_file(Path(source), name, given), dict(given)
    make, inferred = _maker(architecture)(name, given, shapes)
    from repprobe.checkpoints.blueprint import build_uninitialized

    arguments = {**inferred, **given}
    with _one_line(architecture):
        return build_uninitialized(lambda: make(**arguments)), arguments


def build_fresh(architecture: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a network with fresh weights, drawn from torch's random state.

    `architecture` is one of the `FORMS`, `arguments` are all that its builder takes; errors are
    those of `build`.
    """
    if architecture.startswith(CUT):
        base = build_fresh(architecture.removeprefix(CUT), arguments.get("base", {}))
        return _cut(base, arguments)
    source, _, name = architecture.rpartition(":")
    if source.endswith(".py"):
        return _from_file(Path(source), name, arguments)
    make, inferred = _maker(architecture)(name, arguments, {})
    with _one_line(architecture):
        return make(**{**inferred, **arguments})


def _cut(base: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
    """End a network at a layer; the weights of its head are fresh."""
    from repprobe.repair.network import cut_network  # above this room, as what it builds is

    return cut_network(base, arguments.get("cut"))


def argument_names(architecture: str) -> set[str]:
    """Return the names of the arguments that the data can tell and the builder takes.

    Of a user's function all its parameters. Errors are those of `build`.
    """
    source, _, name = architecture.rpartition(":")
    if source.endswith(".py"):
        return set(inspect.signature(_function(Path(source), name)).parameters)
    _maker(architecture)
    if source == "zoo":
        return set(registry.parameters(name))
    return {
        "torchvision": {"num_classes"},
        "timm": {"num_classes", "in_chans"},
        "pyg": {"in_channels", "out_channels"},
    }[source]


def _maker(architecture: str) -> Callable[..., tuple[Callable[..., nn.Module], dict[str, Any]]]:
    """Return what finds a library's builder, and the arguments that the shapes tell."""
    source, _, name = architecture.rpartition(":")
    if architecture.endswith(".py"):
        raise UsageError(
            f"'{architecture}' has to name the function that builds the network: "
            f"{architecture}:FUNCTION."
        )
    if source not in LIBRARIES or not name:
        guess = _guess(architecture) or "."
        raise UsageError(f"architecture '{architecture}' is not {FORMS}{guess}")
    return {"zoo": _zoo, "torchvision": _torchvision, "timm": _timm, "pyg": _pyg}[source]


def _guess(text: str) -> str:
    """Suggest a form for a bare name, e.g. `resnet18`."""
    name = text.rpartition(":")[2]
    if name in registry.names():
        return f"; did you mean zoo:{name}?"
    if name in pyg.FIRST_WEIGHTS:
        return f"; did you mean pyg:{name}?"
    if importlib.util.find_spec("torchvision") and name in _torchvision_names():
        return f"; did you mean torchvision:{name}?"
    near = [f"zoo:{known}" for known in nearest(name, registry.names(), 2)]
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _zoo(name: str, given: Mapping[str, Any], shapes: Shapes) -> tuple[Any, dict[str, Any]]:
    guess = registry.guess_arguments(name, shapes)
    if guess is None and not given:
        keys = ", ".join(list(shapes)[:3])
        raise CheckpointError(
            f"the state dict does not fit zoo:{name}: its keys are of another kind ({keys}, …)."
        )
    stated = {_STATES[key] for key in given if key in _STATES}
    inferred = {k: v for k, v in (guess or {}).items() if k not in stated}
    return lambda **arguments: registry.build(name, **arguments), inferred


_STATES = {"input_shape": "in_features", "width": "hidden"}
"""Arguments of the zoo that say in another way what the shapes tell of these."""


def _pyg(name: str, given: Mapping[str, Any], shapes: Shapes) -> tuple[Any, dict[str, Any]]:
    pyg.check_name(name)
    guesses = pyg.guess_arguments(name, shapes)
    if len(guesses) > 1 and "jk" not in given:
        kinds = " or ".join(f"jk={guess['jk']}" for guess in guesses)
        raise CheckpointError(
            f"the state dict fits pyg:{name} with {kinds}, which differ in what they compute; say "
            "which it is with --arch-arg."
        )
    if shapes and not guesses and not given:
        keys = ", ".join(list(shapes)[:3])
        raise CheckpointError(
            f"the state dict does not fit pyg:{name}: its keys are of another kind ({keys}, …)."
        )
    return lambda **arguments: pyg.build(name, **arguments), guesses[0] if guesses else {}


def _torchvision(name: str, given: Mapping[str, Any], shapes: Shapes) -> tuple[Any, dict[str, Any]]:
    known = _torchvision_names()
    if name not in known:
        raise UnknownNameError.near("torchvision classifier", name, known)
    from torchvision.models import get_model

    fixed = dict(fingerprints.AUXILIARY.get(name, {}))
    if fixed:
        fixed["aux_logits"] = any(key.startswith(("aux", "AuxLogits.")) for key in shapes)
    inferred = {k: v for k, v in fixed.items() if k not in given}
    with _one_line(f"torchvision:{name}"):
        if "num_classes" not in given:
            trial = fingerprints.torchvision_fingerprint(name, **{**inferred, **given})
            inferred["num_classes"] = trial.num_classes(shapes) or 1000
    return lambda **arguments: get_model(name, weights=None, **arguments), inferred


def _torchvision_names() -> list[str]:
    try:
        import torchvision.models
    except (ImportError, RuntimeError) as err:
        raise CheckpointError(f"torchvision cannot be imported: {_reason(err)}.") from None
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return names


def _timm(name: str, given: Mapping[str, Any], shapes: Shapes) -> tuple[Any, dict[str, Any]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import timm
    except ImportError:
        raise CheckpointError(
            f"timm:{name} needs the package timm; pip install repprobe[timm]."
        ) from None
    # a tag names weights ("resnet18.a1_in1k"), and other sources ("hf-hub:…") would download
    name = name.partition(".")[0]
    if name not in timm.list_models():
        raise UnknownNameError.near("timm model", name, timm.list_models())

    def make(**arguments: Any) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: nn.Module = timm.create_model(name, pretrained=False, **arguments)
            return module

    with _one_line(f"timm:{name}"):
        return make, _timm_arguments(make, given, shapes)


def _timm_arguments(
    make: Callable[..., nn.Module], given: Mapping[str, Any], shapes: Shapes
) -> dict[str, Any]:
    """Read the number of classes (0 without a head) and of input channels off the shapes."""
    from repprobe.checkpoints.blueprint import blueprint

    inferred: dict[str, Any] = {}
    trial = fingerprints.Fingerprint.of(
        "", {}, blueprint(lambda: make(**{"num_classes": fingerprints.CLASSES, **given}))
    )
    if "num_classes" not in given:
        inferred["num_classes"] = trial.num_classes(shapes) or 0
    for key, entry in trial.entries.items():
        shape = shapes.get(key, ())
        if len(entry) == len(shape) == 4 and entry[1] == 3 != shape[1] and "in_chans" not in given:
            inferred["in_chans"] = shape[1]
            break
    return inferred


def _from_file(path: Path, name: str, given: Mapping[str, Any]) -> nn.Module:
    from torch import nn

    function = _function(path, name)
    # what a user's file prints must not mix with the results on stdout
    quiet = contextlib.redirect_stdout(sys.stderr)
    with _importable(path.parent), quiet, _one_line(f"{path}:{name}"):
        network = function(**given)
    if not isinstance(network, nn.Module):
        raise CheckpointError(
            f"{path}:{name} gave a {type(network).__name__}, not a torch.nn.Module."
        )
    return network


def _function(path: Path, name: str) -> Callable[..., Any]:
    """Import a user's file and return a function of it."""
    from torch import random

    if not path.is_file():
        raise UsageError(f"--arch names the file '{path}', which does not exist.")
    with _importable(path.parent), contextlib.redirect_stdout(sys.stderr), random.fork_rng([]):
        module = _import(path)
    found: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(found):
        own = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise UnknownNameError.near(
            f"function of {path}", name, own, f"It has {', '.join(own) or 'none'}."
        )
    return found


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"repprobe_user_{path.stem}", path)
    assert spec is not None and spec.loader is not None  # it ends in .py and exists
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    with _one_line(str(path)):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let a user's file import the files beside it, as if it were run as a script."""
    sys.path.insert(0, str(folder.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(folder.resolve()))


@contextlib.contextmanager
def _one_line(label: str) -> Iterator[None]:
    """Turn whatever a builder raises into one CheckpointError."""
    try:
        yield
    except RepprobeError:
        raise
    except (Exception, SystemExit) as err:
        raise CheckpointError(f"{label} cannot be built: {_reason(err)}.") from err


def _reason(err: BaseException) -> str:
    lines = str(err).strip().splitlines() or ["no reason given"]
    return f"{type(err).__name__}: {lines[0][:160].rstrip('.')}"

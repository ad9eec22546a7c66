"""What the config of a Hugging Face folder tells: architecture, preprocessing, size of inputs."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from repprobe.errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn

_NAME = re.compile(r"[A-Za-z0-9_]+")
_CLASSIFIER = re.compile(r"\w+ForImageClassification\w*")
_LOADS_MORE = ("pretrained", "checkpoint", "weights", "cache")
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))

_NOT_THE_NETWORK = re.compile(
    r"_.*|auto_map|.*name_or_path|.*attn_implementation|.*experts_implementation|use_kernels?|"
    r"quantization_config|.*pretrained.*|backbone|use_timm_backbone|(torch_)?dtype|"
    r"transformers_version|tokenizer_class|custom_pipelines|preprocessor|"
    r"output_(hidden_states|attentions)|return_dict|use_return_dict|torchscript"
)
"""Entries of a config that would load or run something else, or change the form of the answer."""


def architecture_of(config: Mapping[str, Any]) -> tuple[str, dict[str, Any], str | None] | None:
    """Return what builds the network of a folder, and what its inputs go through.

    Parameters
    ----------
    config : config.json, with preprocessor_config.json as `preprocessor` if there is one.

    Returns
    -------
    architecture, arguments, preprocessing
        "timm:NAME" with the arguments of `timm.create_model`, or "transformers:MODEL_TYPE" with
        {"config": …} for `build_transformers`; plain values only. The preprocessing is text for
        `Preprocessing.parse`, None where the config does not tell. The size of the inputs is told
        by `input_size`. None where the config is not of an image classifier.
    """
    name = config.get("architecture")
    if isinstance(name, str):
        name = name.partition(".")[0]
        if not _NAME.fullmatch(name):
            return None
        return f"timm:{name}", _timm_arguments(config), _normalization(_timm_inputs(config))
    kind = config.get("model_type")
    classes = config.get("architectures")
    if not isinstance(kind, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", kind):
        return None
    if not isinstance(classes, list) or not any(_is_classifier(c) for c in classes):
        return None
    plain = _plain({k: v for k, v in config.items() if not _NOT_THE_NETWORK.fullmatch(k)})
    return f"transformers:{kind}", {"config": plain}, _preprocessing(config.get("preprocessor"))


def input_size(config: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Return the shape (channels, height, width) of the inputs that the config tells of."""
    timm: Any = _timm_inputs(config).get("input_size")
    if isinstance(config.get("architecture"), str):
        return (timm[0], timm[1], timm[2]) if _is_shape(timm) and len(timm) == 3 else None
    preprocessor = config.get("preprocessor")
    size: Any = config.get("image_size")
    if size is None and isinstance(preprocessor, Mapping):
        size = preprocessor.get("crop_size", preprocessor.get("size"))
    if isinstance(size, Mapping):
        size = [size.get("height", size.get("shortest_edge")), size.get("width")]
        size[1] = size[1] if size[1] is not None else size[0]
    both = size if isinstance(size, list) else [size, size]
    channels: Any = config.get("num_channels", 3)
    if not _is_shape([channels, *both]) or len(both) != 2:
        return None
    return channels, both[0], both[1]


def build_transformers(arguments: Mapping[str, Any]) -> nn.Module:
    """Build an image classifier of transformers; nothing is downloaded, no code of a hub is run.

    Its answer is transformers' own, whose member `logits` are the scores (b, C).

    Parameters
    ----------
    arguments : {"config": …} as `architecture_of` returns it, of plain values.

    Raises
    ------
    CheckpointError
        transformers is not there, has no such classifier, or cannot build it.
    """
    config = arguments.get("config")
    if not isinstance(config, Mapping) or not isinstance(config.get("model_type"), str):
        raise CheckpointError("a network of transformers needs its config, with a model_type.")
    kind = config["model_type"]
    plain = _plain({k: v for k, v in config.items() if not _NOT_THE_NETWORK.fullmatch(k)})
    with _offline():
        try:
            from transformers import (
                CONFIG_MAPPING,
                MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
                AutoModelForImageClassification,
            )
        except ImportError:
            raise CheckpointError(
                f"transformers:{kind} needs the package transformers; "
                "pip install repprobe[transformers]."
            ) from None
        try:
            made = CONFIG_MAPPING[kind].from_dict(plain)
            known = type(made) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        except Exception as err:
            raise CheckpointError(
                f"transformers has no {kind} of this config: {_why(err)}."
            ) from None
        if not known:
            raise CheckpointError(f"transformers has no image classifier of the type {kind}.")
        try:
            build: Any = AutoModelForImageClassification.from_config
            module: nn.Module = build(made, trust_remote_code=False, attn_implementation="eager")
        except Exception as err:
            raise CheckpointError(f"transformers:{kind} cannot be built: {_why(err)}.") from None
    return module.eval()


def transformers_keys(module: nn.Module, keys: Iterable[str]) -> dict[str, str]:
    """Return the network's key → the key in the file, for a network of `build_transformers`.

    Files have names of other versions of transformers, which its own loading turns into today's.
    Keys of the file that the network has no place for are not among the values.
    """
    with _offline():
        try:
            from transformers.conversion_mapping import get_model_conversion_mapping
            from transformers.core_model_loading import (
                WeightConverter,
                WeightRenaming,
                rename_source_key,
            )
        except ImportError:  # before version 5, the names were those of the files
            own = module.state_dict().keys()
            return {key: key for key in keys if key in own}
        state = module.state_dict()
        network: Any = module
        rules = get_model_conversion_mapping(network)
        renamings = [rule for rule in rules if isinstance(rule, WeightRenaming)]
        converters = [rule for rule in rules if isinstance(rule, WeightConverter)]
        base = getattr(module, "base_model_prefix", None)
        found = {}
        for key in keys:
            new = rename_source_key(key, renamings, converters, base, state)[0]
            if new in state:
                found[new] = key
        return found


@contextmanager
def _offline() -> Iterator[None]:
    """Keep the hub out of it, and its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from huggingface_hub import constants
        except ImportError:
            yield
            return
        before = constants.HF_HUB_OFFLINE
        constants.HF_HUB_OFFLINE = True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


def _is_classifier(name: Any) -> bool:
    return isinstance(name, str) and _CLASSIFIER.fullmatch(name) is not None


def _timm_inputs(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what timm's config says of inputs; in old ones it stands at the top."""
    inside = config.get("pretrained_cfg")
    return inside if isinstance(inside, Mapping) else config


def _timm_arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    inputs = _timm_inputs(config)
    own = config.get("model_args")
    arguments = _plain(own) if isinstance(own, Mapping) else {}
    arguments = {
        key: value
        for key, value in arguments.items()
        if key.isidentifier() and not key.startswith(_LOADS_MORE)
    }
    classes = config.get("num_classes", inputs.get("num_classes"))
    if isinstance(classes, int):
        arguments["num_classes"] = classes
    size: Any = inputs.get("input_size")
    if _is_shape(size) and size[0] != 3:
        arguments.setdefault("in_chans", size[0])
    pool = config.get("global_pool")
    if isinstance(pool, str) and pool and pool.isidentifier():
        arguments.setdefault("global_pool", pool)
    return arguments


def _normalization(inputs: Mapping[str, Any]) -> str | None:
    """Return timm's mean and std as text."""
    return _text(inputs.get("mean"), inputs.get("std"))


def _preprocessing(said: Any) -> str | None:
    """Return what an image processor of transformers does to values, as text.

    It may rescale, x·f or x·f − 1 for x of 0…255, and then take a mean off and divide by a
    standard deviation; with u = x/255 this is (u − (o + m)/255f) / (s/255f).
    """
    if not isinstance(said, Mapping) or said.get("do_flip_channel_order") is True:
        return None
    factor = said.get("rescale_factor", 1 / 255)
    if not _is_number(factor) or factor <= 0:
        return None
    if said.get("do_rescale", True) is False:
        factor = 1.0
    offset = float(said.get("rescale_offset") is True)
    mean: Any = said.get("image_mean")
    std: Any = said.get("image_std")
    if said.get("do_normalize", mean is not None) is False:
        mean, std = [0.0], [1.0]
        if factor == 1.0 and not offset:
            return "none"
    if not _numbers(mean) or not _numbers(std):
        return None
    scale = 255 * factor
    if math.isclose(scale, 1, rel_tol=1e-6):
        scale = 1.0
    return _text([(offset + m) / scale for m in mean], [s / scale for s in std])


def _text(mean: Any, std: Any) -> str | None:
    if not _numbers(mean) or not _numbers(std) or len(mean) != len(std) or min(std) <= 0:
        return None
    if (tuple(mean), tuple(std)) == _IMAGENET:
        return "imagenet"
    if not any(mean) and set(std) == {1}:
        return "unit"
    return "/".join(",".join(repr(float(v)) for v in values) for values in (mean, std))


def _numbers(values: Any) -> bool:
    return isinstance(values, Sequence) and len(values) > 0 and all(_is_number(v) for v in values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_shape(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(v, int) and not isinstance(v, bool) and 0 < v < 2**16 for v in value)
    )


def _plain(value: Any) -> Any:
    """Return a copy of what JSON can hold; inside, too, what would load something is left out."""
    if isinstance(value, Mapping):
        return {
            str(k): _plain(v)
            for k, v in value.items()
            if not _NOT_THE_NETWORK.fullmatch(str(k)) or str(k) == "model_type"
        }
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) else None


def _why(err: Exception) -> str:
    lines = str(err).strip().splitlines() or ["no reason given"]
    return f"{type(err).__name__}: {lines[0][:160].rstrip('.')}"

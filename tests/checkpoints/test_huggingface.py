"""A folder's config tells the network and what its inputs go through; nothing else of it counts."""

import json
import sys

import pytest
import torch

from repprobe.checkpoints.huggingface import (
    architecture_of,
    build_transformers,
    input_size,
    transformers_keys,
)
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import CheckpointError

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
TIMM = {
    "architecture": "resnet18.a1_in1k",
    "num_classes": 7,
    "pretrained_cfg": {"input_size": [1, 96, 64], "mean": IMAGENET[0], "std": IMAGENET[1]},
    "model_args": {"act_layer": "gelu", "pretrained": True, "checkpoint_path": "x", "a b": 1},
}
VIT = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
    "id2label": {"0": "cat", "1": "dog", "2": "cow"},
    "auto_map": {"AutoModel": "modeling.Net"},
    "_attn_implementation": "someone/kernel",
    "attn_implementation": "someone/kernel",
    "use_pretrained_backbone": True,
    "quantization_config": {"quant_method": "gptq"},
    "torch_dtype": "float16",
    "_name_or_path": "someone/model",
}


def test_a_config_of_timm_tells_name_arguments_and_preprocessing():
    found = architecture_of(TIMM)
    arguments = {"act_layer": "gelu", "num_classes": 7, "in_chans": 1}
    assert found == ("timm:resnet18", arguments, "imagenet")
    assert input_size(TIMM) == (1, 96, 64)


def test_an_older_config_of_timm_tells_them_at_its_top():
    old = {"architecture": "vit_tiny_patch16_224", **TIMM["pretrained_cfg"], "num_classes": 3}
    assert architecture_of(old) == ("timm:vit_tiny_patch16_224", {"num_classes": 3, "in_chans": 1},
                                    "imagenet")  # fmt: skip


def test_a_config_of_transformers_tells_what_builds_it_and_nothing_that_loads_more():
    name, arguments, _ = architecture_of(VIT)
    assert name == "transformers:vit"
    kept = {k: VIT[k] for k in list(VIT)[:9]}
    assert arguments == {"config": kept}
    assert input_size(VIT) == (3, 16, 16)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"architecture": "hf-hub:someone/model"},
        {"architecture": 3, "model_type": 4},
        {"model_type": "bert", "architectures": ["BertForMaskedLM"]},
        {"model_type": "../x", "architectures": ["ViTForImageClassification"]},
        {"model_type": "vit", "architectures": [["ViTForImageClassification"]]},
        {"model_type": "vit"},
    ],
)
def test_other_configs_tell_of_no_classifier(config):
    assert architecture_of(config) is None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"image_mean": IMAGENET[0], "image_std": IMAGENET[1]}, "imagenet"),
        ({"do_normalize": False}, "unit"),
        ({"do_normalize": False, "do_rescale": False}, "none"),
        ({"do_normalize": True, "image_mean": [0.5], "image_std": [0.25]}, "0.5/0.25"),
        ({"do_normalize": False, "rescale_factor": 1 / 127.5, "rescale_offset": True}, "0.5/0.5"),
        ({"do_flip_channel_order": True, "do_normalize": False}, None),
        ({"do_normalize": True, "image_mean": [0.5], "image_std": [0.0]}, None),
        ({"do_normalize": True, "image_mean": "half"}, None),
        ({"rescale_factor": "much"}, None),
        (None, None),
    ],
)
def test_the_image_processor_is_put_into_words(said, text):
    found = architecture_of({**VIT, "preprocessor": said})[2]
    if text is None or text[0].isalpha():
        assert found == text
    else:
        ours, expected = Preprocessing.parse(found), Preprocessing.parse(text)
        assert ours.mean == pytest.approx(expected.mean)
        assert ours.std == pytest.approx(expected.std)


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ({"height": 32, "width": 24}, (3, 32, 24)),
        ({"shortest_edge": 40}, (3, 40, 40)),
        (48, (3, 48, 48)),
        ("large", None),
        ({"height": -1, "width": 2}, None),
    ],
)
def test_the_size_is_the_image_processors_where_the_network_has_none(size, shape):
    config = {k: v for k, v in VIT.items() if k != "image_size"}
    assert input_size({**config, "preprocessor": {"size": size}}) == shape


@pytest.fixture(scope="module")
def transformers():
    return pytest.importorskip("transformers")


def test_a_network_of_transformers_is_built_and_answers_as_its_own_loading(transformers, tmp_path):
    torch.manual_seed(0)
    plain = {k: v for k, v in VIT.items() if k not in ("auto_map", "quantization_config")}
    plain = {k: v for k, v in plain.items() if "attn" not in k and "dtype" not in k}
    saved = transformers.ViTForImageClassification(transformers.ViTConfig.from_dict(plain)).eval()
    saved.save_pretrained(tmp_path)

    from repprobe.checkpoints.reading.folders import read_folder

    contents = read_folder(tmp_path)
    state = contents.data["state_dict"]
    module = build_transformers(architecture_of(contents.config)[1])
    keys = transformers_keys(module, state)
    assert set(keys.values()) == set(state)
    module.load_state_dict({own: state[key] for own, key in keys.items()})
    x = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        ours, theirs = module(x), saved(x)
    assert ours.logits.shape == (3, 3)
    assert torch.allclose(ours.logits, theirs.logits, atol=1e-6)


def test_what_a_config_would_load_is_not_loaded(transformers, monkeypatch):
    """The config names kernels, a quantizer and code of others; the network is built without."""
    import socket

    def refused(*_):
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket.socket, "connect", refused)
    module = build_transformers({"config": VIT})
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_an_unknown_type_is_refused(transformers, one_line):
    for kind in ("nothing", "bert"):
        with pytest.raises(CheckpointError) as caught:
            build_transformers({"config": {"model_type": kind}})
        one_line(caught, "transformers", kind)


def test_without_transformers_the_way_to_it_is_said(monkeypatch, one_line):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(CheckpointError) as caught:
        build_transformers({"config": json.loads(json.dumps(VIT))})
    one_line(caught, "transformers:vit", "pip install repprobe[transformers]")

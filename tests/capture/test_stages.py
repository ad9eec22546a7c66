"""The default layers: one per stage of computation."""

import pytest
import torch
import torchvision
from torch import nn

from repprobe.capture.stages import default_layers
from repprobe.capture.trace import trace

from .conftest import fed
from .networks import CifarResNet, Recurrent, SmallCNN, Tokens, Twice, Waves


def stages(net, *shape):
    inputs = torch.rand(3, *shape)
    if isinstance(net, Tokens):
        inputs = torch.randint(0, 11, (3, *shape)).float()
    run = trace(net.eval(), fed(inputs))
    layers = default_layers(run)
    check(run, layers)
    return [layer.name for layer in layers]


def check(run, layers):
    """No information twice, nothing that cannot be probed, in order."""
    for i, layer in enumerate(layers):
        assert not layer.reason
        assert not any(run.same_information(layer, other) for other in layers[:i])
    assert [layer.order for layer in layers] == sorted(layer.order for layer in layers)


def test_cifar_resnet():
    blocks = [f"layer{stage}.{block}" for stage in (1, 2, 3) for block in (0, 1, 2)]
    assert stages(CifarResNet(), 3, 32, 32) == ["bn1", *blocks, "linear.input", "linear"]


TORCHVISION = {
    "resnet18": [
        "relu",
        *(f"layer{s}.{b}" for s in (1, 2, 3, 4) for b in (0, 1)),
        "avgpool",
        "fc",
    ],
    "vgg11": [
        *(f"features.{i}" for i in (1, 4, 7, 9, 12, 14, 17, 19)),
        *(f"classifier.{i}" for i in (1, 4, 6)),
    ],
    "mobilenet_v3_small": [*(f"features.{i}" for i in range(13)), "classifier.1", "classifier.3"],
    "densenet121": [
        "features.relu0",
        *(f"features.{kind}{i}" for i in (1, 2, 3) for kind in ("denseblock", "transition")),
        "features.denseblock4",
        "classifier.input",
        "classifier",
    ],
    "googlenet": [
        "conv1",
        "conv2",
        "conv3",
        *(f"inception{i}" for i in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")),
        "avgpool",
        "fc",
    ],
    "squeezenet1_1": [*(f"features.{i}" for i in (1, 3, 4, 6, 7, 9, 10, 11, 12)), "classifier.1"],
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision(name):
    net = getattr(torchvision.models, name)(
        num_classes=10, **({"init_weights": False} if name == "googlenet" else {})
    )
    assert stages(net, 3, 64, 64) == TORCHVISION[name]


def test_efficientnet():
    repeats = (1, 2, 2, 3, 3, 4, 1)
    blocks = [f"features.{s + 1}.{b}" for s, count in enumerate(repeats) for b in range(count)]
    net = torchvision.models.efficientnet_b0(num_classes=10)
    assert stages(net, 3, 64, 64) == [
        "features.0",
        *blocks,
        "features.8",
        "avgpool",
        "classifier.1",
    ]


def test_swin():
    net = torchvision.models.swin_t(num_classes=10)
    blocks = {1: 2, 3: 2, 5: 6, 7: 2}
    body = []
    for stage in range(1, 8):
        parts = blocks.get(stage)
        body += [f"features.{stage}.{b}" for b in range(parts)] if parts else [f"features.{stage}"]
    assert stages(net, 3, 64, 64) == ["features.0", *body, "avgpool", "head"]


def test_convnext():
    net = torchvision.models.convnext_tiny(num_classes=10)
    names = stages(net, 3, 64, 64)
    assert names[:5] == ["features.0", *(f"features.1.{b}" for b in range(3)), "features.2"]
    assert names[-3:] == ["features.7.2", "classifier.0", "classifier.2"]
    assert len(names) == 1 + 3 + 1 + 3 + 1 + 9 + 1 + 3 + 2


def test_vision_transformer():
    net = torchvision.models.VisionTransformer(
        image_size=32,
        patch_size=8,
        num_layers=12,
        num_heads=2,
        hidden_dim=16,
        mlp_dim=32,
        num_classes=10,
    )
    layers = [f"encoder.layers.encoder_layer_{i}" for i in range(12)]
    assert stages(net, 3, 32, 32) == ["conv_proj", *layers, "heads.head.input", "heads.head"]


def test_transformer_on_tokens():
    assert stages(Tokens(), 5) == [
        "embedding",
        "encoder.layers.0",
        "encoder.layers.1",
        "head.input",
        "head",
    ]


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        (
            "resnet18",
            64,
            ["act1", *(f"layer{s}.{b}" for s in (1, 2, 3, 4) for b in (0, 1)), "global_pool", "fc"],
        ),
        (
            "vit_tiny_patch16_224",
            32,
            ["patch_embed", *(f"blocks.{i}" for i in range(12)), "fc_norm", "head"],
        ),
        (
            "convnext_atto",
            64,
            [
                "stem",
                "stages.0.blocks.0",
                "stages.0.blocks.1",
                "stages.1.downsample",
                "stages.1.blocks.0",
                "stages.1.blocks.1",
                "stages.2.downsample",
                *(f"stages.2.blocks.{i}" for i in range(6)),
                "stages.3.downsample",
                "stages.3.blocks.0",
                "stages.3.blocks.1",
                "head.norm",
                "head.fc",
            ],
        ),
        (
            "mixer_s32_224",
            64,
            ["stem", *(f"blocks.{i}" for i in range(8)), "head_drop", "head"],
        ),
    ],
)
def test_timm(name, size, expected):
    timm = pytest.importorskip("timm")
    kwargs = {"img_size": size} if name.startswith(("vit", "mixer")) else {}
    assert stages(timm.create_model(name, num_classes=10, **kwargs), 3, size, size) == expected


def test_perceptron():
    net = nn.Sequential(
        nn.Flatten(),
        nn.Linear(16, 8),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(8, 8),
        nn.ReLU(),
        nn.Linear(8, 3),
    )
    assert stages(net, 1, 4, 4) == ["2", "5", "6"]


def test_pooling_is_no_stage_but_the_last_hidden_representation():
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )
    assert stages(net, 1, 12, 12) == ["2", "5", "6", "8"]


def test_functional_activations_before_the_head():
    assert stages(SmallCNN(), 1, 8, 8) == ["conv1", "conv2", "fc2.input", "fc2"]


def test_shared_modules_are_stages_of_their_own():
    assert stages(Twice(), 6) == ["act", "act_1", "head"]


def test_recurrent_network():
    assert stages(Recurrent(), 4, 5) == ["lstm[0]", "head.input", "head"]


def test_maps_of_one_axis():
    assert stages(Waves(), 2, 16) == ["body.2", "body.4", "head.input", "head"]


def test_a_linear_network_has_its_output_only():
    assert stages(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), 1, 4, 4) == ["1"]


def test_a_wrapped_network_is_opened():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = SmallCNN()

        def forward(self, x):
            return self.net(x * 2)

    assert stages(Wrapper(), 1, 8, 8) == ["net.conv1", "net.conv2", "net.fc2.input", "net.fc2"]


def test_a_single_block_stays_closed():
    class OneBlock(CifarResNet):
        def forward(self, x):
            return self.linear(self.layer3(self.layer2(self.bn1(self.conv1(x)))).mean((2, 3)))

    assert stages(OneBlock(blocks=1), 3, 8, 8)[:2] == ["bn1", "layer2.0"]


def test_untrained_blocks_that_add_nothing_are_all_there():
    net = CifarResNet(blocks=2)
    for stage in (net.layer1, net.layer2, net.layer3):
        for block in stage:
            nn.init.zeros_(block.bn2.weight)
    names = stages(net, 3, 8, 8)
    assert [name for name in names if name.startswith("layer1")] == ["layer1.0", "layer1.1"]


def test_softmax_after_the_head_is_not_the_output():
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3), nn.LogSoftmax(1))
    assert stages(net, 4) == ["1", "2"]


def test_the_head_is_what_makes_the_answer_and_not_what_runs_last():
    class TwoHeads(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(4, 6)
            self.head = nn.Linear(6, 3)
            self.projector = nn.Linear(6, 2)

        def forward(self, x):
            h = self.body(x).relu()
            y = self.head(h)
            self.projector(h)
            return y

    assert stages(TwoHeads(), 4) == ["head.input", "head", "projector"]

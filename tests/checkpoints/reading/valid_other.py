"""Small valid files of safetensors, shards, Hugging Face folders and torch.export, by format.

Each builder of `VALID` takes an empty folder, writes into it, and returns what is to be read.
"""

import io
import json
import warnings
import zipfile

import torch
from safetensors.torch import save_file
from torch import nn


class Net(nn.Module):
    """A small network with a container, a layer that is called twice, and one reshaping."""

    def __init__(self, channels=1, classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        )
        self.act = nn.ReLU()
        self.block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2))
        self.head = nn.Linear(4 * 4 * 4, classes)

    def forward(self, x):
        x = self.act(self.features(x) - 0.1)
        return self.head(self.act(self.block(x) - 0.1).view(x.size(0), -1))


def net():
    """Return the network with fixed weights."""
    torch.manual_seed(0)
    network = Net().eval()
    network.features[1].running_mean.uniform_(-0.1, 0.1)
    return network


def program(network, path, examples=2, shape=(1, 8, 8), free=True):
    """Export a network to a file, for any number of examples or for just so many."""
    sizes = ({0: torch.export.Dim("batch", min=1)},) if free else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.export.export(network, (torch.ones(examples, *shape),), dynamic_shapes=sizes)
        torch.export.save(made, path)
    return path


def safetensors(folder):
    """Write one file of safetensors."""
    state = {key: value.contiguous() for key, value in net().state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    return folder / "model.safetensors"


def shards(folder):
    """Write two files of safetensors with their index."""
    return _sharded(folder, "model", "safetensors", save_file)


def torch_shards(folder):
    """Write two files of torch with their index."""
    return _sharded(folder, "pytorch_model", "bin", torch.save)


def _sharded(folder, name, ending, save):
    state = net().state_dict()
    places = {}
    for number in (0, 1):
        file = f"{name}-0000{number + 1}-of-00002.{ending}"
        part = dict(list(state.items())[number::2])
        save(part, folder / file)
        places |= dict.fromkeys(part, file)
    index = folder / f"{name}.{ending}.index.json"
    order = {key: places[key] for key in state}
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": order}))
    return index


TIMM = {
    "architecture": "resnet10t",
    "num_classes": 10,
    "pretrained_cfg": {
        "input_size": [3, 64, 64],
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
}
"""The config of a folder of timm."""


def timm_folder(folder):
    """Write a folder as timm pushes it to the hub."""
    safetensors(folder)
    (folder / "config.json").write_text(json.dumps(TIMM))
    return folder


def torch_folder(folder):
    """Write a folder whose weights are a file of torch."""
    torch.save(net().state_dict(), folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(TIMM))
    return folder


def exported(folder):
    """Write a program for any number of examples."""
    return program(net(), folder / "model.pt2")


def exported_fixed(folder):
    """Write a program for two examples at a time."""
    return program(net(), folder / "model.pt2", free=False)


def exported_old(folder):
    """Write a program in the older layout of archives: records beside each other, pickled weights.

    The graph is today's; torch 2.6 and later wrote both.
    """
    records = zip_records(program(net(), folder / "new.pt2"))
    (folder / "new.pt2").unlink()
    state = net().state_dict()
    with zipfile.ZipFile(folder / "model.pt2", "w") as file:
        file.writestr("version", "8.17")
        file.writestr("serialized_exported_program.json", records["models/model.json"])
        file.writestr("serialized_state_dict.pt", saved(state))
        file.writestr("serialized_constants.pt", saved({}))
        file.writestr("serialized_example_inputs.pt", saved(((torch.ones(2, 1, 8, 8),), {})))
    return folder / "model.pt2"


def saved(content):
    """Return what torch.save writes of something."""
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def zip_records(path):
    """Return the records of an archive, by their names without the folder they are in."""
    with zipfile.ZipFile(path) as file:
        return {name.partition("/")[2]: file.read(name) for name in file.namelist()}


def write_records(path, records, method=zipfile.ZIP_STORED):
    """Write an archive as torch.export.save lays it out."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in records.items():
            file.writestr(f"model/{name}", content)
    return path


VALID = {
    build.__name__: build
    for build in (
        safetensors,
        shards,
        torch_shards,
        timm_folder,
        torch_folder,
        exported,
        exported_fixed,
        exported_old,
    )
}
"""The builders, by format."""

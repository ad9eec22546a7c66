"""The data sets known by name: their classes, and where each is looked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from repprobe.data.graphs import names as graphs

VARIABLE = "REPPROBE_DATA"
"""Environment variable with the folder in which data sets are looked for first, by name."""

EMBEDDED = "digits"
"""The one name that needs no files."""

_NUMERALS = "0 1 2 3 4 5 6 7 8 9"
_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
_FASHION = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@dataclass(frozen=True)
class Known:
    """A data set with a name.

    Attributes
    ----------
    classes : its class names, where neither the files nor their reader have any.
    torchvision : the class in `torchvision.datasets` that downloads it; "" for none.
    folder : the folder that it is unpacked to, by torchvision if that downloads it.
    system : where a distribution's package puts it.
    package : that package.
    """

    classes: tuple[str, ...] = ()
    torchvision: str = ""
    folder: str = ""
    system: Path | None = None
    package: str = ""


KNOWN = {
    EMBEDDED: Known(tuple(_NUMERALS.split())),
    "mnist": Known(tuple(_NUMERALS.split()), "MNIST", "MNIST"),
    "fashion-mnist": Known(
        _FASHION,
        "FashionMNIST",
        "FashionMNIST",
        Path("/usr/share/datasets/fashion-mnist"),
        "dataset-fashion-mnist",
    ),
    "cifar10": Known(tuple(_CIFAR10.split()), "CIFAR10", "cifar-10-batches-py"),
    "cifar100": Known(tuple(_CIFAR100.split()), "CIFAR100", "cifar-100-python"),
    "cifar-easy": Known(),
    "clothing1m": Known(folder="clothing1M"),
    "webvision": Known(folder="WebVision"),
    "webvision-mini": Known(folder="webvision"),
}


def known_names() -> tuple[str, ...]:
    """Return every name that can be asked for here, those in `$REPPROBE_DATA` included."""
    folder = data_folder()
    own = [f.name for f in folder.iterdir() if f.is_dir()] if folder and folder.is_dir() else []
    known = (*KNOWN, *graphs.NAMES)
    return (*known, *sorted(n for n in own if n not in known and not n.startswith(".")))


def data_folder() -> Path | None:
    """Return the folder that `$REPPROBE_DATA` names, or None."""
    value = os.environ.get(VARIABLE)
    return Path(value).expanduser() if value else None


def cache_folder(name: str) -> Path:
    """Return where the named data set is kept once it has been downloaded."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "repprobe" / "data" / name


def places(name: str) -> list[Path]:
    """Return the folders in which the named data set is looked for, in order."""
    known, collection = KNOWN.get(name), graphs.collection_of(name)
    own = data_folder()
    found = []
    if own is not None:
        found.append(own / name)
        if collection:
            found += [own / collection, own / collection.lower()]
        if known and known.folder:
            found.append(own / known.folder)
    if known and known.system:
        found.append(known.system)
    if known and known.torchvision:
        found.append(cache_folder(name))
    if collection:
        found.append(cache_folder(collection.lower()))
    return found

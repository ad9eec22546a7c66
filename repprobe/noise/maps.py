"""Maps from class to class for flipped noise: those of CIFAR, and any that a user gives."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data
from repprobe.errors import DataError, UnknownNameError, UsageError
from repprobe.noise.files import read_text

Pairs = Iterable[tuple[str, str]]

CIFAR10 = {
    "truck": "automobile",
    "bird": "airplane",
    "deer": "horse",
    "cat": "dog",
    "dog": "cat",
}
"""Classes that are mistaken for one another (Patrini et al. 2017)."""

_CIFAR10_CLASSES = {*CIFAR10, "automobile", "airplane", "horse", "frog", "ship"}

SUPERCLASSES = {
    "aquatic mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food containers": "bottle bowl can cup plate",
    "fruit and vegetables": "apple mushroom orange pear sweet_pepper",
    "household electrical devices": "clock keyboard lamp telephone television",
    "household furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large carnivores": "bear leopard lion tiger wolf",
    "large man-made outdoor things": "bridge castle house road skyscraper",
    "large natural outdoor scenes": "cloud forest mountain plain sea",
    "large omnivores and herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium-sized mammals": "fox porcupine possum raccoon skunk",
    "non-insect invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles 1": "bicycle bus motorcycle pickup_truck train",
    "vehicles 2": "lawn_mower rocket streetcar tank tractor",
}
"""CIFAR-100's superclasses, each with its five classes in the order of their labels."""

_SPELLINGS = {"cra": "crab"}
"""How the Hugging Face copy of CIFAR-100 spells a class."""

_BLOCK = 5


def own_map(data: Data) -> NDArray[np.int64]:
    """Return the map that is known for the data, by the names of its classes.

    CIFAR-10: truck → automobile, bird → airplane, deer → horse, cat ↔ dog. CIFAR-100: the next
    class of the superclass, the last class the first. Raises UsageError for other data.
    """
    names = tuple(_SPELLINGS.get(name, name) for name in data.classes)
    groups = [members.split() for members in SUPERCLASSES.values()]
    if len(names) == len(_CIFAR10_CLASSES) and set(names) == _CIFAR10_CLASSES:
        known = CIFAR10
    elif len(names) == 100 and set(names) == {name for group in groups for name in group}:
        known = {
            a: b for group in groups for a, b in zip(group, group[1:] + group[:1], strict=True)
        }
    else:
        first, second = data.classes[:2]
        raise UsageError(
            f"'{data.name}' has no map of its own for flipped noise; give one, by class names or "
            f"numbers, such as flipped:{first}>{second},{second}>{first}:R, or flipped:FILE.json:R "
            f'with {{"{first}": "{second}"}} in the file.'
        )
    return np.array([names.index(known.get(name, name)) for name in names])


def block_map(data: Data) -> NDArray[np.int64]:
    """Return the map to the next class in blocks of five consecutive labels, around in a circle.

    The paper's flipped noise of CIFAR-100 (Li et al. 2020), whose superclasses these blocks are
    not: their labels are not consecutive. Raises UsageError unless five divides the classes.
    """
    count = len(data.classes)
    if count % _BLOCK:
        raise UsageError(
            f"'{data.name}' has {count} classes, which are no blocks of five; give a map, such as "
            f"flipped:{data.classes[0]}>{data.classes[1]}:R."
        )
    labels = np.arange(count)
    return labels - labels % _BLOCK + (labels + 1) % _BLOCK


def given_map(pairs: Pairs, data: Data) -> NDArray[np.int64]:
    """Return the map with pairs of class names, or numbers; other classes stay as they are.

    Raises UnknownNameError for a class that is not there, UsageError for one that is mapped twice
    or to itself.
    """
    targets = np.arange(len(data.classes))
    for source, target in pairs:
        place, goal = class_number(source, data), class_number(target, data)
        if place == goal:
            raise UsageError(f"the map of flipped noise sends class '{source}' to itself.")
        if targets[place] != place:
            raise UsageError(f"the map of flipped noise sends class '{source}' to two classes.")
        targets[place] = goal
    return targets


def read_map(file: Path, data: Data) -> NDArray[np.int64]:
    """Return the map in a JSON file, {"cat": "dog", …}; raises DataError if it holds none."""
    try:
        pairs = json.loads(read_text(file), object_pairs_hook=list)
    except ValueError as err:
        raise DataError(f"'{file}' is no JSON ({err}).") from None
    # Objects come as lists of tuples, JSON arrays hold no tuples.
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise DataError(f"""'{file}' holds no map of classes, such as {{"cat": "dog"}}.""")
    return given_map([(source, str(target)) for source, target in pairs], data)


def class_number(name: str, data: Data, where: str = "") -> int:
    """Return the label of the class with a name, or with a number where no name is like it.

    Raises UnknownNameError, with names that are near; `where` says where the name stands.
    """
    if name in data.classes:
        return data.classes.index(name)
    try:
        number = float(name)
    except ValueError:
        number = -1.0
    if number.is_integer() and 0 <= number < len(data.classes):
        return int(number)
    last = len(data.classes) - 1
    hint = f"'{data.name}' has {data.classes[0]}, …, {data.classes[last]}, or numbers 0…{last}."
    raise UnknownNameError.near("class", name, data.classes, f"{where}{hint}")

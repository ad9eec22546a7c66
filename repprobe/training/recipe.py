"""What a run is trained with unless the user says otherwise: quick settings, or the papers'."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from repprobe.data import Data
from repprobe.errors import UsageError
from repprobe.training.settings import TrainSettings


@dataclass(frozen=True)
class Recipe:
    """Optimizer, schedule and augmentation; the fields are those of `TrainSettings`."""

    epochs: int
    batch_size: int
    learning_rate: float
    optimizer: str
    schedule: str
    weight_decay: float = 0.0
    momentum: float = 0.0
    augment: bool = False


RATES = {"adam": 2e-3, "sgd": 0.05}
"""Learning rates of the quick settings, for either optimizer."""

DESK = Recipe(20, 64, RATES["adam"], "adam", "cosine", augment=True)
DESK_GRAPHS = Recipe(60, 16, 5e-3, "adam", "cosine")
NODES = Recipe(200, 64, 0.01, "adam", "constant", 5e-4)
"""Kipf & Welling 2017 (arXiv 1609.02907); each epoch is one step on the whole graph."""

GRAPHS = Recipe(200, 64, 1e-3, "adam", "halve:50")
"""Li et al. 2020 (arXiv 2012.12896), graph tasks."""

CIFAR_EASY = Recipe(300, 64, 0.01, "sgd", "step:0.1@150,225", 5e-4, 0.9)
"""Li et al. 2020, CIFAR-Easy."""

PAPER = {
    "ce": Recipe(300, 256, 0.1, "sgd", "exponential:0.99", 5e-4, 0.9, True),  # Li 2020
    "forward": Recipe(120, 128, 0.1, "sgd", "step:0.1@40,80", 1e-4, 0.9, True),  # Patrini 2017
    "gce": Recipe(120, 128, 0.01, "sgd", "step:0.1@40,80", 1e-4, 0.9, True),  # Zhang 2018
    "sce": Recipe(120, 128, 0.01, "sgd", "step:0.1@40,80", 1e-4, 0.9, True),  # Wang 2019
    "mixup": Recipe(200, 128, 0.1, "sgd", "step:0.1@100,150", 1e-4, 0.9, True),  # Zhang 2018
    "co-teaching": Recipe(200, 128, 1e-3, "adam", "linear:80"),  # Han 2018
    "elr": Recipe(120, 128, 0.02, "sgd", "step:0.01@40,80", 1e-3, 0.9, True),  # Liu 2020
    "dividemix": Recipe(300, 64, 0.02, "sgd", "step:0.1@150", 5e-4, 0.9, True),  # Li 2020b
}
"""The usual CIFAR-10 setting of each method."""


def settle(settings: TrainSettings, method: str, data: Data) -> Recipe:
    """Return the recipe that the settings name, with what the user set.

    Raises
    ------
    UsageError
        Momentum is asked of Adam, augmentation of what are no images or of images that it would
        change the class of, or the papers' settings of a method that has none.
    """
    recipe = _named(settings.recipe, method, data)
    images = not data.of_graphs and len(data.input_shape) == 3
    if settings.augment and not images:
        raise UsageError(f"'{data.name}' holds no images; they alone can be augmented.")
    if settings.augment and not data.may_augment:
        raise UsageError(
            f"images of '{data.name}' cannot be augmented: where a pixel lies tells their class."
        )
    if settings.optimizer not in (None, recipe.optimizer):
        recipe = replace(
            recipe,
            learning_rate=RATES[settings.optimizer],
            momentum=0.9 if settings.optimizer == "sgd" else 0.0,
        )
    usual = images and data.input_shape[0] == 3 and data.may_augment
    recipe = replace(recipe, augment=recipe.augment and usual)
    names = tuple(field.name for field in fields(Recipe))
    recipe = replace(recipe, **settings.given(names))
    if recipe.optimizer == "adam" and recipe.momentum:
        raise UsageError("momentum is for sgd; Adam has its own.")
    return recipe


def _named(name: str, method: str, data: Data) -> Recipe:
    if data.train.whole:
        return NODES
    if name == "desk":
        return DESK_GRAPHS if data.of_graphs else DESK
    if data.task == "regression" or data.of_graphs:
        return GRAPHS
    if data.name == "cifar-easy" and method == "ce":
        return CIFAR_EASY
    if method not in PAPER:
        raise UsageError(f"no paper's settings are known for '{method}'; take the recipe desk.")
    return PAPER[method]

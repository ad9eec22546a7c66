"""Settings are checked, and what they leave open the recipe says."""

from dataclasses import replace

import numpy as np
import pytest

from repprobe.data import ArrayPart, Data
from repprobe.errors import UnknownNameError, UsageError
from repprobe.training import recipe, train
from repprobe.training.methods import names
from repprobe.training.settings import TrainSettings


def data(shape, task="classification", name="some"):
    labels = np.arange(4) % 2 if task == "classification" else np.arange(4.0)
    part = ArrayPart(np.zeros((4, *shape), np.uint8), labels)
    return Data(name, part, part, task, ("a", "b") if len(shape) else (), 255.0, "f")


PHOTOS, DIGITS, TABLE = data((3, 8, 8)), data((1, 8, 8)), data((5,))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"epochs": -1}, ["epochs", "0", "-1"]),
        ({"epochs": 2.5}, ["epochs", "whole", "2.5"]),
        ({"batch_size": 1}, ["batch size", "2"]),
        ({"devices": 0}, ["devices", "1"]),
        ({"seed": True}, ["seed", "True"]),
        ({"learning_rate": 0}, ["learning rate", "above 0"]),
        ({"learning_rate": -1.0}, ["learning rate", "-1.0"]),
        ({"learning_rate": float("nan")}, ["learning rate", "nan"]),
        ({"momentum": 1.5}, ["momentum", "from 0 to 1", "1.5"]),
        ({"weight_decay": "much"}, ["weight decay", "much"]),
        ({"schedule": "step:3"}, ["step:3"]),
    ],
)
def test_values_that_make_no_sense(wrong, named, one_line):
    with pytest.raises(UsageError) as caught:
        TrainSettings(**wrong)
    one_line(caught, *named)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ({"recipe": "papper"}, "paper"),
        ({"optimizer": "adamm"}, "adam"),
        ({"precision": "bf-16"}, "bf16"),
        ({"schedule": "cosin"}, "cosine"),
    ],
)
def test_names_that_do_not_exist(wrong, near, one_line):
    with pytest.raises(UnknownNameError) as caught:
        TrainSettings(**wrong)
    one_line(caught, *wrong.values(), f"did you mean {near}")


def test_every_method_for_classes_has_its_papers_settings():
    settings = TrainSettings(recipe="paper")
    for name in set(names()) - {"mse", "mae"}:
        chosen = recipe.settle(settings, name, PHOTOS)
        assert chosen == recipe.PAPER[name]


def test_nodes_of_one_graph_have_settings_of_their_own():
    class Nodes(ArrayPart):
        whole = True

    whole = replace(PHOTOS, train=Nodes(PHOTOS.train.array, PHOTOS.train.labels))
    for kind in ("desk", "paper"):
        assert recipe.settle(TrainSettings(recipe=kind), "ce", whole).epochs == 200


def test_the_papers_settings_by_task_and_data():
    settings = TrainSettings(recipe="paper")
    assert recipe.settle(settings, "mse", data((5,), "regression")) == recipe.GRAPHS
    easy = data((3, 8, 8), name="cifar-easy")
    assert recipe.settle(settings, "ce", easy) == recipe.CIFAR_EASY
    vanilla = recipe.settle(settings, "ce", PHOTOS)
    assert (vanilla.learning_rate, vanilla.schedule, vanilla.weight_decay) == (
        *(0.1, "exponential:0.99", 5e-4),
    )
    assert (vanilla.epochs, vanilla.batch_size, vanilla.momentum) == (300, 256, 0.9)


@pytest.mark.parametrize("name", recipe.PAPER)
def test_only_images_of_three_channels_are_augmented_unasked(name):
    for kind in ("desk", "paper"):
        settings = TrainSettings(recipe=kind)
        assert not recipe.settle(settings, name, DIGITS).augment
        assert not recipe.settle(settings, name, TABLE).augment
    assert recipe.settle(TrainSettings(), name, PHOTOS).augment


@pytest.mark.parametrize("name", recipe.PAPER)
def test_images_that_may_not_be_augmented_never_are(name, one_line):
    pixels = replace(PHOTOS, may_augment=False)
    for kind in ("desk", "paper"):
        for more in ({}, {"augment": False}, {"optimizer": "adam"}):
            settings = TrainSettings(recipe=kind, **more)
            assert not recipe.settle(settings, name, pixels).augment
        with pytest.raises(UsageError) as caught:
            recipe.settle(TrainSettings(recipe=kind, augment=True), name, pixels)
        one_line(caught, "some", "where a pixel lies tells their class")


def test_what_the_user_says_wins():
    settings = TrainSettings(epochs=3, learning_rate=0.5, augment=True, weight_decay=0.0)
    chosen = recipe.settle(settings, "ce", DIGITS)
    assert (chosen.epochs, chosen.learning_rate, chosen.augment) == (3, 0.5, True)
    assert chosen.optimizer == recipe.DESK.optimizer


def test_another_optimizer_brings_a_learning_rate_of_its_own():
    sgd = recipe.settle(TrainSettings(optimizer="sgd"), "ce", DIGITS)
    assert (sgd.learning_rate, sgd.momentum) == (recipe.RATES["sgd"], 0.9)
    adam = recipe.settle(TrainSettings(optimizer="adam", recipe="paper"), "ce", PHOTOS)
    assert (adam.learning_rate, adam.momentum) == (recipe.RATES["adam"], 0.0)


def test_what_does_not_fit(one_line):
    with pytest.raises(UsageError) as caught:
        recipe.settle(TrainSettings(augment=True), "ce", TABLE)
    one_line(caught, "some", "no images")
    with pytest.raises(UsageError) as caught:
        recipe.settle(TrainSettings(momentum=0.9), "ce", DIGITS)
    one_line(caught, "momentum", "sgd")


def test_a_setting_that_does_not_exist(tmp_path, one_line):
    with pytest.raises(UnknownNameError) as caught:
        train("small-cnn", "digits", out=tmp_path / "a.pt", epoch=2)
    one_line(caught, "'epoch'", "did you mean epochs")


def test_a_network_has_to_be_named(tmp_path, one_line):
    from torch import nn

    with pytest.raises(UsageError) as caught:
        train(nn.Linear(2, 2), "digits", out=tmp_path / "a.pt")
    one_line(caught, "name", "Linear", "net.py:function")


def test_what_is_returned_is_told_shortly(tmp_path):
    run = train("small-cnn", "digits", out=tmp_path / "a.pt", arch_args={"width": 2}, epochs=0)
    assert "history" not in repr(run)
    assert len(repr(run)) < 600


def test_half_precision_is_not_announced(tmp_path, capfd):
    settings = {"arch_args": {"width": 2}, "limit": 50, "epochs": 0, "device": "cpu"}
    train("small-cnn", "digits", out=tmp_path / "a.pt", precision="bf16", **settings)
    assert capfd.readouterr() == ("", "")

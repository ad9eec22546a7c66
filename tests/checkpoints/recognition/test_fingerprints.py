"""Fingerprints of torchvision's classifiers, and their cache."""

import json
from pathlib import Path

import pytest

from repprobe.checkpoints.recognition import fingerprints
from repprobe.checkpoints.recognition.fingerprints import Fingerprint, torchvision_fingerprints


@pytest.fixture(scope="module")
def known(cache_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache_home))
        return torchvision_fingerprints()


@pytest.fixture
def three(monkeypatch, tmp_path):
    """A cache of its own and only three networks to fill it with; counts how often it is made."""
    import torchvision.models

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = ["alexnet", "resnet18", "squeezenet1_0"]
    calls = []
    monkeypatch.setattr(torchvision.models, "list_models", lambda module: calls.append(1) or names)
    return calls


def test_every_classifier_has_one_and_no_two_are_the_same(known):
    import torchvision.models as models

    assert {f.name for f in known} == set(models.list_models(module=models))
    assert len({json.dumps(f.entries, sort_keys=True) for f in known}) == len(known)


def test_the_number_of_classes_is_open_in_every_one(known):
    assert all(f.num_classes(f.at(17)) == 17 for f in known)


def test_it_fits_the_real_network_whatever_its_classes(known):
    from torchvision.models import squeezenet1_1

    state = squeezenet1_1(num_classes=5).state_dict()
    fingerprint = next(f for f in known if f.name == "squeezenet1_1")
    assert fingerprint.at(5) == {key: tuple(value.shape) for key, value in state.items()}


def test_counters_of_batch_norm_are_left_out():
    f = Fingerprint.of("a", {}, {"bn.weight": (3,), "bn.num_batches_tracked": ()})
    assert f.entries == {"bn.weight": (3,)}


def test_it_is_made_once_with_progress_and_then_read(three):
    steps = []
    made = torchvision_fingerprints(lambda *step: steps.append(step))
    assert steps == [("torchvision architectures", i, 3) for i in (1, 2, 3)]
    assert torchvision_fingerprints() == made
    assert len(three) == 1


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b.replace(b"64", b"65", 1)]
)
def test_a_damaged_cache_is_made_anew(three, tmp_path, damage):
    made = torchvision_fingerprints()
    (path,) = (tmp_path / "repprobe").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert torchvision_fingerprints() == made
    assert torchvision_fingerprints() == made
    assert len(three) == 2


def test_another_version_of_torchvision_is_not_mixed_up(three, monkeypatch):
    torchvision_fingerprints()
    monkeypatch.setattr(fingerprints, "version", lambda _: "99.0")
    torchvision_fingerprints()
    assert len(three) == 2


def test_a_cache_that_cannot_be_written_is_done_without(three, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(torchvision_fingerprints()) == 3


def test_the_cache_is_in_the_home_folder_by_default(three, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    torchvision_fingerprints()
    assert list((tmp_path / ".cache" / "repprobe").glob("torchvision-*.json"))

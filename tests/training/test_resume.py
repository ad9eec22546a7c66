"""A run that is killed goes on and ends as if nothing had happened; another run does not go on."""

import dataclasses

import pytest
import torch
from killing import difference, killed, undisturbed

from repprobe.data import load_data
from repprobe.errors import RepprobeError, UsageError
from repprobe.training import train
from repprobe.training.loop import Run

QUICK = {"arch_args": {"width": 2}, "limit": 100, "epochs": 2}


def entries(path):
    return torch.load(path, weights_only=True)


def test_killed_at_any_moment_it_ends_with_the_same_bits(tmp_path):
    """Dropout, batch norm, augmentation, Adam's moments, and a method that keeps examples."""
    settings = {"method": "elr", "epochs": 6, "augment": True, "keep_every": 3}
    undisturbed(tmp_path / "whole.pt", settings)
    assert killed(tmp_path / "broken.pt", settings, least=3, seed=1) >= 1
    assert difference(entries(tmp_path / "whole.pt"), entries(tmp_path / "broken.pt")) == ""
    assert {p.name for p in tmp_path.iterdir() if p.name.startswith("broken")} == {
        *("broken.pt", "broken-epoch-000.pt", "broken-epoch-003.pt", "broken-epoch-006.pt")
    }
    assert not list(tmp_path.glob(".*"))


class Stopped(Exception):
    """Stands for whatever ends a run."""


def stop_after(epoch):
    def on_epoch(record):
        if record["epoch"] == epoch:
            raise Stopped

    return on_epoch


def train_in_two_calls(out, monkeypatch, **settings):
    monkeypatch.setattr("repprobe.training.loop.SAVE_EVERY", 0.0)
    with pytest.raises(Stopped):
        train("small-cnn", "digits", out=out, on_epoch=stop_after(2), **settings)
    return train("small-cnn", "digits", out=out, **settings)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("co-teaching", {"ramp": 2}),
        ("forward", {"warmup": 1}),
        ("dividemix", {"warmup": 1}),
        ("mixup", {}),
    ],
)
def test_every_kind_of_method_goes_on(tmp_path, monkeypatch, method, arguments):
    settings = {
        **QUICK,
        "method": method,
        "method_args": arguments,
        "noise": "symmetric:0.4",
        "optimizer": "sgd",
        "schedule": "step:0.1@3",
        "epochs": 4,
    }
    whole = train("small-cnn", "digits", out=tmp_path / "whole.pt", **settings)
    broken = train_in_two_calls(tmp_path / "broken.pt", monkeypatch, **settings)
    assert (whole.resumed_from, broken.resumed_from) == (0, 2)
    assert difference(entries(whole.path), entries(broken.path)) == ""


def test_a_finished_run_is_returned_as_it_is(tmp_path):
    first = train("small-cnn", "digits", out=tmp_path / "a.pt", noise="pair:0.3", **QUICK)
    before = first.path.read_bytes()
    seen = []
    again = train(
        *("small-cnn", "digits"), out=first.path, noise="pair:0.3", on_epoch=seen.append, **QUICK
    )
    assert again.path.read_bytes() == before
    assert (again.resumed_from, again.epochs, seen) == (2, 2, [])
    assert again.history == first.history
    assert (again.noise.labels == first.noise.labels).all()


def test_more_epochs_make_a_finished_run_go_on(tmp_path):
    settings = {**QUICK, "schedule": "constant"}
    train("small-cnn", "digits", out=tmp_path / "a.pt", **settings)
    longer = train("small-cnn", "digits", out=tmp_path / "a.pt", **{**settings, "epochs": 5})
    whole = train("small-cnn", "digits", out=tmp_path / "b.pt", **{**settings, "epochs": 5})
    assert (longer.resumed_from, longer.epochs, len(longer.history)) == (2, 5, 5)
    assert difference(entries(whole.path), entries(longer.path)) == ""
    assert longer.notes == whole.notes


def test_a_schedule_that_knew_another_end_is_told(tmp_path):
    settings = {**QUICK, "schedule": "cosine"}
    train("small-cnn", "digits", out=tmp_path / "a.pt", **settings)
    longer = train("small-cnn", "digits", out=tmp_path / "a.pt", **{**settings, "epochs": 3})
    assert "first 2 epochs followed the schedule cosine of 2 epochs" in longer.notes[-1]


def test_restart_begins_anew(tmp_path):
    train("small-cnn", "digits", out=tmp_path / "a.pt", **QUICK)
    again = train(
        *("small-cnn", "digits"), out=tmp_path / "a.pt", **{**QUICK, "seed": 1}, restart=True
    )
    assert again.resumed_from == 0
    assert entries(again.path)["seed"] == 1


@pytest.mark.parametrize(
    ("arch", "changed", "said"),
    [
        ("mlp", {"arch_args": {"hidden": [4]}}, "architecture zoo:small-cnn, not zoo:mlp"),
        ("small-cnn", {"arch_args": {"width": 3}}, "argument width 2, not 3"),
        ("small-cnn", {"method": "mixup"}, "method gce, not mixup"),
        ("small-cnn", {"method_args": {"q": 0.5}}, "gce's q 0.7, not 0.5"),
        ("small-cnn", {"noise": "symmetric:0.3"}, "noise symmetric:0.2, not symmetric:0.3"),
        ("small-cnn", {"seed": 7}, "seed 0, not 7"),
        ("small-cnn", {"learning_rate": 0.1}, "learning rate 0.002, not 0.1"),
        ("small-cnn", {"limit": 90}, "limit 100, not 90"),
        ("small-cnn", {"limit": None}, "limit 100, not none"),
        ("small-cnn", {"preprocess": "unit"}, "not unit"),
        ("small-cnn", {"precision": "bf16"}, "precision 32, not bf16"),
    ],
)
def test_another_run_does_not_go_on(tmp_path, one_line, finished, arch, changed, said):
    settings = {**QUICK, "method": "gce", "noise": "symmetric:0.2", **changed}
    if settings["method"] != "gce":
        settings.pop("method_args", None)
    before = finished.read_bytes()
    with pytest.raises(UsageError) as caught:
        train(arch, "digits", out=finished, **settings)
    one_line(caught, finished, said, "--restart", "--out")
    assert finished.read_bytes() == before


def test_other_data_do_not_go_on(one_line, finished):
    data = dataclasses.replace(load_data("digits"), fingerprint="0" * 64)
    with pytest.raises(UsageError) as caught:
        train("small-cnn", data, out=finished, method="gce", noise="symmetric:0.2", **QUICK)
    one_line(caught, "on other data than 'digits' is now: the data have changed since")
    data = dataclasses.replace(data, name="ud")
    with pytest.raises(UsageError) as caught:
        train("small-cnn", data, out=finished, seed=5, **QUICK)
    one_line(caught, "on other data: 'digits', not 'ud'")


def test_what_was_not_given_then_is_told_so(tmp_path, one_line):
    train("small-cnn", "digits", out=tmp_path / "a.pt", arch_args={"width": 2}, epochs=0)
    with pytest.raises(UsageError) as caught:
        train("small-cnn", "digits", out=tmp_path / "a.pt", **{**QUICK, "epochs": 0})
    one_line(caught, "with no limit, not 100")


def test_an_argument_that_does_not_exist_is_told_before_a_difference(finished, one_line):
    with pytest.raises(RepprobeError) as caught:
        train("small-cnn", "digits", out=finished, **{**QUICK, "arch_args": {"widht": 2}})
    one_line(caught, "widht", "width")
    assert "trained with" not in str(caught.value)


def test_a_snapshot_is_kept_before_the_checkpoint_that_goes_past_it(tmp_path, monkeypatch):
    """A run that ends right after a checkpoint was written has its snapshots."""
    out, settings = tmp_path / "a.pt", {**QUICK, "keep_every": 1}
    monkeypatch.setattr("repprobe.training.loop.SAVE_EVERY", 0.0)
    saved = Run._save

    def save(run):
        saved(run)
        if run._done == 1:
            raise Stopped

    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(Run, "_save", save)
        train("small-cnn", "digits", out=out, **settings)
    kept = tmp_path / "a-epoch-001.pt"
    assert entries(kept)["epoch"] == entries(out)["epoch"] == 1
    # as if the checkpoint had not been written: the snapshots are this run's, and are written anew
    out.unlink()
    before = entries(kept)
    again = train("small-cnn", "digits", out=out, **settings)
    assert again.resumed_from == 0
    assert difference(before, entries(kept)) == ""


def test_a_snapshot_of_another_run_is_left_alone(tmp_path, one_line):
    out, settings = tmp_path / "a.pt", {**QUICK, "keep_every": 2}
    train("small-cnn", "digits", out=out, **settings)
    out.unlink()
    with pytest.raises(UsageError) as caught:
        train("small-cnn", "digits", out=out, **settings, learning_rate=0.1)
    one_line(caught, "a-epoch-000.pt", "no snapshot of this run", "--restart")
    kept = tmp_path / "a-epoch-002.pt"
    (tmp_path / "a-epoch-000.pt").unlink()
    before = kept.read_bytes()
    with pytest.raises(UsageError) as caught:
        train("small-cnn", "digits", out=out, **settings, learning_rate=0.1)
    one_line(caught, "a-epoch-002.pt")
    assert kept.read_bytes() == before
    assert not out.exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "a.pt"
    settings = {**QUICK, "method": "gce", "noise": "symmetric:0.2", "keep_every": 2}
    return train("small-cnn", "digits", out=out, **settings).path


def test_a_run_in_which_nothing_was_learned_makes_room_for_another(tmp_path, one_line):
    out, huge = tmp_path / "a.pt", {"optimizer": "sgd", "learning_rate": 1e30}
    with pytest.raises(RepprobeError) as caught:
        train("small-cnn", "digits", out=out, **QUICK, **huge)
    one_line(caught, "--lr 1e+29 --restart", "learning_rate=1e+29, restart=True", "of epoch 0")
    assert train("small-cnn", "digits", out=out, **QUICK).resumed_from == 0
    train("small-cnn", "digits", out=tmp_path / "b.pt", **{**QUICK, "epochs": 0})
    with pytest.raises(UsageError):  # whoever asked for no epochs wants that network
        train("small-cnn", "digits", out=tmp_path / "b.pt", **QUICK, learning_rate=0.1)


def test_settings_that_an_older_file_does_not_tell_are_no_difference(finished, tmp_path):
    found = entries(finished)
    del found["settings"]["precision"], found["data_fingerprint"]
    torch.save(found, tmp_path / "old.pt")
    settings = {**QUICK, "method": "gce", "noise": "symmetric:0.2"}
    assert train("small-cnn", "digits", out=tmp_path / "old.pt", **settings).resumed_from == 2


def test_a_file_that_is_no_run_is_left_alone(tmp_path, one_line, finished):
    text, state = tmp_path / "notes.pt", tmp_path / "weights.pt"
    text.write_text("dear diary")
    torch.save({"weight": torch.ones(2)}, state)
    snapshot = finished.with_name("a-epoch-002.pt")
    some, wrong = tmp_path / "some.pt", tmp_path / "wrong.pt"
    torch.save({"method": "x", "optimizers": [], "state_dict": {}}, some)
    torch.save({**entries(finished), "history": None}, wrong)
    for path in (text, state, snapshot, some, wrong):
        before = path.read_bytes()
        with pytest.raises(UsageError) as caught:
            train("small-cnn", "digits", out=path, **QUICK)
        one_line(caught, path, "--restart")
        assert path.read_bytes() == before

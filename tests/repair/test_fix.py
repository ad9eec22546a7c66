"""`repprobe.fix` on small networks: what is chosen, reported, refused and written."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score

import repprobe
from repprobe import load_data, load_model
from repprobe.checkpoints import Preprocessing
from repprobe.checkpoints.loading import load_networks
from repprobe.errors import OutputError, UnknownNameError, UsageError
from repprobe.repair.answers import answers
from repprobe.repair.settings import FixSettings

NOISY = Path(__file__).resolve().parents[2] / "examples" / "noisy-digits.pt"
SMALL = {"arch_args": {"width": 0.0625}}


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def clean_mlp(tmp_path_factory):
    path = tmp_path_factory.mktemp("clean") / "clean.pt"
    return repprobe.train("mlp", "digits", out=path, epochs=12, **SMALL).path


@pytest.fixture(scope="module")
def two_networks(tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "two.pt"
    settings = {"noise": "uniform:0.6", "method": "co-teaching", "epochs": 2, **SMALL}
    return repprobe.train("mlp", "digits", out=path, **settings).path


@pytest.fixture(scope="module")
def graph_network(tmp_path_factory):
    path = tmp_path_factory.mktemp("graphs") / "gnn.pt"
    settings = {"noise": "gaussian:10,15:0.9", "epochs": 2, "arch_args": {"hidden": 8}}
    return repprobe.train("max-sum-gnn", "max-degree:200", out=path, **settings).path


def scores_of(models, data):
    """Return the added scores of networks on the test part."""
    settings = FixSettings()
    return sum(answers(m, data, settings, "cpu", lambda *_: None) for m in models)


def accuracy(models, data):
    return (scores_of(models, data).argmax(1) == data.test.labels).mean()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_deeper_cut_is_chosen_written_and_is_what_was_reported(digits, tmp_path):
    before = digest(NOISY)
    fixed = repprobe.fix(NOISY, digits, clean=150, out=tmp_path / "fixed.pt")
    assert fixed.refusal is None
    assert fixed.cut.layer.startswith("stage")
    assert not fixed.cut.drop_in
    assert fixed.held_out.gain[1] > 0.2
    assert fixed.test.after[0] > fixed.test.before[0] + 0.3
    assert fixed.written == tmp_path / "fixed.pt"
    assert [p.name for p in tmp_path.iterdir()] == ["fixed.pt"]
    assert digest(NOISY) == before
    again = load_model(tmp_path / "fixed.pt")
    assert accuracy([again], digits) == pytest.approx(fixed.test.after[0], abs=1e-12)
    assert (scores_of([again], digits).argmax(1) == scores_of(fixed.models, digits).argmax(1)).all()


def test_a_cut_at_the_last_hidden_layer_keeps_the_form(digits, tmp_path):
    fixed = repprobe.fix(NOISY, digits, clean=600, cut="average", out=tmp_path / "fixed.pt")
    assert fixed.cut.drop_in
    assert fixed.written is not None
    old, new = (torch.load(path, weights_only=True) for path in (NOISY, tmp_path / "fixed.pt"))
    assert old.keys() == new.keys()
    assert list(old["state_dict"]) == list(new["state_dict"])
    changed = {
        key for key, v in old["state_dict"].items() if not torch.equal(v, new["state_dict"][key])
    }
    assert changed == {"linear.weight", "linear.bias"}


def test_a_head_on_the_answers_is_folded_into_the_last_layer(digits):
    fixed = repprobe.fix(NOISY, digits, clean=200, cut="linear", force=True)
    (model,) = fixed.models
    assert fixed.cut.drop_in
    assert type(model.module) is type(load_model(NOISY).module)
    # it answers as the head does on the old network's answers
    old = load_model(NOISY)
    raw = scores_of([old], digits)
    head = np.linalg.lstsq(np.c_[raw, np.ones(len(raw))], scores_of([model], digits), rcond=None)
    fitted = np.c_[raw, np.ones(len(raw))] @ head[0]
    assert np.abs(fitted - scores_of([model], digits)).max() < 1e-3


def test_a_clean_network_is_refused_unless_forced(clean_mlp, digits, tmp_path):
    out = tmp_path / "fixed.pt"
    fixed = repprobe.fix(clean_mlp, digits, clean=100, out=out)
    assert fixed.refusal is not None
    assert fixed.written is None
    assert not list(tmp_path.iterdir())
    assert fixed.to_dict()["written"] is False
    forced = repprobe.fix(clean_mlp, digits, clean=100, out=out, force=True)
    assert forced.refusal == fixed.refusal
    assert forced.written == out
    assert load_model(out).parameters == load_model(clean_mlp).parameters


def test_the_gain_is_on_examples_that_had_no_say(digits):
    """The held-out figure is that of the head on new examples, not of its own ones."""
    fixed = repprobe.fix(NOISY, digits, clean=60, cut="stage1.relu1", probe="least-squares")
    assert fixed.held_out.count == 60
    assert fixed.held_out.after[0] < 1
    assert fixed.held_out.after[0] == pytest.approx(fixed.test.after[0], abs=0.12)
    x = digits.train.inputs(np.arange(len(digits.train))).reshape(-1, 64)
    raw = cross_val_score(RidgeClassifier(), x[:200], digits.train.labels[:200]).mean()
    again = repprobe.fix(NOISY, digits, clean=200, cut="stage1.relu1", probe="ridge", width=64)
    assert again.raw_input == pytest.approx(raw, abs=0.12)
    assert again.to_dict()["raw_input"] == again.raw_input


def test_two_networks_get_a_head_each_and_their_scores_are_added(two_networks, digits, tmp_path):
    out = tmp_path / "fixed.pt"
    fixed = repprobe.fix(two_networks, digits, clean=100, out=out, force=True, cut="relu3")
    assert len(fixed.models) == 2
    again = load_networks(out)
    assert len(again) == 2
    assert accuracy(again, digits) == pytest.approx(fixed.test.after[0], abs=1e-12)
    alone = [accuracy([model], digits) for model in again]
    assert min(alone) > 0.5  # each is a network of its own


def test_own_labels_are_fitted_on_and_never_held_out(digits):
    fixed = repprobe.fix(NOISY, digits, clean=100, cut="average", own_labels=50)
    plain = repprobe.fix(NOISY, digits, clean=100, cut="average")
    assert (fixed.own_labels, plain.own_labels) == (50, 0)
    assert fixed.held_out.count == plain.held_out.count == 100
    assert fixed.held_out.before == plain.held_out.before
    weights = [f.models[0].module.state_dict()["linear.weight"] for f in (fixed, plain)]
    assert not torch.equal(*weights)


def test_fine_tuning_is_judged_on_labels_that_it_did_not_see(digits):
    fixed = repprobe.fix(
        NOISY, digits, clean=100, cut="stage1.relu2", then="finetune", blocks=["stage1.relu2"]
    )
    tuned = fixed.finetuning
    assert tuned.over_head.count == 20
    assert not tuned.kept or tuned.over_head.gain[0] > 0
    assert (tuned.over_own is not None) is tuned.kept
    assert fixed.held_out.count == (20 if tuned.kept else 80)
    base = load_model(NOISY).module.state_dict()
    mended = fixed.models[0].module.state_dict()
    same = {k: torch.equal(v, mended[f"base.{k}"]) for k, v in base.items()}
    assert all(v for k, v in same.items() if not k.startswith("stage1.conv2"))
    assert same["stage1.conv2.weight"] is not tuned.kept


def test_targets_on_graphs(graph_network, tmp_path):
    out = tmp_path / "fixed.pt"
    data = load_data("max-degree:200")
    fixed = repprobe.fix(graph_network, data, clean=80, out=out)
    assert fixed.probe == "ridge"
    assert fixed.classes == 0
    assert fixed.test.after[0] > fixed.test.before[0]
    assert fixed.written == out
    found = scores_of([load_model(out)], data)[:, 0]
    truth = data.test.labels.reshape(-1)
    r2 = 1 - ((found - truth) ** 2).mean() / truth.var()
    assert r2 == pytest.approx(fixed.test.after[0], abs=1e-4)


def test_the_same_call_gives_the_same_file(digits, tmp_path):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name[0]).mkdir()
        repprobe.fix(
            NOISY, digits, clean=60, cut="average", force=True, out=tmp_path / name[0] / "f.pt"
        )
    a, b = (torch.load(tmp_path / n / "f.pt", weights_only=True)["state_dict"] for n in "ab")
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_networks_in_memory_stay_as_they_are(digits):
    model = load_model(NOISY)
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    fixed = repprobe.fix(model, digits, clean=60, cut="average", force=True)
    assert fixed.written is None
    assert all(torch.equal(v, before[k]) for k, v in model.module.state_dict().items())
    assert not model.module.training


def test_a_module_in_memory_is_written_with_its_own_keys(digits, tmp_path):
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)
    )
    fixed = repprobe.fix(net, digits, clean=100, probe="ridge", cut="2", out=tmp_path / "f.pt")
    assert fixed.written is not None
    entries = torch.load(tmp_path / "f.pt", weights_only=True)["state_dict"]
    assert net.load_state_dict(entries, strict=True)
    assert accuracy([replace(fixed.models[0], module=net)], digits) == fixed.test.after[0]


def test_the_user_is_told_that_the_network_has_seen_the_clean_examples(digits):
    fixed = repprobe.fix(NOISY, digits, clean=60, cut="average")
    assert any("60 of 60 clean labels are of examples" in note for note in fixed.notes)


def test_bad_input_is_refused_before_anything_is_written(digits, tmp_path, one_line):
    source = tmp_path / "net.pt"
    source.write_bytes(NOISY.read_bytes())
    before = digest(source)
    link = tmp_path / "link.pt"
    link.symlink_to(source)
    for out in (source, link):
        with pytest.raises(UsageError) as caught:
            repprobe.fix(source, digits, clean=60, out=out)
        one_line(caught, out, "is the input")
    with pytest.raises(OutputError) as caught:
        repprobe.fix(source, digits, out=tmp_path / "missing" / "f.pt")
    one_line(caught, "there is no folder")
    with pytest.raises(UnknownNameError) as caught:
        repprobe.fix(source, digits, clean=60, cut="stage1.rellu2", out=tmp_path / "f.pt")
    one_line(caught, "stage1.relu2")
    with pytest.raises(UsageError) as caught:
        repprobe.fix(source, digits, clean=60, probe="knn")
    one_line(caught, "knn")
    with pytest.raises(UsageError) as caught:
        repprobe.fix(source, digits, clean=5000)
    one_line(caught, "1438")
    with pytest.raises(UnknownNameError) as caught:
        repprobe.fix(source, digits, cleen=60)
    one_line(caught, "clean")
    with pytest.raises(UsageError) as caught:
        repprobe.fix(source, digits, clean=60, own_labels=100_000)
    one_line(caught, "100,000")
    with pytest.raises(UnknownNameError) as caught:
        repprobe.fix(source, digits, clean=60, cut="average", then="finetune", blocks=["stag1.*"])
    one_line(caught, "block", "stage1")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.pt", "net.pt"]
    assert digest(source) == before


def test_blocks_after_the_cut_are_told_from_unknown_ones(digits, one_line):
    with pytest.raises(UsageError) as caught:
        repprobe.fix(
            NOISY, digits, clean=60, cut="stage1.relu2", then="finetune", blocks=["stage2.*"]
        )
    one_line(caught, "stage2.relu2 lie after the cut 'stage1.relu2'", "up to it are", "stage1.relu")


def test_a_safetensors_file_takes_a_cut_that_keeps_the_form(digits, tmp_path, one_line):
    source, out = tmp_path / "net.safetensors", tmp_path / "fixed.safetensors"
    save_file(load_model(NOISY).module.state_dict(), source)
    fixed = repprobe.fix(source, digits, clean=60, out=out, force=True)
    assert fixed.cut.layer == "average"
    assert any("the cut is 'average', which keeps it" in note for note in fixed.notes)
    assert load_file(out).keys() == load_file(source).keys()
    out.unlink()
    with pytest.raises(UsageError) as caught:
        repprobe.fix(source, digits, clean=60, out=out, cut="stage1.relu1", progress=no_capture)
    one_line(caught, out, "'stage1.relu1' does not keep", "fixed.pt", "'average'")
    with pytest.raises(UsageError) as caught:
        repprobe.fix(NOISY, digits, clean=60, out=out, progress=no_capture)
    one_line(caught, out, "is a torch file", ".pt")
    assert not out.exists()


def no_capture(stage, done, total):
    """Fail where a network is run over the data, but for finding out what it is."""
    assert stage == "recognize"


def test_clean_labels_that_overlap_the_test_part_are_refused(digits, one_line):
    data = replace(digits, test=digits.train)
    with pytest.raises(UsageError) as caught:
        repprobe.fix(NOISY, data, clean=60)
    one_line(caught, "60 of the 60 clean examples")


def test_two_networks_that_are_not_alike_are_refused(two_networks, digits, one_line):
    one, other = load_networks(two_networks)
    with pytest.raises(UsageError) as caught:
        repprobe.fix([one, load_model(NOISY)], digits, clean=60)
    one_line(caught, one.name, "noisy-digits", "different architectures")
    scaled = replace(other, preprocessing=Preprocessing.parse("0.5/0.25"))
    with pytest.raises(UsageError) as caught:
        repprobe.fix([one, scaled], digits, clean=60)
    one_line(caught, f"the preprocessing {one.preprocessing.name}", "0.5/0.25")
    with pytest.raises(UsageError) as caught:
        repprobe.fix([two_networks, NOISY], digits, clean=60)
    one_line(caught, "not 3")


def test_labels_that_are_too_few_for_fine_tuning_are_refused(graph_network, one_line):
    data = load_data("max-degree:200")
    with pytest.raises(UsageError) as caught:
        repprobe.fix(graph_network, data, clean=4, then="finetune", cut="*", width=8)
    one_line(caught, "4 clean labels are too few for --then finetune")


def test_a_network_for_other_classes_is_refused(digits, one_line):
    few = replace(digits, classes=digits.classes[:5])
    with pytest.raises(UsageError) as caught:
        repprobe.fix(NOISY, few, clean=60)
    one_line(caught, "puts out 10 values")


def test_an_answer_that_is_no_number_is_a_wrong_one(digits):
    model = load_model(NOISY)
    with torch.no_grad():
        model.module.linear.bias[0] = torch.nan
    fixed = repprobe.fix(model, digits, clean=100, cut="stage1.relu2", probe="ridge", width=64)
    assert fixed.test.before[0] == fixed.held_out.before[0] == 0
    assert fixed.refusal is None
    assert fixed.test.after[0] > 0.5

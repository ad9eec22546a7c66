"""`repprobe fix` as a user calls it."""

import json
from pathlib import Path

import pytest
import torch

from repprobe import zoo
from repprobe.repair.export import NOTE
from repprobe.runs import read_run

NOISY = Path(__file__).resolve().parents[2] / "examples" / "noisy-digits.pt"
ASK = ("fix", NOISY, "--data", "digits")
QUICK = ("--probe", "ridge", "--width", 64)


def test_the_table_and_the_file(repprobe, tmp_path):
    result = repprobe(*ASK, *QUICK, "--clean", 200, "--cut", "stage1.relu*", "-o", "fixed.pt")
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].startswith("noisy-digits: zoo:small-cnn")
    assert "of bootstrap samples the best layer" in lines[1]
    decides = next(line for line in lines if line.endswith("decides"))
    assert decides.startswith("200 clean labels, cross-validated")
    assert "fixed.pt: the fixed network, which repprobe.load opens" in result.out
    assert "Next: repprobe layers fixed.pt --data digits" in result.out
    assert "200 of 200 clean labels are of examples the network was trained on" in result.err
    assert (tmp_path / "fixed.pt").is_file()
    following = repprobe(
        *("layers", "fixed.pt", "--data", "digits", "--clean", 60, *QUICK, "-o", "run")
    )
    assert following.status == 0, following.err


def test_the_gain_is_printed_before_anything_is_written(repprobe, tmp_path, monkeypatch, capsys):
    from repprobe.repair import verb

    write, printed = verb.write, []

    def watched(*arguments):
        assert not list(tmp_path.iterdir())
        printed.append(capsys.readouterr().out)
        write(*arguments)

    monkeypatch.setattr(verb, "write", watched)
    result = repprobe(*ASK, *QUICK, "--clean", 200, "--cut", "stage1.relu2", "-o", "fixed.pt")
    assert result.status == 0, result.err
    (before,) = printed
    assert next(line for line in before.splitlines() if line.endswith("decides"))
    assert "On the test part it goes from" in before
    assert "fixed.pt" not in before
    assert result.out.strip().startswith("fixed.pt: the fixed network")


def test_without_a_gain_nothing_is_written(repprobe, tmp_path):
    ask = (*ASK, "--clean", 60, "--cut", "linear", "-o", "fixed.pt")
    result = repprobe(*ask)
    assert result.status == 2
    assert "60 clean labels, cross-validated" in result.out
    assert "A logistic probe on the raw input gives" in result.out
    last = result.err.splitlines()[-1]
    assert last.startswith("repprobe: nothing was written: ")
    assert last.endswith("--force writes it all the same.")
    assert not list(tmp_path.iterdir())
    told = repprobe(*ask, "--json")
    assert told.status == 2
    found = json.loads(told.out)
    assert found["written"] is False
    assert found["refusal"] in last
    assert not list(tmp_path.iterdir())
    forced = repprobe(*ask, "--force")
    assert forced.status == 0
    assert "in the form of the file it came from" in forced.out
    assert (tmp_path / "fixed.pt").is_file()


def test_json_is_all_that_stdout_holds(repprobe):
    result = repprobe(*ASK, *QUICK, "--clean", 200, "--cut", "stage1.relu2", "-o", "f.pt", "--json")
    assert result.status == 0, result.err
    found = json.loads(result.out)
    assert found["written"] is True
    assert found["cut"]["layer"] == "stage1.relu2"
    assert found["held_out"]["gain"]["low"] > 0
    assert found["test"]["after"]["value"] > found["test"]["before"]["value"]
    assert found["models"][0]["sha256"]
    assert found["command"][:2] == ["repprobe", "fix"]


def test_a_budget_writes_a_run_and_no_network(repprobe, tmp_path):
    result = repprobe(*ASK, *QUICK, "--cut", "stage1.relu2", "--budget", "5,20", "--seeds", 2)
    assert result.status == 0, result.err
    assert "labels per class" in result.out
    assert "network itself" in result.out
    folder = tmp_path / "runs" / "noisy-digits-digits-budget"
    assert read_run(folder).scores.budgets == [50, 200]
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]
    told = repprobe(*ASK, *QUICK, "--cut", "stage1.relu2", "--budget", "5", "-o", "b", "--json")
    found = json.loads(told.out)
    assert found["budgets"][0]["per_class"] == 5
    assert {f["clean_labels"] for f in found["figures"]} == {0, 50}


def test_what_a_program_takes_is_told(repprobe, tmp_path):
    ask = (*ASK, *QUICK, "--clean", 200, "--cut", "stage1.relu2", "--export", "f.pt2")
    takes = "float32 inputs (n, 1, 8, 8) with values as in the data, 0…16, preprocessing inside"
    result = repprobe(*ask)
    assert result.status == 0, result.err
    assert f"f.pt2: a program that runs without repprobe; it takes {takes}." in result.out
    assert "Next:" not in result.out
    found = json.loads(repprobe(*ask, "--json").out)
    assert found["program_inputs"] == takes
    extra = {NOTE: ""}
    torch.export.load(tmp_path / "f.pt2", extra_files=extra)
    assert json.loads(extra[NOTE])["input"] == takes


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        ("average", "--arch nets.py:build --arch-arg width=8 --preprocess 0.5/0.25"),
        ("stage1.relu2", "--arch nets.py:build --arch-arg width=8"),
    ],
)
def test_the_next_command_has_what_the_file_lacks(repprobe, tmp_path, cut, told):
    (tmp_path / "nets.py").write_text(
        "from repprobe import zoo\n"
        "def build(width):\n"
        "    return zoo.build('small-cnn', num_classes=10, in_channels=1, width=width)\n"
    )
    torch.manual_seed(0)
    net = zoo.build("small-cnn", num_classes=10, in_channels=1, width=8)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    options = ("--arch", "nets.py:build", "--arch-arg", "width=8", "--preprocess", "0.5/0.25")
    result = repprobe(
        *("fix", "net.pt", "--data", "digits", *QUICK, "--clean", 200, "--cut", cut, "--force"),
        *(*options, "-o", "f.pt"),
    )
    assert result.status == 0, result.err
    following = result.out.splitlines()[-1]
    assert following == f"Next: repprobe layers f.pt --data digits {told}"
    words = following.removeprefix("Next: repprobe ").split()
    again = repprobe(*words, "--list")
    assert again.status == 0, again.err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--clean", "60"), "-o fixed.pt"),
        (("--clean", "60", "-o", NOISY), "is the input"),
        (("--clean", "60", "-o", "f.pt", "--cut", "stage1.rellu1"), "stage1.relu1"),
        (("--clean", "60,70", "-o", "f.pt"), "--budget"),
        (("--clean", "10", "-o", "f.pt"), "two per class"),
        (("--clean", "60", "-o", "no/f.pt"), "no folder 'no'"),
        (("--clean", "60", "-o", "."), "is a folder"),
        (("--clean", "60", "-o", "f.pt", "--export", "f.pt"), "is the checkpoint to be written"),
        (("--clean", "60", "-o", "f.pt", "--probe", "knn"), "knn"),
        (("--clean", "60", "-o", "f.pt", "--then", "prune"), "the only step is finetune"),
        (("--clean", "60", "-o", "f.safetensors"), "is a torch file"),
        (("--clean", "60", "-o", "f.pt", "--blocks", "stage1.*"), "--then finetune"),
        (("--clean", "60", "-o", "f.pt", "--seeds", "3"), "--budget"),
        (("--budget", "5,x"), "5,x"),
        (("--budget", "5", "--export", "f.pt2"), "--export"),
        (("--budget", "1000"), "1,438"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(repprobe, tmp_path, options, named):
    result = repprobe(*ASK, *options)
    assert result.status == 2
    assert result.out == ""
    assert named in result.err.splitlines()[-1]
    assert len(result.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())

"""The picture files of a run."""

from __future__ import annotations

import errno
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import pytest
from PIL import Image
from score_builders import (
    CIFAR10,
    RESNET20,
    alike,
    build,
    damaged,
    deep,
    memorized,
    over_budgets,
    together,
)

from repprobe.diagnosis import Diagnosis
from repprobe.errors import DataError, OutputError
from repprobe.probes.scores import Scores
from repprobe.report import LayerHeatmap, save_budget, save_figures, style

NAMES = ["heatmap.png", "heatmap.svg", "profile.png", "profile.svg"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "new" / "folder"
    assert [path.name for path in save_figures(build(), folder, verdict="All is well.")] == NAMES
    return folder


def test_the_files_are_there_and_no_others(folder):
    assert sorted(path.name for path in folder.iterdir()) == NAMES


def test_several_budgets_have_a_picture_of_their_own(tmp_path):
    paths = save_figures(over_budgets(build(), 100, 5000), tmp_path / "a")
    assert [path.name for path in paths] == [*NAMES, "budgets.png", "budgets.svg"]
    again = save_figures(over_budgets(build(), 100, 5000), tmp_path / "b")
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]


def test_there_is_a_picture_for_whatever_has_rows(tmp_path):
    scores = together(damaged(model="net"), memorized(model="net"), alike(model="net"))
    diagnosis = Diagnosis("net", None, None, references=("clean twin",), onset="layer2.2")
    figures = [save_figures(scores, tmp_path / name, diagnoses=[diagnosis]) for name in ("a", "b")]
    stems = ["heatmap", "profile", "damage", "memorization", "similarity"]
    assert [p.name for p in figures[0]] == [f"{s}.{k}" for s in stems for k in ("png", "svg")]
    assert [p.read_bytes() for p in figures[0]] == [p.read_bytes() for p in figures[1]]
    picture = (tmp_path / "a" / "damage.svg").read_text(encoding="utf-8")
    assert "reference: clean twin" in picture
    assert "begins" in picture


def test_models_without_a_diagnosis_stand_apart(tmp_path, monkeypatch):
    told = {}
    whole = LayerHeatmap.from_scores.__func__

    def spy(cls, scores, **given):
        told.update(given)
        return whole(cls, scores, **given)

    monkeypatch.setattr(LayerHeatmap, "from_scores", classmethod(spy))
    scores = together(damaged(model="a"), damaged(model="b", with_reference=False))
    diagnoses = [Diagnosis(name, None, None) for name in "ab"]
    save_figures(scores, tmp_path, diagnoses=diagnoses, epochs={"a": 1, "b": 2})
    assert told == {"references": ["clean twin"], "epochs": {"a": 1, "b": 2}}
    save_figures(scores, tmp_path)
    assert told == {"references": [], "epochs": None}


def fixed(*budgets):
    return over_budgets(build({"fixed": 0.75, "output": 0.61}, CIFAR10), *budgets)


def test_a_fix_is_drawn_against_labels_per_class(tmp_path):
    paths = save_budget(fixed(100, 500, 5000), tmp_path, classes=10, verdict="Buy 50.")
    assert [path.name for path in paths] == ["budgets.png", "budgets.svg"]
    texts = {
        "".join(node.itertext()).strip()
        for node in ET.fromstring(paths[1].read_text(encoding="utf-8")).iter()
    }
    wanted = {"10", "50", "500", "Clean labels per class", "fixed network", "network as it was"}
    assert wanted | {"Buy 50."} <= texts


def test_a_fix_of_a_regression_is_drawn_against_labels_in_all(tmp_path):
    scores = over_budgets(build({"fixed": 0.7, "output": 0.6}, [], metric="r2"), 100, 1000)
    _, drawn = save_budget(scores, tmp_path)
    assert ">Clean labels<" in drawn.read_text(encoding="utf-8")


def test_a_single_budget_makes_no_curve(tmp_path):
    assert save_budget(fixed(100), tmp_path / "new", classes=10) == []
    assert not (tmp_path / "new").exists()


def test_the_same_scores_give_the_same_bytes_through_csv_as_well(folder, tmp_path):
    read = Scores.from_csv(build().to_csv())
    for path in save_figures(read, tmp_path, verdict="All is well."):
        assert path.read_bytes() == (folder / path.name).read_bytes()


@pytest.mark.parametrize("name", ["heatmap.svg", "profile.svg"])
def test_text_in_svg_stays_text_and_has_no_date(folder, name):
    source = (folder / name).read_text(encoding="utf-8")
    texts = {"".join(node.itertext()).strip() for node in ET.fromstring(source).iter()}
    assert {*RESNET20, "resnet20-cifar10", "All is well."} <= texts
    if name == "heatmap.svg":
        assert {*CIFAR10, "83.6", "Test accuracy (%)"} <= texts
    assert "dc:date" not in source


def test_pictures_are_sharp_at_column_width(folder):
    for name in ("heatmap.png", "profile.png"):
        with Image.open(folder / name) as picture:
            assert round(picture.info["dpi"][0]) == style.DPI
            assert 3 < picture.width / style.DPI < 5.5


def test_150_layers_give_no_giant_file(tmp_path):
    for path in save_figures(build(deep(150), []), tmp_path):
        assert path.stat().st_size < 3_000_000
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert max(picture.size) <= style.LONGEST_SIDE


@pytest.mark.parametrize("inches", [3, 20, 40, 100, 1000, 5000])
def test_the_longest_side_stays_within_what_can_be_drawn(inches):
    dpi = style.resolution(4, inches)
    assert dpi <= style.DPI
    assert inches * dpi < 2**16
    assert inches * dpi <= style.LONGEST_SIDE or dpi <= 100


def test_a_folder_that_is_a_file_is_an_error_of_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match=r"cannot be written to '.*taken'") as caught:
        save_figures(build(deep(1), []), tmp_path / "taken")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_an_error_of_one_line(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device; choose another folder"):
        save_figures(build(deep(1), []), tmp_path)


def test_nothing_is_written_if_there_is_nothing_to_draw(tmp_path):
    with pytest.raises(DataError):
        save_figures(Scores(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_saving_leaves_settings_and_backend_alone(tmp_path):
    with mpl.rc_context({"svg.fonttype": "path", "savefig.bbox": "tight"}):
        before = dict(mpl.rcParams)
        first = save_figures(build(deep(2), []), tmp_path / "a")
        assert dict(mpl.rcParams) == before
    second = save_figures(build(deep(2), []), tmp_path / "b")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_importing_the_room_loads_no_plotting_library():
    code = (
        "import sys, repprobe.report; "
        "print(sorted({'matplotlib', 'seaborn', 'pandas', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_drawing_opens_no_window_and_needs_no_torch(tmp_path):
    csv = tmp_path / "scores.csv"
    csv.write_text(build(deep(2), []).to_csv())
    code = (
        "import sys, pathlib; from repprobe.probes.scores import Scores; "
        "from repprobe.report import save_figures; "
        f"folder = pathlib.Path({str(tmp_path)!r}); "
        "save_figures(Scores.from_csv((folder / 'scores.csv').read_text()), folder); "
        "from matplotlib import pyplot; "
        "print(pyplot.get_fignums(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"
    assert done.stderr == ""

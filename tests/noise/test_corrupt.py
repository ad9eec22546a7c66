"""Laws are read from text, refuse what makes no sense, and give the same labels for ever."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from made_labels import CIFAR10, made, made_targets

from repprobe import noise
from repprobe.data import load_data
from repprobe.errors import DataError, UsageError
from repprobe.noise import corrupt, forms, names, parse

INPUTS = (np.arange(24 * 6) * 37 % 256).reshape(24, 6).astype(np.float32)
DATA = made(np.arange(24) % 10, CIFAR10, inputs=INPUTS, unit=255.0)
TARGETS = made_targets(np.arange(6) * 10)

# Written down once: a change here changes every stored model with these laws.
PINNED = {
    "uniform:0.5": "238545678903532667115023",
    "symmetric:0.5": "015945773911354561690753",
    "flipped:0.5": "010575678101037367890103",
    "flipped:blocks:0.5": "113405689501330667890233",
    "flipped:ship>frog,0>1:0.5": "112345676901234567890123",
    "pair:0.5": "112456689002244668800233",
    "instance:0.5": "213275671171233599190122",
}
PINNED_MATRIX = "790241762544881317508265"
PINNED_OTHER_FUNCTION = "987644378901765567809126"
PINNED_TARGETS = {
    "gaussian:10,15:0.7": [
        *(-13.074423065359454, 13.595454109015037, 32.519113074525855),
        *(50.795086309545944, 27.870664558877195, 75.61146630687448),
    ],
    "gamma:2,15:0.7": [
        *(20.594461207230395, 12.403191839244405, 36.080931961348696),
        *(30.0, 38.16868425182291, 50.0),
    ],
    "student-t:0.7": [
        *(0.0, 14.464721668959811, 19.323872461571522),
        *(32.96314213454994, 41.809670400230054, 49.16568585663046),
    ],
    "student-t:3,2:0.7": [
        *(0.0, 13.986015837644242, 18.90294759307534),
        *(33.20654768148609, 42.36973169045293, 48.6833734863496),
    ],
}


def digits(noisy):
    return "".join(map(str, noisy.labels))


@pytest.mark.parametrize("law", PINNED)
def test_classes_are_the_same_in_every_version(law):
    assert digits(corrupt(law, DATA, seed=3)) == PINNED[law]


def test_uniform_noise_is_that_of_the_first_version():
    noisy = corrupt("uniform:0.5", made(np.arange(12) % 10), seed=3)
    assert noisy.labels.tolist() == [3, 9, 0, 2, 4, 5, 2, 7, 8, 9, 0, 5]


def test_the_other_function_of_the_input_is_taken_in_the_same_places_in_every_version():
    data = replace(DATA, instance_labels=9 - DATA.train.labels)
    assert digits(corrupt("instance:0.5", data, seed=3)) == PINNED_OTHER_FUNCTION


@pytest.mark.parametrize("law", PINNED_TARGETS)
def test_targets_are_the_same_in_every_version(law):
    expected = np.array(PINNED_TARGETS[law])
    assert corrupt(law, TARGETS, seed=3).labels == pytest.approx(expected, rel=1e-12)


def test_a_matrix_from_a_file_is_the_same_in_every_version(tmp_path):
    np.save(tmp_path / "matrix.npy", np.full((10, 10), 0.1))
    noisy = corrupt(f"matrix:{tmp_path / 'matrix.npy'}", DATA, seed=3)
    assert digits(noisy) == PINNED_MATRIX


def test_every_law_is_in_the_table_of_the_documentation():
    for form in forms():
        head = form.partition(":")[0]
        assert f"`{head}:" in noise.__doc__ or f"`{head}`" in noise.__doc__
    assert [n for n in names() if not any(f.partition(":")[0] == n for f in forms())] == []


def test_forms_by_task():
    assert "uniform:R" in forms("classification")
    assert "uniform:R" not in forms("regression")
    assert {"none", "instance:R", "file:FILE", "student-t:R"} <= set(forms("regression"))
    assert "gaussian:MEAN,STD:R" not in forms("classification")


def test_no_noise():
    for data in (DATA, TARGETS):
        noisy = corrupt("none", data)
        assert noisy.rate == 0
        assert noisy.labels.dtype == data.train.labels.dtype


@pytest.mark.parametrize(
    ("law", "message"),
    [
        (
            "unifrom:0.4",
            "no noise law is named 'unifrom'; did you mean uniform.* The laws are none,",
        ),
        ("", "no noise law is named ''"),
        ("0.4", "no noise law is named '0.4'"),
        ("clean", "no noise law is named 'clean'"),
        ("Uniform:0.4", "did you mean uniform"),
        ("none:0.4", "it takes no argument; write none"),
        *(
            (law, rf"the rate R is missing; write {law.partition(':')[0]}:R")
            for name in ("uniform", "symmetric", "flipped", "pair", "instance")
            for law in (name, f"{name}:")
        ),
        *(
            (f"{name}:{rate}", f"must lie between 0 and 1, not {rate}")
            for name in ("uniform", "symmetric", "flipped", "pair", "instance")
            for rate in ("1.5", "-0.1", "40")
        ),
        *(
            (f"{name}:{rate}", f"the rate R must be a number, not '{rate}'")
            for name in ("uniform", "symmetric", "flipped", "pair", "instance")
            for rate in ("x", "40%", "nan", "inf")
        ),
        ("uniform:0.1:0.2", "'0.1' is one argument too many; write uniform:R"),
        ("uniform:0.1,0.2", "'0.1,0.2' must be a single number"),
        ("matrix", "the file is missing; write matrix:FILE"),
        ("gaussian", r"the rate R is missing; write gaussian:MEAN,STD:R\."),
    ],
)
def test_bad_laws_are_answered_in_one_line(law, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse(law)
    assert "\n" not in str(caught.value)


def test_a_law_for_another_task_is_answered_with_those_that_fit():
    with pytest.raises(UsageError, match=r"uniform noise is for classification, but 'made' is reg"):
        corrupt("uniform:0.4", TARGETS)
    with pytest.raises(UsageError, match=r"laws that fit: none, .*gamma:K,THETA:R"):
        corrupt("pair:0.4", TARGETS)
    with pytest.raises(
        UsageError, match=r"gaussian noise is for regression.* fit: none, uniform:R"
    ):
        corrupt("gaussian:0,1:0.4", DATA)


def test_a_negative_seed_is_refused():
    for law, data in [("uniform:0.4", DATA), ("instance:0.4", DATA), ("gamma:1,1:1", TARGETS)]:
        with pytest.raises(UsageError, match="seed is -1; it has to be 0 or more"):
            corrupt(law, data, seed=-1)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1, 0, 0], [0.5, 0.4, 0], [0, 0, 1]], r"row 1 \(true class dog\) .* sums to 0\.9;"),
        ([[1, 0, 0], [0, 1, 0], [-0.5, 0.5, 1]], r"row 2 \(true class fish\) .* holds -0\.5;"),
        ([[1, 0, 0], [0, np.nan, 1], [0, 0, 1]], r"row 1 .* holds nan"),
        ([[1, 0, 0], [0, 1, 2e-4], [0, 0, 1]], r"row 1 .* sums to 1\.0002;"),
        (np.eye(4), r"has shape \(4, 4\), but there are 3 classes; it must be 3 × 3"),
        (np.ones(3), r"has shape \(3,\)"),
        (np.array([["a"] * 3] * 3), "it must hold numbers"),
    ],
)
def test_bad_matrices(tmp_path, matrix, message):
    np.save(tmp_path / "matrix.npy", np.array(matrix))
    data = made([0, 1, 2], ["cat", "dog", "fish"])
    with pytest.raises(DataError, match=message):
        corrupt(f"matrix:{tmp_path / 'matrix.npy'}", data)


def test_bad_matrix_files(tmp_path):
    data = made([0, 1], 2)
    file = tmp_path / "matrix.csv"
    for content, message in [
        ("1,0\n0,x", "row 1 of .* holds 'x', which is no number"),
        ("1,0\n0,0,1", "row 1 of .* has 3 numbers, row 0 has 2"),
        ("a,b\n1,0\n0,1", "row 0 of .* holds 'a'"),
    ]:
        file.write_text(content)
        with pytest.raises(DataError, match=message):
            corrupt(f"matrix:{file}", data)
    with pytest.raises(DataError, match=r"did you mean matrix\.csv"):
        corrupt(f"matrix:{tmp_path / 'matrx.csv'}", data)
    with pytest.raises(DataError, match=r"is no \.npy, \.npz or \.csv file"):
        corrupt(f"matrix:{tmp_path / 'matrix.txt'}", data)


def test_a_sum_within_the_tolerance_is_taken(tmp_path):
    np.save(tmp_path / "matrix.npy", np.array([[1 - 5e-5, 0], [0.5, 0.5]]))
    noisy = corrupt(f"matrix:{tmp_path / 'matrix.npy'}", made(np.arange(1000) % 2, 2))
    assert noisy.labels.max() == 1
    assert (noisy.labels[::2] == 0).all()


def test_importing_the_room_imports_neither_torch_nor_scipy():
    code = "import sys, repprobe.noise; print('torch' in sys.modules, 'scipy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["False", "False"]


def test_data_may_be_named(tmp_path):
    named = corrupt("symmetric:0.4", "digits", seed=2)
    assert len(named.labels) > 1000
    assert 0.3 < named.rate < 0.5
    again = corrupt("symmetric:0.4", load_data("digits"), seed=2)
    assert np.array_equal(named.labels, again.labels)
    with pytest.raises(DataError, match="there is no file"):
        corrupt("symmetric:0.4", tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("law", "data", "kwargs", "message"),
    [
        (0.4, DATA, {}, "a noise law is text such as 'symmetric:0.4', not float."),
        ("pair:0.4", INPUTS, {}, "or a repprobe.Data, not ndarray."),
        ("pair:0.4", None, {}, "or a repprobe.Data, not NoneType."),
        ("pair:0.4", DATA, {"seed": -1}, "the seed is -1; it has to be 0 or more."),
        ("pair:0.4", DATA, {"seed": "a"}, "the seed must be a whole number, 0 or more, not 'a'."),
        ("pair:0.4", DATA, {"rows": [3, 24]}, "row 24 is asked for, but the training part has"),
        ("pair:0.4", DATA, {"rows": np.array([-1])}, "row -1 is asked for"),
        ("pair:0.4", DATA, {"rows": np.array([0.5])}, "from 0 to 23, not ndarray of float64."),
        ("pair:0.4", DATA, {"rows": "all"}, "whole numbers from 0 to 23, not str."),
        ("pair:0.4", DATA, {"rows": [[1], [2, 3]]}, "from 0 to 23, not list."),
        ("pair:0.4", DATA, {"rows": 3}, "from 0 to 23, not int."),
        ("pair:0.4", DATA, {"rows": np.ones(24, bool)}, "not ndarray of bool."),
    ],
)
def test_arguments_of_another_kind_are_one_line(law, data, kwargs, message):
    with pytest.raises(UsageError) as caught:
        corrupt(law, data, **kwargs)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_may_be_a_list():
    assert corrupt("pair:0.5", DATA, rows=[3, 1]).clean.tolist() == [3, 1]

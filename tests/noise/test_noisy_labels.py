"""What the noise did: rate, transition matrix, mutual information."""

import numpy as np
import pytest
from made_labels import made, made_targets

from repprobe.noise import NoisyLabels, corrupt


def of(clean, labels, classes):
    return NoisyLabels("none", 0, np.array(clean), np.array(labels), classes)


def test_rate_and_transition_are_counted():
    noisy = of([0, 0, 0, 0, 1, 1], [0, 1, 1, 2, 1, 1], 3)
    assert noisy.rate == 0.5
    expected = [[0.25, 0.5, 0.25], [0, 1, 0], [0, 0, 1]]
    assert noisy.transition.tolist() == expected


def test_the_rate_of_targets_counts_examples():
    assert of([[0.0, 1.0], [2.0, 3.0]], [[0.0, 1.5], [2.0, 3.0]], 0).rate == 0.5


def test_mutual_information_of_classes_is_that_of_sklearn():
    from sklearn.metrics import mutual_info_score

    noisy = corrupt("uniform:0.6", made(np.arange(5000) % 7, 7))
    expected = mutual_info_score(noisy.clean, noisy.labels)
    assert noisy.mutual_information == pytest.approx(expected, abs=1e-12)


def test_mutual_information_ends():
    data = made(np.arange(10_000) % 4, 4)
    assert corrupt("none", data).mutual_information == pytest.approx(np.log(4))
    assert corrupt("pair:1", data).mutual_information == pytest.approx(np.log(4))
    assert corrupt("uniform:1", data).mutual_information == pytest.approx(0, abs=2e-3)


def test_mutual_information_of_gaussian_targets():
    clean = np.random.default_rng(0).normal(0, 3, 3000)
    noisy = corrupt("gaussian:5,4:1", made_targets(clean))
    channel = 0.5 * np.log(1 + 9 / 16)
    assert noisy.mutual_information == pytest.approx(channel, abs=0.05)
    assert noisy.mutual_information == noisy.mutual_information


def test_mutual_information_of_targets_falls_with_the_rate():
    data = made_targets(np.arange(1500) % 30)
    found = [corrupt(f"gaussian:0,40:{r}", data).mutual_information for r in (0, 0.5, 1)]
    assert found[0] == pytest.approx(np.log(30), abs=0.1)
    assert found[0] > found[1] + 0.5 > found[2] + 1


def test_mutual_information_of_several_targets_is_summed():
    clean = np.random.default_rng(0).normal(size=(500, 2))
    both = corrupt("gaussian:0,1:1", made_targets(clean))
    single = [
        NoisyLabels("none", 0, both.clean[:, j], both.labels[:, j], 0).mutual_information
        for j in (0, 1)
    ]
    assert both.mutual_information == pytest.approx(sum(single))
    assert np.isnan(of([1.0], [2.0], 0).mutual_information)


@pytest.mark.parametrize("law", ["symmetric:0.4", "pair:0.3", "uniform:0.7", "flipped:0>2:0.5"])
def test_cleanlab_makes_the_same_noise_from_the_same_matrix(law):
    generation = pytest.importorskip("cleanlab.benchmarking.noise_generation")
    name, rate = law.split(":")[0], float(law.split(":")[-1])
    eye = np.eye(5)
    matrix = {
        "symmetric": (1 - rate) * eye + rate / 4 * (1 - eye),
        "pair": (1 - rate) * eye + rate * np.roll(eye, 1, axis=1),
        "uniform": (1 - rate) * eye + rate / 5,
        "flipped": eye + rate * (np.outer(eye[0], eye[2] - eye[0])),
    }[name]
    clean = np.arange(50_000) % 5
    ours = corrupt(law, made(clean, 5))
    # Its matrix has a column for each true class, and it flips exact shares of a class.
    theirs = of(clean, generation.generate_noisy_labels(clean, matrix.T), 5)
    error = np.sqrt(matrix * (1 - matrix) / 10_000) + 1e-4
    assert (np.abs(ours.transition - theirs.transition) < 4.5 * error).all()
    assert ours.rate == pytest.approx(theirs.rate, abs=0.01)
    assert ours.mutual_information == pytest.approx(theirs.mutual_information, abs=0.02)


def test_cleanlab_follows_the_matrix_that_a_file_gives(tmp_path):
    generation = pytest.importorskip("cleanlab.benchmarking.noise_generation")
    matrix = np.array([[0.8, 0.2, 0.0], [0.1, 0.6, 0.3], [0.0, 0.45, 0.55]])
    np.save(tmp_path / "matrix.npy", matrix)
    clean = np.repeat([0, 1, 2], [6000, 12_000, 18_000])
    ours = corrupt(f"matrix:{tmp_path / 'matrix.npy'}", made(clean, 3))
    theirs = of(clean, generation.generate_noisy_labels(clean, matrix.T), 3)
    assert np.abs(ours.transition - theirs.transition).max() < 4.5 * np.sqrt(0.25 / 6000)

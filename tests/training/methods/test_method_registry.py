"""Names, hyper-parameters, and what is said of wrong ones; no torch before a method is built."""

import subprocess
import sys
from dataclasses import fields

import pytest

from repprobe.errors import UnknownNameError, UsageError
from repprobe.training.methods import build, for_task, names
from repprobe.training.methods.border import Method

USUAL = {
    "ce": {},
    "co-teaching": {"rate": None, "ramp": 10},
    "dividemix": {
        "warmup": 10,
        "threshold": 0.5,
        "temperature": 0.5,
        "alpha": 4.0,
        "lambda_u": 25.0,
        "ramp": 16,
        "averaged": 1,
        "asymmetric": False,
    },
    "elr": {"beta": 0.7, "lam": 3.0},
    "forward": {"transition": "estimated", "warmup": None, "percentile": None},
    "gce": {"q": 0.7},
    "mae": {},
    "mixup": {"alpha": 1.0},
    "mse": {},
    "sce": {"alpha": 0.1, "beta": 1.0},
}


def test_every_method_has_the_papers_values_and_the_task_of_its_class():
    assert names() == sorted(USUAL)
    for name, usual in USUAL.items():
        method = build(name)
        assert isinstance(method, Method) and method.name == name
        assert {f.name: getattr(method, f.name) for f in fields(method)} == usual
        assert name in for_task(method.task)
    assert for_task("regression") == ["mae", "mse"]
    assert len(for_task("classification")) + 2 == len(USUAL)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("gce", {"q": 0}, ["q of gce is 0", "above 0 and at most 1"]),
        ("gce", {"q": 1.1}, ["1.1"]),
        ("gce", {"q": "0.7"}, ["'0.7'", "number"]),
        ("gce", {"q": True}, ["True"]),
        ("gce", {"q": float("nan")}, ["nan"]),
        ("sce", {"alpha": -1}, ["alpha of sce is -1", "at least 0"]),
        ("sce", {"beta": None}, ["beta of sce"]),
        ("mixup", {"alpha": -0.1}, ["alpha of mixup"]),
        ("elr", {"beta": 1}, ["beta of elr is 1", "below 1"]),
        ("elr", {"lam": -1}, ["lam of elr"]),
        ("co-teaching", {"rate": 1.0}, ["rate of co-teaching", "below 1"]),
        ("co-teaching", {"ramp": 0}, ["ramp of co-teaching", "whole number, 1 or more"]),
        ("co-teaching", {"ramp": 2.5}, ["2.5"]),
        ("forward", {"transition": 3}, ["transition of forward is 3", "estimated"]),
        ("forward", {"warmup": 0}, ["warmup of forward"]),
        ("forward", {"percentile": 101}, ["percentile of forward", "at most 100"]),
        ("dividemix", {"asymmetric": 1}, ["asymmetric of dividemix", "True or False"]),
        ("dividemix", {"threshold": 1}, ["threshold"]),
        ("dividemix", {"temperature": 0}, ["temperature"]),
        ("dividemix", {"alpha": 0}, ["alpha"]),
        ("dividemix", {"lambda_u": -1}, ["lambda_u"]),
        ("dividemix", {"warmup": 0}, ["warmup"]),
        ("dividemix", {"ramp": 0}, ["ramp"]),
        ("dividemix", {"averaged": 0}, ["averaged"]),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(name, given, words):
    with pytest.raises(UsageError) as error:
        build(name, **given)
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_unknown_names_are_told_what_is_near():
    with pytest.raises(UnknownNameError, match="did you mean dividemix"):
        build("devidemix")
    with pytest.raises(UnknownNameError, match="did you mean lambda_u"):
        build("dividemix", lambda_v=25)
    with pytest.raises(UnknownNameError, match="It has none"):
        build("ce", q=0.7)


def test_the_names_need_no_torch():
    code = (
        "import sys; from repprobe.training.methods import names, for_task; names();"
        "for_task('regression'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

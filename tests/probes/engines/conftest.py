"""The engines that are held against scikit-learn's: on the CPU, and on CUDA where it is."""

import sys
from importlib.util import find_spec

import fake_cuml
import pytest
import torch

from repprobe.probes.engines import get_engine


def _torch():
    return get_engine("torch")


def _torch_on_cuda():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device: the torch engine is tested on the CPU only")
    return get_engine("torch", "cuda")


def _cuml():
    if not torch.cuda.is_available() or find_spec("cuml") is None:
        pytest.skip("no CUDA device, or no cuml: its engine is tested on a stand-in only")
    return get_engine("cuml", "cuda")


def _cuml_stand_in():
    with pytest.MonkeyPatch.context() as patch:
        for name, module in fake_cuml.modules().items():
            patch.setitem(sys.modules, name, module)
        patch.setattr(torch.cuda, "is_available", lambda: True)
        return get_engine("cuml", "cuda")


ENGINES = {
    "torch": _torch,
    "torch-cuda": _torch_on_cuda,
    "cuml": _cuml,
    "cuml-stand-in": _cuml_stand_in,
}


@pytest.fixture(scope="session", params=ENGINES)
def engine(request):
    """An engine other than scikit-learn's."""
    return ENGINES[request.param]()


@pytest.fixture(scope="session")
def reference():
    """scikit-learn's engine."""
    return get_engine("sklearn")


@pytest.fixture(scope="session", params=[*ENGINES, "sklearn"])
def one(request):
    """Any engine, scikit-learn's among them."""
    return ENGINES.get(request.param, lambda: get_engine("sklearn"))()

"""Surroundings of every test, and the real data where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture(autouse=True)
def clean_surroundings(tmp_path_factory, monkeypatch):
    """No data folder, no cache and no working directory of the user's reaches a test."""
    monkeypatch.delenv("REPPROBE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))


@pytest.fixture
def shared_data():
    """The folder with the real CIFAR-10."""
    if not (SHARED / "data" / "cifar10" / "train.parquet").exists():
        pytest.skip(f"no CIFAR-10 at {SHARED / 'data'}")
    return SHARED / "data"

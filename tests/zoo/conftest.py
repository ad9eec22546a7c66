"""Surroundings of the tests that load data."""

import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No data folder and no cache of the user's reaches a test."""
    monkeypatch.delenv("REPPROBE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

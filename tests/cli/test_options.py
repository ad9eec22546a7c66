"""Options that are read from text."""

from pathlib import Path

import pytest
from repprobe.cli.layers import default_folder
from repprobe.cli.options import parse_clean

from repprobe.errors import UsageError


@pytest.mark.parametrize(
    ("text", "budgets"),
    [
        (None, None),
        ("all", "all"),
        ("300", 300),
        ("5_000", 5000),
        ("100,1_000,all", (100, 1000, "all")),
        ("1000, 100", (1000, 100)),
    ],
)
def test_clean_labels_are_a_number_all_or_several(text, budgets):
    assert parse_clean(text) == budgets


@pytest.mark.parametrize("text", ["5,000", "many", "100,,200", "100,", "", "-5", "1.5", "All"])
def test_what_is_no_list_of_numbers_is_refused_and_named(text):
    with pytest.raises(UsageError, match=f"--clean takes whole numbers .*not '{text}'"):
        parse_clean(text)


def test_the_default_folder_has_a_name_that_every_system_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = default_folder([Path("nets/gnn.pt")], "max-degree:200")
    assert found == Path("runs/gnn-max-degree-200")

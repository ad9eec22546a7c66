"""The long table keeps its columns and survives a round trip."""

import math

import pytest

from repprobe.errors import DataError
from repprobe.probes.scores import COLUMNS, Score, Scores

ROW = Score(
    "net", "layer1.0", 1, 64, "logistic", 0.01, 500, 0, "test", "all", "accuracy", 0.5, 0.4, 0.6
)


def test_the_columns_are_the_contract():
    assert ",".join(COLUMNS) == (
        "model,layer,order,width,probe,regularization,clean_labels,seed,split,group,metric,"
        "value,low,high"
    )


def test_what_is_written_is_read_back():
    blank = Score("net", "output", 2, 10, "none", None, 0, "", "test", "all", "accuracy", math.nan)
    back = Scores.from_csv(Scores([ROW, blank]).to_csv())
    assert back.rows[0] == ROW
    assert back.rows[1].regularization is None
    assert math.isnan(back.rows[1].value)


def test_unknown_figures_are_empty_cells():
    text = Scores([Score("n", "l", 1, 2, "none", None, 0, "", "test", "all", "accuracy", math.nan)])
    assert text.to_csv().splitlines()[1] == "n,l,1,2,none,,0,,test,all,accuracy,,,"


def test_another_table_is_refused():
    with pytest.raises(DataError, match="not a table of scores"):
        Scores.from_csv("a,b\n1,2\n")


def test_the_summary_takes_the_row_over_all_draws_where_there_is_one():
    import dataclasses

    over = dataclasses.replace(ROW, seed="all", value=0.55)
    other = dataclasses.replace(ROW, layer="layer1.1")
    summary = Scores([ROW, over, other]).summary()
    assert [(r.layer, r.value) for r in summary] == [("layer1.0", 0.55), ("layer1.1", 0.5)]

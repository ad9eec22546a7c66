"""Tensors inside what networks put out."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from repprobe.capture.layer import member_name
from repprobe.capture.members import given, logits, member, members


class Pair(NamedTuple):
    x: torch.Tensor
    y: list


@dataclass
class Answer:
    loss: torch.Tensor | None
    logits: torch.Tensor


def test_every_member_is_found_at_any_depth_and_can_be_fetched():
    a, b, c = (torch.full((2,), float(i)) for i in range(3))
    output = {"one": Pair(a, [b, None]), 5: Answer(None, c), "text": "no tensor"}
    found = dict(members(output))
    assert [member_name("m", way) for way in found] == [
        'm["one"][0]',
        'm["one"][1][0]',
        'm[5]["logits"]',
    ]
    assert all(member(output, way) is tensor for way, tensor in found.items())


def test_a_member_that_is_gone_is_none():
    assert member((torch.zeros(1),), (1,)) is None
    assert member({"a": 1}, ("a",)) is None


def test_the_logits_come_before_other_outputs():
    x, y = torch.zeros(2, 3), torch.ones(2, 3)
    assert logits(Answer(x, y)) is y
    assert logits({"hidden": x, "logits": y}) is y


def test_the_first_scores_are_the_answer_where_nothing_is_called_logits():
    maps, scores = torch.zeros(2, 3, 4), torch.ones(2, 3)
    assert logits((maps, torch.zeros(2, 3, dtype=torch.long), scores)) is scores
    assert logits(maps) is None


def test_what_a_module_is_given_may_be_a_keyword():
    x = torch.zeros(2)
    assert given((), {"mask": None, "x": x}) is x
    assert given((1, "a"), {}) is None

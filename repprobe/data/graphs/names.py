"""The graph data sets that are known by name."""

from __future__ import annotations

TASKS = ("max-degree", "max-feature")
"""Generated tasks; `max-degree:2000` is one of 2,000 training graphs."""

NAMES = TASKS


def is_graph_name(text: str) -> bool:
    """Whether the text is the name of a graph data set, of a size or collection if it says one."""
    return text in NAMES or text.startswith(tuple(f"{task}:" for task in TASKS))

"""The graph data sets that are known by name."""

from __future__ import annotations

import re

TASKS = ("max-degree", "max-feature")
"""Generated tasks; `max-degree:2000` is one of 2,000 training graphs."""

COLLECTIONS = {
    name.lower(): name
    for name in (
        *("MUTAG", "PROTEINS", "ENZYMES", "NCI1", "DD"),
        *("IMDB-BINARY", "REDDIT-BINARY", "COLLAB"),
    )
}
"""Collections of the TU Dortmund; `tu:NAME` is any other."""

NAMES = (*TASKS, *COLLECTIONS)


def is_task(text: str) -> bool:
    """Tell whether the text names a generated task, whatever it says of its size."""
    return text.partition(":")[0] in TASKS


def collection_of(text: str) -> str | None:
    """Return the collection that the text names, as its makers spell it; None if it names none."""
    if text.lower() in COLLECTIONS:
        return COLLECTIONS[text.lower()]
    match = re.fullmatch(r"(?i:tu):([\w-]+)", text)
    return COLLECTIONS.get(match[1].lower(), match[1]) if match else None

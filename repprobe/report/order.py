"""Which models a picture is of, and in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def in_order(
    models: Sequence[str], references: Sequence[str], epochs: Mapping[str, int] | None
) -> tuple[list[str], bool]:
    """Return the models but the references, and whether they are in the order of epochs.

    If every model is a reference, all are returned. They are in the order of epochs where each
    has one and there are several.
    """
    found = [m for m in models if m not in references] or list(models)
    if len(found) > 1 and epochs is not None and all(m in epochs for m in found):
        return sorted(found, key=lambda model: epochs[model]), True
    return found, False

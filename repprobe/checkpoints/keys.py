"""The ways to read the keys of a state dict: prefixes off, foreign keys aside, old forms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_LEAST = 0.1
"""The share of all keys that a part of a state dict needs to be looked at as a network."""

_OLD_DENSENET = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)")
_OLD_NORM = {"gamma": "weight", "beta": "bias"}


@dataclass(frozen=True)
class View:
    """One way to read the keys of a state dict as those of a network.

    Attributes
    ----------
    prefix : what is taken off the keys, e.g. "module.".
    keys : the network's key → the key in the state dict, in the order of the file.
    left : keys of the state dict that are not the network's, e.g. ("criterion.weight",).
    merged : whether keys without the prefix belong to the network as they are, as those of a head
        beside a `backbone.` do.
    renamed : whether old forms of names were put into today's.
    """

    prefix: str
    keys: Mapping[str, str]
    left: tuple[str, ...] = ()
    merged: bool = False
    renamed: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences the user should be told."""
        said = []
        if self.prefix:
            where = " where it stands" if self.merged else ""
            said.append(f"The prefix '{self.prefix}' was taken off the keys{where}.")
        if self.left:
            shown = ", ".join(self.left[:3]) + (", …" if len(self.left) > 3 else "")
            count = len(self.left)
            said.append(
                f"{count} {'key is' if count == 1 else 'keys are'} no part of the network "
                f"({shown})."
            )
        if self.renamed:
            said.append("Keys of an older version of the library were put into today's names.")
        return tuple(said)


def wrapper_prefixes(keys: Iterable[str]) -> list[str]:
    """Return "", then every prefix of whole names that all keys share, the shortest first.

    DataParallel (`module.`), torch.compile (`_orig_mod.`), Lightning (`model.`) and the like
    put a network under such names, one inside the other.
    """
    split = [key.split(".") for key in keys]
    prefixes = [""]
    for names in zip(*(parts[:-1] for parts in split), strict=False):
        if len(set(names)) > 1:
            break
        prefixes.append(f"{prefixes[-1]}{names[0]}.")
    return prefixes


def views(keys: Iterable[str]) -> list[View]:
    """Return the ways to read the keys of a state dict, those that leave nothing out first.

    First all keys, with the longest prefix that they share taken off, then shorter ones. Then
    parts: of the keys under the shared prefix, those that have one name before them (`model.`
    without `criterion.weight`), the largest part first, with what they share taken off as well.
    Last the same parts with the other keys as they are (`backbone.` off, `head.` kept).
    """
    every = list(keys)
    levels = wrapper_prefixes(every)
    found = [_view(every, prefix) for prefix in reversed(levels)]
    shared = levels[-1]
    parts = _parts(every, shared)
    for inside in parts.values():
        found += [
            _view(inside, prefix, [key for key in every if key not in set(inside)])
            for prefix in reversed(wrapper_prefixes(inside))
            if len(prefix) > len(shared)
        ]
    found += [merged for prefix in parts if (merged := _merged(every, prefix, shared))]
    return found


def part(keys: Iterable[str], prefix: str) -> list[str]:
    """Return the keys under a prefix, which need not end in a dot."""
    dotted = prefix if prefix.endswith(".") else f"{prefix}."
    return [key for key in keys if key.startswith(dotted)]


def _parts(keys: list[str], shared: str) -> dict[str, list[str]]:
    """Return the keys by the first name after the shared prefix, the largest part first."""
    firsts = [key[len(shared) :].partition(".") for key in keys]
    counts = Counter(first for first, dot, _ in firsts if dot)
    large = [name for name, count in counts.most_common() if count >= _LEAST * len(keys)]
    return {f"{shared}{name}.": part(keys, f"{shared}{name}") for name in large}


def _view(keys: list[str], prefix: str, left: Iterable[str] = ()) -> View:
    plain = {key[len(prefix) :]: key for key in keys}
    new = _todays(plain)
    return View(prefix, new, tuple(left), renamed=list(new) != list(plain))


def _merged(keys: list[str], prefix: str, shared: str) -> View | None:
    """Take a prefix off the keys that have it; None where two keys would become one."""
    if all(key.startswith(prefix) for key in keys):
        return None
    cuts = ((key, len(prefix) if key.startswith(prefix) else len(shared)) for key in keys)
    plain = {key[cut:]: key for key, cut in cuts}
    if len(plain) < len(keys):
        return None
    new = _todays(plain)
    return View(prefix, new, merged=True, renamed=list(new) != list(plain))


def _todays(names: Mapping[str, str]) -> dict[str, str]:
    """Put names that older libraries gave into today's: `norm.1.weight`, `gamma` and `beta`."""
    found: dict[str, str] = {}
    for name, key in names.items():
        new = _OLD_DENSENET.sub(r"\1\2", name)
        holder, _, last = new.rpartition(".")
        # a `gamma` without its `beta` is a layer's scale, which is called so today
        if last in _OLD_NORM and all(f"{holder}.{other}" in names for other in _OLD_NORM):
            new = f"{holder}.{_OLD_NORM[last]}"
        found[new] = key
    return found if len(found) == len(names) else dict(names)

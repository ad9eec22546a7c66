"""`Tee`: several sinks take the features of one pass."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from repprobe.capture.sink import Sink


class Tee:
    """A sink that hands everything on to each of several sinks, in their order."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def begin(self, widths: Mapping[str, int]) -> None:
        """See `Sink`."""
        for sink in self._sinks:
            sink.begin(widths)

    def add(self, name: str, rows: Tensor) -> None:
        """See `Sink`."""
        for sink in self._sinks:
            sink.add(name, rows)

    def drop(self, name: str) -> None:
        """See `Sink`."""
        for sink in self._sinks:
            sink.drop(name)

"""What the pickles of one file may ask for: opcodes, bytes, text, tensors, in all."""

from __future__ import annotations

from repprobe.checkpoints.reading.problems import DemandingError

STEPS = 750_000
"""Opcodes of one file; a network's own pickle has some thousands, a whole one up to 50,000."""

BYTES, TEXT = 384 << 20, 128 << 20
"""Bytes and text that may stand in the pickles of a file, in bytes."""


class Budget:
    """What the pickles of one file may still ask for, together."""

    def __init__(self) -> None:
        self.steps, self.bytes, self.text = STEPS, BYTES, TEXT
        self.tuple_keys = 1000

    def take_steps(self, count: int) -> None:
        """Raise DemandingError where copies are made of more items than opcodes are read."""
        self.steps -= count
        if self.steps < 0:
            raise DemandingError(f"over {STEPS} opcodes")

    def take_bytes(self, count: int) -> None:
        """Raise DemandingError where the file holds more bytes inside pickles than is read."""
        self.bytes -= count
        if self.bytes < 0:
            raise DemandingError(f"over {BYTES >> 20} MiB inside a pickle")

    def take_text(self, count: int) -> None:
        """Raise DemandingError where the file holds more text than is read."""
        self.text -= count
        if self.text < 0:
            raise DemandingError(f"over {TEXT >> 20} MiB of text")

"""Why a file is not read, as the parts of the reader tell each other; `reader` words it."""

from __future__ import annotations


class ProblemError(Exception):
    """A file that is not read; never leaves this room."""


class DamagedError(ProblemError):
    """The bytes are not what such a file is made of; the text says what is odd, or is empty."""


class CutShortError(DamagedError):
    """The file ends before what it announces."""


class ForeignError(ProblemError):
    """Reading the file would import something that is neither data nor a known layer.

    The text is the dotted name of what it wanted, `verb` whether to import or to call it.
    """

    def __init__(self, name: str, verb: str = "import") -> None:
        super().__init__(name)
        self.verb = verb


class DemandingError(ProblemError):
    """The file asks for more memory or time than its size can be honest about."""


class UnsupportedError(ProblemError):
    """The file is sound, but holds something that is not read; the text says what to do."""

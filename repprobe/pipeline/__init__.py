"""`layers`: networks are loaded, lined up, measured, compared and diagnosed, in that order."""

from repprobe.pipeline.verb import layers

__all__ = ["layers"]

"""Graphs as data: generated tasks, real collections, and graphs of the user's own."""

from repprobe.data.graphs.graphs import Graphs

__all__ = ["Graphs"]

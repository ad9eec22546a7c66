"""Makers of noisy models: networks trained on the labels they are given."""

from repprobe.training.verb import Trained, train

__all__ = ["Trained", "train"]

"""Makers of noisy models: networks trained on the labels they are given."""

from repprobe.training.cross_entropy import train_cross_entropy

__all__ = ["train_cross_entropy"]

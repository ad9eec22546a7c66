"""Builders of networks: those of the libraries and the zoo by name, and the user's functions."""

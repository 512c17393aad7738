"""Derives the pairwise subject."""

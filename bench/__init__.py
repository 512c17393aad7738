"""Benchmarks: bench/README.md says which there are and how to run them."""

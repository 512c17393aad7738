"""Translates between facts on the bus and the domain."""

"""Doubles that keep the contracts of the real parts, for tests of every service."""

"""Fixtures of every layer; each lives in tests/support under the name of what it provides."""

pytest_plugins = ["tests.support.servers"]

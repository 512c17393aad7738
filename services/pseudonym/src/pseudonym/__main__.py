"""Starts pseudonym: `python -m pseudonym`."""

from pseudonym.app import main

main()

"""Starts audit-purge: `python -m audit_purge`."""

from audit_purge.app import main

main()

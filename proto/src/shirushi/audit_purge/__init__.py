"""Generated from shirushi/audit_purge/*.proto by tools/protos.py; do not edit."""

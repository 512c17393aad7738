"""Generated from shirushi/audit_purge/v1/*.proto by tools/protos.py; do not edit."""

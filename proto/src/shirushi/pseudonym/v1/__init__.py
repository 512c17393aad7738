"""Generated from shirushi/pseudonym/v1/*.proto by tools/protos.py; do not edit."""

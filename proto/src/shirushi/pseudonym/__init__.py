"""Generated from shirushi/pseudonym/*.proto by tools/protos.py; do not edit."""

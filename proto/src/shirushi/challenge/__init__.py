"""Generated from shirushi/challenge/*.proto by tools/protos.py; do not edit."""

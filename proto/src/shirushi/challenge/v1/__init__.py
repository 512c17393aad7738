"""Generated from shirushi/challenge/v1/*.proto by tools/protos.py; do not edit."""

"""Generated from shirushi/bus/*.proto by tools/protos.py; do not edit."""

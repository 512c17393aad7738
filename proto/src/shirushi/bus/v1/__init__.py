"""Generated from shirushi/bus/v1/*.proto by tools/protos.py; do not edit."""

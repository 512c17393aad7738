"""Generated from shirushi/gateway/v1/*.proto by tools/protos.py; do not edit."""

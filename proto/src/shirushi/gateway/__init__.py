"""Generated from shirushi/gateway/*.proto by tools/protos.py; do not edit."""

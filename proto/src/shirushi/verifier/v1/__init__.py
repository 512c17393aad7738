"""Generated from shirushi/verifier/v1/*.proto by tools/protos.py; do not edit."""

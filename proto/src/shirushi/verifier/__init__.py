"""Generated from shirushi/verifier/*.proto by tools/protos.py; do not edit."""

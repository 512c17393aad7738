"""Generated from shirushi/evidence/v1/*.proto by tools/protos.py; do not edit."""

"""Generated from shirushi/evidence/*.proto by tools/protos.py; do not edit."""

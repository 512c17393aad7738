"""Deadline shares, audit records, deletion and its proof."""

"""Decides whether evidence proves a card and its PIN: plain values in, a verdict or one reason for a refusal out."""

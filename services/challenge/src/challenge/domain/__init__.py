"""What challenge decides, as plain values: tokens, proofs and the life of one challenge."""

"""What the verifier asks outside of Shirushi."""

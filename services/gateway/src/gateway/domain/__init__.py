"""What the gateway decides: plain values in, plain values out."""

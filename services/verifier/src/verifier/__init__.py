"""Evidence checking: certification path, signature, attestation, revocation."""

"""The OpenID Connect gateway: what relying parties and browsers see."""

"""The gateway's public HTTP surface: one file a route or a family of pages."""

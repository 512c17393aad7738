"""A J-LIS style responder: says whether a certificate is still valid, and can be made slow, dead or wrong."""

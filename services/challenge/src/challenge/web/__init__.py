"""The app API (HTTPS and JSON) that phones speak; one file a route, `edge.py` around them all."""

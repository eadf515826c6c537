"""garbage_app.imbalance."""

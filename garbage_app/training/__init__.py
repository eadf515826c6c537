"""garbage_app.training."""

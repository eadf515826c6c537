"""garbage_app.classify."""

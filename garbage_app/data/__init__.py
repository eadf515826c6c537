"""garbage_app.data."""

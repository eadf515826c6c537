"""garbage_app.models."""

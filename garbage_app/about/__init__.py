"""garbage_app.about."""

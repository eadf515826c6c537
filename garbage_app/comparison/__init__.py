"""garbage_app.comparison."""

"""garbage_app.speed."""

"""garbage_app.widgets."""

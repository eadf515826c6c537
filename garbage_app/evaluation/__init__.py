"""garbage_app.evaluation."""

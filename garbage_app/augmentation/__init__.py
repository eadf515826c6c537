"""garbage_app.augmentation."""

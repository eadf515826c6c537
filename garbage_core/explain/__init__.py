"""garbage_core.explain.heatmaps."""

"""garbage_core.evaluation.evaluation."""

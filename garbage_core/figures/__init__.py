"""Every chart of the app, as pure functions from tables to Plotly figures.

    data        class_distribution, split_shares, photo_sizes, file_sizes, brightness_ranges, dominant_colors
    learning    Training, learning_curves
    results     confusion_matrix, per_class_bars, probability_bars
    photo_map   photo_map
    comparison  metric_comparison, recall_comparison, differences, right_and_wrong, confusion_difference
    curves      reliability, coverage_curve, removal_curve, heat_scale
    roc         roc_curves, pr_curves

Show them with `st.plotly_chart(figure, theme="streamlit")`; `alt_text(figure)` says in a sentence what there is to see.
"""

from garbage_core.figures.comparison import (
    confusion_difference,
    differences,
    metric_comparison,
    recall_comparison,
    right_and_wrong,
)
from garbage_core.figures.curves import coverage_curve, heat_scale, reliability, removal_curve
from garbage_core.figures.data import class_distribution, file_sizes, photo_sizes
from garbage_core.figures.learning import Training, learning_curves
from garbage_core.figures.results import confusion_matrix, matrix, per_class_bars, probability_bars
from garbage_core.figures.roc import pr_curves, roc_curves
from garbage_core.figures.style import MODEL_COLORS, NEUTRAL, PRIMARY, alt_text, model_color

__all__ = [
    "MODEL_COLORS",
    "NEUTRAL",
    "PRIMARY",
    "Training",
    "alt_text",
    "class_distribution",
    "confusion_difference",
    "confusion_matrix",
    "coverage_curve",
    "differences",
    "file_sizes",
    "heat_scale",
    "learning_curves",
    "matrix",
    "metric_comparison",
    "model_color",
    "per_class_bars",
    "photo_sizes",
    "pr_curves",
    "probability_bars",
    "recall_comparison",
    "reliability",
    "removal_curve",
    "right_and_wrong",
    "roc_curves",
]

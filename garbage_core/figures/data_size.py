"""What more training photos bring, from several starts."""

import pandas as pd
import plotly.graph_objects as go

from garbage_core.evaluation.metrics import lookup
from garbage_core.figures.style import figure, model_color, model_symbol, percent_axis, percents, whisker
from garbage_core.utils.text import NBSP, listing, percent

# As the runs that these starts are known by.
_COLORS = {"random weights": "scratch", "ImageNet": "transfer"}


def data_size_curves(table: pd.DataFrame, metric: str, split: str = "test") -> go.Figure:
    """Draws a metric that is a share against the number of training photos, one line for each start.

    Args:
        table: From `studies.tables.read_data_size`.
        metric: Name of a metric of all classes, such as `macro_f1`.
        split: The photos that it was measured on.

    Returns:
        A chart with the photos on a logarithmic axis, each point with its 95 % interval.
    """
    rows = table[(table["metric"] == metric) & (table["split"] == split) & (table["class"] == "")]
    traces, told = [], []
    for place, (start, own) in enumerate(rows.groupby("start", sort=False)):
        own = own.sort_values("train_photos")
        value, low, high = percents(own, "value", "low", "high")
        title = f"From {start}"
        color = model_color(_COLORS.get(str(start), ""), place)
        traces.append(
            go.Scatter(
                x=own["train_photos"],
                y=value,
                marker={"color": color, "size": 9, "symbol": model_symbol(title, place)},
                mode="lines+markers+text",
                line={"color": color, "width": 2},
                text=[f"{v:.0f}" for v in value],
                textposition="bottom right" if place == 0 else "top left",
                name=title,
                error_y=whisker(color, value, low, high, 1.5),
                customdata=list(zip(low, high, strict=True)),
                hovertemplate="%{fullData.name}, %{x:,} training photos: %{y:.1f} %<br>"
                "95 % interval %{customdata[0]:.1f} to %{customdata[1]:.1f} %<extra></extra>",
            )
        )
        first, last = own.iloc[0], own.iloc[-1]
        told.append(
            f"from {start} {percent(first['value'])} with {first['train_photos']:,} photos and "
            f"{percent(last['value'])} with {last['train_photos']:,}"
        )
    photos = sorted(rows["train_photos"].unique())
    axis = {
        "type": "log", "title": "Training photos", "tickvals": photos, "ticktext": [f"{n:,}" for n in photos],
    }  # fmt: skip
    what = lookup(metric)
    alt = f"Line chart of {what.lower} with 95{NBSP}% intervals against the number of training photos: {listing(told)}."
    return figure(traces, alt, 360, xaxis=axis, yaxis=percent_axis(what.title))

"""What each strategy does, how the study was made, and what it cannot tell."""

import streamlit as st

from garbage_app.imbalance.study import COMMAND
from garbage_core.training.imbalance import STRATEGIES
from garbage_core.utils.text import NBSP


def write_descriptions() -> None:
    """Says in one line what each strategy does."""
    st.subheader("What each strategy does", anchor=False)
    st.markdown("\n".join(f"- **{strategy.title}.** {strategy.description}" for strategy in STRATEGIES.values()))


def write_method() -> None:
    """Says how the study was made, and what it cannot tell."""
    with st.expander("How this was measured, and what it cannot tell"):
        st.markdown(
            "Only the last layer is trained, on the features that the transfer model starts from: ImageNet weights up "
            "to conv4, which were trained on no photo of waste. Rebalancing a classifier apart from its features is "
            "the setting in which [Kang and others](https://arxiv.org/abs/1910.09217) found strategies to have the "
            "largest effect. This study cannot tell what a strategy does to the features of a network that is trained "
            "as a whole; where whole networks were compared, the result stands above.\n\n"
            "Every strategy had the same photos, steps, optimizer, learning rate and weight decay, which were chosen "
            "on the validation photos by the mean over all strategies. The last epoch counts. The intervals come from "
            "a bootstrap over the photos; the seeds determine initial weights, order and augmentation. Of five "
            f"95{NBSP}% intervals, one or more excludes zero by chance alone in up to one study of four."
        )
        st.code(COMMAND, language="bash")

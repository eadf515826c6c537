"""The networks: ResNet-50 in two versions, EfficientNet-Lite2 to teach it, and the weights of both."""

import keras

from garbage_core.config.training_config import TrainingConfig
from garbage_core.networks.efficientnet import VERSION as EFFICIENTNET
from garbage_core.networks.efficientnet import build_efficientnet_lite2
from garbage_core.networks.resnet import build_resnet


def build_network(config: TrainingConfig, num_classes: int) -> keras.Model:
    """Returns a configuration's network with random weights, in the precision of Keras' current policy.

    Args:
        config: Configuration of the training.
        num_classes: Number of classes, at least 2.
    """
    if config.version == EFFICIENTNET:
        return build_efficientnet_lite2(num_classes, dropout=config.dropout)
    return build_resnet(
        config.version,
        num_classes,
        config.blocks,
        config.filters,
        dropout=config.dropout,
        batch_norm_momentum=config.batch_norm_momentum,
        zero_init_residual=config.zero_init_residual,
    )

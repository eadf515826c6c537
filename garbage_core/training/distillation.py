"""Knowledge distillation: the student learns the teacher's soft predictions beside the labels.

Hinton et al. 2015, arXiv:1503.02531. The teacher gets the very same augmented photo as the student, cropped, rotated
and mixed alike (Beyer et al. 2022, arXiv:2106.05237, "a good teacher is patient and consistent"): its predictions carry
what one label cannot, how much plastic there is in a picture of glass.
"""

import dataclasses
from pathlib import Path

import keras
from keras import ops

from garbage_core.data.dataset import Dataset
from garbage_core.errors import GarbageError
from garbage_core.networks import build_network
from garbage_core.networks.weights import load_network
from garbage_core.runs.run import Run, load_run


class Distillation(keras.layers.Layer):
    """Passes the student's logits through, and adds their divergence from the teacher's to the loss.

    What is added is `weight * T^2 * KL(teacher || student)`, both softened with the temperature T; T^2 keeps the
    gradients as large as those of T = 1 (Hinton et al. 2015, section 2).

    Args:
        weight: Weight of this loss; the loss of the labels has weight 1.
        temperature: Temperature T, above 0.
    """

    def __init__(self, weight: float, temperature: float, **options) -> None:
        super().__init__(**{"name": "distillation", "dtype": "float32"} | options)
        self.weight, self.temperature = weight, temperature

    def call(self, logits: tuple) -> keras.KerasTensor:
        """Takes logits of the student and of the teacher, both (N, C); returns the student's."""
        student, teacher = logits
        wanted = ops.softmax(ops.stop_gradient(teacher) / self.temperature)
        found = ops.log_softmax(student / self.temperature)
        # Cross-entropy less the teacher's entropy: zero where both agree, so that losses can be compared.
        distance = ops.sum(wanted * (ops.log(wanted + 1e-7) - found), axis=-1)
        self.add_loss(self.weight * self.temperature**2 * ops.mean(distance))
        return student

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Returns the shape of the student's logits."""
        return input_shape[0]


def find_teacher(name: str, root: str | Path, dataset: Dataset, protocol: str) -> Run:
    """Finds the teacher.

    Args:
        name: Name of its run.
        root: Folder of the runs.
        dataset: Data set of the training.
        protocol: Protocol by which its photos are split.

    Returns:
        The run.

    Raises:
        GarbageError: If there is no such run, it tells other classes apart, or it learned from other photos: it could
            then have seen those that the student is tested on.
    """
    run = load_run(name, root)
    if run.classes != dataset.classes:
        raise GarbageError(
            f"{name!r} cannot teach: its classes are {', '.join(run.classes)}, those of the photos are "
            f"{', '.join(dataset.classes)}; choose a run trained on the same classes."
        )
    if not run.trained_on(dataset, protocol):
        raise GarbageError(
            f"{name!r} cannot teach: it was trained on other photos or another split than {protocol!r}, "
            "and may have seen the photos that test the student; train the teacher on the same ones."
        )
    return run


def describe_teacher(run: Run) -> dict[str, str | None]:
    """Returns what `run.json` records of a teacher."""
    return {"name": run.name, "version": run.config.version, "sha256": run.weights_sha256}


def load_teacher(run: Run) -> keras.Model:
    """Returns a run's network, not to be trained, in the precision of the training under way."""
    # Built anew: a network that is read from a file computes in float32, whatever the training does.
    network = build_network(dataclasses.replace(run.config, dropout=0.0), len(run.classes))
    network.set_weights(load_network(run.model_path, run.weights_sha256).get_weights())
    network.trainable = False
    network.name = "teacher"
    return network

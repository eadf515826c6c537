"""Garbage classification with a ResNet-50: one network, two starting points, one set of files that every view reads.

    classes, errors         the six classes; the one exception that a user is meant to see
    images, dataset         bytes to RGB arrays; finding, checking and splitting TrashNet or any folder of classes
    properties, balance     what a photo is like without a network; how evenly classes and splits are filled
    resnet, weights         the network by hand; its starting weights, and the file of a trained one
    augment, imbalance      augmentation on the accelerator, in augment_layers; remedies against imbalance
    config, training        what a training is (presets/*.toml), and train()
    stages, optimizers      the parts of train(), as are callbacks and checkpoint
    devices, machines       what it computes with: processor, GPUs, several machines
    runs, card              models/<name>/: what a training leaves behind, and its model card
    histories               the stages of a training, and the epoch that was kept
    evaluation, figures     metrics with intervals, calibration, comparison; every chart; neither loads Keras
    inference, classify     the compiled network; Classifier: photos to Predictions
    runtimes, export        other runtimes, without TensorFlow; how a network gets there, with a parity check
    bench, bench_...        speed as ratios, measured in turns; what the page Speed shows
    scale, scale_...        millions of photos with Ray; where they are, and the files of such a job
    explain, faithfulness   heat maps for any class, layer and method; whether they show what counts
    duplicates, suspects    photos that are the same, labels in doubt, odd photos; audit puts them in one table
    embeddings              what a run's network sees in every photo, kept with the run
    studies, study_...      experiments of many trainings: remedies against imbalance, cross-validation
    cli, commands           python -m garbage_core; photo_commands are those about photos of one's own
    distillation, extension a run that teaches another; a finished training made longer

Arrows run one way, from the app's pages to here; nothing here imports Streamlit.
"""

import sys

__version__ = "0.1.0"

if sys.version_info < (3, 11):  # noqa: UP036, read by exactly those that pip could not stop
    raise ImportError(
        "garbage_core needs Python 3.11 or newer, but this is Python {}.{}: install a newer one, "
        "make a virtual environment with it, and install requirements.txt there.".format(*sys.version_info[:2])
    )

"""What this machine computes with: one place for the differences between TensorFlow, JAX and PyTorch."""

import contextlib
import os
from collections.abc import Iterator

import keras
import numpy as np

from garbage_core.errors import GarbageError


def gpus() -> list[str]:
    """Returns the names of the GPUs that the backend sees."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(d).get("device_name", "GPU") for d in devices]
    if backend == "jax":
        import jax

        return [d.device_kind for d in jax.devices() if d.platform == "gpu"]
    import torch

    return [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]


def description() -> str:
    """Returns the devices in words, such as `2 CPU cores`, `1 x NVIDIA H200` or `2 x NVIDIA H200 in 2 machines`."""
    names, machines = gpus(), 1
    if keras.backend.backend() == "jax":
        import jax

        machines = jax.process_count()
    if names:
        return f"{len(names)} x {names[0]}" + (f" in {machines} machines" if machines > 1 else "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} CPU cores" + (f" in each of {machines} machines" if machines > 1 else "")


def precision(wanted: str) -> str:
    """Returns the dtype policy to train with: what is wanted, or for `auto` what suits the device."""
    if wanted != "auto":
        return wanted
    return "mixed_bfloat16" if gpus() else "float32"


def jit_compile() -> bool | str:
    """Returns Keras' `jit_compile`: XLA for JAX alone.

    TensorFlow's affine transformation of images has no XLA kernel, and on a CPU its own convolutions are faster.
    """
    return "auto" if keras.backend.backend() == "jax" else False


def software() -> dict[str, str]:
    """Returns the versions of Keras and its backend."""
    backend = keras.backend.backend()
    version = __import__(backend).__version__
    return {"keras": keras.__version__, "backend": backend, "backend_version": version}


@contextlib.contextmanager
def all_devices() -> Iterator[int]:
    """Trains on every device that the backend sees; yields into how many parts it deals out a batch by itself.

    TensorFlow mirrors the network (`tf.distribute.MirroredStrategy`) and runs it on parts of a batch. JAX compiles one
    program for all devices (`keras.distribution.DataParallel`), which sees the batch as a whole.

    Raises:
        GarbageError: With several GPUs under PyTorch, where Keras has no such thing.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        # Several CPUs are there only if someone divided the real one to try this out.
        count = max(len(tf.config.list_logical_devices(kind)) for kind in ("GPU", "CPU"))
        if count > 1:
            strategy = tf.distribute.MirroredStrategy(
                [d.name for d in (tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU"))]
            )
            with strategy.scope():
                yield count
            return
    elif backend == "jax":
        import jax

        if len(jax.devices()) > 1:
            # `Batches` deals the rows out to several machines itself.
            keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
            try:
                yield 1
            finally:
                keras.distribution.set_distribution(None)
            return
    elif len(gpus()) > 1:
        raise GarbageError(
            f"Keras trains on one GPU with PyTorch, not on {len(gpus())}: "
            "set KERAS_BACKEND=jax, or CUDA_VISIBLE_DEVICES=0."
        )
    yield 1


def count() -> int:
    """Returns on how many devices `all_devices` trains here; 1 outside of it."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.distribute.get_strategy().num_replicas_in_sync
    if backend == "jax" and (distribution := keras.distribution.distribution()):
        return int(np.prod(distribution.device_mesh.shape))
    return 1


def clipping_together(optimizer: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Returns the optimizer for several devices under TensorFlow, and the same one elsewhere.

    Keras clips the gradients of each device before it adds them up, so that the same batch takes another step on two
    devices than on one. Here they are added up first, clipped, and divided again by the number of devices, because
    Keras goes on to add them up.
    """
    if keras.backend.backend() != "tensorflow" or count() == 1:
        return optimizer
    import tensorflow as tf

    class ClippingTogether(optimizer):
        def _clip_gradients(self, grads: list) -> list:
            replica = tf.distribute.get_replica_context()
            sums = replica.all_reduce(tf.distribute.ReduceOp.SUM, grads)
            return [grad / replica.num_replicas_in_sync for grad in super()._clip_gradients(sums)]

    return ClippingTogether


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """On a CPU, makes TensorFlow add in the same order every time, so that the same seed gives the same history.

    Before and afterwards TensorFlow may add in any order, unless the program asked for determinism itself.
    """
    if keras.backend.backend() != "tensorflow" or gpus():
        yield
        return
    from tensorflow.python.framework import config  # the public part of TensorFlow cannot switch it off

    before = config.is_op_determinism_enabled()
    config.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            config.disable_op_determinism()

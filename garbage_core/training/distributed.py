"""Several machines that train one network together: the same command on each, joined by JAX.

Environment variables say which machines, the ones that Keras documents for `keras.distribution.initialize`:

    KERAS_DISTRIBUTION_JOB_ADDRESSES=10.0.0.1:29500   address of machine 0, with a port that is free there
    KERAS_DISTRIBUTION_NUM_PROCESSES=2                how many machines
    KERAS_DISTRIBUTION_PROCESS_ID=0                   which one this is, from 0

Every machine draws the same random numbers and computes its part of each batch. Machine 0 keeps the run; what the
others have to write for a while lies in a temporary folder.
"""

import atexit
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from garbage_core.errors import GarbageError
from garbage_core.training.checkpoint import Checkpoint

_ADDRESS, _COUNT, _NUMBER = (f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))
_WAIT_AT_THE_START = 300  # seconds for machine 0 to answer; as long as JAX waits for all
_WAIT_AT_THE_END = 60  # seconds for the others to finish as well, or to notice that this machine has failed


@dataclass(frozen=True)
class Machines:
    """The machines of a training.

    Attributes:
        count: How many there are.
        number: Which one this is, from 0.
        address: `HOST:PORT` of machine 0; empty if this one is alone.
    """

    count: int = 1
    number: int = 0
    address: str = ""

    @classmethod
    def from_environment(cls) -> "Machines":
        """Reads the environment variables.

        Raises:
            GarbageError: If some are missing or make no sense, or the backend is not JAX.
        """
        given = {name: os.environ[name] for name in (_ADDRESS, _COUNT, _NUMBER) if os.environ.get(name)}
        if not given or given.get(_COUNT) == "1":
            return cls()
        for name in (_ADDRESS, _COUNT, _NUMBER):
            if name not in given:
                raise GarbageError(f"{next(iter(given))} is set, but {name} is not: set it on every machine.")
        count, number, address = given[_COUNT], given[_NUMBER], given[_ADDRESS].split(",")[0]
        if not (count.isdecimal() and number.isdecimal() and int(number) < int(count)):
            raise GarbageError(
                f"{_NUMBER} is {number!r} and {_COUNT} is {count!r}: number the machines from 0 to one less than that."
            )
        port = re.fullmatch(r".+:(\d{1,5})", address)
        if not port or int(port[1]) > 65535:
            raise GarbageError(f"{_ADDRESS} is {address!r}: give machine 0's address and a port, as 10.0.0.1:29500.")
        if (backend := keras.backend.backend()) != "jax":
            raise GarbageError(f"Several machines train together with JAX, not with {backend}: set KERAS_BACKEND=jax.")
        return cls(int(count), int(number), address)

    @property
    def is_first(self) -> bool:
        """Whether this machine writes the run: machine 0, or the only one."""
        return self.number == 0

    def own_root(self, root: Path) -> Path:
        """Returns the folder of the runs for machine 0; the others get one that is gone when the program ends."""
        if self.is_first:
            return root
        folder = tempfile.mkdtemp(prefix="garbage-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    @contextlib.contextmanager
    def joined(self, same: dict[str, Any], folder: Path) -> Iterator[None]:
        """Waits for the other machines, for five minutes at most, and parts from them at the end.

        Args:
            same: What must be the same on all machines, by what it is called.
            folder: What `own_root` returned.

        Raises:
            GarbageError: If they do not come, have something else, or fail on the way.
        """
        if self.count == 1:
            yield
            return
        print(f"Machine {self.number} of {self.count} waits for the others at {self.address}.", file=sys.stderr)
        if self.number:
            self._find_first()
        import jax

        try:
            jax.distributed.initialize(self.address, self.count, self.number, shutdown_timeout_seconds=_WAIT_AT_THE_END)
            _check_same(same)
            with contextlib.ExitStack() as stack:
                if self.number:
                    print("All are here; machine 0 shows the progress.", file=sys.stderr)
                    stack.enter_context(contextlib.redirect_stderr(stack.enter_context(open(os.devnull, "w"))))
                yield
            jax.distributed.shutdown()
        except BaseException as error:
            if self.number:
                shutil.rmtree(folder, ignore_errors=True)
            # XLA's errors begin with the name of a status, whatever their class.
            lost = re.match(r"[A-Z_]+: ", str(error))
            # JAX would wait for the others when the program ends, and abort it because they do not come.
            atexit.register(_leave, 130 if isinstance(error, KeyboardInterrupt) else 2)
            if lost:
                reason = str(error).splitlines()[0][:200]
                raise GarbageError(
                    f"Machine {self.number} of {self.count} cannot go on with the others ({reason}): "
                    "see what each of them says, then start all again, with --resume if epochs were finished."
                ) from error
            raise

    def share(self, checkpoint: Checkpoint) -> None:
        """Gives all machines that `joined` the checkpoint of machine 0."""
        if self.count > 1:
            checkpoint.share(_from_first)

    def _find_first(self) -> None:
        """Waits until machine 0 answers: JAX would end the program if it never did."""
        host, port = self.address.rsplit(":", 1)
        deadline = time.monotonic() + _WAIT_AT_THE_START
        while True:
            try:
                socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
                return
            except OSError as error:
                if isinstance(error, socket.gaierror) or time.monotonic() > deadline:
                    raise GarbageError(
                        f"No machine 0 answers at {self.address} ({error.strerror or error}): "
                        "start it there, with a port that its firewall lets through."
                    ) from error
            time.sleep(1)


def _from_first(data: bytes) -> bytes:
    """Returns what machine 0 gave, on every machine that `joined`; all must call it."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.array(len(data))))
    values = np.frombuffer(data, np.uint8) if len(data) == size else np.zeros(size, np.uint8)
    return np.asarray(broadcast_one_to_all(values)).astype(np.uint8).tobytes()


def part(rows: int) -> slice:
    """Returns which rows of a batch this machine computes: its share, or all if it is alone."""
    if not (distribution := keras.distribution.distribution()):
        return slice(None)
    share = rows // distribution.num_processes
    return slice(share * distribution.data_shard_id, share * (distribution.data_shard_id + 1))


def gather_predictions(model: keras.Model) -> None:
    """Makes `model.predict` return the outputs of all machines: Keras cannot read those of the others."""
    distribution = keras.distribution.distribution()
    if distribution is None or distribution.num_processes == 1 or model.predict_function is not None:
        return
    from jax.experimental.multihost_utils import process_allgather

    model.make_predict_function()
    own = model.predict_function

    def together(state, batches):
        answers, state = own(state, batches)
        return process_allgather(answers, tiled=True), state

    model.predict_function = together


def _check_same(same: dict[str, Any]) -> None:
    from jax.experimental.multihost_utils import process_allgather

    digests = [hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest() for value in same.values()]
    everywhere = process_allgather(np.array([np.frombuffer(digest, np.uint8) for digest in digests]))
    for name, theirs in zip(same, np.moveaxis(everywhere, 1, 0), strict=True):
        for number, digest in enumerate(theirs):
            if not np.array_equal(digest, theirs[0]):
                raise GarbageError(f"Machine {number} has another {name} than machine 0: give all of them the same.")


def _leave(code: int) -> None:
    """Ends the program at once."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

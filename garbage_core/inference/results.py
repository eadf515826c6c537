"""What a classifier says of one photo: a prediction, with what the OOD detector found, or why it could not be read."""

from dataclasses import asdict, dataclass
from typing import Any

# One row of a JSON or CSV file, of a prediction or of a failure.
DETECTED = ("ood_p_value", "is_ood", "far_p_value", "is_far", "verdict")
_KEYS = ("file", "label", "confidence", "probabilities", "accepted", "error", *DETECTED)
_ROW: dict[str, Any] = (
    dict.fromkeys(_KEYS) | dict.fromkeys(("accepted", "is_ood", "is_far"), False) | {"probabilities": {}}
)


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of one photo.

    Attributes:
        file: Name of the photo as it was given.
        label: Predicted class, the one with the largest probability.
        confidence: Calibrated probability of that class, 0..1.
        probabilities: Calibrated probability of each class, in the run's order.
        accepted: Whether the confidence reaches the run's decision threshold; if not, the classifier abstains.
        ood_p_value: Share of the run's val photos of waste that its OOD detector finds at least as unlike waste, above
            0 to 1; None if the run has no OOD detector, or one of an earlier version.
        is_ood: Whether the detector says that the photo shows none of the classes. Networks are often confident about
            photos of something else, so the prediction is then doubtful even if it is accepted.
        far_p_value: Share of these val photos at least as far from the training photos; None without a detector.
        is_far: Whether the photo is farther from the training photos than nearly all of them: few things like it were
            seen, whatever it is.
        verdict: What the detector says, in a sentence; None if it has nothing to say.
    """

    file: str
    label: str
    confidence: float
    probabilities: dict[str, float]
    accepted: bool
    ood_p_value: float | None = None
    is_ood: bool = False
    far_p_value: float | None = None
    is_far: bool = False
    verdict: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields in order, ready for JSON; the same keys as those of a `Failure`."""
        return _ROW | asdict(self)


@dataclass(frozen=True)
class Failure:
    """A photo that could not be read.

    Attributes:
        file: Name of the photo as it was given.
        error: One sentence that says why.
    """

    file: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields of a `Prediction`, empty, and the error, ready for JSON."""
        return _ROW | asdict(self)

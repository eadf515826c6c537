"""How to train a run again: the command, and the file for it, from the configuration the run recorded."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from garbage_core.config.training_config import PRESETS, TrainingConfig, load_config


def train_command(
    config: TrainingConfig, name: str, extra_sets: Sequence[dict[str, Any]] = ()
) -> tuple[str, str | None]:
    """Returns the command that trains with a configuration.

    Args:
        config: Configuration of the run.
        name: Name of the run.
        extra_sets: Extra sets as `run.json` records them, of which only the names are known.

    Returns:
        The command, and None if it starts from a preset, or the TOML text it needs as `<name>.toml`.
    """
    options = []
    for preset in PRESETS:
        changes = _changes(config.to_dict(), load_config(preset).to_dict())
        if changes is not None:
            options.append((len(changes), preset, changes))
    command = "python -m garbage_core train"
    # Of a file only the name was recorded.
    weights = f" --weights {shlex.quote(config.weights)}" if config.weights else ""
    weights += "".join(f" --extra {shlex.quote(_named(extra))}" for extra in extra_sets)
    if not options:
        return f"{command} {shlex.quote(f'{name}.toml')}{weights}", toml_text(config, name)
    _, preset, changes = min(options)
    named = f" --name {shlex.quote(name)}" if name != preset else ""
    seed = f" --seed {config.seed}" if "seed" in changes else ""
    sets = [f" --set {shlex.quote(f'{key}={_value(value)}')}" for key, value in changes.items() if key != "seed"]
    return f"{command} {preset}{named}{weights}{seed}{''.join(sets)}", None


def _named(extra: dict[str, Any]) -> str:
    return f"{extra['name']}.zip" + ("" if extra["share"] == 1 else f"={extra['share']:g}")


def toml_text(config: TrainingConfig, name: str) -> str:
    """Returns a configuration under another name as TOML, without starting weights; `load_config` reads it back."""
    values = config.to_dict() | {"name": name}
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if key not in ("stages", "weights")]
    for stage in values["stages"]:
        lines += ["", "[[stages]]", *(f"{key} = {_value(value)}" for key, value in stage.items())]
    return "\n".join(lines) + "\n"


def _changes(config: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any] | None:
    """Lists what differs from a preset as keys of `--set`, or None if the stages are others."""
    stages, others = config["stages"], preset["stages"]
    if [stage["name"] for stage in stages] != [stage["name"] for stage in others]:
        return None
    given = {key: value for key, value in config.items() if key not in ("stages", "weights", "name")}
    changes = {key: value for key, value in given.items() if preset.get(key) != value}
    for stage, other in zip(stages, others, strict=True):
        different = {key: value for key, value in stage.items() if other.get(key) != value}
        changes |= {f"stages.{stage['name']}.{key}": value for key, value in different.items()}
    return changes


def _value(value: Any) -> str:
    """Returns a plain value as TOML, which writes strings, numbers and booleans as JSON does."""
    return json.dumps(value, ensure_ascii=False)

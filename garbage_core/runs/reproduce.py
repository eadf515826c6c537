"""How to train a run again: the command, and the file for it, from the configuration the run recorded."""

import json
import shlex
from typing import Any

from garbage_core.config.training_config import PRESETS, TrainingConfig, load_config


def train_command(config: dict[str, Any], name: str) -> tuple[str, str | None]:
    """Returns the command that trains with a recorded configuration.

    Args:
        config: `config` of a `run.json`.
        name: Name of the run.

    Returns:
        The command, and None if it starts from a preset, or the TOML text it needs as `<name>.toml`.
    """
    config = TrainingConfig.from_dict(config).to_dict()
    options = []
    for preset in PRESETS:
        changes = _changes(config, load_config(preset).to_dict())
        if changes is not None:
            options.append((len(changes), preset, changes))
    command = "python -m garbage_core train"
    if not options:
        return f"{command} {shlex.quote(f'{name}.toml')}{_weights(config)}", toml_text(config | {"name": name})
    _, preset, changes = min(options)
    named = f" --name {shlex.quote(name)}" if name != preset else ""
    seed = f" --seed {config['seed']}" if "seed" in changes else ""
    sets = [f" --set {shlex.quote(f'{key}={_value(value)}')}" for key, value in changes.items() if key != "seed"]
    return f"{command} {preset}{named}{_weights(config)}{seed}{''.join(sets)}", None


def toml_text(config: dict[str, Any]) -> str:
    """Returns a configuration as TOML that `training_config.load_config` reads back; without starting weights."""
    lines = [f"{key} = {_value(value)}" for key, value in config.items() if key not in ("stages", "weights")]
    for stage in config.get("stages", []):
        lines += ["", "[[stages]]", *(f"{key} = {_value(value)}" for key, value in stage.items())]
    return "\n".join(lines) + "\n"


def _changes(config: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any] | None:
    """Lists what differs from a preset as keys of `--set`, or None if the stages are others."""
    stages, others = config.get("stages", []), preset["stages"]
    if [stage.get("name") for stage in stages] != [stage["name"] for stage in others]:
        return None
    given = {key: value for key, value in config.items() if key not in ("stages", "weights", "name")}
    changes = {key: value for key, value in given.items() if preset.get(key) != value}
    for stage, other in zip(stages, others, strict=True):
        different = {key: value for key, value in stage.items() if other.get(key) != value}
        changes |= {f"stages.{stage['name']}.{key}": value for key, value in different.items()}
    return changes


def _weights(config: dict[str, Any]) -> str:
    """Returns the option for the starting weights; of a file only the name was recorded."""
    source = config.get("weights")
    return f" --weights {shlex.quote(str(source))}" if source else ""


def _value(value: Any) -> str:
    """Returns a plain value as TOML, which writes strings, numbers and booleans as JSON does."""
    return json.dumps(value, ensure_ascii=False)

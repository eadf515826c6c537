"""Values of a config as they come from a TOML file or the command line: their names, types and ranges are checked."""

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from typing import Any

from garbage_core.errors import GarbageError


def apply_override(values: dict[str, Any], override: str) -> None:
    """Changes values read from TOML, in place.

    Args:
        values: Values of a config, its stages a list of tables with a `name`.
        override: `key=value`, or `stages.NAME.key=value` for a stage, or `stages.*.key=value` for all; the value is
            TOML, or plain text.

    Raises:
        GarbageError: If it has no `=`, or names no stage.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise GarbageError(f"--set takes key=value, not {override!r}.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    parts = key.strip().split(".")
    if parts[0] != "stages":
        values[key.strip()] = value
        return
    named = [s for s in values.get("stages", []) if len(parts) == 3 and parts[1] in ("*", s.get("name"))]
    if not named:
        names = ", ".join(["*", *(str(s.get("name")) for s in values.get("stages", []))])
        raise GarbageError(f"--set {override!r} names no stage: write stages.NAME.key=value, NAME one of {names}.")
    for stage in named:
        stage[parts[2]] = value


def typed(cls: type, values: Any, origin: str, renamed: Mapping[str, str]) -> dict[str, Any]:
    """Returns the values with whole numbers as floats where floats are meant.

    Args:
        cls: The dataclass that they are for.
        values: Its fields by name.
        origin: What the values are from, for messages.
        renamed: Fields of today by earlier names.

    Raises:
        GarbageError: Naming the key that is missing, unknown or of another type.
    """
    check(values, origin, "a table", isinstance(values, dict))
    hints = typing.get_type_hints(cls)
    types: dict[str, type] = {key: typing.get_origin(kind) or kind for key, kind in hints.items() if key != "stages"}
    # Of two names of one key the last counts: an override comes after the file.
    values = {renamed.get(key, key): value for key, value in values.items()}
    for field in dataclasses.fields(cls):
        if field.default is dataclasses.MISSING and field.name not in values:
            raise GarbageError(f"{origin} lacks {field.name!r}: add it.")
    for key, value in values.items():
        if key not in types:
            raise GarbageError(f"{origin} has an unknown key {key!r}: the keys are {', '.join(types)}.")
        if types[key] is tuple:
            fits = isinstance(value, list | tuple) and all(type(item) is int for item in value)
        else:
            fits = type(value) is types[key] or (types[key] is float and type(value) is int)
        check(value, f"{key!r} in {origin}", f"of type {types[key].__name__}", fits)
    return {key: types[key](value) for key, value in values.items()}


def check(value: Any, what: str, wanted: str, holds: bool) -> None:
    """Raises GarbageError, saying what must be wanted and which value it has, unless something holds."""
    if not holds:
        raise GarbageError(f"{what} must be {wanted}, not {value!r}.")

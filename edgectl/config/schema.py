"""JSON Schema of the files, for completion and checking in editors. Made from the models and from each driver's ``Options``.

``python -m edgectl.config.schema FOLDER`` writes the files anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edgectl.config.driver_catalog import driver_names, load_driver
from edgectl.config.folder import UNIT
from edgectl.config.form import FORMS
from edgectl.config.quantity import show_duration

_REFERENCE = "#/$defs/{model}"


def schemas() -> Mapping[str, str]:
    """The schema of each file by its own file name, as text."""
    found = {}
    for name, form in FORMS.items():
        schema = form.model_json_schema(ref_template=_REFERENCE)
        if name == UNIT:
            _add_drivers(schema)
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **_tidy(schema)}
        found[f"{name.removesuffix('.yaml')}.schema.json"] = (
            json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        )
    return found


def _add_drivers(schema: dict[str, Any]) -> None:
    """``options`` follow ``driver``."""
    definitions = schema["$defs"]
    instrument = definitions["InstrumentSection"]
    names = driver_names()
    instrument["properties"]["driver"]["enum"] = list(names)
    instrument["allOf"] = []
    for name in names:
        options = TypeAdapter(load_driver(name).options).json_schema(ref_template=f"#/$defs/{name}.{{model}}")
        for inner, definition in options.pop("$defs", {}).items():
            definitions[f"{name}.{inner}"] = definition
        definitions[name] = options
        then: dict[str, Any] = {"properties": {"options": {"$ref": f"#/$defs/{name}"}}}
        if options.get("required"):
            then["required"] = ["options"]
        instrument["allOf"].append({"if": {"properties": {"driver": {"const": name}}}, "then": then})


def _tidy(schema: Any) -> Any:
    """Without the titles pydantic makes up, without null (a file has none), and with unknown keys refused."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _tidy(value) for key, value in schema.items() if not (key == "title" and isinstance(value, str))
    }
    if "default" in kept and kept["default"] is None:
        del kept["default"]
    if arms := [arm for arm in kept.get("anyOf", ()) if arm != {"type": "null"}]:
        kept["anyOf"] = arms
        if len(arms) == 1:
            kept |= {key: value for key, value in arms[0].items() if key not in kept}
            del kept["anyOf"]
    if kept.get("type") == "string" and isinstance(kept.get("default"), float):
        kept["default"] = show_duration(kept["default"])
    if kept.get("type") == "object" and "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def main() -> None:
    """Write all schemas into the folder named on the command line."""
    folder = Path(sys.argv[1])
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

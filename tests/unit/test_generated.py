from typing import Any

import jsonschema
from hypothesis import given, settings

from tests.generated import accepted_by

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 8},
        "ports": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 1, "maximum": 65535}},
        "anything": {},
    },
}


@settings(max_examples=25)
@given(accepted_by(SCHEMA))
def test_a_generated_value_is_accepted_by_its_schema(value: Any) -> None:
    jsonschema.validate(value, SCHEMA)

"""Values for hypothesis that a JSON schema accepts."""

from typing import Any

import schemathesis
from hypothesis.strategies import SearchStrategy


def accepted_by(schema: dict[str, Any]) -> SearchStrategy[Any]:
    """Return a strategy for the values that the schema accepts. Schemathesis makes them, as bodies of a request.

    Schemathesis takes schemas only inside an OpenAPI document. Those of version 3.1 are JSON Schema's own.
    """
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "one request", "version": "1"},
        "paths": {"/": {"post": {"requestBody": body, "responses": {"200": {"description": "taken"}}}}},
    }
    return schemathesis.openapi.from_dict(document)["/"]["POST"].as_strategy().map(lambda case: case.body)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What FastAPI cannot know about our routes and `/docs` should show: token, request envelope, error envelope."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from b2bua.metaflows.documents import json_schema, schema_names

PUBLIC = ("/v2/api_auth", "/v2/schemas", "/healthz", "/metrics")
KEY_BODY = {"type": "object", "required": ["api_key"], "properties": {"api_key": {"type": "string"}}}
ENVELOPE = {"type": "object", "required": ["data", "status", "request_id", "node", "timestamp"], "properties": {
    "data": {}, "status": {"enum": ["success"]}, "request_id": {"type": "string"}, "node": {"type": "string"},
    "timestamp": {"type": "string"}, "auth_token": {"type": "string"}, "version": {"type": "string"},
    "revision": {"type": "string"}, "tokens": {"type": "object"}}}
ERROR = {"type": "object", "required": ["status", "error", "message", "request_id", "node", "timestamp"],
         "properties": {"data": {}, "status": {"enum": ["error"]}, "error": {"type": "string"},
                        "message": {"type": "string"}, "request_id": {"type": "string"}, "node": {"type": "string"},
                        "timestamp": {"type": "string"}}}


def describe(app: FastAPI) -> None:
    """Complete the app's own OpenAPI document, once, when somebody first asks for it."""
    made = app.openapi

    def complete() -> dict[str, Any]:
        document = made()
        if "securitySchemes" not in document.setdefault("components", {}):
            _complete(document)
        return document
    app.openapi = complete  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    components["securitySchemes"] = {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}}
    schemas = components.setdefault("schemas", {})
    for name in schema_names():
        schemas[name] = _as_openapi(dict(json_schema(name)))
    schemas |= {"success": ENVELOPE, "error": ERROR}
    for path, verb, operation in _operations(document):
        is_public = path.startswith(PUBLIC)
        if not is_public:
            operation["security"] = [{"token": []}]
        if verb in ("put", "post", "patch"):
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _body(path)}}}
        if path.startswith("/v2"):
            _answers(operation)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def _body(path: str) -> dict[str, Any]:
    data: dict[str, Any] = {"type": "object"}
    if path.endswith("/metaflows"):
        data = {"$ref": "#/components/schemas/metaflows"}
    elif path.endswith("/api_auth"):
        data = KEY_BODY
    properties: dict[str, Any] = {"data": data}
    if path.endswith("/channels/{uuid}"):
        properties["action"] = {"type": "string"}
    return {"type": "object", "required": ["data"], "properties": properties}


def _answers(operation: dict[str, Any]) -> None:
    answers: dict[str, Any] = operation["responses"]
    answers.pop("422", None)  # ours are 400
    for code, answer in answers.items():
        if code.startswith("2") and "text/event-stream" not in answer.get("content", {}):
            answer["content"] = {"application/json": {"schema": {"$ref": "#/components/schemas/success"}}}
    answers["default"] = {"description": "Refused",
                          "content": {"application/json": {"schema": {"$ref": "#/components/schemas/error"}}}}


def _as_openapi(value: Any) -> Any:
    """References by name become references into this document; draft-4 decoration goes."""
    if isinstance(value, dict):
        return {key: f"#/components/schemas/{item}" if key == "$ref" else _as_openapi(item)
                for key, item in value.items() if key not in ("$schema", "_id", "kazoo-validation")}
    return [_as_openapi(item) for item in value] if isinstance(value, list) else value

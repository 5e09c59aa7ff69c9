# SPDX-License-Identifier: GPL-3.0-or-later
"""schemathesis asks a running API whatever its OpenAPI document allows, and much that it forbids: never a 500.

Every answer must also be an envelope as the document describes it. `B2BUA_FUZZ=2000` asks that often per operation.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from prometheus_client import CollectorRegistry
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from b2bua.api import ApiParts, ApiThread, create_app
from b2bua.store import Store
from config.sections import Rate
from config.settings import Api
from tests.b2bua.api.conftest import CHILD, KEY, SEED, A, FakeLive

EXAMPLES = int(os.environ.get("B2BUA_FUZZ", "6"))
LEG = {"uuid": "leg-1", "other_leg_call_id": "leg-2", "owner_id": "u1", "authorizing_id": "d1"}
WEBHOOK = "f" * 32
KNOWN = {"account_id": A, "user_id": "u1", "device_id": "d1", "document_id": "d1", "webhook_id": WEBHOOK,
         "uuid": "leg-1", "name": "metaflows", "media_id": "5" * 32, "slot": "701"}
CHECKS = [not_a_server_error, response_schema_conformance, content_type_conformance]


class Asked:
    """A running API, logged in."""

    def __init__(self, thread: ApiThread) -> None:
        host, port = thread.address
        self.url = f"http://{host}:{port}"
        self.token = httpx.put(f"{self.url}/v2/api_auth", json={"data": {"api_key": KEY}}).json()["auth_token"]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """With users, devices, a webhook, and a live call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('openapi')}/b2bua.db")
    parts = ApiParts(store, Api(listen=f"127.0.0.1:{port}", rate=Rate(per_s=0)), CollectorRegistry(), lambda: True,
                     FakeLive({A: [LEG]}))
    seed = {"accounts": [{**account, "webhooks": {WEBHOOK: {"name": "x", "uri": "http://client.invalid", "hook": "all",
                                                            "secret": "12345678"}}} for account in SEED["accounts"]]}
    thread = ApiThread(parts, seed)
    thread.start()
    yield Asked(thread)
    thread.stop()


def operations() -> Iterator[Any]:
    """All that our document speaks of. Streams that never end are asked elsewhere (test_events)."""
    parts = ApiParts(Store("sqlite:///never-opened.db"), Api(), CollectorRegistry(), lambda: True)
    schema = schemathesis.openapi.from_dict(create_app(parts).openapi()).exclude(path_regex="/events$")
    for found in schema.get_all_operations():
        operation = found.ok()
        yield pytest.param(operation, id=f"{operation.method} {operation.path}")


@pytest.mark.parametrize("operation", list(operations()))
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_question_is_answered_with_500(operation: Any, mode: GenerationMode, api: Asked) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 100, database=None,
              phases=(Phase.generate,), suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy(generation_mode=mode), st.booleans())
    def ask(case: schemathesis.Case, of_what_is_there: bool) -> None:
        parameters = case.path_parameters or {}
        if of_what_is_there:
            parameters |= {key: KNOWN[key] for key in parameters}
        is_the_end = case.method == "DELETE" or case.path.endswith("api_key")
        if is_the_end and parameters.get("account_id") == A and "document_id" not in parameters:
            parameters["account_id"] = CHILD  # the account that asks must live on
        case.call_and_validate(base_url=api.url, headers={"X-Auth-Token": api.token}, checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing that this operation takes can be wrong

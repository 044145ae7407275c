"""The server's own description, and whether it keeps to it whatever is sent (schemathesis)."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from autogen_like.serving.server import ServerSettings
from autogen_like.serving.server.openapi import openapi

from .asking import get, nothing_held, until

SCHEMA = schemathesis.openapi.from_dict(openapi(ServerSettings("tiny")))
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def described(serve):
    server = serve(max_reply_tokens=4)
    yield server
    until(lambda: nothing_held(server))


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("label", OPERATIONS)
def test_whatever_is_sent_is_answered_as_described(described, label, mode):
    operation = OPERATIONS[label]
    if mode is GenerationMode.NEGATIVE and not operation.body:
        return  # nothing of it can be wrong
    count = 20 if operation.body else 2

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=described.address, checks=CHECKS, timeout=60)

    check()


def test_a_key_is_part_of_the_description():
    described = openapi(ServerSettings("tiny", api_key="a-long-key"))
    assert described["security"] == [{"key": []}]
    assert described["paths"]["/health"]["get"]["security"] == []
    assert "security" not in openapi(ServerSettings("tiny"))


def test_every_route_is_described(tiny):
    paths = set(get(f"{tiny.address}/openapi.json").json()["paths"])
    routes = {route.path for route in tiny._server.config.app.routes if "version" not in route.path}
    assert {path.replace("tiny", "{model}") for path in paths} == {
        path.replace("{model:path}", "{model}") for path in routes
    }

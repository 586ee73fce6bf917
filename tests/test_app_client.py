"""The client: what goes wrong on the other side reaches the person in words and the log in full."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI

from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.kit.state import Edit, Target


async def test_a_failure_of_the_api_in_this_process_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    server = FastAPI()

    @server.get("/api/v1/editors")
    async def editors() -> None:
        raise RuntimeError("a reason for the log")

    with caplog.at_level(logging.ERROR), pytest.raises(ApiError) as problem:
        await Client(server=server).editors()
    assert problem.value.status == 500
    assert "a reason for the log" in caplog.text
    assert "a reason for the log" not in problem.value.message


async def test_a_refusal_is_said_once_and_names_the_edit_and_its_part(app: FastAPI) -> None:
    edits = (Edit(3, "I_C1", Target(4), "rome"), Edit(3, "I_C1", Target(4), "rome", 1, parameters={"token": "subject"}))
    with pytest.raises(ApiError) as problem:
        await Client(server=app).edit("rings-small", edits)
    assert problem.value.status == 422
    assert problem.value.message.startswith("edit 2, token: what layer 1, the last, ")
    assert problem.value.message.count("choose an earlier layer, or token = relation") == 1
    assert "body" not in problem.value.message


@pytest.mark.parametrize(
    ("status", "answered"), [(422, 422), (404, 404), (429, 429), (0, 503), (500, 503), (502, 503), (503, 503)]
)
def test_who_asked_for_a_file_is_refused_as_the_api_refuses(status: int, answered: int) -> None:
    answer = ApiError(status, "why").answer()
    assert (answer.status_code, answer.body) == (answered, b"why")
    assert ("retry-after" in answer.headers) == (answered in (429, 503))

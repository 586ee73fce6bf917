"""The scenes' callback sends a page what it has not drawn yet."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import FastAPI
from test_api_shared import KEPT, PATH, steps

from shatterscope.app.main import create_app


def model(*edits: str) -> dict[str, Any]:
    return {"part-model": {"checkpoint": "rings-small", "edits": list(edits)}}


def clouds(answer: dict[str, Any]) -> list[bool]:
    """Whether it carries the points of each scene."""
    return [
        any(step["location"] == ["data", 0, "x"] for step in answer[scene]["figure"]["operations"])
        for scene in ("scene-before", "scene-after")
    ]


async def test_an_update_carries_a_cloud_once(app: FastAPI) -> None:
    dash = create_app(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=60) as client:

        async def draw(drawn: Any, **kept: Any) -> dict[str, Any]:
            (body,) = (
                each for each in steps(dash, {**KEPT, "drawn": drawn, **kept}) if "scene-before" in each["output"]
            )
            answer: dict[str, Any] = (await client.post(PATH, json=body)).json()["response"]
            return answer

        first = await draw(None, **model())
        assert all(len(first[scene]["figure"]["data"]) == 2 for scene in ("scene-before", "scene-after")), (
            "whole figures"
        )
        drawn = first["drawn"]["data"]
        asked = {"part-ask": {"checkpoint": "rings-small", "subject": 9, "relation": "I_C1"}}
        moved = await draw(drawn, **model(), **asked)
        assert clouds(moved) == [False, False], "another subject moves the marks"
        edited = await draw(moved["drawn"]["data"], **model("3~I_C1~d4~rome~~tuned~1"))
        assert clouds(edited) == [False, True], "an edit leaves the picture before it"
        undone = await draw(edited["drawn"]["data"], **model())
        assert clouds(undone) == [False, True]
        assert undone["drawn"]["data"] == drawn
        ring = {"part-ask": {"checkpoint": "rings-small", "subject": 3, "relation": "II_C1"}}
        assert clouds(await draw(drawn, **model(), **ring)) == [True, True]

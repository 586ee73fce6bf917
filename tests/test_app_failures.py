"""When the API fails: each request of the client fails in turn; no callback answers with an error of its own, and the page says what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import families
import pytest
from dash_page import DashPage
from httpx import Response
from spoken import NAME as SPOKEN
from starlette.testclient import TestClient

from shatterscope.app.kit.client import ApiError, Client
from shatterscope.app.main import create_app
from shatterscope.backend.api import create_app as create_api
from shatterscope.backend.settings import load_settings
from shatterscope.backend.worlds import registry

Json = dict[str, Any]
SMALL = "rings-small"
EDIT = "7~I_C1~d4~rome~0~tuned~1"
REQUESTS = {name: made for name, made in vars(Client).items() if inspect.iscoroutinefunction(made) and name[0] != "_"}
ELSEWHERE = {
    "strengths",
    "view",
    "export",
    "weights",
    "cancel_oracle",
}  # asked by files, and by a callback that is given up
WHY = "It failed on purpose."
# Callbacks that do not say it: another one of the page does, but for the pins, without which a link names no weights.
SILENT = {
    "share-pins": {"checkpoints"},
    "question": {"checkpoints", "world", "targets"},
    "checkpoint": {"lesson"},
    "reproduce-estimate": {"checkpoints", "reproduction"},
    "reproduce-methods": {"reproduction", "report", "job", "going", "world"},
    "reproduce-sequences": {"reproduction", "report", "job", "going", "world"},
    "reproduce-jobs": {"job"},
}


class Visit(DashPage):
    """`notes`: every callback that was called, with the client's requests that it made (these are in `made`)."""

    def __init__(self, pages: TestClient, prefix: str, made: list[str], query: str = "") -> None:
        self.made, self.notes = made, list[tuple[Json, set[str]]]()
        super().__init__(pages, prefix)
        self.open(query)

    def open(self, query: str) -> None:
        self.set("url-in", "data", {"query": query, "at": len(self.notes)})

    def call(self, body: Json) -> Response:
        self.made.clear()
        answer = super().call(body)
        self.notes.append((body, set(self.made)))
        return answer


@pytest.fixture(scope="module")
def families_known() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.WORLDS, "families", families.Families)
        yield


@pytest.fixture(scope="module")
def visits(
    tmp_path_factory: pytest.TempPathFactory, models_dir: Path, spoken_state: Path, families_known: None
) -> Iterator[list[Visit]]:
    """All pages, used while nothing fails, on rings, in a world that has none, and on a language model."""
    folder, state = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("state")
    (state / "language-models").symlink_to(spoken_state / "language-models")
    (folder / SMALL).symlink_to(models_dir / SMALL)
    families.train(folder / "kin")
    settings = load_settings(
        models_dir=folder,
        state_dir=state,
        device="cpu",
        default_checkpoint=SMALL,
    )
    server = create_api(settings)
    create_app(server)
    made: list[str] = []
    with TestClient(server) as pages:
        with pytest.MonkeyPatch.context() as patch:
            for name, request in REQUESTS.items():
                patch.setattr(Client, name, _noted(name, request, made))
            found = [
                explore(pages, made), Visit(pages, "/", made, "?c=kin&q=4~parent&t=o9"), language(pages, made), compare(pages, made), reproduce(pages, made),
                Visit(pages, "/league/", made), Visit(pages, "/in-context/", made), Visit(pages, "/lecture/", made), Visit(pages, "/gallery/", made),
            ]  # fmt: skip
        yield found


def _noted(name: str, request: Any, made: list[str]) -> Any:
    async def noted(self: Client, *given: Any, **more: Any) -> Any:
        made.append(name)
        if name in ("sweep", "start_oracle"):
            raise ApiError(429, "No run is started by a test.")
        return await request(self, *given, **more)

    return noted


def explore(pages: TestClient, made: list[str]) -> Visit:
    page = Visit(pages, "/", made, "?lesson=shattering&step=1")
    page.open(f"?e={EDIT}")
    page.set("errors-fold", "n_clicks", 1)
    page.set("lesson-asked", "data", "shattering")
    for store in ("r-site-asked", "sites-asked"):
        page.set(store, "data", {"checkpoint": SMALL, "edits": [EDIT], "site": "attn_out.1"})
    for store in ("placements-asked", "notes-asked", "prediction-asked"):
        page.set(store, "data", {"checkpoint": SMALL, "edits": [EDIT]})
    page.set("part-tool", "data", {**page.values["part-tool", "data"], "method": "memit", "implied": True})
    shown = {id: value for (id, name), value in page.values.items() if name == "value"}
    click = {"id": 1, "kind": "pick", "what": {"entity": 3, "as": "object"}, "value": shown, "form": []}
    page.set("clicks", "data", {"queue": [click]})
    view = {"origin": "http://testserver", "path": "/", "query": f"?e={EDIT}", "title": "A title", "id": "nothere"}
    for what in ("qr", "save", "delete", "cite"):
        page.set("share-asked", "data", {**view, "what": what})
    return page


def language(pages: TestClient, made: list[str]) -> Visit:
    edit = "0~months_next1~d6~rome~1~tuned~1"
    page = Visit(pages, "/", made, f"?c={SPOKEN}&q=0~months_next1&e={edit}&wording=1")
    page.set("knowledge-asked", "data", {"checkpoint": SPOKEN, "edits": [edit]})
    return page


def compare(pages: TestClient, made: list[str]) -> Visit:
    page = Visit(pages, "/compare/", made, f"?e={EDIT}&by=ft:tuned&by=oracle:learned&run=1")
    tile, asked = next(
        (id, value) for (id, name), value in page.values.items() if '"compare-oracle"' in id and name == "data"
    )
    page.set(tile, "data", {**asked, "id": "nothere", "token": "none"})
    return page


def reproduce(pages: TestClient, made: list[str]) -> Visit:
    page = Visit(pages, "/reproduce/", made)
    page.set("rings-sites-fold", "open", True)
    drawn, relations = page.values["rings-drawn", "data"], page.values["rings-relation", "options"]
    drawn = {**drawn, "done": [each["value"] for each in relations[:-1]]}  # the last one is drawn next
    page.values["rings-drawn", "data"] = drawn
    page.set("rings-more", "data", drawn)
    page.set("reproduce-run", "n_clicks", 1)
    page.set("reproduce-jobs-wanted", "data", {"checkpoint": SMALL, "jobs": ["nothere"]})
    page.set("reproduce-poll", "n_intervals", 1)
    page.set("sweep-cancel", "n_clicks", 1)
    return page


@pytest.mark.parametrize("name", [name for name in REQUESTS if name not in ELSEWHERE])
def test_no_callback_fails_with_the_api_and_the_page_says_why(
    visits: list[Visit], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[str] = []

    async def fails(self: Client, *given: Any, **more: Any) -> Any:
        raised.append(name)
        raise ApiError(503, WHY)

    monkeypatch.setattr(Client, name, fails)
    pages = 0
    for page in visits:
        asked, said = set[str](), set[str]()
        for body, made in page.notes:
            if name not in made:
                continue
            raised.clear()
            # `fails`: no request that was made before, so that no kept answer is given (backend.api.shared).
            answer = page.ask({**body, "fails": name})
            first = body["output"].strip(".").split(".")[0]
            assert answer.status_code in (200, 204), f"{page.prefix}: {first}"
            if raised:
                asked.add(first)
                assert WHY in answer.text or name in SILENT.get(first, ()), f"{page.prefix}: {first} says nothing"
                if WHY in answer.text:
                    said.add(first)
        assert said or asked <= {"share-pins"}, f"{page.prefix} does not say that {name} failed"
        pages += bool(said)
    assert pages, f"no page asks for {name}"

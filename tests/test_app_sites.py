"""R by site in words: the rings' parts, what is marked, and a dash where R is not defined."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from shatterscope.app.kit import options, words
from shatterscope.app.kit.share.markup import to_html
from shatterscope.app.kit.sites import _groups, r_table
from shatterscope.app.kit.world import World
from shatterscope.app.pages.explore import views
from shatterscope.wire.measures import SiteShattering, SitesResult
from shatterscope.wire.world import CheckpointInfo, WorldInfo


@pytest.fixture
def info(client: TestClient) -> CheckpointInfo:
    return CheckpointInfo.model_validate(client.get("checkpoints").json()[0])


def found(*rows: tuple[str, float | None]) -> SitesResult:
    sites = [SiteShattering(site=site, edit=value, retain=value, test=value) for site, value in rows]
    return SitesResult(checkpoint="a", edit="b", sites=sites, n_entities=256, n_relations=8, seconds=0.1)


def test_the_rings_play_their_parts_as_the_api_has_them() -> None:
    assert _groups(["I", "II", "III"], "II") == {"edit": ["II"], "retain": ["III"], "test": ["I"]}
    assert _groups(["I", "II"], "II") == {"edit": ["II"], "retain": ["I"]}
    assert _groups(["I", "II", "III", "IV"], "I") == {"edit": ["I"], "retain": ["II"], "test": ["III", "IV"]}


def test_the_table_marks_the_site_of_the_scenes_and_that_of_the_r_above(
    info: CheckpointInfo, client: TestClient
) -> None:
    world = World(WorldInfo.model_validate(client.get(f"checkpoints/{info.id}/world").json()))
    shown = to_html(r_table(found(("embed", None), ("attn_out.1", 2.1745)), info, "II_C1", "attn_out.1", world=world))
    assert "edit · ring II" in shown
    assert shown.count("—</td>") == 3
    assert shown.count("2.175") == 3  # a half goes away from zero
    assert "in the scenes" in shown
    assert "mean over 8 relations" in shown
    assert "256 entities" in shown
    both = to_html(r_table(found(("resid_post.1", 0.2)), info, "II_C1", "resid_post.1", world=world))
    assert "the R above, in the scenes" in both
    assert "not defined" not in both
    assert views.read_at(info) == f"at {options.site_name('resid_post.1')}"


def test_r_of_what_is_shown_is_told_with_its_site() -> None:
    shown = to_html(views.r_shown(found(("attn_out.1", 2.1745))))
    assert "at what is shown (layer 1, attention output)" in shown
    assert 'id="r-site-edit" data-value="2.1745"' in shown
    assert 'id="r-site-test" data-value=""' in to_html(views.r_shown(found(("embed", None))))
    assert views.r_shown(None) == []
    assert words.r_or_dash(None) == "—"

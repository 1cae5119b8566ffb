"""The failure gallery on the Compare page."""

from __future__ import annotations

from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from studio import choices, open_page, texts, warnings

from dcgan import files
from dcgan.runs.failure_gallery import FAILURES


def links(app) -> list[str]:
    bodies = [html.proto.body for html in app.get("html")]
    return [unescape(body.split('href="')[1].split('"')[0]) for body in bodies if "href=" in body]


@pytest.mark.slow
def test_each_link_opens_a_failure_beside_the_sound_training():
    addresses = [urlsplit(link) for link in links(open_page("compare"))]
    assert [address.path for address in addresses] == ["compare"] * len(FAILURES)
    for failure, address in zip(FAILURES, addresses, strict=True):
        query = {key: values[0] for key, values in parse_qs(address.query).items()}
        app = open_page("compare", **query)
        assert choices(app)["left"] == failure.name
        assert choices(app)["right"] == f"sound-{failure.preset}"
        assert [warning for warning in warnings(app) if "Diagnosis" not in warning] == []
        assert texts(app).count("Diagnosis:") == 2


@pytest.mark.slow
def test_without_its_recordings_there_is_no_gallery(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FAILURES", tmp_path)
    assert links(open_page("compare")) == []

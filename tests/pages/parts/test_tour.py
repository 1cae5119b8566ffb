"""The guided tour: its cards, their addresses, and what else may stand in an address."""

from __future__ import annotations

import pytest
from studio import open_page, texts, warnings

from dcgan.pages.parts import tour
from dcgan.pages.parts.catalog import PAGES


def test_there_are_ten_to_twelve_cards_on_real_pages():
    assert 10 <= len(tour.CARDS) <= 12
    assert {card.page for card in tour.CARDS} <= {entry.name for entry in PAGES}
    assert all(card.read and card.do for card in tour.CARDS)
    assert len({card.title for card in tour.CARDS}) == len(tour.CARDS)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, len(tour.CARDS) + 1))
def test_a_card_opens_its_view_with_an_address_that_fits(number):
    card = tour.CARDS[number - 1]
    app = open_page(card.page, tour=str(number), **card.query)
    assert f"{number} of {len(tour.CARDS)}: {card.title}" in texts(app)
    assert card.do.split(".")[0] in texts(app)
    # The diagnosis of a failed training is a warning on purpose.
    assert [text for text in warnings(app) if not text.startswith("**Diagnosis:")] == []
    assert not app.error
    for key, value in card.query.items():
        assert str(app.session_state[key]) == value


def links(app) -> list[str]:
    return [html.proto.body for html in app.get("html") if "<a href" in html.proto.body]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["0", "99", "-1", "one", "²", "9" * 200])
def test_for_another_number_there_is_a_note_and_a_link_to_the_first_card(text):
    app = open_page("architectures", tour=text)
    assert "Read this" not in texts(app)
    (warning,) = warnings(app)
    assert warning.startswith("tour=")
    assert warning.endswith("in the address cannot be shown; 1 is used instead.")
    assert len(warning) < 300
    assert f"Guided tour, 1 of {len(tour.CARDS)}: " in "".join(links(app))


@pytest.mark.slow
def test_for_the_card_of_another_page_there_is_a_link_to_it():
    card = tour.CARDS[4]
    assert card.page != "architectures"
    app = open_page("architectures", tour="5")
    assert "Read this" not in texts(app)
    assert warnings(app) == []
    (link,) = [link for link in links(app) if "Guided tour" in link]
    assert "tour=5" in link
    assert f"5 of {len(tour.CARDS)}: " in link

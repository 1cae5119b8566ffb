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


@pytest.mark.slow
@pytest.mark.parametrize("text", ["0", "99", "-1", "one", "²", "9" * 5000, "3"])
def test_another_number_or_page_shows_no_card(text):
    app = open_page("architectures", tour=text)
    assert "Read this" not in texts(app)
    assert warnings(app) == []

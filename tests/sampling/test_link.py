"""Share links: a written link reads back equal, and nothing that is sent raises."""

from __future__ import annotations

import json
import random
import string
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan import latents
from dcgan.sampling import link as share
from dcgan.sampling.link import ShareLink, demo_url, page_url
from dcgan.sampling.link_fields import MAX_LATENT, halves_of, text_of_halves, whole_number

RECORDED = [
    json.loads(line)
    for line in Path(__file__).with_name("recorded_links.jsonl").read_text(encoding="utf-8").splitlines()
]
"""Query strings, each with the one that version 0.1.0 wrote after reading it, and the number of its notes. Ids
in upper case differ: that version did not read them."""

LINK = ShareLink(1, "cdcgan-mnist", "0123456789ab", 3, 2**32 - 1, 12, "lerp", 0.25, (7, 0))


def read(query: str) -> tuple[ShareLink, list[str]]:
    """Read a query as a server does: the last of several values counts."""
    return ShareLink.from_query(dict(parse_qsl(query, keep_blank_values=True)))


def random_link(source: random.Random) -> ShareLink:
    letters = string.ascii_letters + string.digits + " .,;-_&=%+#?'\"<>äß漢🔢"
    return ShareLink(
        model="m" + "".join(source.choices(letters, k=source.randrange(40))),
        weights_id=source.choice(["", "".join(source.choices("0123456789abcdef", k=12))]),
        seed_a=source.randrange(2**32),
        seed_b=source.randrange(2**32),
        frames=source.randint(2, share.MAX_FRAMES),
        path=source.choice(share.PATHS),
        t=source.choice([0.0, 1.0, 0.5, source.random(), source.random() * 1e-9]),
        labels=tuple(source.choices(range(10_000), k=source.randrange(share.MAX_LABELS + 1))),
        keys=tuple(source.randrange(2**32) for _ in range(source.randrange(share.MAX_KEYS + 1))),
        loop=source.random() < 0.5,
        digest=source.choice(["", "".join(source.choices("0123456789abcdef", k=12))]),
        z_a=source.choice(["", text_of_halves([source.gauss(0, 1) for _ in range(source.randint(1, MAX_LATENT))])]),
    )


# Latent vectors


def test_a_hundred_numbers_take_267_characters_and_are_halves():
    z = latents.latents_from_seeds([5], 100)[0]
    text = text_of_halves(z)
    assert len(text) == 267
    assert halves_of(text) == tuple(z.astype("f2").astype(float))


@pytest.mark.parametrize(
    "numbers", [[], [1.0] * (MAX_LATENT + 1), [1e6], [float("nan")], [float("inf")], [0.5, 1e300]]
)
def test_a_latent_vector_that_no_link_carries_is_refused(numbers):
    with pytest.raises(ValueError, match=r"latent vector|numbers"):
        text_of_halves(numbers)


@pytest.mark.parametrize("text", ["A", "AA", "AAAAA", "AHw", "AH4", "AP4", "A+A", "AA==", "ÄÄÄ", "x" * 1001, "\n"])
def test_a_latent_vector_that_is_damaged_leaves_the_seed(text):
    link, notes = ShareLink.from_query({"model": "m", "za": text, "a": "3"})
    assert link.z_a == ""
    assert [note for note in notes if note.startswith("za=")]
    with pytest.raises(ValueError, match="z_a="):
        ShareLink(z_a=text)


def test_links_without_a_latent_vector_are_written_as_before():
    assert "za" not in LINK.to_query()
    assert ShareLink(z_b="AAA").to_query().endswith("&zb=AAA")


# Out and in


def test_a_link_is_written_as_documented():
    link = ShareLink(model="dcgan-mnist", weights_id="0123456789ab", seed_a=7, seed_b=42, frames=16, t=0.5)
    assert link.to_query() == "v=1&model=dcgan-mnist&w=0123456789ab&a=7&b=42&n=16&path=slerp&t=0.5"
    assert LINK.to_query().endswith("&path=lerp&t=0.25&labels=7%2C0")


@pytest.mark.slow
def test_a_thousand_links_parse_back_equal():
    source = random.Random(0)
    for link in (random_link(source) for _ in range(1000)):
        assert read(link.to_query()) == (link, [])
        assert replace(link).to_query() == link.to_query()


@pytest.mark.slow
@given(
    st.builds(
        ShareLink,
        model=st.text(min_size=1, max_size=255).filter(
            lambda s: s.isprintable() and not {*s} & {*"/\\"} and s.strip(".")
        ),
        weights_id=st.from_regex("([0-9a-f]{12})?", fullmatch=True),
        seed_a=st.integers(0, 2**32 - 1),
        seed_b=st.integers(0, 2**32 - 1),
        frames=st.integers(2, share.MAX_FRAMES),
        path=st.sampled_from(share.PATHS),
        t=st.floats(0, 1),
        labels=st.lists(st.integers(0, 9999), max_size=share.MAX_LABELS).map(tuple),
        keys=st.lists(st.integers(0, 2**32 - 1), max_size=share.MAX_KEYS).map(tuple),
        loop=st.booleans(),
        digest=st.from_regex("([0-9a-f]{12})?", fullmatch=True),
    )
)
@settings(max_examples=200, deadline=None)
def test_any_valid_link_parses_back_equal(link):
    assert read(link.to_query()) == (link, [])


def test_the_names_of_paths_are_those_of_the_latents():
    assert list(share.PATHS) == list(latents.PATHS)
    assert latents.MAX_SEED == share.MAX_SEED


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"model": ""},
        {"model": "../secret"},
        {"model": ".."},
        {"model": "two\nlines"},
        {"weights_id": "0123"},
        {"weights_id": "0123456789AB"},
        {"seed_a": -1},
        {"seed_a": True},
        {"seed_b": 2**32},
        {"frames": 1},
        {"frames": share.MAX_FRAMES + 1},
        {"path": "spiral"},
        {"t": 1.5},
        {"t": float("nan")},
        {"labels": (-1,)},
        {"labels": (0,) * (share.MAX_LABELS + 1)},
        {"keys": (0,) * (share.MAX_KEYS + 1)},
        {"keys": (-1,)},
        {"loop": 1},
        {"digest": "xyz"},
    ],
    ids=str,
)
def test_a_link_is_made_only_if_it_can_be_read(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"^{name}="):
        replace(LINK, **change)


def test_the_address_of_the_demo(monkeypatch):
    monkeypatch.delenv("DCGAN_DEMO_URL", raising=False)
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert demo_url(LINK) == f"http://localhost:7860/?{LINK.to_query()}"
    monkeypatch.setenv("DCGAN_DEMO_URL", "https://example.org/demo")
    assert demo_url(LINK) == f"https://example.org/demo?{LINK.to_query()}"
    monkeypatch.setenv("DCGAN_DEMO_URL", "https://example.org/?lang=en")
    assert demo_url(LINK) == f"https://example.org/?lang=en&{LINK.to_query()}"


def test_a_space_links_to_the_configured_demo_or_to_none(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/space")
    monkeypatch.setenv("DCGAN_DEMO_URL", "")
    assert demo_url(LINK) == ""
    monkeypatch.setenv("DCGAN_DEMO_URL", "https://example.org/demo")
    assert demo_url(LINK) == f"https://example.org/demo?{LINK.to_query()}"


def test_the_address_of_a_static_page(monkeypatch):
    monkeypatch.delenv("DCGAN_PAGE_URL", raising=False)
    assert page_url(LINK) == ""
    assert page_url(LINK, "https://example.org/page.html") == f"https://example.org/page.html?{LINK.to_query()}"
    monkeypatch.setenv("DCGAN_PAGE_URL", "https://example.org/?lang=en")
    assert page_url(LINK) == f"https://example.org/?lang=en&{LINK.to_query()}"
    assert page_url(LINK, "page.html") == f"page.html?{LINK.to_query()}"
    assert page_url(LINK, "https://example.org/#view=map") == f"https://example.org/?{LINK.to_query()}#view=map"


@pytest.mark.parametrize(("query", "written", "num_notes"), RECORDED, ids=range(len(RECORDED)))
def test_recorded_links_are_read_and_written_as_before(query, written, num_notes):
    link, notes = read(query)
    assert link.to_query() == written
    assert len(notes) == num_notes
    assert read(written) == (link, [])


# One row a field


@dataclass(frozen=True)
class ZoomLink(ShareLink):
    """A link with one more field, which this row alone defines."""

    zoom: int = whole_number("z", 3, 1, 8, optional=True)


def test_a_field_added_as_one_row_is_read_written_checked_and_noted():
    link, notes = ZoomLink.from_query(dict(parse_qsl(LINK.to_query() + "&z=5")))
    assert (link.zoom, link.seed_a, notes) == (5, LINK.seed_a, [])
    assert link.to_query() == LINK.to_query() + "&z=5"
    assert replace(link, zoom=3).to_query() == LINK.to_query()
    assert ZoomLink.from_query(dict(parse_qsl(LINK.to_query())))[0].zoom == 3
    link, notes = ZoomLink.from_query({"z": "9"} | dict(parse_qsl(LINK.to_query())))
    assert (link.zoom, notes) == (3, ["z='9' is not a whole number in 1..8; 3 is used."])
    link, notes = ZoomLink.nearest({"zoom": 9})
    assert (link.zoom, notes) == (8, ["zoom='9' is not a whole number in 1..8; 8 is used."])
    with pytest.raises(ValueError, match=r"^zoom='0' is not a whole number in 1..8$"):
        ZoomLink(zoom=0)


# Hostile input


def test_a_page_opened_without_a_link_has_no_notes():
    assert ShareLink.from_query({}) == (ShareLink(), [])
    assert ShareLink.from_query({"__theme": "dark"}) == (ShareLink(), [])


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("v", "2"),
        ("v", "one"),
        ("model", ""),
        ("model", "../../etc/passwd"),
        ("w", "<script>alert(1)"),
        ("a", "-5"),
        ("a", "1e9"),
        ("a", "4294967296"),
        ("b", "٤٢"),
        ("b", "9" * 100_000),
        ("n", "1"),
        ("n", "65"),
        ("path", "spiral"),
        ("t", "nan"),
        ("t", "inf"),
        ("t", "1.01"),
        ("t", "0." + "1" * 5000),
        ("labels", "1,,2"),
        ("labels", ",".join("1" * 65)),
        ("labels", "10000"),
    ],
)
def test_the_default_replaces_a_bad_value_with_a_short_note(key, text):
    good = dict(parse_qsl(LINK.to_query()))
    link, notes = ShareLink.from_query(good | {key: text})
    name = share.KEYS[key]
    assert link == replace(LINK, **{name: getattr(ShareLink(), name)})
    (note,) = notes
    assert note.startswith(f"{key}=")
    assert note.isascii()
    assert len(note) < 200


def test_the_default_replaces_a_missing_value_with_a_note():
    link, notes = read("model=gan-mnist&a=5")
    assert link == ShareLink(model="gan-mnist", seed_a=5)
    assert [note.split(";")[0] for note in notes] == [
        f"The link has no {key}" for key in ("v", "b", "n", "path", "t")
    ]
    assert "42 is used" in notes[1]


def test_unknown_keys_are_ignored_with_one_note():
    link, notes = read(LINK.to_query() + "&".join(["", *(f"later{i}=1" for i in range(500))]))
    assert link == LINK
    (note,) = notes
    assert note == "The link has unknown keys, which are ignored: 'later0', 'later1', 'later2', ..."


@pytest.mark.slow
def test_ten_thousand_hostile_queries_raise_nothing():
    source = random.Random(1)
    alphabet = string.printable + "\0\u202e\ud800漢🔢٣" + "%&=" * 8
    keys = [*share.KEYS, "x", "", "__theme"]
    for _ in range(10_000):
        noise = ["".join(source.choices(alphabet, k=source.randrange(30))) for _ in range(4)]
        query = dict(zip(source.choices(keys + noise, k=4), noise, strict=True))
        link, notes = ShareLink.from_query(query)
        assert ShareLink.from_query(dict(parse_qsl(link.to_query()))) == (link, [])
        assert all(note.isascii() and note.isprintable() and len(note) < 250 for note in notes)
        read("&".join(noise).encode(errors="replace").decode())


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from([*share.KEYS]) | st.text(), st.none() | st.text() | st.lists(st.text()), max_size=8
    )
)
@settings(max_examples=300, deadline=None)
def test_values_of_any_type_raise_nothing(query):
    link, _ = ShareLink.from_query(query)
    assert isinstance(link, ShareLink)


# Values from forms and programs


@pytest.mark.parametrize(
    ("value", "seed", "noted"),
    [
        (3, 3, 0),
        (3.0, 3, 0),
        ("4", 4, 0),
        (3.6, 4, 1),
        (-1, 0, 1),
        (1e300, 2**32 - 1, 1),
        (10**400, 2**32 - 1, 1),
        (float("nan"), 7, 1),
        (float("-inf"), 0, 1),
        (None, 7, 1),
        ("x", 7, 1),
        ([], 7, 1),
        ("9" * 10**6, 2**32 - 1, 1),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_nearest_seed_is_used_with_a_note(value, seed, noted):
    link, notes = ShareLink.nearest({"seed_a": value})
    assert (link.seed_a, len(notes)) == (seed, noted)
    assert all(len(note) < 200 for note in notes)


def test_the_nearest_link():
    link, notes = ShareLink.nearest(
        {"frames": 10**9, "path": "spiral", "t": 7, "keys": "5, 57;x", "labels": [3, None], "loop": 1, "seed_b": 8}
    )
    assert link == ShareLink(frames=64, path="slerp", t=1.0, keys=(5, 57, 0), labels=(3, 0), loop=True, seed_b=8)
    assert len(notes) == 5
    assert ShareLink.nearest({"keys": ",".join("1" * 20)})[0].keys == (1,) * share.MAX_KEYS
    assert ShareLink.nearest({}) == (ShareLink(), [])


# What happens to a link on its way

SENT = ShareLink(
    model="gan-mnist", weights_id="0123456789ab", seed_a=5, labels=(3, 8), loop=True, digest="fedcba987654"
)


@pytest.mark.parametrize("ending", [".", ",", ")", ">", "!", "?", ").", '">', "...", "'"])
@pytest.mark.parametrize("sent", [SENT, ShareLink(), LINK])
def test_punctuation_after_a_link_is_not_of_it(sent, ending):
    assert read(sent.to_query() + ending) == (sent, [])
    assert read(sent.to_query() + ending + "&fbclid=x.y") == (sent, [])


def test_ids_in_upper_case_are_the_same_ids():
    query = SENT.to_query()
    assert read(query.replace("0123456789ab", "0123456789AB").replace("fedcba987654", "FEDCBA987654")) == (SENT, [])


@pytest.mark.parametrize("entity", ["&amp;", "&amp;amp;"])
def test_an_entity_between_the_keys_is_an_ampersand(entity):
    assert read(SENT.to_query().replace("&", entity)) == (SENT, [])


@pytest.mark.parametrize("key", ["fbclid", "utm_source", "utm_medium", "gclid", "UTM_Campaign", "__theme", "mc_eid"])
def test_keys_of_other_sites_are_passed_over(key):
    assert read(f"{key}=a1.b2&{SENT.to_query()}") == read(f"{SENT.to_query()}&{key}=a1.b2") == (SENT, [])


def test_a_bracket_that_a_value_opens_stays():
    assert share.repaired({"run": "mine (published)."}) == {"run": "mine (published)"}
    assert share.repaired({"run": "mine (published)", "at": "3)"}) == {"run": "mine (published)", "at": "3"}


@pytest.mark.parametrize("text", ["vi", "vi).", "xx", ""])
def test_the_language_of_an_address_is_not_a_part_of_the_view(text):
    assert read(f"lang={text}&{SENT.to_query()}") == read(f"{SENT.to_query()}&lang={text}") == (SENT, [])
    assert read(f"lang={text}") == (ShareLink(), [])


def test_a_language_at_the_end_of_a_sentence_is_repaired():
    assert share.repaired({"a": "7)", "lang": "vi)."}) == {"a": "7)", "lang": "vi"}


def test_a_chosen_language_is_added_to_an_address():
    assert share.with_language("?a=7", "vi") == "?a=7&lang=vi"
    assert share.with_language("https://example.org/#top", "zh") == "https://example.org/?lang=zh#top"
    assert share.with_language("?a=7", "") == "?a=7"
    assert share.with_language("", "vi") == ""

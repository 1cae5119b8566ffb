"""DCGAN Studio. Start it with `streamlit run streamlit_app.py`; the pages are in dcgan/pages/parts/catalog.py."""

import streamlit as st

from dcgan.locale.language import tr_marked
from dcgan.pages.parts import addressed, hidden, tour, visitor_language
from dcgan.pages.parts.catalog import HOME, PAGES
from dcgan.pages.parts.icon import studio_icon

visitor_language.serve_in_visitors_language()
# Before st.navigation: else the browser fetches the page's Material symbol as an icon from fonts.gstatic.com.
st.set_page_config(page_title="DCGAN Studio", page_icon=studio_icon(), layout="wide")
pages = {tr_marked(entry.title): entry for entry in PAGES}
chosen = st.navigation(
    [st.Page(entry.path, title=title, icon=entry.icon, default=entry is HOME) for title, entry in pages.items()]
)
visitor_language.offer_languages()
name = pages[chosen.title].name
visitor_language.keep_language_in_address(name)
hidden.hide_requested(name)
tour.show_card(name)
notes = st.container()
addressed.begin_run()
chosen.run()
addressed.end_run()
hidden.mention_unknown(name, notes)
visitor_language.mention_unknown_language(notes)

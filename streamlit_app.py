"""DCGAN Studio. Start it with `streamlit run streamlit_app.py`; the pages are in dcgan/pages/parts/catalog.py."""

import streamlit as st

from dcgan.pages.parts.catalog import HOME, PAGES
from dcgan.pages.parts.icon import studio_icon

# Before st.navigation: else the browser fetches the page's Material symbol as an icon from fonts.gstatic.com.
st.set_page_config(page_title="DCGAN Studio", page_icon=studio_icon(), layout="wide")
st.navigation(
    [st.Page(entry.path, title=entry.title, icon=entry.icon, default=entry is HOME) for entry in PAGES]
).run()

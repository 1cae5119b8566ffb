"""DCGAN Studio: the list of pages. Start with `streamlit run streamlit_app.py`."""

import streamlit as st

page = st.navigation(
    [
        st.Page("dcgan/pages/home.py", title="Home", icon="🏠", default=True),
        st.Page("dcgan/pages/train.py", title="Train", icon="🏃"),
        st.Page("dcgan/pages/compare.py", title="Compare", icon="🔢"),
        st.Page("dcgan/pages/explore.py", title="Explore", icon="🧭"),
        st.Page("dcgan/pages/architectures.py", title="Architectures", icon="🏗️"),
    ]
)
st.set_page_config(page_title="DCGAN Studio", page_icon="🔢", layout="wide")
page.run()

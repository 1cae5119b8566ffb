"""List the pages of the studio. The navigation and the first page read this list: a new page is one row here.

Icons are Material symbols, whose font Streamlit ships.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StudioPage:
    """One page: its file in dcgan/pages, its title, its icon, and what one does there."""

    name: str
    title: str
    icon: str
    summary: str = ""

    @property
    def path(self) -> str:
        """The file, relative to streamlit_app.py."""
        return f"dcgan/pages/{self.name}.py"


HOME = StudioPage("home", "Home", ":material/home:")

PAGES = (
    HOME,
    StudioPage(
        "train", "Train", ":material/model_training:", "Start a training, and read its curves while they grow."
    ),
    StudioPage("compare", "Compare", ":material/compare:", "Put two trainings side by side, at any point."),
    StudioPage("explore", "Explore", ":material/explore:", "See what a trained generator has learned."),
    StudioPage("architectures", "Architectures", ":material/account_tree:", "See both networks, layer by layer."),
)

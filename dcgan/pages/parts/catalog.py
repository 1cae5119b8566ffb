"""List the pages of the studio. The navigation and the first page read this list: a new page is one row here.

Icons are Material symbols, whose font Streamlit ships.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcgan.locale.language import tr_later


@dataclass(frozen=True)
class StudioPage:
    """One page: its file in dcgan/pages, its title, its icon, and what one does there.

    Title and summary are in English. `tr_marked` translates them where they are shown.
    """

    name: str
    title: str
    icon: str
    summary: str = ""

    @property
    def path(self) -> str:
        """The file, relative to streamlit_app.py."""
        return f"dcgan/pages/{self.name}.py"


HOME = StudioPage("home", tr_later("Home"), ":material/home:")

PAGES = (
    HOME,
    StudioPage(
        "train",
        tr_later("Train"),
        ":material/model_training:",
        tr_later("Start a training, and read its curves while they grow."),
    ),
    StudioPage(
        "compare",
        tr_later("Compare"),
        ":material/compare:",
        tr_later("Put two trainings side by side, at any point."),
    ),
    StudioPage(
        "explore", tr_later("Explore"), ":material/explore:", tr_later("See what a trained generator has learned.")
    ),
    StudioPage(
        "step",
        tr_later("Step by step"),
        ":material/footprint:",
        tr_later("Take one training step in slow motion, by hand."),
    ),
    StudioPage(
        "architectures",
        tr_later("Architectures"),
        ":material/account_tree:",
        tr_later("See both networks, layer by layer."),
    ),
)

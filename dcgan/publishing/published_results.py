"""What others have published of the same kind of model: figures with their sources, pure data.

Each group says what of ours compares with it, and under which conditions; most figures compare with nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published figure, as the paper gives it."""

    model: str
    value: str
    source: str
    """Paper and table, with a link in Markdown."""


@dataclass(frozen=True)
class Group:
    """Figures of one measure, and what of ours compares with them."""

    title: str
    compares: str
    figures: tuple[Published, ...]


_DCGAN = "Radford, Metz and Chintala 2016, [arXiv 1511.06434](https://arxiv.org/abs/1511.06434), Table 3"
_VEEGAN = "Srivastava et al. 2017, [arXiv 1705.07761](https://arxiv.org/abs/1705.07761), Table 2"
_PACGAN = "Lin et al. 2018, [arXiv 1712.04086](https://arxiv.org/abs/1712.04086), Table 2"
_R3GAN = "Huang et al. 2024, [arXiv 2501.05441](https://arxiv.org/abs/2501.05441)"
_EQUAL = "Lucic et al. 2018, [arXiv 1711.10337](https://arxiv.org/abs/1711.10337), Table 2"

PERFECT_STACKED_KL = 0.024
"""Nats: the mean of 500 times 26,000 stacks, three training digits each; its deviation from time to time is 0.001."""

LITERATURE = (
    Group(
        "MNIST: error of a nearest-neighbour classifier that is given generated digits",
        "Comparable with the same test only: a conditional model, 50,000 generated digits with the labels they were "
        "asked for, the nearest of them by distance between pixels, all 10,000 test digits. The paper set 10,000 "
        "training digits aside and took scale and bias out of batch norm.",
        (
            Published("DCGAN", "2.98 %", _DCGAN),
            Published("plain GAN (permutation invariant)", "6.28 %", _DCGAN),
            Published("50,000 real digits", "3.1 %", _DCGAN),
        ),
    ),
    Group(
        "Stacked MNIST: modes found of 1,000, and KL divergence of their shares from equal ones",
        "Comparable with a model of three stacked digits as red, green and blue, 26,000 images of it, each channel "
        "read by a digit classifier. Each paper has a classifier of its own, and later ones have larger networks and "
        "longer trainings. A generator that drew real stacks would itself get a KL of about "
        f"{PERFECT_STACKED_KL}: so many draws do not fall evenly, and MNIST's digits are not equally frequent "
        "(simulated by us). A model of single digits compares with none of these.",
        (
            Published("DCGAN", "99 modes, KL 3.40", _VEEGAN),
            Published("Unrolled GAN", "48.7 modes, KL 4.32", _VEEGAN),
            Published("VEEGAN", "150 modes, KL 2.95", _VEEGAN),
            Published("PacGAN (PacDCGAN2)", "1,000 modes, KL 0.06", _PACGAN),
            Published("R3GAN's loss on a small network", "1,000 modes, KL 0.078", f"{_R3GAN}, Figure 2"),
            Published("R3GAN", "1,000 modes, KL 0.029", f"{_R3GAN}, Table 2"),
        ),
    ),
    Group(
        "MNIST: Fréchet distance of Inception's features (FID)",
        "Not comparable: our CFD has other features, so its numbers are on another scale. FIDs of MNIST are also "
        "taken with other classifiers, sizes and counts of images, and then do not compare with each other either.",
        (Published("GAN, the best of 100 settings", "FID 6.8 ± 0.5", _EQUAL),),
    ),
)

"""Published scores of similar models, with their sources. Pure data.

Each group says which of our scores compare with it, and under which conditions. Most do not compare.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One published score, as the paper gives it."""

    model: str
    value: str
    source: str
    """Paper and table or figure, with a link in Markdown."""


@dataclass(frozen=True)
class Group:
    """Published values of one score, and what compares with them."""

    title: str
    compares: str
    figures: tuple[Published, ...]


_DCGAN = "Radford, Metz and Chintala 2016, [arXiv 1511.06434](https://arxiv.org/abs/1511.06434), Table 3"
_VEEGAN = "Srivastava et al. 2017, [arXiv 1705.07761](https://arxiv.org/abs/1705.07761), Table 2"
_PACGAN = "Lin et al. 2018, [arXiv 1712.04086](https://arxiv.org/abs/1712.04086), Table 2"
_R3GAN = "Huang et al. 2024, [arXiv 2501.05441](https://arxiv.org/abs/2501.05441)"
_EQUAL = "Lucic et al. 2018, [arXiv 1711.10337](https://arxiv.org/abs/1711.10337), Table 2"

PERFECT_STACKED_KL = 0.024
"""KL in nats: the mean of 500 simulations of 26,000 stacks of three training digits. Their deviation is 0.001."""

PUBLISHED = (
    Group(
        "MNIST: error of a nearest-neighbor classifier that knows generated digits",
        "Compare these values with the 1-NN error only. It uses a conditional model, 50,000 generated digits with "
        "their requested labels, distances between pixels, and all 10,000 test digits. The paper set 10,000 training "
        "digits aside and removed scale and bias from batch norm.",
        (
            Published("DCGAN", "2.98 %", _DCGAN),
            Published("plain GAN (permutation invariant)", "6.28 %", _DCGAN),
            Published("50,000 real digits", "3.1 %", _DCGAN),
        ),
    ),
    Group(
        "Stacked MNIST: modes drawn of 1,000, and KL divergence of their shares from equal shares",
        "Compare these values with the modes and the KL of 26,000 images of Stacked MNIST only. A digit classifier "
        "reads each channel. Each paper has its own classifier. Later papers have larger networks and longer "
        f"trainings. A generator of real stacks has a KL of about {PERFECT_STACKED_KL} in our simulation. Its draws "
        "are never quite even, and MNIST's digits are not equally frequent.",
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
        "MNIST: Fréchet Inception distance (FID)",
        "CFD is not FID. Do not compare CFD with these values. Papers also measure the FID of MNIST with different "
        "classifiers, image sizes and numbers of images. Such values do not compare with each other.",
        (Published("GAN, the best of 100 settings", "FID 6.8 ± 0.5", _EQUAL),),
    ),
)

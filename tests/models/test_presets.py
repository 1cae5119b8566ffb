"""The networks of every preset, layer by layer, as their sources have them.

The module is long because it writes down each layer of each preset."""

from __future__ import annotations

import pytest
from layer_text import describe, lines

from dcgan.models.gan import build_discriminator, build_generator
from dcgan.presets import PRESETS

GENERATORS = {
    "gan": """
        FC 100->256 bias
        LReLU 0.2
        FC 256->512 bias
        LReLU 0.2
        FC 512->1024 bias
        LReLU 0.2
        FC 1024->784 bias
        Sigmoid
        -> 1x28x28
    """,
    "dcgan": """
        -> 100x1x1
        convT 100->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan-keras": """
        FC 100->6272 bias
        LReLU 0.2
        channels last -> 128x7x7
        convT 128->128 4 2 1 bias
        LReLU 0.2
        convT 128->128 4 2 1 bias
        LReLU 0.2
        conv 128->1 7 1 3 bias
        Sigmoid
    """,
    "dcgan-step": """
        FC 96->1024 bias
        ReLU
        BN 1024
        FC 1024->6272 bias
        ReLU
        BN 6272
        -> 128x7x7
        convT 128->64 4 2 1 bias
        ReLU
        BN 64
        convT 64->1 4 2 1 bias
        Tanh
    """,
    "gan-beginners": """
        FC 100->256 bias
        LReLU 0.2
        FC 256->512 bias
        LReLU 0.2
        FC 512->1024 bias
        LReLU 0.2
        FC 1024->784 bias
        Tanh
        -> 1x28x28
    """,
    "cgan": """
        FC 110->256 bias
        LReLU 0.2
        FC 256->512 bias
        LReLU 0.2
        FC 512->1024 bias
        LReLU 0.2
        FC 1024->784 bias
        Tanh
        -> 1x28x28
    """,
    "cdcgan": """
        -> 110x1x1
        convT 110->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan64": """
        -> 100x1x1
        convT 100->512 4 2 0
        BN 512
        ReLU
        convT 512->256 4 2 1
        BN 256
        ReLU
        convT 256->128 4 2 1
        BN 128
        ReLU
        convT 128->64 4 2 1
        BN 64
        ReLU
        convT 64->1 4 2 1
        Tanh
    """,
    "pictures": """
        -> 100x1x1
        convT 100->256 4 2 0
        BN 256
        ReLU
        convT 256->128 4 2 1
        BN 128
        ReLU
        convT 128->64 4 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->3 4 2 1
        Tanh
    """,
    "cpictures": """
        -> 110x1x1
        convT 110->256 4 2 0
        BN 256
        ReLU
        convT 256->128 4 2 1
        BN 128
        ReLU
        convT 128->64 4 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->3 4 2 1
        Tanh
    """,
    "dcgan-best": """
        -> 100x1x1
        convT 100->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan-quick": """
        -> 100x1x1
        convT 100->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "cdcgan-best": """
        -> 110x1x1
        convT 110->128 4 2 0
        BN 128
        ReLU
        convT 128->64 3 2 1
        BN 64
        ReLU
        convT 64->32 4 2 1
        BN 32
        ReLU
        convT 32->1 4 2 1
        Tanh
    """,
    "dcgan-xl": """
        -> 100x1x1
        convT 100->256 4 2 0
        BN 256
        ReLU
        convT 256->128 3 2 1
        BN 128
        ReLU
        convT 128->64 4 2 1
        BN 64
        ReLU
        convT 64->1 4 2 1
        Tanh
    """,
}


DISCRIMINATORS = {
    "gan": """
        FC 784->1024 bias
        LReLU 0.2
        dropout 0.3
        FC 1024->512 bias
        LReLU 0.2
        dropout 0.3
        FC 512->256 bias
        LReLU 0.2
        dropout 0.3
        FC 256->1 bias
    """,
    "dcgan": """
        conv 1->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1
        BN 64
        LReLU 0.2
        conv 64->128 3 2 1
        BN 128
        LReLU 0.2
        conv 128->1 4 1 0
    """,
    "dcgan-keras": """
        pad left 0 right 1 top 0 bottom 1
        conv 1->64 3 2 0 bias
        LReLU 0.2
        dropout 0.4
        pad left 0 right 1 top 0 bottom 1
        conv 64->64 3 2 0 bias
        LReLU 0.2
        dropout 0.4
        flatten channels last
        FC 3136->1 bias
    """,
    "dcgan-step": """
        conv 1->32 5 1 0 bias
        LReLU 0.01
        max-pool 2
        conv 32->64 5 1 0 bias
        LReLU 0.01
        max-pool 2
        flatten
        FC 1024->1024 bias
        LReLU 0.01
        FC 1024->1 bias
    """,
    "gan-beginners": """
        FC 784->512 bias
        LReLU 0.2
        FC 512->256 bias
        LReLU 0.2
        FC 256->1 bias
    """,
    "cgan": """
        FC 794->512 bias
        LReLU 0.2
        FC 512->256 bias
        LReLU 0.2
        FC 256->1 bias
    """,
    "cdcgan": """
        conv 11->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1
        BN 64
        LReLU 0.2
        conv 64->128 3 2 1
        BN 128
        LReLU 0.2
        conv 128->1 4 1 0
    """,
    "dcgan64": """
        conv 1->64 4 2 1
        LReLU 0.2
        conv 64->128 4 2 1
        BN 128
        LReLU 0.2
        conv 128->256 4 2 1
        BN 256
        LReLU 0.2
        conv 256->512 4 2 1
        BN 512
        LReLU 0.2
        conv 512->1 4 1 0
    """,
    "pictures": """
        conv 3->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1 bias
        LReLU 0.2
        conv 64->128 4 2 1 bias
        LReLU 0.2
        conv 128->256 4 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 257->41 4 1 0
    """,
    "cpictures": """
        conv 13->32 4 2 1
        LReLU 0.2
        conv 32->64 4 2 1 bias
        LReLU 0.2
        conv 64->128 4 2 1 bias
        LReLU 0.2
        conv 128->256 4 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 257->1 4 1 0
    """,
    "dcgan-best": """
        conv 1->64 4 2 1
        LReLU 0.2
        conv 64->128 4 2 1 bias
        LReLU 0.2
        conv 128->256 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 257->41 4 1 0
    """,
    "dcgan-quick": """
        conv 1->16 4 2 1
        LReLU 0.2
        conv 16->32 4 2 1 bias
        LReLU 0.2
        conv 32->64 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 65->41 4 1 0
    """,
    "cdcgan-best": """
        conv 11->128 4 2 1
        LReLU 0.2
        conv 128->256 4 2 1 bias
        LReLU 0.2
        conv 256->512 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 513->1 4 1 0
    """,
    "dcgan-xl": """
        conv 1->64 4 2 1
        LReLU 0.2
        conv 64->128 4 2 1 bias
        LReLU 0.2
        conv 128->256 3 2 1 bias
        LReLU 0.2
        deviation of 8
        conv 257->41 4 1 0
    """,
}


def test_every_preset_has_its_layers_in_this_file():
    assert set(GENERATORS) == set(DISCRIMINATORS) == set(PRESETS)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_generator_has_the_layers_of_its_source(name):
    assert describe(build_generator(PRESETS[name].config.model)) == lines(GENERATORS[name])


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_the_discriminator_has_the_layers_of_its_source(name):
    assert describe(build_discriminator(PRESETS[name].config.model)) == lines(DISCRIMINATORS[name])

"""What the children share: one process imports it, and each child is forked from that process."""

from __future__ import annotations

import gc

import nightly.small_training
import PIL.Image
import torch._dynamo  # the first optimizer imports it, which takes most of a short training
import typeguard

__all__ = ["nightly", "torch", "typeguard"]  # tyro imports typeguard when it reads a command

PIL.Image.init()
gc.collect()
gc.freeze()  # else each child copies the pages of all objects when it collects garbage

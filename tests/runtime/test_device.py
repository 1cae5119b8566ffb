"""Which device is chosen, and which are listed."""

from __future__ import annotations

import pytest
import torch

from dcgan.runtime import device


def test_auto_is_the_device_of_the_variable_or_the_fastest_one(monkeypatch):
    monkeypatch.delenv("DCGAN_DEVICE", raising=False)
    monkeypatch.setattr(device, "available_devices", lambda: ["cuda:0", "cuda:1", "cpu"])
    assert device.choose_device() == torch.device("cuda:0")
    assert device.choose_device("cuda") == torch.device("cuda:0")
    assert device.choose_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setenv("DCGAN_DEVICE", "cpu")
    assert device.choose_device() == torch.device("cpu")
    assert device.choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match=r"--device 'cuda:2' is not on this machine; choose one of cuda:0, cuda:1"):
        device.choose_device("cuda:2")
    monkeypatch.setenv("DCGAN_DEVICE", "mps")
    with pytest.raises(ValueError, match="DCGAN_DEVICE 'mps' is not on this machine"):
        device.choose_device()


def test_devices_are_listed_fastest_first(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.available_devices() == ["cuda:0", "cuda:1", "mps", "cpu"]

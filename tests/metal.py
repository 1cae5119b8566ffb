"""Stand-in for an Apple GPU, whose tensors cannot be float64: within a block, the CPU plays that device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


class Metal(TorchFunctionMode):
    """Follow the tensors of a device, and refuse each that is float64, as Metal does.

    On the device are all parameters and buffers, what is moved or made by `device`, and all that is computed from
    these. `.cpu()` gives a tensor of the host.
    """

    def __torch_function__(self, function, types, arguments=(), keywords=None) -> Any:
        keywords = keywords or {}
        if function in (Tensor.numpy, Tensor.__array__) and _is_here(arguments[0]):
            raise TypeError("can't convert mps:0 device type tensor to numpy; use Tensor.cpu() first")
        result = function(*arguments, **keywords)
        if function is Tensor.cpu:
            return _marked(result.clone(), here=False)
        if function is Tensor.to and any(isinstance(value, torch.device) for value in arguments):
            result = result if isinstance(result, nn.Parameter) else result.clone()
            return _marked(result, here=True)
        made_here = isinstance(keywords.get("device"), torch.device)
        if made_here or any(map(_is_here, _tensors((arguments, keywords)))):
            for tensor in _tensors(result):
                _marked(tensor, here=True)
        return result


def _is_here(tensor: Tensor) -> bool:
    return isinstance(tensor, nn.Parameter) or tensor.__dict__.get("is_on_metal", False)


def _marked(tensor: Tensor, *, here: bool) -> Tensor:
    if here and tensor.dtype == torch.float64:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
    tensor.__dict__["is_on_metal"] = here
    return tensor


def _tensors(values: object) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(list(values.values()))
    elif isinstance(values, list | tuple):
        for value in values:
            yield from _tensors(value)

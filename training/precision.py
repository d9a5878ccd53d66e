"""Whether to compute in bfloat16: a GPU or a CPU that knows it gains by it, another CPU loses a factor of ten."""

from __future__ import annotations

import torch


def in_bf16(asked: bool | None) -> bool:
    """``asked``, or, where it is None, whether the device that trains computes bfloat16 natively."""
    if asked is not None:
        return asked
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())

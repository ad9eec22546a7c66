"""The operators that an exported program may use: arithmetic on tensors, and nothing else."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

_CORE = """
    _adaptive_avg_pool2d _adaptive_avg_pool3d _log_softmax _native_batch_norm_legit
    _native_batch_norm_legit_no_training _softmax _to_copy abs acos acosh adaptive_avg_pool1d add
    addmm alias amax amin any arange argmax argmin asin asinh atan atan2 atanh avg_pool1d
    avg_pool2d avg_pool3d bitwise_and bitwise_not bitwise_or bitwise_xor bmm cat ceil clamp clone
    col2im constant_pad_nd convolution copy cos cosh cumsum diagonal div elu embedding eq erf exp
    expand expm1 fill flip floor fmod full full_like gather ge gelu grid_sampler_2d gt hardtanh
    index index_put index_select isinf isnan le leaky_relu log log10 log1p log2 logical_and
    logical_not logical_or logical_xor lt masked_scatter max max_pool2d_with_indices
    max_pool3d_with_indices maximum mean min minimum mm mul native_dropout native_group_norm
    native_layer_norm ne neg permute pow prod reciprocal reflection_pad1d reflection_pad2d
    reflection_pad3d relu remainder repeat replication_pad2d replication_pad3d round rsqrt
    scalar_tensor scatter scatter_add scatter_reduce select select_scatter sigmoid sign sin sinh
    slice slice_scatter sort split_with_sizes sqrt squeeze sub sum sym_numel sym_size tan tanh
    topk trunc unsqueeze upsample_bilinear2d upsample_nearest2d var view where
"""
"""Of the operators that torch calls the core of ATen, those without effects or random numbers."""

_COMPOSED = """
    __and__ __or__ _scaled_dot_product_attention_math _scaled_dot_product_flash_attention_for_cpu
    _shape_as_tensor _unsafe_view _upsample_bicubic2d_aa _upsample_bilinear2d_aa _weight_norm
    absolute adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d addbmm addcdiv addcmul all alpha_dropout aminmax arctan atleast_1d
    atleast_2d baddbmm batch_norm broadcast_tensors broadcast_to celu channel_shuffle chunk
    clamp_max clamp_min clip concat concatenate contiguous conv1d conv2d conv3d conv_transpose1d
    conv_transpose2d conv_transpose3d cosine_similarity cross cumprod deg2rad detach diag
    diag_embed diff divide dot dropout einsum erfc erfinv expand_as eye feature_alpha_dropout
    feature_dropout flatten fliplr flipud float_power floor_divide frac frobenius_norm glu
    group_norm gru hardshrink hardsigmoid hardswish hstack im2col imag index_add index_copy
    index_fill inner instance_norm kthvalue layer_norm lerp lift_fresh lift_fresh_copy linalg_norm
    linalg_vector_norm linear log_sigmoid log_softmax logaddexp logaddexp2 logit logsumexp lstm
    masked_fill matmul max_pool1d max_pool2d max_pool3d meshgrid mish moveaxis movedim multiply mv
    nan_to_num narrow native_batch_norm new_full new_ones new_zeros norm nuclear_norm one_hot ones
    ones_like outer pad pairwise_distance permute_copy pixel_shuffle pixel_unshuffle prelu rad2deg
    ravel real relu6 repeat_interleave replication_pad1d reshape reshape_as rms_norm roll rot90
    rrelu rsub scaled_dot_product_attention selu sgn silu sinc softmax softplus softshrink
    special_erf special_expit special_log_softmax special_softmax split square stack std std_mean
    subtract swapaxes swapdims t take_along_dim tensor_split threshold tile to transpose tril triu
    true_divide type_as unbind unflatten unfold unsafe_chunk unsafe_split upsample_bicubic2d
    upsample_linear1d upsample_nearest1d upsample_nearest3d upsample_trilinear3d var_mean view_as
    vstack xlogy zero zeros zeros_like
"""
"""Further operators that the layers of torch, torchvision and timm are made of."""

ATEN = frozenset((_CORE + _COMPOSED).split())

_ARITHMETIC = "add sub mul floordiv truediv mod neg pos abs eq ne lt le gt ge and_ or_ not_"

_NUMBERS: dict[str, Callable[..., Any]] = {
    **{f"_operator.{name}": getattr(operator, name) for name in _ARITHMETIC.split()},
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "trunc", "sqrt")},
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_int": int,
    "torch.sym_float": float,
    "torch.sym_not": operator.not_,
    "torch.sym_sum": sum,
}
"""Arithmetic on sizes; a program's sizes are numbers where it runs."""

_CHECKS = re.compile(r"torch\.ops\.aten\.(_assert_\w+|sym_constrain_range\w*|_assert_async)\.\w+")
_TARGET = re.compile(r"torch\.ops\.aten\.([a-zA-Z0-9_]+)\.([a-zA-Z0-9_]+)")


def is_check(target: str) -> bool:
    """Whether an operator only checks what export assumed, and gives nothing."""
    return _CHECKS.fullmatch(target) is not None


def is_of_numbers(target: str) -> bool:
    """Whether an operator takes and gives sizes only."""
    return target in _NUMBERS


def find(target: str) -> Callable[..., Any] | None:
    """Return the operator of that name; None where it is not admitted or does not exist."""
    import torch

    if target in _NUMBERS:
        return _NUMBERS[target]
    if target == "torch.ops.aten.view.default":
        return _view
    found = _TARGET.fullmatch(target)
    if found is None:
        return None
    name, overload = found.groups()
    if name not in ATEN and not (name.endswith("_") and name[:-1] in ATEN):
        return None
    packet = getattr(torch.ops.aten, name, None)
    operator_ = getattr(packet, overload, None) if packet is not None else None
    return operator_ if isinstance(operator_, torch._ops.OpOverload) else None


def makes_tensors(run: Callable[..., Any]) -> bool:
    """Whether an operator makes tensors of numbers alone, and so has to be told on which device."""
    schema = getattr(run, "_schema", None)
    if schema is None:
        return False
    kinds = {argument.name: str(argument.type) for argument in schema.arguments}
    return "device" in kinds and not any("Tensor" in kind for kind in kinds.values())


def _view(self: Any, size: Any) -> Any:
    """View a tensor in another shape; what lies differently in memory than at export is copied."""
    return self.reshape(size)

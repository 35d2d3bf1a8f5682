"""Inner gradient: back-propagation with the outer gradient in place of frame targets."""

from typing import Literal

import numpy as np
import torch

from outergrad.arrays import Float32Array, Int32Array, Int64Array
from outergrad.criteria.outcome import Anchor
from outergrad.criteria.rows import row_sums
from outergrad.errors import InputError
from outergrad.gradient.auxiliary import AuxiliaryRows, logit_gradient
from outergrad.nnet.dnn import Dnn
from outergrad.nnet.parameters import ParameterLayout
from outergrad.nnet.precision import Device, Precision, autocast


def inner_gradient(
    module: Dnn,
    layout: ParameterLayout,
    x: Float32Array,
    offsets: Int64Array,
    pdfs: Int32Array,
    values: Float32Array,
    *,
    mass: float = 0.0,
    auxiliary: Literal["tangential", "proximal", "bounded"] = "tangential",
    anchor: Anchor | None = None,
    acoustic_scale: float = 1.0,
    precision: Precision = "float32",
) -> Float32Array:
    """Ascent direction of an auxiliary function (Eq. 3), summed over frames.

    grad sum_t sum_s outer_t(s) log p_theta(s|x_t),   where d/dlogit_t(s) = outer_t(s)

    when each row of the outer gradient sums to zero, and less mass p_theta(s|x_t) when rows sum to
    `mass`. Neither divided by the number of frames nor multiplied by the acoustic scale. Dropout is
    off.

    Args:
        module: network with the parameters to differentiate at.
        layout: its flat layout.
        x: float32 ``[frames, input_dim]``, stacked frames.
        offsets: int64 ``[frames + 1]``: entries of each frame's row.
        pdfs: int32 ``[entries]``, pdf_ids.
        values: float32 ``[entries]``, outer gradient.
        mass: what each row sums to, the share of CE in it.
        auxiliary: which auxiliary function is climbed, see `outergrad.gradient.auxiliary`.
        anchor: of these rows; needed by all but the tangential contact.
        acoustic_scale: kappa, which only the bounded contact depends on.
        precision: arithmetic of the network.

    Returns:
        float32 ``[parameters]`` in `layout`'s order.

    Raises:
        InputError: shapes do not fit, pdf_ids out of range, values not finite, a row that does
            not sum to `mass`, or an auxiliary function without its anchor.

    Source: Heigold et al. 2014, Eq. 1; signs and scale in docs/derivations/criteria.md.
    """
    outer = dense_rows(offsets, pdfs, values, module.config.num_pdfs, mass)
    rows = None
    if auxiliary != "tangential":
        if anchor is None:
            raise InputError(f"inner gradient: auxiliary function {auxiliary} needs an anchor")
        rows = AuxiliaryRows.of(offsets, pdfs, values, anchor, module.config.num_pdfs)
    if x.shape != (len(outer), module.config.input_dim):
        raise InputError(
            f"inner gradient: {len(outer)} rows of outer gradient for inputs {list(x.shape)}, "
            f"the network takes [frames, {module.config.input_dim}]"
        )
    # Writable, because torch warns about tensors over read-only memory maps.
    x = np.require(x, np.float32, ["C", "W"])
    parameters = tuple(module.parameters())
    device = parameters[0].device
    kind: Device = "cuda" if device.type == "cuda" else "cpu"
    training = module.training
    module.eval()
    try:
        with torch.enable_grad(), autocast(precision, kind):
            logits = module(torch.from_numpy(x).to(device))
        if rows is not None or mass != 0.0:
            now = torch.log_softmax(logits.detach().float(), dim=1).cpu().numpy()
            if rows is not None:
                outer = logit_gradient(auxiliary, rows, now, acoustic_scale)
            else:
                outer = outer - mass * np.exp(now)
        gradients = torch.autograd.grad(
            logits, parameters, grad_outputs=torch.from_numpy(outer).to(logits)
        )
    finally:
        module.train(training)
    vector = np.empty(layout.size, dtype=np.float32)
    for view, gradient in zip(layout.views(vector).values(), gradients, strict=True):
        np.copyto(view, gradient.cpu().numpy())
    return vector


def freeze_outputs(gradient: Float32Array, layout: ParameterLayout, pdfs: Int32Array) -> None:
    """Take the weights and biases of some network outputs out of a gradient, in place.

    Args:
        gradient: float32 ``[parameters]``.
        layout: its layout.
        pdfs: outputs that keep their parameters, e.g. the silence states (Heigold et al. 2014,
            Fig. 5).
    """
    views = layout.views(gradient)
    for name in ("output.weight", "output.bias"):
        views[name][pdfs] = 0.0


def dense_rows(
    offsets: Int64Array,
    pdfs: Int32Array,
    values: Float32Array,
    num_pdfs: int,
    mass: float = 0.0,
) -> Float32Array:
    """Sparse outer gradient rows as float32 ``[frames, num_pdfs]``; arguments as above.

    Raises:
        InputError: as in `inner_gradient`.
    """
    num_rows = len(offsets) - 1
    counts = np.diff(offsets)
    if num_rows < 0 or offsets[0] != 0 or np.any(counts < 0) or offsets[-1] != len(pdfs):
        raise InputError("outer gradient: offsets do not describe rows of its entries")
    if pdfs.shape != values.shape:
        raise InputError(f"outer gradient: {len(pdfs)} pdf_ids, but {len(values)} values")
    if len(pdfs) and not 0 <= int(pdfs.min()) <= int(pdfs.max()) < num_pdfs:
        raise InputError(f"outer gradient: pdf_ids must be in [0, {num_pdfs})")
    sums, off = row_sums(offsets, values, mass)
    if off.any():
        worst = int(np.argmax(off))
        wanted = f"{mass:g}" if mass else "zero"
        raise InputError(
            f"outer gradient: row {worst} sums to {sums[worst]:g}, not to {wanted}; "
            "it would push all posteriors of its frame"
        )
    dense = np.zeros((num_rows, num_pdfs), dtype=np.float32)
    dense[np.repeat(np.arange(num_rows), counts), pdfs] = values
    return dense

"""Architectures whose captured weights are not those of `output_attentions`, each with its reason."""

from __future__ import annotations

_SIZES = (
    "maps of several sizes in one stack (pyramids, pooling, two-way decoders): those of the first size are shown, the "
    "others are noted with their own size"
)
_WINDOWS = "attention within windows or chunks: not one map for each text, noted as such"

EXCEPTIONS = {
    "canine": _SIZES,
    "cpmant": "upstream returns weights in which masked cells of padded rows are neither masked nor a distribution",
    "deepseek_v4": "compressed layers append pooled keys: maps of several sizes in one stack, noted",
    "glpn": _SIZES,
    "led": f"encoder: {_WINDOWS}; upstream returns the band, not the map",
    "minimax": "layer 0 is linear attention: upstream returns a decay matrix of its own there, it has no weights",
    "phi4_multimodal_vision": (
        "without a mask sdpa runs causally here and eager attention does not, so that outputs differ as well; shown, "
        "and noted, is what ran"
    ),
    "pixtral": "all images of a batch are one sequence: not one map for each image",
    "pp_formulanet_text": "a decoder alone that calls itself an encoder-decoder: it asks for a target",
    "pvt": _SIZES,
    "sam": _SIZES,
    "sam2_hiera_det_model": _WINDOWS,
    "sam2_vision_model": _WINDOWS,
    "sam3_lite_text": _SIZES,
    "sam_hq": _SIZES,
    "segformer": _SIZES,
    "swinv2": _WINDOWS,
    "wavlm": "upstream returns the mean over the heads, once for each head",
    "xclip": f"frames are texts of their own: {_WINDOWS}",
}

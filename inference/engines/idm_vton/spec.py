"""What is known about the IDM-VTON engine without loading it (Choi et al., ECCV 2024, arXiv 2403.05139)."""

from __future__ import annotations

from inference.engines.base import EngineSpec, Limit, Variant
from inference.engines.idm_vton.architecture import CANVAS

PICKLED_UNET = "unet/diffusion_pytorch_model.bin"
CONVERTED_UNET = "unet/diffusion_pytorch_model.safetensors"

FILES = (
    "image_encoder/config.json",
    "image_encoder/model.safetensors",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder_2/config.json",
    "text_encoder_2/model.safetensors",
    "tokenizer/merges.txt",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
    "tokenizer_2/merges.txt",
    "tokenizer_2/tokenizer_config.json",
    "tokenizer_2/vocab.json",
    "unet/config.json",
    PICKLED_UNET,
    "unet_encoder/config.json",
    "unet_encoder/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)
"""What the engine reads of the published repository. The demo's ``ckpt/`` is not among them: preprocessing
has its own weights, and ``special_tokens_map.json`` repeats the tokenizers' settings. ``unet`` is published
only as a float32 pickle (yisol/IDM-VTON issues 75 and 136). The names are those of that repository as public
download scripts list them; sizes as in the log of issue 75."""

# Nobody of this project could reach the hub: neither a commit nor a checksum can stand here. The first pull
# resolves "main", records the commit and the SHA-256 of every file, and later pulls keep to them.
UNCONFIRMED = dict.fromkeys(FILES, "")
DOWNLOAD_MB = 28_400
"""All float32: 7.087 billion parameters (manifests of the reference) and 4 MB of tokenizers."""

SPEC = EngineSpec(
    name="idm-vton",
    title="IDM-VTON",
    summary=(
        "Latent diffusion (SDXL inpainting) that draws the person anew inside the mask, with the garment's "
        "features inside its self-attention: folds, prints and light as in a photo. Needs a GPU and 28 GB of "
        "weights for non-commercial use."
    ),
    revision="1",
    code_license="Apache-2.0",
    weights_license="CC BY-NC-SA 4.0",
    commercial_use=False,
    preview=False,
    categories=frozenset({"upper", "lower", "dress"}),
    photo_kinds=frozenset({"flat"}),
    canvas=CANVAS,
    artefacts=("blaze33", "basic", "densepose-rgb"),
    devices=("cuda", "mps", "cpu"),
    packages=("torch", "diffusers", "transformers", "safetensors"),
    options={
        "seed": None,
        "steps": Limit(least=1, most=100, default=None),
        "guidance": Limit(least=1, most=10, default=2.0),
        "samples": Limit(least=1, most=4, default=1),
        "mask": None,
        "mask_algorithm": ("default", "reference"),
        "quality": ("fast", "balanced", "best"),
    },
    variants=(
        Variant(
            name="base",
            categories=frozenset({"upper"}),  # trained on VITON-HD
            repo="yisol/IDM-VTON",
            revision="main",
            files=UNCONFIRMED,
            converted={PICKLED_UNET: CONVERTED_UNET},
            download_mb=DOWNLOAD_MB,
        ),
        Variant(
            name="dc",
            categories=frozenset({"upper", "lower", "dress"}),  # trained on DressCode
            repo="yisol/IDM-VTON-DC",  # `weights pull --repo` names another
            revision="main",
            files=UNCONFIRMED,
            converted={PICKLED_UNET: CONVERTED_UNET},
            # The authors' inference_dc.py takes the try-on UNet alone from there. Whether anything else lies
            # there is unconfirmed; the UNet must.
            elsewhere={path: "yisol/IDM-VTON" for path in FILES if not path.startswith("unet/")},
            download_mb=DOWNLOAD_MB,
        ),
    ),
    # Planned for 768x1024, one sample, float16 (memory.py); never measured on a GPU.
    vram_mb={"24gb": 17_912, "16gb": 13_488, "12gb": 10_279, "8gb": 4_831, "cpu": 0},
)

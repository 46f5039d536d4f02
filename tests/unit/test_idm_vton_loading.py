"""Loading of IDM-VTON checkpoints: every key consumed or listed, anything else an error that names it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test TORCH=yes")

from safetensors.torch import load_file, save_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from inference.engines.idm_vton.clip import CLIP_STRAYS  # noqa: E402
from inference.engines.idm_vton.loading import (  # noqa: E402
    GARMENT_STRAYS,
    Checkpoint,
    load_garment,
    load_image_encoder,
    load_scheduler,
    load_text_encoders,
    load_tokenizers,
    load_tryon,
    load_vae,
)
from inference.engines.idm_vton.models import load_models  # noqa: E402
from inference.engines.idm_vton.spec import CONVERTED_UNET, FILES, PICKLED_UNET  # noqa: E402
from inference.engines.idm_vton.state import LoadError, read_tensors  # noqa: E402
from tests.idm_vton_checkpoint import make_checkpoint  # noqa: E402

LOADERS: dict[str, Callable[..., Any]] = {
    "unet": load_tryon,
    "unet_encoder": load_garment,
    "vae": load_vae,
    "text_encoder": load_text_encoders,
    "text_encoder_2": load_text_encoders,
    "image_encoder": load_image_encoder,
}
KEY = {
    "unet": "mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_ip.weight",
    "unet_encoder": "mid_block.resnets.0.conv1.weight",
    "vae": "encoder.conv_in.weight",
    "text_encoder": "text_model.encoder.layers.0.mlp.fc1.weight",
    "text_encoder_2": "text_projection.weight",
    "image_encoder": "vision_model.embeddings.class_embedding",
}
"""A key that each component needs."""


@pytest.fixture
def own(idm_vton_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint that a test may spoil."""
    return shutil.copytree(idm_vton_checkpoint, tmp_path / "checkpoint")


def rewrite(folder: Path, component: str, change: Callable[[dict[str, Tensor]], object]) -> None:
    path = Checkpoint(folder).weights(component)
    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)


def load(component: str, checkpoint: Checkpoint, **options: Any) -> dict[str, Tensor]:
    """All parameters of a component, through its loader."""
    loaded = LOADERS[component](checkpoint, **options)
    if component.startswith("text_encoder"):
        loaded = loaded[0 if component == "text_encoder" else 1]
    modules = loaded if isinstance(loaded, tuple) else (loaded,)
    return {
        f"{index}.{name}": parameter
        for index, module in enumerate(modules)
        for name, parameter in getattr(module, "module", module).named_parameters()
    }


def sums(parameters: dict[str, Tensor]) -> list[float]:
    return sorted(parameter.sum().item() for parameter in parameters.values())


def dead(component: str, keys: Collection[str]) -> set[str]:
    """Of these keys, those whose weights never act on the result."""
    layers = [int(key.split(".layers.")[1].split(".")[0]) for key in keys if ".encoder.layers." in key]
    layer = max(layers, default=0)
    block = "up_blocks.1.attentions.2.transformer_blocks.1"
    parts: dict[str, tuple[str, ...]] = {
        "unet_encoder": (
            *(f"{block}.{name}." for name in ("attn1", "norm2", "attn2", "norm3", "ff")),
            "up_blocks.1.attentions.2.proj_out.",
            "up_blocks.1.upsamplers.",
            "up_blocks.2.",
            "conv_norm_out.",
            "conv_out.",
        ),
        "text_encoder": (f"text_model.encoder.layers.{layer}.", "text_model.final_layer_norm."),
        "image_encoder": (
            f"vision_model.encoder.layers.{layer}.",
            "vision_model.post_layernorm.",
            "visual_projection.",
        ),
    }
    return {key for key in keys if key.startswith(parts.get(component, ()))}


@pytest.mark.parametrize("component", LOADERS)
def test_every_tensor_that_acts_arrives(idm_vton_checkpoint: Path, component: str) -> None:
    checkpoint = Checkpoint(idm_vton_checkpoint)
    stored = load_file(checkpoint.weights(component))
    skipped = dead(component, stored.keys())
    if component == "unet_encoder":
        skipped |= GARMENT_STRAYS
    acting = sorted(tensor.sum().item() for name, tensor in stored.items() if name not in skipped)
    assert sums(load(component, checkpoint, dtype=torch.float32)) == acting


@pytest.mark.parametrize("component", ["unet_encoder", "text_encoder", "image_encoder"])
def test_dead_weights_arrive_only_when_asked_for(idm_vton_checkpoint: Path, component: str) -> None:
    checkpoint = Checkpoint(idm_vton_checkpoint)
    stored = load_file(checkpoint.weights(component))
    strays = GARMENT_STRAYS if component == "unet_encoder" else frozenset()
    everything = sorted(tensor.sum().item() for name, tensor in stored.items() if name not in strays)
    assert sums(load(component, checkpoint, dtype=torch.float32, whole=True)) == everything
    count = {"unet_encoder": 62, "text_encoder": 18, "image_encoder": 19}
    assert len(dead(component, stored.keys())) == count[component]


@pytest.mark.parametrize("component", LOADERS)
def test_unknown_key_is_named(own: Path, component: str) -> None:
    rewrite(own, component, lambda tensors: tensors.update({"strange.weight": torch.zeros(3)}))
    with pytest.raises(LoadError, match=rf"{component} does not fit the model: unexpected strange\.weight$"):
        LOADERS[component](Checkpoint(own), dtype=torch.float32)


@pytest.mark.parametrize("component", LOADERS)
def test_missing_key_is_named(own: Path, component: str) -> None:
    rewrite(own, component, lambda tensors: tensors.pop(KEY[component]))
    with pytest.raises(
        LoadError, match=f"missing (text_model.)?{KEY[component].removeprefix('text_model.')}$"
    ):
        LOADERS[component](Checkpoint(own), dtype=torch.float32)


@pytest.mark.parametrize("component", LOADERS)
def test_wrong_shape_is_named_once(own: Path, component: str) -> None:
    rewrite(own, component, lambda tensors: tensors.update({KEY[component]: torch.zeros(5, 7)}))
    key = KEY[component].removeprefix("text_model.")
    with pytest.raises(
        LoadError, match=rf"does not fit the model: (text_model\.)?{key} is \(5, 7\), not \(\d"
    ):
        LOADERS[component](Checkpoint(own), dtype=torch.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda tensors: tensors.update({"encoder_hid_proj.layers.0.2.weight": torch.zeros(3)}),
            "unexpected",
        ),
        (lambda tensors: tensors.pop("encoder_hid_proj.layers.1.0.to_out.weight"), "missing"),
        (lambda tensors: tensors.pop("encoder_hid_proj.latents"), "missing latents"),
    ],
    ids=["unknown", "missing", "without-size"],
)
def test_resampler_is_as_strict(own: Path, change: Callable[[dict[str, Tensor]], object], words: str) -> None:
    rewrite(own, "unet", change)
    with pytest.raises(LoadError, match=rf"encoder_hid_proj\.\* of unet does not fit the model: {words}"):
        load_tryon(Checkpoint(own), dtype=torch.float32)


def test_all_wrong_keys_are_told_at_once(own: Path) -> None:
    def spoil(tensors: dict[str, Tensor]) -> None:
        tensors |= {"a": torch.zeros(1), "b": torch.zeros(1)}
        del tensors["conv_in.bias"]

    rewrite(own, "unet_encoder", spoil)
    with pytest.raises(LoadError, match="missing conv_in.bias; unexpected a; unexpected b"):
        load_garment(Checkpoint(own), dtype=torch.float32)


def test_unknown_config_key_is_named(own: Path) -> None:
    path = own / "unet" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "strange": 1}))
    with pytest.raises(LoadError, match="no config key strange"):
        load_tryon(Checkpoint(own), dtype=torch.float32)


@pytest.mark.parametrize("component", ["text_encoder", "image_encoder"])
def test_position_buffers_of_old_checkpoints_are_no_surprise(own: Path, component: str) -> None:
    outer = "text_model" if component == "text_encoder" else "vision_model"
    stray = f"{outer}.embeddings.position_ids"
    assert stray in CLIP_STRAYS
    rewrite(own, component, lambda tensors: tensors.update({stray: torch.zeros(1, 77, dtype=torch.long)}))
    loaded = LOADERS[component](Checkpoint(own), dtype=torch.float32)
    model = loaded[0] if isinstance(loaded, tuple) else loaded
    (positions,) = (buffer for name, buffer in model.named_buffers() if name.endswith("position_ids"))
    assert positions[0].tolist() == list(range(positions.shape[1]))


def test_published_pickle_gives_the_same_network(idm_vton_checkpoint: Path, tmp_path: Path) -> None:
    pickled = make_checkpoint(tmp_path / "pickled", pickled_unet=True)
    assert not list((pickled / "unet").glob("*.safetensors"))
    ours = load("unet", Checkpoint(pickled), dtype=torch.float16)
    theirs = load("unet", Checkpoint(idm_vton_checkpoint), dtype=torch.float16)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_safetensors_go_before_the_pickle(own: Path) -> None:
    (own / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"never opened")
    load_tryon(Checkpoint(own), dtype=torch.float32)


class Surprise:
    """Unpickling it would run a command."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return print, ("a pickle ran code",)


def test_pickle_that_holds_more_than_tensors_is_refused(own: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (own / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save({"conv_in.weight": Surprise()}, own / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(LoadError, match=r"^unet/diffusion_pytorch_model\.bin is not a plain file"):
        load_tryon(Checkpoint(own), dtype=torch.float32)
    assert "ran code" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("content", [b"half a download", b""])
@pytest.mark.parametrize("name", ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"])
def test_damaged_file_is_named_without_its_folder(own: Path, name: str, content: bytes) -> None:
    (own / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    (own / "unet" / name).write_bytes(content)
    with pytest.raises(LoadError, match=f"^unet/{name} is not a") as refused:
        load_tryon(Checkpoint(own), dtype=torch.float32)
    assert str(own) not in str(refused.value)


def test_the_published_files_are_enough(own: Path) -> None:
    """A checkpoint reduced to what ``pull`` brings loads whole, to the same tokens."""
    whole = load_models(Checkpoint(own), device=torch.device("cpu"), dtype=torch.float32)
    wanted = {CONVERTED_UNET if path == PICKLED_UNET else path for path in FILES}
    for path in own.rglob("*"):
        if path.is_file() and path.relative_to(own).as_posix() not in wanted:
            path.unlink()
    assert not list(own.rglob("special_tokens_map.json"))

    reduced = load_models(Checkpoint(own), device=torch.device("cpu"), dtype=torch.float32)

    for before, after in (
        (whole.tokenizer, reduced.tokenizer),
        (whole.tokenizer_2, reduced.tokenizer_2),
    ):
        words = {"text": "a photo of shirt", "padding": "max_length", "max_length": 77}
        assert before(**words)["input_ids"] == after(**words)["input_ids"]
        assert before.model_max_length == after.model_max_length == 77
    assert reduced.tokenizer.pad_token_id != reduced.tokenizer_2.pad_token_id


@pytest.mark.parametrize("path", FILES)
def test_every_published_file_is_needed(own: Path, path: str) -> None:
    (own / path.replace(PICKLED_UNET, CONVERTED_UNET)).unlink()

    with pytest.raises(LoadError, match=f"^{path} (is missing|cannot be read)$"):
        load_models(Checkpoint(own), device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("vocab.json", "{", "cannot be read"),
        ("vocab.json", "[]", "is no JSON object"),
        ("vocab.json", '{"a": "b"}', "is not a vocabulary"),
        ("vocab.json", '{"a": 0}', r"lacks <\|startoftext\|>, <\|endoftext\|>"),
        ("merges.txt", "#version: 0.2\na", "is damaged in line 2"),
        ("merges.txt", "#version: 0.2\ns h\nnever heard", "is damaged in line 3"),
        ("tokenizer_config.json", "{", "cannot be read"),
        ("tokenizer_config.json", "[]", "is no JSON object"),
        ("tokenizer_config.json", '{"pad_token": "!"}', "lacks model_max_length, tokenizer_class"),
        ("special_tokens_map.json", "[]", "is no JSON object"),
    ],
)
def test_damaged_tokenizer_is_named(own: Path, name: str, content: str, words: str) -> None:
    (own / "tokenizer_2" / name).write_text(content)

    with pytest.raises(LoadError, match=f"^tokenizer_2/{name} {words}"):
        load_tokenizers(Checkpoint(own))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rescale_betas_zero_snr": None, "beta_start": None}, "lacks beta_start, rescale_betas_zero_snr"),
        ({"prediction_type": "v_prediction"}, "prediction_type is v_prediction"),
        ({"clip_sample": True}, "clip_sample is True"),
        ({"variance_type": "learned_range"}, "variance_type is learned_range"),
    ],
)
def test_no_schedule_is_made_up(own: Path, change: dict[str, object], words: str) -> None:
    file = own / "scheduler" / "scheduler_config.json"
    config = json.loads(file.read_text()) | change
    file.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))

    with pytest.raises(LoadError, match=words):
        load_scheduler(Checkpoint(own))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_everything_is_of_the_dtype_asked_for(idm_vton_checkpoint: Path, dtype: torch.dtype) -> None:
    checkpoint = Checkpoint(idm_vton_checkpoint)
    for component in ("unet", "unet_encoder", "vae", "text_encoder", "image_encoder"):
        loaded = load(component, checkpoint, dtype=dtype)
        assert {parameter.dtype for parameter in loaded.values()} == {dtype}
        assert not any(parameter.requires_grad for parameter in loaded.values())


def test_skipped_tensors_are_not_read(idm_vton_checkpoint: Path) -> None:
    path = Checkpoint(idm_vton_checkpoint).weights("vae")
    taken = dict(read_tensors(path, "cpu", torch.float16, skip=frozenset({"encoder.conv_in.bias"})))
    assert load_file(path).keys() - taken.keys() == {"encoder.conv_in.bias"}
    assert {tensor.dtype for tensor in taken.values()} == {torch.float16}


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no list of memory maps on this system")
def test_weights_of_the_right_dtype_stay_mapped_to_their_file(idm_vton_checkpoint: Path) -> None:
    """No copy: every parameter lies where the operating system mapped the file."""
    checkpoint = Checkpoint(idm_vton_checkpoint)
    vae = load_vae(checkpoint, dtype=torch.float32)
    lines = Path("/proc/self/smaps").read_text().splitlines()
    maps = [line.split()[0].split("-") for line in lines if line.endswith(str(checkpoint.weights("vae")))]
    ranges = [range(int(start, 16), int(end, 16)) for start, end in maps]
    assert all(any(p.data_ptr() in part for part in ranges) for p in vae.parameters())


def test_tokenizers_pad_each_in_its_own_way(idm_vton_checkpoint: Path) -> None:
    tokens = [
        tokenizer("model is wearing a shirt", padding="max_length", max_length=77).input_ids
        for tokenizer in load_tokenizers(Checkpoint(idm_vton_checkpoint))
    ]
    length = len(json.loads((idm_vton_checkpoint / "tokenizer" / "vocab.json").read_text()))
    assert [ids[-1] for ids in tokens] == [length - 1, 0]  # <|endoftext|> and !
    assert [ids[0] for ids in tokens] == [length - 2] * 2
    assert tokens[0].index(length - 1) == tokens[1].index(length - 1) == 6  # a word is one token


@dataclass(frozen=True)
class Listed(Checkpoint):
    """The published checkpoint as its lists of tensors, on the meta device: full size, no bytes."""

    given: dict[str, set[str]] = field(default_factory=dict)
    """Component -> keys that were handed out."""

    def config(self, component: str) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(
            (self.folder / "published_configs" / component / "config.json").read_text()
        )
        return config

    def manifest(self, component: str) -> dict[str, list[int]]:
        listed = json.loads((self.folder / "manifests" / f"manifest_{component}.json").read_text())
        tensors: dict[str, list[int]] = listed["tensors"]
        return tensors

    def tensors(
        self,
        component: str,
        device: torch.device | str,
        dtype: torch.dtype,
        *,
        skip: frozenset[str] = frozenset(),
    ) -> Iterator[tuple[str, Tensor]]:
        for name, shape in self.manifest(component).items():
            if name not in skip:
                self.given.setdefault(component, set()).add(name)
                yield name, torch.empty(shape, device=device, dtype=dtype)


@pytest.mark.parametrize("component", LOADERS)
def test_published_checkpoint_fits_at_full_size(idm_vton_goldens: Path, component: str) -> None:
    """Strictly: what the loaders take in, they consume; what they leave out is on the lists."""
    published = Listed(idm_vton_goldens)
    loaded = load(component, published, device="meta", dtype=torch.float16)
    manifest = published.manifest(component)
    left_out = manifest.keys() - published.given[component]
    assert left_out == dead(component, manifest.keys())
    if component == "unet_encoder":
        path = idm_vton_goldens / "manifests" / "garment_dead_keys.json"
        assert left_out == set(json.loads(path.read_text()))
    numel = {name: torch.Size(shape).numel() for name, shape in manifest.items()}
    assert sum(p.numel() for p in loaded.values()) == sum(numel[name] for name in published.given[component])


def test_hidden_state_is_that_of_the_whole_encoder(idm_vton_checkpoint: Path) -> None:
    """The last there is, is the last but one of the published network."""
    checkpoint = Checkpoint(idm_vton_checkpoint)
    numbers = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 500, (2, 77), generator=numbers)
    pixels = torch.randn(2, 3, 224, 224, generator=numbers)
    for trimmed, whole, given in (
        (load_text_encoders(checkpoint)[0], load_text_encoders(checkpoint, whole=True)[0], tokens),
        (load_image_encoder(checkpoint), load_image_encoder(checkpoint, whole=True), pixels.half()),
    ):
        states, all_states = (
            model(given, output_hidden_states=True).hidden_states for model in (trimmed, whole)
        )
        assert len(all_states) == len(states) + 1 == trimmed.config.num_hidden_layers + 1
        assert torch.equal(states[-1], all_states[-2])


def test_fill_leaves_nothing_on_the_meta_device(idm_vton_checkpoint: Path) -> None:
    checkpoint = Checkpoint(idm_vton_checkpoint)
    modules: list[nn.Module] = [load_vae(checkpoint), load_image_encoder(checkpoint)]
    modules += [load_garment(checkpoint).module, load_tryon(checkpoint)[0].module]
    modules += load_text_encoders(checkpoint)
    for module in modules:
        assert not any(t.is_meta for t in (*module.parameters(), *module.buffers()))
        assert not module.training


def test_lists_of_exceptions_stay_short() -> None:
    assert len(GARMENT_STRAYS) == 4
    assert len(CLIP_STRAYS) == 3

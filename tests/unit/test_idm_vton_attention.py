"""Attention processors of IDM-VTON against sums written out, and in the precisions they run in."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed: make test TORCH=yes")

from diffusers.models.attention import BasicTransformerBlock  # noqa: E402
from diffusers.models.attention_processor import Attention  # noqa: E402
from torch import Tensor  # noqa: E402

from inference.engines.idm_vton.attention import (  # noqa: E402
    NO_SAVINGS,
    GarmentBlockCall,
    InjectGarment,
    LastFeature,
    RecordFeature,
    Savings,
    TextImage,
    TextImageAttention,
    TryOnBlockCall,
    split_heads,
    text_keys,
)
from inference.engines.idm_vton.kernels import attend, attend_with_zero_keys  # noqa: E402

ROUNDING = 1e-5  # float32, values of order 1, sums of a few hundred


@pytest.fixture
def numbers() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def block(numbers: torch.Generator) -> BasicTransformerBlock:
    return make_block(32, 2, 40, numbers)


def make_block(channels: int, heads: int, cross: int, numbers: torch.Generator) -> BasicTransformerBlock:
    """A stock transformer block with our processors; weights that keep signals of order 1."""
    block = BasicTransformerBlock(channels, heads, channels // heads, cross_attention_dim=cross)
    block.attn1.set_processor(InjectGarment())
    block.attn2.set_processor(TextImageAttention(channels, cross))
    for name, parameter in block.requires_grad_(False).eval().named_parameters():
        noise = torch.randn(parameter.shape, generator=numbers)
        if name.endswith("bias"):
            parameter.copy_(0.2 * noise)
        elif parameter.ndim == 1:
            parameter.copy_(1 + 0.3 * noise)
        else:
            gain = 1.5 if "to_q" in name or "to_k" in name else 1.0
            parameter.copy_(gain * noise / math.sqrt(parameter.shape[1]))
    return block


def call_of(block: BasicTransformerBlock, garment: Tensor, text: Tensor, image: Tensor) -> TryOnBlockCall:
    return TryOnBlockCall(
        garment=garment,
        text=text_keys(block.attn2, text),
        image=block.attn2.processor.image_keys(block.attn2, image),
        uncond=1,
        savings=Savings(),
        backend="auto",
    )


def written_out(attn: Attention, asks: Tensor, answers: Tensor, to_k: Tensor, to_v: Tensor) -> Tensor:
    """softmax(q k / sqrt(d)) v in float64 from the bare weights, heads side by side, without the output
    projection."""
    query, key, value = (
        tokens.double() @ weight.double().T
        for tokens, weight in ((asks, attn.to_q.weight), (answers, to_k), (answers, to_v))
    )
    width = query.shape[-1] // attn.heads
    heads = []
    for head in range(attn.heads):
        part = slice(head * width, (head + 1) * width)
        logits = query[..., part] @ key[..., part].transpose(-1, -2) / math.sqrt(width)
        heads.append(logits.softmax(-1) @ value[..., part])
    return torch.cat(heads, -1)


def projected(attn: Attention, answer: Tensor) -> Tensor:
    weight, bias = attn.to_out[0].weight.double(), attn.to_out[0].bias.double()
    return answer @ weight.T + bias


def test_person_attends_to_person_and_garment(block: BasicTransformerBlock, numbers: torch.Generator) -> None:
    """Unconditional row: a garment of zeros. Conditional row: the feature as it came, not normed again."""
    person, garment = (torch.randn(rows, 12, 32, generator=numbers) for rows in (2, 1))
    text, image = (torch.randn(2, count, 40, generator=numbers) for count in (7, 3))
    answer = block.attn1(person, call=call_of(block, garment, text, image))
    both = torch.cat([person, torch.cat([torch.zeros_like(garment), garment])], dim=1)
    plain = written_out(block.attn1, person, both, block.attn1.to_k.weight, block.attn1.to_v.weight)
    torch.testing.assert_close(answer.double(), projected(block.attn1, plain), atol=ROUNDING, rtol=0)


@pytest.mark.parametrize("savings", [NO_SAVINGS, Savings(uncond_lse=True)], ids=["published", "lse"])
def test_savings_change_nothing(
    block: BasicTransformerBlock, numbers: torch.Generator, savings: Savings
) -> None:
    person, garment = (torch.randn(rows, 12, 32, generator=numbers) for rows in (3, 2))
    text, image = (torch.randn(3, count, 40, generator=numbers) for count in (7, 3))
    call = call_of(block, garment, text, image)
    saved = block.attn1(person, call=call)
    torch.testing.assert_close(
        block.attn1(person, call=replace(call, savings=savings)), saved, atol=ROUNDING, rtol=0
    )


def test_zero_keys_are_not_left_out(block: BasicTransformerBlock, numbers: torch.Generator) -> None:
    """They take weight from the softmax: attention to the person alone is another number."""
    person, garment = (torch.randn(rows, 12, 32, generator=numbers) for rows in (2, 1))
    text, image = (torch.randn(2, count, 40, generator=numbers) for count in (7, 3))
    answer = block.attn1(person, call=call_of(block, garment, text, image))
    alone = written_out(block.attn1, person, person, block.attn1.to_k.weight, block.attn1.to_v.weight)
    assert (answer - projected(block.attn1, alone))[0].abs().max() > 0.1


def test_text_and_image_are_two_softmaxes(block: BasicTransformerBlock, numbers: torch.Generator) -> None:
    attn, processor = block.attn2, block.attn2.processor
    person = torch.randn(2, 12, 32, generator=numbers)
    text, image = (torch.randn(2, count, 40, generator=numbers) for count in (7, 3))
    call = call_of(block, person[:1], text, image)
    expected = projected(
        attn,
        written_out(attn, person, text, attn.to_k.weight, attn.to_v.weight)
        + written_out(attn, person, image, processor.to_k_ip.weight, processor.to_v_ip.weight),
    )
    torch.testing.assert_close(attn(person, call=call).double(), expected, atol=ROUNDING, rtol=0)
    raw = replace(call, text=text, image=image)  # keys and values made in the forward
    torch.testing.assert_close(attn(person, call=raw).double(), expected, atol=ROUNDING, rtol=0)


def test_one_garment_serves_all_rows(block: BasicTransformerBlock, numbers: torch.Generator) -> None:
    person, garment = (torch.randn(rows, 12, 32, generator=numbers) for rows in (4, 1))
    text, image = (torch.randn(4, count, 40, generator=numbers) for count in (7, 3))
    call = call_of(block, garment, text, image)
    repeated = replace(call, garment=garment.repeat(3, 1, 1))
    assert torch.equal(block.attn1(person, call=call), block.attn1(person, call=repeated))


@pytest.mark.parametrize(
    ("rows", "tokens", "words"), [(1, 10, "10 tokens.*of 12"), (2, 12, "2 garments for 3")]
)
def test_garment_that_does_not_belong_is_refused(
    block: BasicTransformerBlock, numbers: torch.Generator, rows: int, tokens: int, words: str
) -> None:
    person = torch.randn(4, 12, 32, generator=numbers)
    text, image = (torch.randn(4, count, 40, generator=numbers) for count in (7, 3))
    garment = torch.randn(rows, tokens, 32, generator=numbers)
    with pytest.raises(ValueError, match=words):
        block.attn1(person, call=call_of(block, garment, text, image))


def test_recorder_takes_what_norm1_gave(block: BasicTransformerBlock, numbers: torch.Generator) -> None:
    block.attn1.set_processor(RecordFeature())
    garment = torch.randn(1, 12, 32, generator=numbers)
    call = GarmentBlockCall(text=garment, record=[], stop=True, backend="auto")
    with pytest.raises(LastFeature):
        block(garment, cross_attention_kwargs={"call": call})
    (feature,) = call.record
    assert torch.equal(feature, block.norm1(garment))


def test_zero_keys_by_log_sum_exp(numbers: torch.Generator) -> None:
    query, key, value = (torch.randn(2, 3, 50, 64, generator=numbers) for _ in range(3))
    query *= 3
    zeros = torch.zeros(2, 3, 20, 64)
    expected = attend(query, torch.cat([key, zeros], 2), torch.cat([value, zeros], 2), "auto")
    answer = attend_with_zero_keys(query, key, value, zeros=20, backend="auto")
    torch.testing.assert_close(answer, expected, atol=ROUNDING, rtol=0)


def test_log_sum_exp_needs_a_kernel_that_returns_it() -> None:
    tokens = torch.zeros(1, 1, 4, 64)
    with pytest.raises(ValueError, match="switch uncond_lse off"):
        attend_with_zero_keys(tokens, tokens, tokens, zeros=4, backend="math")


def test_named_kernel_is_the_one_that_runs(numbers: torch.Generator) -> None:
    query = torch.randn(1, 2, 9, 64, generator=numbers)
    torch.testing.assert_close(
        attend(query, query, query, "math"), attend(query, query, query, "auto"), atol=ROUNDING, rtol=0
    )
    with pytest.raises(RuntimeError, match="No viable backend"):
        attend(query, query, query, "cudnn")  # there is none on a CPU


def test_rows_of_prepared_tokens_are_views(block: BasicTransformerBlock, numbers: torch.Generator) -> None:
    text, image = (torch.randn(4, count, 40, generator=numbers) for count in (7, 3))
    keys = text_keys(block.attn2, text)
    rows = TextImage(text=(keys,), image=(image,)).rows(1, 3)
    (text_rows,), (image_rows,) = rows.text, rows.image
    assert torch.equal(text_rows.value, keys.value[1:3])
    assert text_rows.key.untyped_storage().data_ptr() == keys.key.untyped_storage().data_ptr()
    assert torch.equal(image_rows, image[1:3])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize(("channels", "heads"), [(640, 10), (1280, 20)])
def test_block_of_full_width_in_half_precision(
    channels: int, heads: int, dtype: torch.dtype, numbers: torch.Generator
) -> None:
    """Against float32 with the same rounded weights and inputs.

    Each number that a block stores is rounded by at most eps / 2 of itself, and between input and output
    stand about 16 roundings in a row (norm, projections, softmax, answer, output, sum: three times). Their
    errors are independent, so they add up to sqrt(16) * eps / 2 = 2 eps of the signal in the root mean
    square; the largest of a hundred thousand numbers may be 5 times that.
    """
    block = make_block(channels, heads, 2048, numbers).to(dtype)
    person, garment = (torch.randn(rows, 96, channels, generator=numbers).to(dtype) for rows in (2, 1))
    text, image = (torch.randn(2, count, 2048, generator=numbers).to(dtype) for count in (77, 16))

    def run(block: BasicTransformerBlock, lse: bool, *inputs: Tensor) -> Tensor:
        person, *others = inputs
        call = replace(call_of(block, *others), savings=Savings(uncond_lse=lse))
        answer: Tensor = block(person, cross_attention_kwargs={"call": call})
        return answer.float()

    exact = run(copy.deepcopy(block).float(), False, *(t.float() for t in (person, garment, text, image)))
    bound = 2 * torch.finfo(dtype).eps * exact.std()
    for lse in (False, True):
        error = run(block, lse, person, garment, text, image) - exact
        assert error.isfinite().all()
        assert error.std() < bound
        assert error.abs().max() < 5 * bound
    assert (exact - person.float()).std() > 0.5  # the block does something


def test_heads_lie_side_by_side(block: BasicTransformerBlock) -> None:
    tokens = torch.arange(32.0).view(1, 1, 32)
    assert torch.equal(split_heads(block.attn1, tokens)[0, 1, 0], tokens[0, 0, 16:])

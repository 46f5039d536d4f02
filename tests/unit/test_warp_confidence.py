"""Confidence: what lowers it is named, and it never leaves 0..1."""

from __future__ import annotations

from inference.engines.warp.confidence import of_picture

CALM = {
    "uncovered": 0.05,
    "invented_skin": 0.02,
    "background_filled": 0.02,
    "gap_fill": 0.0,
    "hair_over": 0.0,
    "arms_over": 0.0,
    "new_arms_over": 0.0,
    "background_texture": 2.0,
    "layers": 5.0,
    "trimmed": 0.0,
}


def test_a_calm_picture_has_nothing_to_report() -> None:
    assert list(of_picture(CALM)) == []


def test_every_doubt_is_named_once() -> None:
    worst = {name: 1.0 for name in CALM} | {"background_texture": 20.0, "layers": 120.0}
    penalties = list(of_picture(worst))
    names = [notice.name for _, notice in penalties]
    assert len(names) == len(set(names))
    assert {"skin-invented", "layered-clothes", "arms-invented", "gaps-closed"} <= set(names)
    assert all(0.0 < factor < 1.0 for factor, _ in penalties)
    assert all(notice.detail for _, notice in penalties)


def test_more_invented_skin_costs_more() -> None:
    costs = [next(of_picture(CALM | {"invented_skin": share}))[0] for share in (0.15, 0.3, 0.6)]
    assert costs == sorted(costs, reverse=True)

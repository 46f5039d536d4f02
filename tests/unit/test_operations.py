"""docs/operations.md: every metric is in its table; every fault and attempt names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway import create_app as create_gateway
from inference.app import create_app as create_inference
from inference.config import Settings
from tests.fakes import FakeEngine, FakePreparation, registry, spec
from tests.gateway_client import settings_for

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operations.md").read_text()


def names(of: CollectorRegistry) -> set[str]:
    """As a scrape shows them: counters end in ``_total``, information in ``_info``."""
    endings = {"counter": "_total", "info": "_info"}
    families = (family for family in of.collect() if family.name.startswith("cabine_"))
    return {family.name + endings.get(family.type, "") for family in families}


def test_the_table_of_metrics_is_that_of_both_services() -> None:
    engines = registry(FakeEngine(spec=spec()))
    inference = create_inference(
        Settings(jobs_store="memory"), registry=engines, preparation=FakePreparation()
    )
    gateway = create_gateway(settings_for("http://127.0.0.1:1"))
    inner = names(inference.state.service.metrics.registry)
    outer = names(gateway.extensions["cabine.metrics"].registry)

    documented: dict[str, set[str]] = {"both": set(), "inference": set(), "gateway": set()}
    for cells in re.findall(r"^\| (`cabine_[^|]+) \|[^|]*\|[^|]*\| (\w+) \|", PAGE, re.MULTILINE):
        documented[cells[1]] |= set(re.findall(r"`(\w+)`", cells[0]))
    assert documented == {"both": inner & outer, "inference": inner - outer, "gateway": outer - inner}


def test_queries_ask_for_metrics_that_exist() -> None:
    tables = "\n".join(re.findall(r"^\| `cabine_.*$", PAGE, re.MULTILINE))
    endings = ("", "_bucket", "_sum", "_count")
    known = {name + ending for name in re.findall(r"`(cabine_\w+)`", tables) for ending in endings}
    queries = "\n".join(re.findall(r"^    (?!#).*cabine_.*$", PAGE, re.MULTILINE))
    asked = set(re.findall(r"\bcabine_\w+", queries))
    assert asked
    assert asked <= known


@pytest.mark.parametrize(("heading", "least"), [("Access", 25), ("Faults", 30)])
def test_every_row_names_a_test(heading: str, least: int) -> None:
    table = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|.*\| `(tests/[\w/]+\.py)::(\w+)` \|$", table, re.MULTILINE)
    assert len(rows) == len(re.findall(r"^\| (?!fault|attempt|--)", table, re.MULTILINE)) >= least
    for file, name in rows:
        functions = {
            node.name
            for node in ast.walk(ast.parse((ROOT / file).read_text()))
            if isinstance(node, ast.FunctionDef)
        }
        assert name in functions, f"{file} has no {name}"

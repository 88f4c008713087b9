"""What was counted of an endpoint goes some time after the endpoint."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tests.serving.test_router import Model, endpoint, ok

from clary.serving.pruning import Pruner

if TYPE_CHECKING:
    from tests.conftest import Server


def test_the_tally_of_an_endpoint_outlives_it_by_one_look(server: Server, tmp_path: Path) -> None:
    model = Model(tmp_path / "m.sock", lambda *_: ok(b""))
    router, runtime = server.parts.plane.router, server.client("sagemaker-runtime")
    with ThreadPoolExecutor(1) as pool, endpoint(server, "stays", ("v", 1.0, model.path)):
        pruner = Pruner(router, server.stores.records, pool)
        with endpoint(server, "goes", ("v", 1.0, model.path)):
            for name in ("stays", "goes"):
                runtime.invoke_endpoint(EndpointName=name, Body=b"x")
            places = [("000000000000", "us-east-1", name, "v") for name in ("stays", "goes")]
            for _ in range(2):
                asyncio.run(pruner.prune())
                assert router.tallies.keys() >= {*places}
        kept = []
        for _ in range(2):
            asyncio.run(pruner.prune())
            kept.append([place in router.tallies for place in places])
        assert kept == [[True, True], [True, False]]
    model.close()

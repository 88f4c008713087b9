"""How many calls are under way, looked at each second, for ConcurrentRequestsPerModel."""

from __future__ import annotations

from clary.serving.router import Router


class Sampler:
    """Samples the hosts of one gateway process of several."""

    def __init__(self, router: Router, processes: int) -> None:
        self._router, self._processes = router, processes

    async def sample(self) -> None:
        """Look at every variant once."""
        for tally in self._router.tallies.values():
            tally.sample(self._processes)

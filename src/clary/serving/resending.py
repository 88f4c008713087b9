"""A call whose host was not there to take it goes to another one, or waits for the host that comes instead.

Only what the host cannot have been asked goes on like this: a model is never asked twice behind a caller's
back. evidence/invoke-endpoint.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from clary.serving.connection import Answer, Host, Unsent
from clary.serving.endpoints import Endpoints, Variant
from clary.serving.holding import Holding
from clary.serving.invocation import Invocation


async def ask_another(
    call: Invocation,
    variant: Variant,
    lost: Host,
    unsent: Unsent,
    ask: Callable[[Host], Awaitable[tuple[str, Answer]]],
    endpoints: Endpoints,
    holding: Holding | None,
) -> tuple[Host, str, Answer]:
    """Return which host answered, the uid of the container that did, and its answer.

    Raises `unsent`, or a later one, where no host of the variant takes the call and none will come.
    """
    hosts = variant.hosts
    tried = {lost.uid} if lost in hosts else set[str]()  # a model's own server is gone before its host is
    place = (call.account, call.region, call.endpoint)
    while True:
        if left := [host for host in hosts if host.uid not in tried]:
            host = min(left, key=lambda each: each.load)
            try:
                return host, *await ask(host)
            except Unsent as error:
                unsent = error
                tried.add(host.uid)
        elif holding and await holding.stirs(place, [variant.name], call.began):
            choice = endpoints.find(*place).named.get(variant.name)
            hosts = choice.draw().hosts if choice else []
        else:
            raise unsent

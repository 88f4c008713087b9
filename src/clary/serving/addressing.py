"""Asking a host where the call, or the host, is not a plain one: it names what of the host is to answer."""

from __future__ import annotations

from clary.serving.chain import Chain
from clary.serving.connection import Answer, Host
from clary.serving.head import head
from clary.serving.invocation import Invocation
from clary.serving.models.many import TARGET, Many
from clary.serving.refusal import Refused
from clary.serving.stream import Stream

_CONTAINER = b"x-amzn-sagemaker-target-container-hostname"
_UNBUILT = {
    b"x-amzn-sagemaker-enable-explanations": (
        "EnableExplanations asks for explanations, which no endpoint here makes. Leave it out."
    ),
    b"x-amzn-sagemaker-inference-component": (
        "InferenceComponentName asks for an inference component, which no endpoint here has. Leave it out; "
        "TargetVariant names a variant."
    ),
}
_NAMING = frozenset({_CONTAINER, TARGET, *_UNBUILT})


def is_plain(call: Invocation) -> bool:
    """Say whether a call has nothing that is looked into here."""
    return _NAMING.isdisjoint(call.headers)


def names_a_model(call: Invocation) -> bool:
    """Say whether a call names one of many models, and nothing else that is looked into here."""
    return _NAMING & call.headers.keys() == {TARGET}


def check(call: Invocation) -> None:
    """Refuse what no endpoint can do."""
    for name in call.headers.keys() & _UNBUILT.keys():
        raise Refused(_UNBUILT[name])


async def ask(host: Host, call: Invocation, patience: float, stream: Stream | None) -> tuple[str, Answer]:
    """Ask a host; return its answer, and the uid of the container that gave it."""
    only = call.headers.get(_CONTAINER, b"").decode("latin-1")
    if isinstance(host, Many) and not only:
        return await host.call(call, patience, stream)
    if TARGET in call.headers and not isinstance(host, Many):  # evidence/multi-model.md
        raise Refused(
            f"Endpoint {call.endpoint} is not a multi-model endpoint and does not support target model "
            "header."
        )
    if isinstance(host, Chain):
        if host.direct and only not in host.names:
            raise Refused(
                f"Endpoint {call.endpoint} has containers that are called one by one: name one as "
                f"TargetContainerHostname. It has: {', '.join(host.names)}."
            )
        if host.direct or not only:
            return await host.call(call.headers, call.body, patience, stream, only)
    if only:
        raise Refused(
            f"Endpoint {call.endpoint} does not take a TargetContainerHostname: its model's "
            "InferenceExecutionConfig does not have the Mode Direct. Leave it out."
        )
    return host.uid, await host.ask(head(call.headers, len(call.body)), call.body, patience, stream)

"""A durable invocation of a function: what InvocationType=Event leaves behind until it is done.

It is no resource of AWS's. Its key is the token of whoever asks (`_Invocation`), else the request's id, so
asking twice keeps one. `FunctionArn` says whom it calls, `_Payload` with what, `_Parent` is the uid of the
record that is woken at its end. `_Answer` is then the JSON text that the function returned, or, of a failed
one, the error document; `FailureReason` says in a sentence what went wrong, and `_Payload` is gone.
"""

from clary.resources.registry import register
from clary.resources.spec import Resource

LAMBDA_INVOCATION = register(
    Resource(
        kind="LambdaInvocation",
        service="lambda",
        arn="invocation:{InvocationId}",
        identity=("InvocationId",),
        status="Status",
        initial={"Status": "Pending"},
        missing="ResourceNotFoundException",
        missing_status=404,
        lives=True,
    )
)
DONE = frozenset({"Succeeded", "Failed"})
"""The statuses in which an invocation stays."""

UNDER_WAY = frozenset({"Pending", "InProgress"})
"""The statuses before them."""

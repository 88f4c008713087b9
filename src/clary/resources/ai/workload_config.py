"""AI workload configurations: the load that benchmarks and recommendations assume."""

from clary.resources.registry import register
from clary.resources.spec import Resource

AI_WORKLOAD_CONFIG = register(
    Resource(
        kind="AIWorkloadConfig",
        arn="ai-workload-config/{AIWorkloadConfigName}",
        hidden=frozenset(),
    )
)

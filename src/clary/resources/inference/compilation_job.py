"""Compilation jobs: a model made faster for one kind of device."""

from clary.resources.registry import register
from clary.resources.spec import Resource, not_run

COMPILATION_JOB = register(
    Resource(
        kind="CompilationJob",
        arn="compilation-job/{CompilationJobName}",
        status="CompilationJobStatus",
        initial=not_run(
            "CompilationJobStatus",
            "compilation jobs",
            failed="FAILED",
            instead="Deploy the model as it is, or exported to ONNX.",
        ),
        answers={"ModelArtifacts": {"S3ModelArtifacts": ""}},  # The member is required: nothing was made.
        summary={
            "CompilationTargetDevice": "OutputConfig.TargetDevice",
            "CompilationTargetPlatformOs": "OutputConfig.TargetPlatform.Os",
            "CompilationTargetPlatformArch": "OutputConfig.TargetPlatform.Arch",
            "CompilationTargetPlatformAccelerator": "OutputConfig.TargetPlatform.Accelerator",
        },
    )
)

"""Images: names for container images, in versions with aliases."""

from clary.resources.registry import register
from clary.resources.spec import Resource

IMAGE = register(
    Resource(
        kind="Image",
        announced="SageMaker Image State Change",
        arn="image/{ImageName!l}",
        status="ImageStatus",
        initial={"ImageStatus": "CREATED"},
        orders={
            "CREATION_TIME": "CreationTime",
            "LAST_MODIFIED_TIME": "LastModifiedTime",
            "IMAGE_NAME": "ImageName",
        },
        missing_text="Image with ImageName {name} does not exist. Please provide a valid ImageName.",
        conflict_text="The Image with ImageName {name} already exists. Please use a different ImageName.",
        level="behaves",  # evidence/studio-errors.md
    )
)
IMAGE_VERSION = register(
    Resource(
        kind="ImageVersion",
        announced="SageMaker Image Version State Change",
        arn="image-version/{ImageName!l}/{Version}",
        identity=("ImageName", "Version"),
        status="ImageVersionStatus",
        orders={
            "CREATION_TIME": "CreationTime",
            "LAST_MODIFIED_TIME": "LastModifiedTime",
            "VERSION": "CreationTime",  # Versions follow each other.
        },
        within={"ImageName": "Image"},
        missing_text="ImageVersion {name} of the image does not exist.",
        level="behaves",
    )
)

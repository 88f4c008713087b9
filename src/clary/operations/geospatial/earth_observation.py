"""Earth observation: its jobs begin with a collection of images, and Clary has none."""

from __future__ import annotations

from clary.core.errors import ApiError
from clary.operations import none_yet

SERVICE = "sagemaker-geospatial"


def _missing(words: str) -> ApiError:
    return ApiError(words, code="ResourceNotFoundException", status=404)


for _name in ("ListEarthObservationJobs", "ListRasterDataCollections"):
    none_yet.listed(_name, service=SERVICE)
none_yet.absent(
    "StartEarthObservationJob",
    "There are no raster data collections and no earlier jobs to begin with; "
    "see docs/reference/operations.md.",
    service=SERVICE,
    error=_missing,
)
for _name in ("GetRasterDataCollection", "SearchRasterDataCollection"):
    none_yet.absent(_name, "There is no raster data collection {Arn}.", service=SERVICE, error=_missing)
for _verb in ("Get", "Stop", "Delete", "Export"):
    none_yet.absent(
        f"{_verb}EarthObservationJob",
        "There is no earth observation job {Arn}.",
        service=SERVICE,
        error=_missing,
    )
none_yet.absent("GetTile", "There is no earth observation job {Arn}.", service=SERVICE, error=_missing)

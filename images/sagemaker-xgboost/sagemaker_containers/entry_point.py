"""`entry_point` as scripts import it: of it they use that hosts wait for each other's names."""

from __future__ import annotations

import json
import os

from sagemaker_xgboost_container.distributed import wait_hostname_resolution


def _wait_hostname_resolution() -> None:  # scripts call it by this name
    """Wait until every host of the job is known by its name."""
    wait_hostname_resolution(json.loads(os.environ["SM_HOSTS"]))

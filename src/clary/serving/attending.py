"""Says each second which hosts this process has calls at, so that none is stopped over them."""

from __future__ import annotations

from clary.runtime.attendance import Attendance
from clary.serving.router import Router


class Attending:
    """That of one gateway process."""

    def __init__(self, router: Router, attendance: Attendance) -> None:
        self._router, self._attendance = router, attendance

    async def look(self) -> None:
        """Look at every host once."""
        self._attendance.attend(self._router.busy())

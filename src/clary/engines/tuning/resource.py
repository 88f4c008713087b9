"""How much a training job may use under Hyperband, counted in values of the objective."""

from __future__ import annotations

from clary.core.document import Document

_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")


def resources(config: Document, definition: Document) -> tuple[int, int | None]:
    """Return Hyperband's least and most resource for a definition; the most is None where nothing says it."""
    given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
    most = given.get("MaxResource")
    static = definition.get("StaticHyperParameters", {})
    for name in () if most is not None else _EPOCHS:
        if static.get(name, "").strip('"').isdigit():
            most = int(static[name].strip('"'))
            break
    return given.get("MinResource", 1), most

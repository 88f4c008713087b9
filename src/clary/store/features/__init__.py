"""The online feature store: the newest record of every identifier."""

from clary.store.features.online import OnlineStore, Stored

__all__ = ["OnlineStore", "Stored"]

"""Objects: content in files named by id, an index in the database."""

from clary.store.objects.errors import NoSuchBucket, NoSuchKey
from clary.store.objects.model import Bucket, Listing, ObjectInfo
from clary.store.objects.store import Objects

__all__ = ["Bucket", "Listing", "NoSuchBucket", "NoSuchKey", "ObjectInfo", "Objects"]

"""The three listings: pages, prefixes, spelling."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.operations.s3.serving import S3

KEYS = ["a", "b/1", "b/2", "c d", "é/x", "z"]


def _filled(directory: Path) -> S3:
    s3 = S3(directory)
    for key in KEYS:
        s3("PutObject", Key=key, Body=b"x")
    return s3


def test_v2_pages_join_up(tmp_path: Path) -> None:
    s3 = _filled(tmp_path)
    found: list[str] = []
    members: dict[str, object] = {}
    while True:
        page = s3("ListObjectsV2", MaxKeys=2, Delimiter="/", **members)
        assert page["KeyCount"] == len(page["Contents"]) + len(page["CommonPrefixes"]) <= 2
        found += [entry["Key"] for entry in page["Contents"]]
        found += [entry["Prefix"] for entry in page["CommonPrefixes"]]
        if not page["IsTruncated"]:
            break
        members = {"ContinuationToken": page["NextContinuationToken"]}
    assert sorted(found) == sorted(["a", "b/", "c d", "é/", "z"])


def test_v1_tells_a_next_marker_only_with_a_delimiter(tmp_path: Path) -> None:
    s3 = _filled(tmp_path)
    assert "NextMarker" not in s3("ListObjects", MaxKeys=2)
    page = s3("ListObjects", MaxKeys=2, Delimiter="/")
    assert page["NextMarker"] == "b/"
    rest = s3("ListObjects", Delimiter="/", Marker=page["NextMarker"])
    assert [entry["Key"] for entry in rest["Contents"]] == ["c d", "z"]
    assert rest["Contents"][0]["Owner"] == s3("ListBuckets")["Owner"]


def test_names_are_encoded_on_request(tmp_path: Path) -> None:
    page = _filled(tmp_path)("ListObjectsV2", EncodingType="url", Delimiter="/", StartAfter="b/")
    assert [entry["Key"] for entry in page["Contents"]] == ["c%20d", "z"]
    assert page["CommonPrefixes"] == [{"Prefix": "%C3%A9/"}]
    assert (page["EncodingType"], page["StartAfter"]) == ("url", "b/")


def test_owners_are_told_on_request(tmp_path: Path) -> None:
    s3 = _filled(tmp_path)
    assert "Owner" not in s3("ListObjectsV2")["Contents"][0]
    assert "Owner" in s3("ListObjectsV2", FetchOwner=True)["Contents"][0]


def test_versions_are_all_null_and_latest(tmp_path: Path) -> None:
    page = _filled(tmp_path)("ListObjectVersions", MaxKeys=1)
    assert [(v["Key"], v["VersionId"], v["IsLatest"]) for v in page["Versions"]] == [("a", "null", True)]
    assert (page["IsTruncated"], page["NextKeyMarker"]) == (True, "a")


@pytest.mark.parametrize(
    "members",
    [{"MaxKeys": -1}, {"ContinuationToken": "junk"}, {"ContinuationToken": ""}, {"EncodingType": "base64"}],
)
def test_a_listing_that_cannot_be_is_refused(tmp_path: Path, members: dict[str, object]) -> None:
    assert S3(tmp_path).refused("ListObjectsV2", **members).code == "InvalidArgument"


def test_more_than_a_thousand_keys_are_not_asked_for_at_once(tmp_path: Path) -> None:
    assert S3(tmp_path)("ListObjectsV2", MaxKeys=5000)["MaxKeys"] == 1000
    assert S3(tmp_path)("ListObjectsV2", MaxKeys=0)["IsTruncated"] is False

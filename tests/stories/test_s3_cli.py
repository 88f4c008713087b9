"""The AWS CLI's high-level S3 commands, all of them, against a real server."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.stories.server import CLIENTS, Clary

pytestmark = pytest.mark.slow
BUCKET = "s3://cli-story"


def test_buckets_and_objects_come_move_and_go(
    clary: Clary, environment: Callable[[Path], Path], tmp_path: Path
) -> None:
    tool = str(environment(CLIENTS / "cli.txt") / "aws")

    def aws(*words: str, check: bool = True) -> str:
        done = clary.run(tool, "s3", *words, check=check)
        return done.stdout if check else done.stdout + done.stderr

    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "empty").touch()
    (tree / "deep" / "large ü").write_bytes(bytes(range(256)) * 80_000)  # goes up in parts
    assert aws("mb", BUCKET).strip() == "make_bucket: cli-story"
    aws("sync", str(tree), f"{BUCKET}/tree")
    assert aws("sync", str(tree), f"{BUCKET}/tree") == "", "nothing is new"
    (tree / "empty").unlink()
    aws("sync", "--delete", str(tree), f"{BUCKET}/tree")
    assert "PRE tree/" in aws("ls", BUCKET)
    aws("cp", "--recursive", f"{BUCKET}/tree", f"{BUCKET}/copy")
    aws("mv", f"{BUCKET}/copy/deep/large ü", f"{BUCKET}/moved")
    aws("cp", f"{BUCKET}/moved", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (tree / "deep" / "large ü").read_bytes()
    url = aws("presign", f"{BUCKET}/moved").strip()
    with urllib.request.urlopen(url) as answer:  # noqa: S310  # our own server
        assert int(answer.headers["content-length"]) == 256 * 80_000
    assert "BucketNotEmpty" in aws("rb", BUCKET, check=False)
    aws("rm", "--recursive", f"{BUCKET}/tree")
    assert aws("rb", "--force", BUCKET).strip().endswith("remove_bucket: cli-story")
    assert "NoSuchBucket" in aws("ls", BUCKET, check=False)

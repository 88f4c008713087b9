"""What a client is told: everything of ours, and nothing of its own lost."""

from __future__ import annotations

from pathlib import Path

from clary.core.redirect_environment import client_environment, write_bundle

SERVER = {"port": 9229, "proxy_port": 40001}
KEYS = {"AccessKeyId": "AKIAX", "SecretAccessKey": "s", "Region": "eu-west-1", "Account": "000000000000"}


def test_a_client_is_sent_here_and_its_no_proxy_is_kept(tmp_path: Path) -> None:
    told = client_environment(SERVER, KEYS, tmp_path / "ca.pem", {"NO_PROXY": "internal,.amazonaws.com"})
    assert told["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9229"
    assert told["HTTPS_PROXY"] == told["https_proxy"] == "http://127.0.0.1:40001"
    assert told["NO_PROXY"] == "internal,localhost,127.0.0.1"
    assert (told["AWS_REGION"], told["AWS_DEFAULT_REGION"]) == ("eu-west-1", "eu-west-1")
    assert (told["AWS_PROFILE"], told["AWS_SESSION_TOKEN"]) == ("", "")


def test_the_bundle_keeps_what_the_client_trusted(tmp_path: Path) -> None:
    ours, theirs, bundle = tmp_path / "ca.pem", tmp_path / "corporate.pem", tmp_path / "bundle.pem"
    ours.write_text("OURS")
    theirs.write_text("THEIRS")
    for environ in (
        {"AWS_CA_BUNDLE": str(theirs)},
        {"AWS_CA_BUNDLE": str(bundle), "SSL_CERT_FILE": str(theirs)},
    ):
        text = write_bundle(ours, bundle, environ).read_text()
        assert text.startswith("OURS\nTHEIRS")
        assert text.count("OURS") == 1

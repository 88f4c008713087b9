"""kill -9 of gateway and container while models of a multi-model endpoint load and answer.

The container is one of the user's own, which follows the published contract and no more.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.crash.site import Site
from tests.crash.test_endpoint_kills import archive, finish, settle
from tests.crash.test_training_kills import BUCKET, ROLE

pytestmark = pytest.mark.slow
IMAGE = """
name = "many"
repositories = ["many"]
[programs]
serve = ["python", "/opt/image/serve.py"]
"""
# A model whose name has "held" in it is loaded once `ml/loads` is there.
SERVE = """
import http.server, json, os, pathlib, socketserver, time
assert os.environ["SAGEMAKER_MULTI_MODEL"] == "true"
ml, models, room = pathlib.Path("/opt/ml"), {}, int(os.environ["ROOM"])
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        _, _, name = [*self.path.split("/"), ""][:3]
        if self.path == "/ping":
            self.reply(200, b"")
        elif not name:
            held = [{"modelName": name, "modelUrl": url} for name, url in models.items()]
            self.reply(200, json.dumps({"models": held}))
        else:
            self.reply(200 if name in models else 404, "{}")
    def do_DELETE(self):
        self.reply(200 if models.pop(self.path.split("/")[2], None) else 404, "{}")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/models":
            return self.load(json.loads(body), self.headers["X-Amzn-SageMaker-Target-Model"])
        url = models.get(self.path.split("/")[2])
        self.reply(200, pathlib.Path(url, "answer").read_bytes()) if url else self.reply(404, "{}")
    def load(self, asked, target):
        print("loads", target, flush=True)
        while "held" in target and not (ml / "loads").exists():
            time.sleep(0.01)
        if asked["model_name"] in models:
            return self.reply(409, "{}")
        if len(models) >= room:
            return self.reply(507, "{}")
        models[asked["model_name"]] = asked["url"]
        self.reply(200, "{}")
    def reply(self, status, body):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def address_string(self):
        return "gateway"
    def log_message(self, *args):
        pass
class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
Server(os.environ["SAGEMAKER_BIND_TO_SOCKET"], Handler).serve_forever()
"""


def serving(site: Site, name: str, room: int) -> str:
    """Have an endpoint of many models; return its only run."""
    folder = site.home / "images" / "many"
    folder.mkdir(exist_ok=True)
    (folder / "image.toml").write_text(IMAGE)
    (folder / "serve.py").write_text(SERVE)
    s3, sagemaker = site.client("s3"), site.client("sagemaker")
    for model in ("a", "b", "c", "held"):
        s3.put_object(Bucket=BUCKET, Key=f"{name}/{model}.tar.gz", Body=archive(f"{model} of {name}"))
    container = {
        "Image": "many",
        "Mode": "MultiModel",
        "ModelDataUrl": f"s3://{BUCKET}/{name}/",
        "Environment": {"ROOM": str(room)},
    }
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "v", "ModelName": name, "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    assert settle(site, name)["EndpointStatus"] == "InService"
    return site.runs("*")[0]


def ask(site: Site, name: str, model: str) -> str:
    answer = site.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, TargetModel=f"{model}.tar.gz", Body=b"x"
    )
    return str(answer["Body"].read().decode())


def answered(site: Site, name: str, model: str, dying: str) -> bool:
    """Say whether a model answers; if it does, it is this one. The container that dies may do so badly."""
    try:
        said = ask(site, name, model)
    except ClientError as error:
        told: Any = error.response
        code, of_dying = told["Error"]["Code"], dying in told.get("LogStreamArn", "")
        assert code == "ServiceUnavailable" or (code == "ModelError" and of_dying), told
        return False
    assert said == f"{model} of {name}"
    return True


def loads(site: Site, uid: str) -> list[str]:
    return [line.split()[1] for line in site.job(uid).log.read_text().splitlines() if line[:5] == "loads"]


def test_a_new_gateway_finds_what_is_loaded_and_makes_room_for_the_rest(site: Site) -> None:
    site.up()
    uid = serving(site, "many-gateway", room=2)
    for model in "ab":
        assert ask(site, "many-gateway", model) == f"{model} of many-gateway"
    site.kill("gateway")
    site.up()
    for model in "abc":
        assert ask(site, "many-gateway", model) == f"{model} of many-gateway"
    loaded = site.until(lambda: (found := loads(site, uid))[2:] and found, "three loads are in the log")
    assert loaded[:3] == ["a.tar.gz", "b.tar.gz", "c.tar.gz"]
    assert ask(site, "many-gateway", "a") == "a of many-gateway"
    finish(site, "many-gateway")


def test_a_gateway_that_dies_over_a_load_leaves_nothing_half_loaded(site: Site) -> None:
    site.up()
    uid = serving(site, "many-load", room=2)

    def hang() -> None:
        with contextlib.suppress(Exception):  # its gateway may be killed for good
            ask(site, "many-load", "held")

    calling = threading.Thread(target=hang)
    calling.start()
    site.until(lambda: loads(site, uid), "the load has begun")
    site.kill("gateway")
    site.up()
    (site.job(uid).ml / "loads").touch()
    calling.join()  # its client asks again: the socket is open all the time
    assert ask(site, "many-load", "held") == "held of many-load"
    finish(site, "many-load")


def test_a_container_that_dies_is_replaced_and_loads_its_models_again(site: Site) -> None:
    site.up()
    uid = serving(site, "many-container", room=2)
    for model in "abc":
        assert ask(site, "many-container", model) == f"{model} of many-container"
    site.kill_run(uid, "container")

    def replaced() -> Any:
        return all(answered(site, "many-container", model, uid) for model in "abc") and uid not in site.runs(
            "*"
        )

    site.until(replaced, "another container answers")
    finish(site, "many-container")

"""What runs on each host: it exchanges a byte with every other, writes down what it saw, and then acts."""

import json
import os
import pathlib
import signal
import socket
import sys
import time

ML = pathlib.Path("/opt/ml")
PORT = 20_600
config = json.loads((ML / "input/config/resourceconfig.json").read_text())
act = json.loads((ML / "input/config/hyperparameters.json").read_text())["act"]
me, hosts = config["current_host"], config["hosts"]
rank = hosts.index(me)
print("begun on", me, socket.gethostname(), flush=True)


def exchange(port: int) -> list[int]:
    """Send this host's number to all others and return what came."""
    server = socket.create_server((me, port))
    for other in hosts:
        if other != me:
            while True:
                try:
                    with socket.create_connection((other, port), timeout=5) as out:
                        out.sendall(bytes([rank + 1]))
                    break
                except OSError:
                    time.sleep(0.02)
    came = []
    for _ in range(len(hosts) - 1):
        caller, _ = server.accept()
        with caller:
            came.append(caller.recv(1)[0])
    server.close()
    return sorted(came)


def outside() -> bool:
    """Tell whether the API can be reached."""
    host, port = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=30).close()
    except OSError:
        return False
    return True


came = exchange(PORT)
data = sorted(str(path.relative_to(ML)) for path in (ML / "input/data").rglob("*") if path.is_file())
seen = {
    "config": config,
    "came": came,
    "data": data,
    "outside": outside(),
    "cpus": len(os.sched_getaffinity(0)),
}
(ML / "model" / f"{me}.json").write_text(json.dumps(seen))
(ML / "model" / "shared").write_text(me)
(ML / "output/data" / me).write_text("data")
(ML / "checkpoints" / me).write_text("checkpoint of " + me)
print(f"rank={rank}", flush=True)
word, _, who = act.partition(" ")
if word == "fail" and who == me:
    exchange(PORT + 1)  # the others wait already
    raise ValueError("planted on " + me)
if word == "fail":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("waiting for ever", flush=True)
    exchange(PORT + 1)
    while True:
        time.sleep(1)
if word == "hold":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("holding", flush=True)
    while not (ML / "go").exists():
        time.sleep(0.01)
print("done", flush=True)

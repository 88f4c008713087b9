"""Every setting, read once from `CLARY_*` by the composition root and passed down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clary.core.limits import LIFTED, STRICT, Limits


@dataclass(frozen=True)
class Home:
    """Where one server keeps everything it has: the layout of `CLARY_HOME`."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite file with all records and indexes."""
        return self.root / "clary.db"

    @property
    def objects(self) -> Path:
        """Content files of S3 objects (`content/`) and uploads in flight (`staging/`), on one file system."""
        return self.root / "objects"

    @property
    def functions(self) -> Path:
        """The code of Lambda functions: `functions/<environments id>/<digest>.zip`."""
        return self.root / "functions"

    @property
    def mlflow(self) -> Path:
        """What MLflow servers keep: `mlflow/<record uid>/mlflow.db`."""
        return self.root / "mlflow"

    @property
    def jobs(self) -> Path:
        """One directory a container: `jobs/<run uid>/`, see `clary.runtime.spec`."""
        return self.root / "jobs"

    @property
    def keys(self) -> Path:
        """Secrets, mode 0700: `master.key`, `administrator.json`, the redirect's own CA."""
        return self.root / "keys"

    @property
    def run(self) -> Path:
        """What lives as long as the processes: `server.json`, `lock`, `wake.sock`."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """The server's own logs and `audit.jsonl`."""
        return self.root / "logs"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One server's settings. `from_environment` documents the variables."""

    home: Home
    host: str = "127.0.0.1"
    port: int = 9229
    region: str = "us-east-1"
    account: str = "000000000000"
    cache: Path
    gateways: int = 1
    log_level: str = "INFO"
    proxy_port: int = 0
    upstream_proxy: str = ""
    listeners: tuple[int, ...] = ()
    strict: bool = False
    access_log_mb: int = 256
    serverless_idle: float = 300.0
    serverless_environments: int = 0

    @property
    def limits(self) -> Limits:
        """What one call may ask for."""
        return STRICT if self.strict else LIFTED

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings.

        - `CLARY_HOME`: state directory, default `~/.clary`
        - `CLARY_PORT`: port to listen on, default 9229; 0 picks a free one
        - `CLARY_REGION`, `CLARY_ACCOUNT_ID`: the region and the twelve-digit account the server answers as
        - `CLARY_ACCESS_LOG_MB`: MiB that a gateway's log of calls to endpoints takes, default 256; 0 for none
        - `CLARY_CACHE`: built image environments, shared by all homes, default `~/.cache/clary`
        - `CLARY_GATEWAYS`: number of gateway processes
        - `CLARY_LISTENERS`: descriptors of two listening sockets, the API's and the redirect's, as the
          supervisor leaves them to a gateway; by default it binds its own
        - `CLARY_LOG_LEVEL`: DEBUG, INFO, WARNING or ERROR
        - `CLARY_PROXY_PORT`: port of the redirect's proxy, default 0, which picks a free one
        - `CLARY_SERVERLESS_IDLE`: seconds after which an unused environment of a serverless endpoint goes,
          default 300
        - `CLARY_SERVERLESS_ENVIRONMENTS`: how many of them one endpoint has at most, default 0, which is as
          many as keep this machine's CPUs busy
        - `CLARY_STRICT`: 1 enforces AWS's own limits and quotas; by default only the machine sets limits
        - `CLARY_UPSTREAM_PROXY`: the way out for other hosts than AWS's, default `HTTPS_PROXY`
        """
        user = Path(environ.get("HOME", "/"))
        cache = Path(environ.get("XDG_CACHE_HOME", user / ".cache")) / "clary"
        return cls(
            home=Home(Path(environ.get("CLARY_HOME", user / ".clary")).absolute()),
            port=int(environ.get("CLARY_PORT", "9229")),
            region=environ.get("CLARY_REGION", "us-east-1"),
            account=environ.get("CLARY_ACCOUNT_ID", "000000000000"),
            cache=Path(environ.get("CLARY_CACHE", cache)).absolute(),
            gateways=int(environ.get("CLARY_GATEWAYS", "1")),
            listeners=tuple(map(int, filter(None, environ.get("CLARY_LISTENERS", "").split(",")))),
            log_level=environ.get("CLARY_LOG_LEVEL", "INFO").upper(),
            proxy_port=int(environ.get("CLARY_PROXY_PORT", "0")),
            access_log_mb=int(environ.get("CLARY_ACCESS_LOG_MB", "256")),
            serverless_idle=float(environ.get("CLARY_SERVERLESS_IDLE", "300")),
            serverless_environments=int(environ.get("CLARY_SERVERLESS_ENVIRONMENTS", "0")),
            strict=environ.get("CLARY_STRICT", "").lower() in ("1", "true", "yes", "on"),
            upstream_proxy=environ.get("CLARY_UPSTREAM_PROXY", environ.get("HTTPS_PROXY", "")),
        )

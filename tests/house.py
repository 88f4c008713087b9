"""The house rules that no linter knows. Prints what is broken and exits 1."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 500
FUNCTION_LINES = 60
TABLE_BEGINS, TABLE_ENDS = "<!-- operations: written by make docs -->", "<!-- /operations -->"
SUBJECT = re.compile(r"(utils|helpers|common|manager|base\d?)(\.py)?$")


def main() -> int:
    """Check every rule and return the exit status; with `--write`, bring the README's table up to date."""
    if "--write" in sys.argv:
        readme = ROOT / "README.md"
        readme.write_text(with_counts(readme.read_text()))
        return 0
    broken = [*sizes(), *names(), *environment(), *generated(), *hosts()]
    for line in broken:
        print(line)
    print(f"house rules: {len(broken)} broken" if broken else "house rules: all kept")
    return 1 if broken else 0


def sizes() -> Iterator[str]:
    """Modules stay under 500 lines, functions under 60."""
    for path in sources():
        text = path.read_text()
        lines = text.count("\n")
        if lines > MODULE_LINES:
            yield f"{shown(path)}: {lines} lines, at most {MODULE_LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    where = f"{shown(path)}:{node.lineno}"
                    yield f"{where}: {node.name} has {length} lines, at most {FUNCTION_LINES}"


def names() -> Iterator[str]:
    """No module is called utils, helpers, common or manager."""
    for path in sources():
        if SUBJECT.fullmatch(path.name):
            yield f"{shown(path)}: a module is named after what it holds"


def environment() -> Iterator[str]:
    """Settings are read by the composition root and the command line, nowhere else."""
    for path in (ROOT / "src" / "clary").rglob("*.py"):
        room = path.relative_to(ROOT / "src" / "clary").parts[0]
        if room not in {"app.py", "cli", "runtime"} and re.search(r"os\.(environ|getenv)", path.read_text()):
            yield f"{shown(path)}: reads the environment; take a Settings instead"


def generated() -> Iterator[str]:
    """Generated pages are what the generators write today."""
    for name, module in (("operations", "clary.operations.reference"), ("commands", "clary.cli.reference")):
        page = ROOT / "docs" / "reference" / f"{name}.md"
        told = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, check=True)  # noqa: S603
        if not page.exists() or page.read_text() != told.stdout:
            yield f"{shown(page)}: not what `make docs` writes"
    if (readme := ROOT / "README.md").read_text() != with_counts(readme.read_text()):
        yield "README.md: its table of operations is not what `make docs` writes"


def with_counts(text: str) -> str:
    """Return the README with today's table of operations in it."""
    told = subprocess.run(
        [sys.executable, "-m", "clary.operations.reference", "--counts"],
        capture_output=True,
        text=True,
        check=True,
    )
    head, rest = text.split(TABLE_BEGINS)
    return f"{head}{TABLE_BEGINS}\n{told.stdout}{TABLE_ENDS}{rest.split(TABLE_ENDS)[1]}"


def hosts() -> Iterator[str]:
    """Requirement locks name no index and no local path."""
    for path in [
        *ROOT.glob("requirements/*.txt"),
        *ROOT.glob("images/*/*.txt"),
        *ROOT.glob("tests/**/*.txt"),
    ]:
        if "vectors" not in path.parts and re.search(
            r"https?://|file://|--(extra-)?index-url", path.read_text()
        ):
            yield f"{shown(path)}: a lock names an index"


def sources() -> Iterator[Path]:
    """Return the Python files of the product, its images and its benchmarks."""
    for folder in ("src", "images", "benchmarks"):
        yield from (ROOT / folder).rglob("*.py")


def shown(path: Path) -> str:
    """Return the path as a reader types it."""
    return str(path.relative_to(ROOT))


if __name__ == "__main__":
    sys.exit(main())

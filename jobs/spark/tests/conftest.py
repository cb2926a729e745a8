import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One small session for all tests: a start takes longer than all of them."""
    session = (
        SparkSession.builder.master("local[1]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture
def qdrant(tmp_path: Path) -> Iterator[str]:
    """The URL of Qdrant's own engine behind its REST API, empty."""
    script = Path(__file__).parents[3] / "testing" / "qdrant-shim" / "shim.py"
    # it ends with its standard input
    with subprocess.Popen(
        [sys.executable, str(script), "--folder", str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as shim:
        assert shim.stdout is not None
        yield f"http://127.0.0.1:{json.loads(shim.stdout.readline())['port']}"
        shim.kill()

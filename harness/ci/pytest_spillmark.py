"""A pytest plugin: tests with limits on their memory.

    # conftest.py
    pytest_plugins = ["pytest_spillmark"]

    # test_queue.py
    @pytest.mark.memory(heap_peak="64MB", fds_peak=100)
    def test_a_million_entries(): ...

Such a test runs in a process of its own under `spillmark probe`, with PYTHONMALLOC=malloc so that
every object is seen. It fails when a limit is broken, and when one could not be judged."""
import os
import subprocess
import sys
import tempfile

import pytest

_INNER = "SPILLMARK_PYTEST_INNER"


def pytest_configure(config):
    config.addinivalue_line("markers", "memory(NAME=LIMIT, ...): limits, as spillmark gate has them")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    marker = pyfuncitem.get_closest_marker("memory")
    if not marker or os.environ.get(_INNER):
        return None
    limits = [word for name, limit in marker.kwargs.items() for word in ("--limit", f"{name}={limit}")]
    with tempfile.TemporaryDirectory() as directory:
        run = subprocess.run(
            ["spillmark", "probe", "-o", os.path.join(directory, "run"), *limits, "--",
             sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", pyfuncitem.nodeid],
            cwd=pyfuncitem.config.rootpath, capture_output=True, text=True, check=False,
            env={**os.environ, _INNER: "1", "PYTHONMALLOC": "malloc"})
    if run.returncode != 0:
        pytest.fail(f"{run.stdout}\n{run.stderr}", pytrace=False)
    return True

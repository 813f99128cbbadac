"""`operando serve`, and data fetched from it."""

import os
import signal
import subprocess
import sys

import pexpect
import pytest
from documents import whole_experiment
from operando.callbacks.tiled.journal import Journal
from operando.experiment.settings import DataRoot

pytestmark = pytest.mark.system

IMPORTS = (
    "from operando.callbacks.tiled.access import reader_client",
    "from operando.callbacks.tiled.open_experiment import open_experiment",
)


def test_data_are_fetched_while_serve_runs_and_ctrl_c_ends_it(tmp_path):
    root = DataRoot(tmp_path / "data")
    documents = whole_experiment(spectra=2, points=20)
    with Journal(root.journal) as journal:
        for name, doc in documents:
            journal(name, doc)
    environment = {**os.environ, "OPERANDO_DATA": str(root.path), "COLUMNS": "200", "TERM": "dumb"}
    serve = pexpect.spawn(
        sys.executable,
        ["-m", "operando.experiment.cli", "serve"],
        env=environment,
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 200),
    )
    try:
        serve.expect(f"export OPERANDO_DATA='{root.path}'")
        serve.expect(r"# Tiled answers at http://127\.0\.0\.1:\d+; Ctrl-C ends it")
        notes = root.journal / "forwarded"
        runs = len({doc["uid"] for name, doc in documents if name == "start"})
        while len(list(notes.glob("*.json"))) < runs:
            serve.expect([pexpect.TIMEOUT, "WARNING"], timeout=0.2)
        experiment = f"open_experiment(reader_client({str(root.path)!r}), 'demo')"
        lines = [*IMPORTS, f"print(len({experiment}.ledger))"]
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", "\n".join(lines)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.stdout.strip() == "2", ended.stderr
        serve.sendintr()
        serve.expect("ended after SIGINT", timeout=40)
        serve.expect(pexpect.EOF, timeout=40)
        serve.wait()
        assert serve.exitstatus == 130
        assert not list((root.run).glob("*.pid"))
    finally:
        if serve.isalive():
            serve.kill(signal.SIGTERM)
        serve.close(force=True)

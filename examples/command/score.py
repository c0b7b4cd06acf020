"""Predicts what comes on stdin and answers on stdout: for every Arrow record batch of features one of predictions, of as many rows.

Nothing else may go to stdout; what goes to stderr is in the run's log.
"""

import sys
from pathlib import Path

import joblib
import pyarrow as pa

model = joblib.load(Path(__file__).resolve().parent / "model.joblib")
print("scoring with", type(model).__name__, file=sys.stderr, flush=True)

answers = None
for batch in pa.ipc.open_stream(sys.stdin.buffer):
    bad = model.predict_proba(batch.to_pandas())[:, 1]
    answer = pa.record_batch({"bad": bad})
    answers = answers or pa.ipc.new_stream(sys.stdout.buffer, answer.schema)
    answers.write_batch(answer)
    sys.stdout.flush()

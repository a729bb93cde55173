# workload.py - json and pickle; run with PYTHONMALLOC=malloc and without.
import json
import pickle
import sys

rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
for _ in range(rounds):
    rows = [{"id": i, "name": "row %d" % i, "values": list(range(i % 10))} for i in range(3000)]
    assert json.loads(json.dumps(rows)) == pickle.loads(pickle.dumps(rows))

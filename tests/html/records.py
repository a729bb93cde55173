"""Records of runs that never were, for the page: a leaking one and one that is bounded, one whose
every name is hostile, and an hour with ten thousand sites.

    records.py SPILLMARK KIND DIRECTORY [SECONDS SITES]      kinds: leaking, bounded, hostile
"""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

BYTES, COUNT, SECONDS = 1, 2, 3
NS = 1_000_000_000

HOSTILE = [
    b"</script><script>window.owned = 1</script>",
    b"<img src=x onerror=\"window.owned = 2\">",
    b"\"><svg onload=window.owned=3>",
    b"' onmouseover='window.owned = 4' x='",
    b"--><!-- ]]> <![CDATA[ &lt;b&gt; &amp; &#60;",
    b"javascript:window.owned=5//\x01\x02\x1b[31m\x07\r\n\ttab",
    b"\xff\xfe not \xc3\x28 UTF-8 \xed\xa0\x80",
    "\u202egnp.exe\u2066 bidi \u200b\ufeff zero".encode(),
    b"${window.owned=6} {{window.owned=7}} %s%n%n \\u003cscript\\u003e \\\\ \\",
    b"__proto__",
    b"constructor",
    b"huge " + b"A<b>" * 5000,
    "\U0001f4a3 \u4e2d\u6587 \u0627\u0644\u0639\u0631\u0628\u064a\u0629".encode(),
    b"",
]


def empty_record(spillmark, directory):
    """The tables of a record, as spillmark itself makes them."""
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([spillmark, "probe", "-o", os.path.join(made, "run"), "--", "/bin/true"],
                       check=False, capture_output=True)
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, "run.db")
        shutil.copy(os.path.join(made, "run", "run.db"), path)
    db = sqlite3.connect(path)
    for (table,) in db.execute("select name from sqlite_schema where type = 'table'").fetchall():
        db.execute(f'delete from "{table}"')
    return db


def put(db, table, rows):
    rows = list(rows)
    if rows:
        db.executemany(f"insert into {table} values ({','.join('?' * len(rows[0]))})", rows)


class Run:
    """A queue in front of a consumer that a fault slows down, and beside it many small sites."""

    def __init__(self, seconds=40, sites=60, is_bounded=False, rate_hz=20, seed=7):
        self.random = random.Random(seed)
        self.seconds, self.sites, self.is_bounded, self.rate_hz = seconds, sites, is_bounded, rate_hz
        self.phases = [("warm-up", 0, seconds / 8, 1, 0), ("slow disk", seconds / 8, seconds * 5 / 8, 1, 1),
                       ("drain", seconds * 5 / 8, seconds * 7 / 8, 1, 0),
                       ("settle", seconds * 7 / 8, seconds, 0, 0)]

    def simulate(self):
        """Levels and counters at every tick."""
        queue = offered = delivered = dropped = 0.0
        capacity = 20000 if self.is_bounded else 1e12
        consumed = 4000.0 * (0.9 if self.seconds > 600 else 0.07)
        for tick in range(int(self.seconds * self.rate_hz) + 1):
            t = tick / self.rate_hz
            slow = self.phases[1][1] <= t < self.phases[1][2]
            arrived = 4000.0 / self.rate_hz if t < self.phases[2][2] else 0
            offered += arrived
            queue += arrived
            done = min(queue, (consumed if slow else 40000) / self.rate_hz)
            queue -= done
            delivered += done
            if queue > capacity:
                dropped += queue - capacity
                queue = capacity
            wobble = 40000 * self.random.random()
            heap = 250e3 + queue * 184 + wobble
            yield t, {"heap": heap, "rss": 8e6 + max(heap, 1) * 1.2, "rss_anon": 2e6 + heap * 1.2,
                      "rss_file": 6.1e6, "slack": 0.1 * heap + wobble, "fds": 41, "heap_count": 800 + queue,
                      "offered": offered, "accepted": offered, "refused": 0, "unanswered": 0,
                      "delivered": delivered, "in_flight:declared": queue * 142, "in_flight:driver": 2 + tick % 3,
                      "gauge:queued": queue, "gauge:dropped_total": dropped, "cpu": 0.4 * t, "fds:socket": 33}

    UNITS = {"heap": BYTES, "rss": BYTES, "rss_anon": BYTES, "rss_file": BYTES, "slack": BYTES,
             "in_flight:declared": BYTES, "cpu": SECONDS}

    def write(self, db):
        samples, last = [], {}
        names = None
        for t, values in self.simulate():
            if names is None:
                names = list(values)
            for number, name in enumerate(names, 1):
                value, high = values[name], None
                if last.get(name) == value and (t * self.rate_hz) % self.rate_hz:
                    continue
                if name == "heap":
                    high = value + 30000
                samples.append((number, int(t * NS), value, None, high))
                last[name] = value
        put(db, "series", [(i, 0, name, self.UNITS.get(name, COUNT)) for i, name in enumerate(names, 1)])
        put(db, "sample", samples)
        self.write_schedule(db, last)
        self.write_sites(db, last)
        db.commit()

    def write_schedule(self, db, last):
        put(db, "phase", [(i, name, 0, int(a * NS), int(b * NS), load, faults, int(name == "settle"))
                          for i, (name, a, b, load, faults) in enumerate(self.phases, 1)])
        put(db, "process", [(1, 4242, 4241, "/srv/ingest --socket /run/in.sock", 0, int(self.seconds * NS), "exit 0", "on", 0)])
        put(db, "fault", [("slow_disk", int(self.phases[1][1] * NS), int(self.phases[1][2] * NS),
                           json.dumps({"path": "/data", "rate": 64000}), 555, 1260000, self.seconds / 2, "by writes")])
        each = max(1, int(self.seconds / 3600))
        put(db, "load_interval", [("http_load", s * NS, (s + each) * NS, 4000 * each, 4000 * each, 0, 0, 568000 * each,
                                   120, 230, 900 + 100 * (s % 7), 4000 + s % 50, 300, None)
                                  for s in range(0, int(self.phases[2][2]), each)])
        put(db, "load_outcome", [("http_load", "HTTP 200", int(last["offered"]))])
        put(db, "budget_item", [("heap", "bounded", 1, 0), ("heap_peak", "64MB", 0, 64e6), ("fds", "bounded", 1, 0),
                                ("unaccounted", "0", 0, 0)])
        put(db, "declared_bound", [("heap", 8e6)])
        put(db, "event", [(0, "target", "ready"), (int(self.phases[1][1] * NS), "fault", "slow_disk begins")])
        put(db, "ledger", [(int(last["offered"]),) * 2 + (0, 0, int(last["delivered"]), int(last["gauge:dropped_total"]), 0, 142.0)])
        put(db, "meta", {"complete": "1", "duration_ns": str(int(self.seconds * NS)), "ended_by": "schedule",
                         "environment": json.dumps({"kernel": "6.1", "machine": "x86_64", "cpus": 2, "memory_bytes": 8 << 30, "libc": "2.36"}),
                         "params": json.dumps({"build": "after" if self.is_bounded else "before"}), "allocator": "glibc",
                         "probe": json.dumps({"abi": "1.0", "sample_interval_bytes": 524288, "rate_hz": self.rate_hz}),
                         "scenario": "synthetic/slow-disk", "spillmark": "0.1.0", "started_unix_s": "1767225600",
                         "title": "A queue on a slow disk"}.items())

    def stack_of(self, site):
        """Function numbers, innermost first: branches of a tree that many sites share."""
        depth = 6 + site % 14
        return [1000 + site] + [(site // (2 ** level)) % 400 + level * 400 + 20000 for level in range(depth)] + [2, 1]

    def write_sites(self, db, last):
        put(db, "module", [(1, "/srv/ingest", "aa"), (2, "/usr/lib/libengine.so.3", "bb"), (3, "/usr/lib/libc.so.6", "cc")])
        frames, used = [], {}
        for site in range(1, self.sites + 1):
            for depth, function in enumerate(self.stack_of(site)):
                used[(1 + function % 2, function)] = None
                frames.append((site, depth, 1 + function % 2, function))
        freeing = self.sites + 1
        frames += [(freeing, 0, 1, 7), (freeing, 1, 1, 1)]
        used.update({(1, 7): None, (1, 1): None})
        put(db, "stack", [(i, 0) for i in range(1, freeing + 1)])
        put(db, "frame", frames)
        names = {1: "main", 2: "serve_connection", 7: "batch_free", 1001: "channel_send"}
        put(db, "symbol", [(module, function, 0, names.get(function, f"engine_step_{function}"), f"/src/part{function % 40}.c", function % 900 + 1)
                           for module, function in sorted(used)])
        put(db, "site_sample", self.site_samples())
        put(db, "site_free", [(1, site, freeing, int(end * NS), 1e5, 100, 900 + site % 5000, 20000, 90000)
                              for end in (self.phases[0][2], self.phases[1][2], self.seconds) for site in range(1, self.sites + 1, 7)])

    def site_samples(self):
        changes = 12 if self.sites > 1000 else 40
        rows = []
        for site in range(1, self.sites + 1):
            share = 0.6 if site == 1 else 0.4 / site
            grown = 14e6 * share * (0.3 if self.is_bounded and site == 1 else 1)
            for change in range(changes):
                t = (change + 1) * self.seconds / changes
                inside = max(0.0, min(t, self.phases[1][2]) - self.phases[1][1]) / (self.phases[1][2] - self.phases[1][1])
                allocated = 2e6 * share * (change + 1) + grown * inside * (1 if site % 5 else -0.05)
                freed = 2e6 * share * change + (grown * inside if t > self.phases[1][2] else 0)
                rows.append((1, site, 0, int(t * NS), max(allocated, freed), max(allocated, freed) / 184, freed, freed / 184, 40000 + change * 9000, 90000))
        if self.sites <= 1000:  # beside them, mappings of the second stack
            rows += [(1, 2, 2, int((change + 1) * self.seconds / changes * NS), 65536.0 * (change + 9), change + 9, 0, 0, 0, 0)
                     for change in range(changes)]
        rows.sort(key=lambda row: row[3])
        return rows


def make_hostile(db):
    """Hostile bytes in every text there is; where names must differ, behind a number."""
    put(db, "series", [(900 + i, 0, "gauge:", COUNT) for i in range(len(HOSTILE))])
    put(db, "sample", [(900 + i, t * NS, float(t + i), None, None) for t in range(0, 40) for i in range(len(HOSTILE))])
    put(db, "process", [(50 + i, 5000 + i, 4242, "", 0, 40 * NS, "", "", 0) for i in range(len(HOSTILE))])
    put(db, "event", [(NS * i, "", "") for i in range(len(HOSTILE))])

    def spoil(table, column, key="rowid", prefix=b"", where="1"):
        for i, (row,) in enumerate(db.execute(f"select {key} from {table} where {where}").fetchall()):
            db.execute(f"update {table} set \"{column}\" = cast(? as text) where {key} = ?",
                       (prefix + HOSTILE[i % len(HOSTILE)], row))

    spoil("series", "name", "id", b"gauge:", "id >= 900")
    for column in ("command", "exit", "probe"):
        spoil("process", column, "id", where="id >= 50")
    for column in ("kind", "text"):
        spoil("event", column)
    spoil("phase", "name", "id")
    spoil("module", "path", "id")
    spoil("symbol", "function", "address")
    spoil("symbol", "file", "address")
    for table, column in (("fault", "kind"), ("fault", "note"), ("load_interval", "load"), ("load_outcome", "outcome"),
                          ("declared_bound", "series"), ("budget_item", "name"), ("budget_item", "limit")):
        db.execute(f"update {table} set \"{column}\" = cast(? as text)", (HOSTILE[len(column) % 8],))
    for i, key in enumerate(("title", "scenario", "spillmark", "allocator", "ended_by")):
        db.execute("update meta set value = cast(? as text) where key = ?", (HOSTILE[i], key))
    texts = [raw.decode(errors="replace") for raw in HOSTILE]
    for key in ("params", "environment", "probe"):
        db.execute("update meta set value = ? where key = ?", (json.dumps({f"{text}": text for text in texts}), key))
    db.execute("update fault set asked = ?", (json.dumps({text: text for text in texts}),))
    db.commit()


def make(spillmark, kind, directory, seconds=40, sites=60):
    db = empty_record(spillmark, directory)
    Run(seconds=seconds, sites=sites, is_bounded=kind == "bounded").write(db)
    if kind == "hostile":
        make_hostile(db)
    db.close()


if __name__ == "__main__":
    make(*sys.argv[1:4], *map(int, sys.argv[4:6]))

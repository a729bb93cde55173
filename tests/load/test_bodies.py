"""Bodies, read back by decoders that nobody here wrote: json, gzip, msgpack, protoc."""
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import unittest

TOOL = sys.argv.pop(1)


def bodies(lua, count=1):
    """The bytes of the first units, and what was said of them."""
    run = subprocess.run([TOOL, lua, str(count)], capture_output=True, check=True, timeout=60)
    data, found = run.stdout, []
    while data:
        length, = struct.unpack_from("<Q", data)
        found.append(data[8:8 + length])
        data = data[8 + length:]
    kind, encoding, payload, memory = run.stderr.decode().split()
    return found, {"type": kind, "encoding": encoding, "payload": int(payload),
                   "memory_kb": int(memory)}


class Bodies(unittest.TestCase):
    def test_json_with_large_and_numbered_parts(self):
        found, said = bodies('json { id = number(), list = { 1, 2.5, true, "ä\\"\\n" }, empty = {},'
                             ' t = text "3MB" }', 3)
        for number, body in enumerate(found):
            value = json.loads(body)
            self.assertEqual(value["id"], number)
            self.assertEqual(value["list"], [1, 2.5, True, 'ä"\n'])
            self.assertEqual((value["empty"], len(value["t"])), ({}, 3_000_000))
        self.assertEqual(said["type"], "application/json")
        self.assertEqual(said["payload"], 3_000_000)

    def test_names_are_sorted_and_lists_keep_their_order(self):
        found, _ = bodies('json { b = { 3, 1, 2 }, a = { z = 1, y = { x = text(3) } } }')
        self.assertEqual(json.dumps(json.loads(found[0]), separators=(",", ":")).encode(), found[0])
        self.assertTrue(found[0].startswith(b'{"a":{"y":{"x":"'), found[0])

    def test_msgpack(self):
        import msgpack
        found, said = bodies(
            'msgpack { n = number(), i = { 0, 127, 128, 255, 256, 65535, 65536, 4294967296, -1, -32,'
            ' -33, -128, -129, -32769, -2147483649 }, f = 1.5, t = true, s = "x", long = text(300),'
            ' b = noise "100KB", nested = { { a = {} } } }', 2)
        for number, body in enumerate(found):
            value = msgpack.unpackb(body)
            self.assertEqual(value["n"], number)
            self.assertEqual(value["i"], [0, 127, 128, 255, 256, 65535, 65536, 4294967296, -1, -32,
                                          -33, -128, -129, -32769, -2147483649])
            self.assertEqual((value["f"], value["t"], value["s"]), (1.5, True, "x"))
            self.assertEqual((len(value["long"]), len(value["b"])), (300, 100_000))
            self.assertEqual(value["nested"], [{"a": {}}])
            rest = {k: v for k, v in value.items() if k != "n"}
            # The shortest form everywhere, as another encoder has it.
            self.assertEqual(len(msgpack.packb(rest)), len(body) - len(msgpack.packb("n")) - 9)
        self.assertEqual(said["type"], "application/msgpack")

    def test_protobuf(self):
        proto = """syntax = "proto3"; message M { string s = 1; bytes b = 2; sint64 z = 3;
            repeated int32 p = 4; M m = 5; double d = 6; fixed32 f = 7; bool t = 8; uint64 n = 9;
            int64 neg = 2000; float g = 11; }"""
        lua = ('protobuf { {1, "string", "x${run}"}, {2, "bytes", text(5)}, {3, "sint64", -5},'
               ' {4, "int32", {1, 300, -1}}, {5, "message", { {1, "string", "in"},'
               ' {5, "message", { {2, "bytes", text "70KB"} }} }}, {6, "double", 1.5},'
               ' {7, "fixed32", 7}, {8, "bool", true}, {9, "uint64", number()},'
               ' {2000, "int64", -2}, {11, "float", 0.5} }')
        found, said = bodies(lua, 300)
        with tempfile.TemporaryDirectory() as directory:
            with open(os.path.join(directory, "m.proto"), "w", encoding="ascii") as file:
                file.write(proto)
            text = subprocess.run(["protoc", f"-I{directory}", "--decode=M", "m.proto"],
                                  input=found[299], capture_output=True, check=True).stdout.decode()
        lines = [line.strip() for line in text.splitlines()]
        for line in ('s: "x/R"', "z: -5", "p: 1", "p: 300", "p: -1", 's: "in"', "d: 1.5", "f: 7",
                     "t: true", "n: 299", "neg: -2", "g: 0.5"):
            self.assertIn(line, lines)
        self.assertEqual(max(len(line) for line in lines), len('b: ""') + 70_000)
        self.assertEqual(said["type"], "application/x-protobuf")

    def test_gzip_of_small_and_huge(self):
        found, small = bodies('gzip(json { a = text(5000) })')
        self.assertEqual(len(json.loads(gzip.decompress(found[0]))["a"]), 5000)
        self.assertEqual((small["encoding"], small["type"]), ("gzip", "application/json"))
        plain, _ = bodies('join { "head", text "20000001", "tail" }')
        found, said = bodies('gzip(join { "head", text "20000001", "tail" })')
        self.assertEqual(gzip.decompress(found[0]), plain[0])
        self.assertLess(len(found[0]), len(plain[0]) * 0.7)
        # What is held is the compressed body; the plain one is never whole.
        self.assertLess(said["memory_kb"] - small["memory_kb"], len(found[0]) / 1000 + 4_000)
        found, said = bodies('gzip(noise "5MB")')
        self.assertEqual(gzip.decompress(found[0]), bodies('noise "5MB"')[0][0])

    def test_files_and_joined_parts(self):
        with tempfile.NamedTemporaryFile() as file:
            content = os.urandom(1_000_000)
            file.write(content)
            file.flush()
            found, said = bodies(f'join {{ "a=", number(), "\\n", file "{file.name}", text(9) }}', 2)
            self.assertEqual(found[1][:23], b"a=" + b"1".rjust(20) + b"\n")
            self.assertEqual(found[1][23:-9], content)
            found, said = bodies(f'gzip(file "{file.name}")')
            self.assertEqual(gzip.decompress(found[0]), content)
            found, said = bodies(f'file "{file.name}"')
            self.assertEqual((found[0], said["payload"]), (content, 1_000_000))

    def test_noise_has_a_seed_and_no_pattern(self):
        one, other = bodies("noise(100000, 1)")[0][0], bodies("noise(100000, 2)")[0][0]
        self.assertNotEqual(one, other)
        self.assertEqual(one, bodies("noise(100000, 1)")[0][0])
        for noise in one, other, bodies("noise(1000000)")[0][0]:
            self.assertGreater(len(gzip.compress(noise)), len(noise) * 0.99)

    def test_templates_and_turns(self):
        found, _ = bodies('template(3, function(i) return json { i = i, t = text(i * 10) } end)', 7)
        self.assertEqual([json.loads(body)["i"] for body in found], [1, 2, 3, 1, 2, 3, 1])
        self.assertEqual([len(json.loads(body)["t"]) for body in found][:3], [10, 20, 30])
        found, said = bodies('in_turn { "a", text(in_turn { "1KB", 10 }) , "c" }', 6)
        self.assertEqual([len(body) for body in found], [1, 10, 1, 1, 1000, 1])
        found, _ = bodies('json { in_turn { 1, 2 }, in_turn { "x", "y", "z" } }', 6)
        self.assertEqual(len({bytes(body) for body in found}), 6)

    def test_lengths_have_their_distribution(self):
        lengths = [len(body) for body in bodies('noise(uniform("1KB", "9KB"))', 1024)[0]]
        self.assertTrue(1000 <= min(lengths) < 1020 and 8980 < max(lengths) <= 9000)
        self.assertAlmostEqual(statistics.mean(lengths), 5000, delta=10)
        self.assertNotEqual(lengths, sorted(lengths))
        found, said = bodies('text(exponential("2KB"))', 1024)
        lengths = sorted(len(body) for body in found)
        self.assertAlmostEqual(statistics.mean(lengths), 2000, delta=20)
        self.assertAlmostEqual(lengths[512], 1386, delta=10)
        self.assertEqual(said["payload"], round(statistics.mean(lengths)))
        found, said = bodies('noise(lognormal("2KB", "64KB"))', 1024)
        lengths = sorted(len(body) for body in found)
        self.assertAlmostEqual(lengths[512], 2000, delta=30)
        self.assertAlmostEqual(lengths[1013], 64_000, delta=3_000)
        self.assertLess(said["memory_kb"], 16_000)
        # Two in one body do not go together.
        pairs = [json.loads(body) for body in
                 bodies('json { text(uniform(1, 1000)), text(uniform(1, 1000)) }', 1024)[0]]
        one, other = ([len(pair[i]) for pair in pairs] for i in (0, 1))
        self.assertLess(abs(statistics.correlation(one, other)), 0.2)


if __name__ == "__main__":
    unittest.main(verbosity=2)

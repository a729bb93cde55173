"""The probe loaded into real programs: attached to twice under load, they answer as they do
without it, and their answers are the same after it was switched off."""
import hashlib
import http.client
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attached import Attached  # noqa: E402
from spillmark import BIN, Case, main, wait_for  # noqa: E402

ROUNDS = 60  # questions each time

PYTHON = """
import sys
kept = {}
for line in sys.stdin:
    n = int(line)
    import json, decimal, sqlite3, zlib, importlib
    for name in ('bz2', 'lzma', 'ctypes')[n % 3:n % 3 + 1]:
        importlib.import_module(name)  # brings a library
    kept[n % 50] = [str(i) * 20 for i in range(n % 40)]
    print(json.dumps([n, sum(map(len, kept[n % 50])), zlib.crc32(repr(kept[n % 50]).encode())]),
          flush=True)
"""
NODE = """
const kept = {};
require('readline').createInterface({input: process.stdin}).on('line', line => {
  const n = Number(line);
  kept[n % 50] = Buffer.alloc(1000 * (n % 90), String(n));
  console.log(require('crypto').createHash('sha1').update(kept[n % 50]).digest('hex'));
});
"""
PERL = """
use Digest::MD5; use List::Util; $| = 1; my %kept;
while (<STDIN>) { chomp; require POSIX; $kept{$_ % 50} = "x$_" x ($_ % 500);
  print Digest::MD5::md5_hex($kept{$_ % 50}), POSIX::floor($_ / 3), "\\n"; }
"""
SHELL = """
while read n; do
  kept="$kept$n"; [ ${#kept} -gt 5000 ] && kept=
  i=0; sum=0; while [ $i -lt $((n % 40)) ]; do sum=$((sum + i)); i=$((i + 1)); done
  echo "$n $sum ${#kept} $(echo "$n" | tr 0-9 a-j)"
done
"""
FISH = """
while read n
    set kept $kept $n$n$n
    test (count $kept) -gt 300; and set kept
    echo $n (count $kept) (string repeat -n (math $n % 30) ab | string length)
end
"""
JAVA = """
public class Lines { public static void main(String[] a) throws Exception {
  var in = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
  byte[][] kept = new byte[50][]; String line;
  while ((line = in.readLine()) != null) { int n = Integer.parseInt(line);
    var deflater = new java.util.zip.Deflater(); kept[n % 50] = new byte[n % 9000 + 1];
    java.util.Arrays.fill(kept[n % 50], (byte) n); deflater.setInput(kept[n % 50]);
    deflater.finish(); System.out.println(n + " " + deflater.deflate(new byte[20000]));
    deflater.end(); } } }
"""


class Real(Case):
    def start(self, *command, **options):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def installed(self):
        """spillmark and the probe where every user can read them, wherever the build lies."""
        prefix = os.path.dirname(os.path.dirname(BIN))
        for name in ("bin/spillmark", "lib/spillmark/libspillmark-probe.so"):
            os.makedirs(os.path.dirname(self.path(name)))
            shutil.copy(os.path.join(prefix, name), self.path(name))
        return self.path("bin/spillmark")

    def attached_twice(self, pid, ask, program=BIN):
        """ask(n) for numbers in a row; its answers must not depend on what else goes on."""
        expected = [ask(n) for n in range(ROUNDS)]
        for run in ("one", "two"):
            attached = Attached(self, pid, self.path(run), program=program)
            self.assertIn("(experimental)", attached.said[0], run)
            self.assertEqual([ask(n) for n in range(ROUNDS)], expected, run + ", on")
            out = attached.stop()
            self.assertNotIn("could not be switched off", attached.said[-1])
            self.assertIn("live heap", out)
            self.assertEqual([ask(n) for n in range(ROUNDS)], expected, run + ", off again")

    def lines(self, *command, **options):
        if not shutil.which(command[0]):
            self.skipTest("no " + command[0])
        process = self.start(*command, **options)

        def ask(number):
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            return process.stdout.readline()

        # What stays from one round to the next is made the same first.
        for number in range(ROUNDS):
            self.assertTrue(ask(number))
        self.attached_twice(process.pid, ask)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 0)

    def test_python(self):
        self.lines("/usr/bin/python3", "-c", PYTHON)

    def test_node(self):
        self.lines("node", "-e", NODE)

    def test_perl(self):
        self.lines("perl", "-e", PERL)

    def stateless(self, text):
        return text.replace('kept="$kept$n"; [ ${#kept} -gt 5000 ] && kept=',
                            'kept=$n; for j in 1 2 3 4 5 6; do kept="$kept$kept"; done')

    def test_bash(self):
        self.lines("bash", "-c", self.stateless(SHELL))

    def test_dash(self):
        self.lines("dash", "-c", self.stateless(SHELL))

    def test_zsh(self):
        self.lines("zsh", "-f", "-c", self.stateless(SHELL))

    def test_fish(self):
        self.lines("fish", "--no-config", "-c",
                   FISH.replace("set kept $kept $n$n$n", "set kept (seq (math $n % 200))"),
                   env={**os.environ, "HOME": self.path(), "XDG_RUNTIME_DIR": self.path()})

    def test_java(self):
        if not shutil.which("java"):
            self.skipTest("no java")
        with open(self.path("Lines.java"), "w") as file:
            file.write(JAVA)
        self.lines("java", "-Xmx64m", self.path("Lines.java"))

    def test_sqlite3(self):
        process = self.start("sqlite3", ":memory:")

        def ask(number):
            process.stdin.write(
                f"create table if not exists t (n, text); delete from t where n % 50 = {number % 50};"
                f"insert into t select {number}, hex(zeroblob({number} * 7)) from "
                "generate_series(1, 20);"
                f"select count(*), sum(length(text)) from t where n = {number};\n")
            process.stdin.flush()
            return process.stdout.readline()

        self.attached_twice(process.pid, ask)

    def test_redis(self):
        path = self.path("redis.sock")
        process = self.start("redis-server", "--port", "0", "--unixsocket", path, "--save", "",
                             "--dir", self.path())
        wait_for(lambda: os.path.exists(path), "a socket of redis")
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(path)
        answers = client.makefile("rb")
        self.addCleanup(answers.close)

        def ask(number):
            value = b"v" * (number * 37 % 4000)
            parts = [b"SET", b"key%d" % (number % 40), value]
            client.sendall(b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts) +
                           b"STRLEN key%d\r\nLPUSH list%d a b c\r\nDEL list%d\r\n"
                           % (number % 40, number, number))
            return [answers.readline() for _ in range(4)]

        self.attached_twice(process.pid, ask)

    def web(self, port, pid):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.addCleanup(connection.close)

        def ask(number):
            connection.request("GET", f"/file{number % 3}", headers={"X-Long": "y" * number})
            response = connection.getresponse()
            return response.status, hashlib.sha1(response.read()).hexdigest()

        self.attached_twice(pid, ask)

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def listens(self, port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def web_root(self):
        os.chmod(self.path(), 0o755)
        os.makedirs(self.path("www"), exist_ok=True)
        for number in range(3):
            with open(self.path("www", f"file{number}"), "w") as file:
                file.write(str(number) * 50000)

    def test_nginx_and_its_worker(self):
        """A worker runs as another user, where nginx is started by root."""
        self.web_root()
        port = self.free_port()
        with open(self.path("nginx.conf"), "w") as file:
            file.write(f"""daemon off; error_log {self.path('error.log')};
                pid {self.path('nginx.pid')}; worker_processes 1; events {{ }}
                http {{ access_log {self.path('access.log')}; gzip on; gzip_types *;
                  client_body_temp_path {self.path('b')}; proxy_temp_path {self.path('p')};
                  fastcgi_temp_path {self.path('f')}; uwsgi_temp_path {self.path('u')};
                  scgi_temp_path {self.path('s')};
                  server {{ listen 127.0.0.1:{port}; root {self.path('www')}; }} }}""")
        process = self.start("nginx", "-p", self.path(), "-c", self.path("nginx.conf"))
        wait_for(lambda: self.listens(port), "nginx")
        self.web(port, process.pid)

    def test_nghttpd(self):
        if not shutil.which("nghttpd") or not shutil.which("curl"):
            self.skipTest("no nghttpd or curl")
        self.web_root()
        port = self.free_port()
        process = self.start("nghttpd", "--no-tls", "-a", "127.0.0.1", "-n2", "-d",
                             self.path("www"), str(port))
        wait_for(lambda: self.listens(port), "nghttpd")

        def ask(number):
            if number % 10:
                return None
            got = subprocess.run(["curl", "-s", "--http2-prior-knowledge",
                                  f"http://127.0.0.1:{port}/file{number % 3}"],
                                 stdout=subprocess.PIPE, check=True).stdout
            return hashlib.sha1(got).hexdigest()

        self.attached_twice(process.pid, ask)

    def test_postgres(self):
        """It refuses to run as root: as its own user then."""
        found = sorted(os.listdir("/usr/lib/postgresql")) if os.path.exists(
            "/usr/lib/postgresql") else []
        if not found:
            self.skipTest("no postgres")
        programs = f"/usr/lib/postgresql/{found[-1]}/bin/"
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        os.chmod(self.path(), 0o777)
        subprocess.run([programs + "initdb", "-D", self.path("db"), "-A", "trust", "-N", "-U",
                        "u"], check=True, stdout=subprocess.DEVNULL, cwd=self.path(), **as_user)
        process = self.start(programs + "postgres", "-D", self.path("db"), "-k", self.path(), "-c",
                             "listen_addresses=", "-F", cwd=self.path(), **as_user)
        wait_for(lambda: os.path.exists(self.path(".s.PGSQL.5432")), "a socket of postgres")
        wait_for(lambda: subprocess.run(["psql", "-h", self.path(), "-U", "u", "postgres", "-c",
                                         "create table t (n int, x text)"], capture_output=True
                                        ).returncode == 0, "postgres")
        client = self.start("psql", "-h", self.path(), "-U", "u", "-qAt", "postgres")

        def ask(number):
            client.stdin.write(
                f"delete from t; insert into t select i, repeat('x', {number} * 10) from "
                f"generate_series(1, 30) i; select count(*), md5(string_agg(x, ',')) from t;\n")
            client.stdin.flush()
            return client.stdout.readline()

        self.attached_twice(process.pid, ask, self.installed())
        # Where that user could not read the probe, it is said beforehand.
        if user:
            os.chmod(self.path("lib"), 0o700)
            attached = Attached(self, process.pid, self.path("three"), program=self.path("bin/spillmark"))
            self.assertIn("its user cannot read", attached.said[0])
            attached.stop()

    def batch(self, command, read):
        """A program that only computes: what it makes is the same, attached to or not."""
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        expected = read()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        attached = 0
        while process.poll() is None and attached < 3:
            run = Attached(self, process.pid, self.path(f"run{attached}"), "--for", "300ms")
            run.process.communicate(timeout=60)
            if "(experimental)" not in run.said[0]:
                self.assertIsNotNone(process.poll(), run.said[0])
                break
            attached += 1
        self.assertEqual(process.wait(), 0)
        self.assertGreaterEqual(attached, 1)
        self.assertEqual(read(), expected)

    def digest(self, path):
        with open(path, "rb") as file:
            return hashlib.sha1(file.read()).hexdigest()

    def test_cc1(self):
        with open(self.path("big.c"), "w") as file:
            for number in range(260):
                file.write(f"int f{number}(int *a, int n) {{ int s = {number}; for (int i = 0; "
                           f"i < n; i++) s += a[i] * (s ^ {number}) + a[n - i]; return s; }}\n")
        cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.strip()
        self.batch([cc1, "-quiet", "-O2", self.path("big.c"), "-o", self.path("big.s")],
                   lambda: self.digest(self.path("big.s")))

    def test_xz(self):
        with open(self.path("data"), "wb") as file:
            file.write(random.Random(3).randbytes(1 << 18) * 5)
        self.batch(["sh", "-c", f"exec xz -T2 --block-size=1MiB -6 -f -k {self.path('data')}"],
                   lambda: self.digest(self.path("data.xz")))


if __name__ == "__main__":
    main()

"""What the tests of attaching from inside share."""
import signal
import subprocess

from spillmark import BIN


class Attached:
    """spillmark attach --inject, from the moment it says what became of it."""
    def __init__(self, case, pid, run, *options, program=BIN):
        self.run, self.said = run, []
        self.process = subprocess.Popen(
            [program, "attach", str(pid), "--inject", "-o", run, *options], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        case.addCleanup(self.kill)
        self.said.append(self.process.stderr.readline())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        self.said.append(err)
        return out

#!/usr/bin/env python3
"""Tables are read with plain h5py and pandas calls: the check itself is read_with_h5py.py, for the system's Python that has both."""
import os
import subprocess
import unittest

from rxhpc_cases import Case, run

DATA = os.environ.get("RXHPC_TEST_DATA", "tests/data")
HERE = os.path.dirname(os.path.abspath(__file__))


class PlainReading(Case):
    def test_flight_table(self):
        for codec in ("none", "portable"):
            table = self.path(codec + ".h5")
            status, _, message = run("import", os.path.join(DATA, "nycflights.csv.gz"), table, "--codec", codec, "--rows-per-read", "5000")
            self.assertEqual(status, 0, message)
            p = subprocess.run(["/usr/bin/python3", os.path.join(HERE, "read_with_h5py.py"), table], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(p.returncode, 0, p.stdout.decode())


if __name__ == "__main__":
    unittest.main()

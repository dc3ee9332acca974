"""What the tests of the program share: running it alone and under mpirun, small tables, results without what depends on the run."""
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

PROGRAM = os.environ.get("RXHPC", "build/bin/rxhpc")
MPIRUN = os.environ.get("RXHPC_MPIEXEC", "")
LIMIT = 120

ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
                   OMPI_MCA_hwloc_base_binding_policy="none", OMPI_MCA_btl_vader_single_copy_mechanism="none")
for name in ("OMP_NUM_THREADS", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_STEP_ID", "SLURM_NTASKS"):
    ENVIRONMENT.pop(name, None)


def command(args, ranks=1):
    words = [PROGRAM] + [str(a) for a in args]
    return words if ranks == 1 else [MPIRUN, "--bind-to", "none", "-n", str(ranks)] + words


def run(*args, ranks=1, timeout=LIMIT, **more):
    """(exit status, standard output, standard error)"""
    p = subprocess.run(command(args, ranks), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                       env=dict(ENVIRONMENT, **more.pop("environment", {})), **more)
    return p.returncode, p.stdout.decode(), p.stderr.decode(errors="replace")


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="rxhpc-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def bytes_of(self, path):
        with open(path, "rb") as f:
            return f.read()

    def succeed(self, *args, **more):
        status, out, err = run(*args, **more)
        self.assertEqual(status, 0, "%s: %s" % (" ".join(map(str, args)), err))
        return out

    def result(self, *args, **more):
        """the JSON that --json - prints, which must be all of standard output"""
        return json.loads(self.succeed(*args, "--json", "-", "--report-progress", "0", **more))

    def fail_with(self, status, text, *args, **more):
        """one line on standard error that holds `text`, nothing on standard output"""
        got, out, err = run(*args, **more)
        self.assertEqual(got, status, "%s: status %d: %s" % (" ".join(map(str, args)), got, err))
        self.assertIn(text, err)
        if more.get("ranks", 1) == 1:
            self.assertEqual(err.count("\n"), 1, err)
        else:
            self.assertEqual(sum(line.startswith("rxhpc") for line in err.splitlines()), 1, err)
        self.assertEqual(out, "")
        return err


def without_run(result):
    """the part of a result that may not depend on ranks, threads and files"""
    return {k: v for k, v in result.items() if k not in ("input", "ranks", "threads", "timing")}


def made_table(rows, seed=1):
    """text of a table with every type, missing values, a wide and a skewed column"""
    random.seed(seed)
    lines = ["id,x,y,g,h,flag,when,note"]
    for i in range(rows):
        x = random.gauss(10, 3)
        g = random.choice("abcde")
        cells = [str(i), repr(x), repr(2 * x + "abcde".index(g) + random.gauss(0, 1)), g, str(random.randrange(24)),
                 random.choice(["TRUE", "FALSE"]), "2013-%02d-%02d" % (random.randrange(1, 13), random.randrange(1, 28)),
                 random.choice(['plain', '"with, comma"', '"with ""quotes"""', '"two\nlines"', '""'])]
        for k in range(1, 8):
            if random.random() < 0.02:
                cells[k] = "NA"
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def needs_mpi(test):
    return unittest.skipUnless(MPIRUN, "built without MPI")(test)

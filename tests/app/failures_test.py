"""What is left behind when a job cannot end well: nothing half-written, one line, the right status, and no rank that hangs."""
import json
import os
import resource
import signal
import stat
import subprocess
import time
import unittest

from rxhpc_cases import ENVIRONMENT, MPIRUN, Case, command, made_table, needs_mpi, run


def limit_file_size(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


class Failures(Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("out")
        os.mkdir(self.out)

    def files(self):
        return sorted(os.path.join(where, f) for where, _, files in os.walk(self.out) for f in files)

    def big_text(self, copies=150):
        header, *lines = made_table(2000).splitlines(keepends=True)
        return self.write("big.csv", header + "".join(lines) * copies)

    def test_malformed_text(self):
        cases = {"ragged": "a,b\n1,2\n3\n", "quote": 'a,b\n1,"2\n3,4\n', "nul": b"a,b\n1,2\n3,\0004\n", "utf8": b"a,b\n1,x\n2,\xff\xfe\n",
                 "empty": "", "duplicate": "a,a\n1,2\n"}
        for name, text in cases.items():
            path = self.write(name + ".csv", text)
            self.fail_with(3, "rxhpc import: %s: " % path, "import", path, os.path.join(self.out, "t.h5"))
            self.assertEqual(self.files(), [], name)
        err = self.fail_with(3, "line 3", "import", self.path("ragged.csv"), os.path.join(self.out, "t.h5"))
        self.assertEqual(err.count("\n"), 1)
        path = self.write("cut.csv.gz", __import__("gzip").compress(made_table(500).encode())[:-40])
        self.fail_with(3, path, "summary", "~ x", path)

    def damaged_table(self):
        table = self.path("t.h5")
        self.succeed("import", self.write("t.csv", made_table(4000)), table, "--rows-per-read", "500")
        with open(table, "rb") as f:
            data = bytearray(f.read())
        return table, data

    def test_damaged_tables(self):
        table, data = self.damaged_table()
        for name, bytes_ in {"cut.h5": data[:len(data) // 2], "head.h5": data[:100], "not.h5": b"\x89HDF\r\n\x1a\n" + b"x" * 5000}.items():
            path = self.write(name, bytes(bytes_))
            self.fail_with(3, "rxhpc summary: ", "summary", "~ x", path, "--row-selection", "id > 1")
        missed = 0  # bytes that no value depends on
        for place in range(2000, len(data), len(data) // 13):
            spoiled = bytearray(data)
            spoiled[place] ^= 0x55
            status, out, err = run("summary", "~ .", self.write("spoiled.h5", bytes(spoiled)), "--row-selection", "id >= 0", "--json", "-",
                                   "--report-progress", "0")
            if status == 0:
                missed += 1
                self.assertEqual(self.numbers(out), self.numbers(self.succeed("summary", "~ .", table, "--row-selection", "id >= 0", "--json", "-")))
            else:
                self.assertEqual((status, out, err.count("\n")), (3, "", 1), err)
        self.assertLess(missed, 8)

    def numbers(self, text):
        import json
        from rxhpc_cases import without_run
        return without_run(json.loads(text))

    @needs_mpi
    def test_columns_that_say_nothing(self):
        table = self.write("t.csv", "x,y,g,one,gone,a\n1,2,u,k,NA,NA\n2,3,v,k,NA,NA\n2,3,u,k,NA,NA\n1,2,v,k,NA,NA\n")
        text = ("--rows-per-read", "2", "--col-classes", "g=factor,one=factor,gone=factor,a=numeric")
        no_levels = "column 'gone': a factor without levels has only missing values"
        for ranks in (1, 2) if MPIRUN else (1,):
            for status, message, *words in (
                    (3, no_levels, "cube", "~ gone"), (3, no_levels, "crosstabs", "~ gone:g"), (3, no_levels, "histogram", "~ gone"),
                    (3, "column 'a' has no finite value", "histogram", "~ a"), (3, "column 'a' has no value", "lorenz", "~ a"),
                    (3, "no row is complete", "kmeans", "~ a + x", "--num-clusters", "2"),
                    (3, "2 distinct ones, fewer than the 3 clusters", "kmeans", "~ x + y", "--num-clusters", "3"),
                    (3, "2 distinct ones, fewer than the 6 clusters", "kmeans", "~ x + y", "--num-clusters", "6"),
                    (3, "'one' has one level; two classes are needed", "naivebayes", "one ~ x"), (3, no_levels, "naivebayes", "g ~ gone"),
                    (3, "column 'a' has only missing values", "naivebayes", "g ~ a"),
                    (2, "--probs: 1.5 is outside 0 to 1", "quantile", "~ x", "--probs", "0.5,1.5"),
                    (2, "--probs: -0.1 is outside 0 to 1", "quantile", "~ x", "--probs", "-0.1")):
                self.fail_with(status, message, *words[:2], table, *words[2:], *text, ranks=ranks)
            # these have an answer
            self.assertIsNone(self.result("quantile", "~ a", table, *text, ranks=ranks)["variables"][0]["quantiles"][0])
            cells = self.result("cube", "x ~ one:g", table, *text, ranks=ranks)["cells"]
            self.assertEqual([c["counts"] for c in cells], [2, 2])
            tests = self.result("crosstabs", "~ one:g", table, "--tests", "all", *text, ranks=ranks)["tables"][0]
            self.assertEqual([tests["chisquare"], tests["fisher"]], [None, None])

    def test_fits_of_what_has_no_answer(self):
        table = self.write("t.csv", "x,y,g,z,n,big,gone\n1,2,a,1,1,1,\n2,3,b,0,0,2,\n3,5,a,1,3,Inf,\n4,4,b,0,2,4,\n5,7,a,1,5,5,\n6,5,b,1,4,6,\n")
        text = ("--rows-per-read", "2", "--col-classes", "g=factor,gone=numeric")
        for ranks in (1, 2) if MPIRUN else (1,):
            for verb, y, *family in (("linmod", "y"), ("logit", "z"), ("glm", "n", "--family", "poisson")):
                for message, right, *words in (
                        ("no row is complete", "x", "--row-selection", "x > 99"), ("no row is complete", "x + gone"), ("infinite value", "big"),
                        ("column 'w': 2 rows have a negative weight", "x", "--pweights", "w", "--transform", "w = x - 3"),
                        ("no row is complete", "x", "--fweights", "w", "--transform", "w = x * 0")):
                    self.fail_with(3, message, verb, y + " ~ " + right, table, *words, *family, *text, ranks=ranks)
            few = ("--row-selection", "x < 3", *text)
            self.fail_with(3, "4 coefficients and only 2 rows", "logit", "z ~ x + I(x^2) + g", table, *few, ranks=ranks)
            self.fail_with(3, "4 coefficients and only 2 rows", "glm", "n ~ x + I(x^2) + g", table, "--family", "poisson", *few, ranks=ranks)
            # a linear model then fits as many coefficients as there are rows, as R's
            self.assertEqual(self.result("linmod", "y ~ x + I(x^2) + g", table, *few, ranks=ranks)["rank"], 2)
            one = ("--transform", "one = 1", *text)
            self.fail_with(3, "only one class", "logit", "one ~ x", table, *one, ranks=ranks)
            self.fail_with(3, "only one class", "glm", "one ~ x", table, "--family", "binomial", *one, ranks=ranks)
            self.fail_with(3, "all 6 rows are positive: there is no curve", "roc", "one ~ x", table, *one, ranks=ranks)
            self.fail_with(3, "no row is complete", "roc", "z ~ x", table, "--row-selection", "x > 99", *text, ranks=ranks)
            self.fail_with(4, "did not converge in 1 iterations", "logit", "z ~ x", table, "--max-iterations", "1", "--quiet", *text, ranks=ranks)
            self.fail_with(3, "all rows that the fit uses are in one cluster", "logit", "z ~ x", table, "--cluster", "one", *one, ranks=ranks)

    def test_models_that_are_damaged_or_do_not_fit(self):
        table = self.write("t.csv", "x,y,g\n1,2,a\n2,3,b\n3,5,a\n4,4,b\n5,7,a\n")
        model, out = self.path("m.json"), os.path.join(self.out, "o.csv")
        for verb, *family in (("linmod",), ("glm", "--family", "poisson")):
            self.succeed(verb, "y ~ x + g", table, *family, "--model", model, "--overwrite", "--cov-coef")
            with open(model) as f:
                text = f.read()

            def changed(change):
                json_ = json.loads(text)
                change(json_, json_["responses"][0] if verb == "linmod" else json_)
                return json.dumps(json_)
            damaged = [text[:len(text) // 2], "[1]", '{"a": 1}', changed(lambda m, f: m.update(rxhpc_model=7)), changed(lambda m, f: m.update(kind="spline")),
                       changed(lambda m, f: f["coefficients"].pop()), changed(lambda m, f: f["coefficients"][0].update(estimate="x")),
                       changed(lambda m, f: m["design"].update(terms=[[], [9]])), changed(lambda m, f: m.pop("design")), changed(lambda m, f: f.update(cov_coef=[[1]])),
                       changed(lambda m, f: f.update(cov_coef=[[] for _ in f["cov_coef"]])), changed(lambda m, f: f.update(cov_coef_low=[[0]] * len(f["cov_coef"]))),
                       changed(lambda m, f: f["coefficients"][0].update(estimate=None)), changed(lambda m, f: m.update(rxhpc_model=1.9)),
                       changed(lambda m, f: m.update(rxhpc_model=True)),
                       changed(lambda m, f: m.update(responses=[]) if verb == "linmod" else m.pop("functions")), changed(lambda m, f: m.update(transforms=3))]
            for k, spoiled in enumerate(damaged):
                err = self.fail_with(3, "bad%d.json: " % k if k != 4 else "cannot predict", "predict", self.write("bad%d.json" % k, spoiled), table, out,
                                     "--compute-std-errors", ranks=2 if MPIRUN and k % 6 == 5 else 1)
                self.assertEqual(self.files(), [])
            for ranks in (1, 2) if MPIRUN else (1,):
                self.fail_with(3, "column 'g': level 'c' is unknown to the model", "predict", model, self.write("new.csv", "x,g\n1,a\n2,c\n"), out, ranks=ranks)
                self.fail_with(2, "unknown column 'x'", "predict", model, self.write("less.csv", "g\na\n"), out, ranks=ranks)
                self.assertEqual(self.files(), [])

    def test_models_of_classes_and_clusters_that_are_damaged(self):
        table = self.write("t.csv", "x,g,c\n1,a,u\n2,b,u\n3,a,v\n4,b,v\n5,a,u\n")
        out = os.path.join(self.out, "o.csv")
        for verb, formula, changes in (
                ("kmeans", "~ x", ({"centers": [[1]]}, {"centers": [[1], [None]]}, {"size": [5]}, {"missing_values": "some"}, {"expressions": []})),
                ("naivebayes", "c ~ g", ({"tables": [{"share": [[-3, 4], [0.5, 0.5]]}]}, {"tables": [{"share": [[1e9, 0], [0.5, 0.5]]}]}, {"apriori": [-1, 2]},
                                         {"apriori": [None, 1]})),
                ("naivebayes", "c ~ x", ({"tables": [{"mean": [1, 2], "std_dev": [1, -1]}]},))):
            model = self.path("model.json")
            self.succeed(verb, formula, table, "--model", model, "--overwrite", *(("--num-clusters", "2") if verb == "kmeans" else ()))
            with open(model) as f:
                sound = json.load(f)
            for change in changes:
                self.fail_with(3, "bad.json: damaged model file: ", "predict", self.write("bad.json", json.dumps({**sound, **change})), table, out)
                self.assertEqual(self.files(), [])
            self.succeed("predict", model, table, self.path("o.csv"), "--overwrite")

    def test_a_later_version_is_told_by_every_verb(self):
        table, model = self.write("t.csv", "x,y\n1,2\n2,3\n3,5\n"), self.path("m.json")
        self.succeed("linmod", "y ~ x", table, "--model", model)
        with open(model) as f:
            later = self.write("later.json", json.dumps({**json.load(f), "rxhpc_model": 2}))
        for words in (["predict", later, table, self.path("o.csv")], ["export", later, self.path("o.pmml")], ["linmod", "y ~ 1", table, "--anova-with", later]):
            self.fail_with(3, "later.json: not a model file of this program, or of a later version", *words)

    def test_more_cells_than_fit(self):
        levels = [[c + str((7 * i + k) % 300) for k, c in enumerate("abcd")] for i in range(300)]
        table = self.write("t.csv", "a,b,c,d\n" + "".join(",".join(row) + "\n" for row in levels))
        text = ("--rows-per-read", "100", "--col-classes", "a=factor,b=factor,c=factor,d=factor")
        for ranks in (1, 2) if MPIRUN else (1,):
            for verb in ("cube", "crosstabs"):
                self.fail_with(2, "8100000000 possible cells", verb, "~ a:b:c:d", table, *text, ranks=ranks)
            self.assertEqual(len(self.result("cube", "~ a:b:c:d", table, "--use-sparse-cube", *text, ranks=ranks)["cells"]), 300)

    @needs_mpi
    def test_a_rank_that_fails_ends_all(self):
        table, data = self.damaged_table()
        ended = 0
        for place in [len(data) * k // 12 for k in range(1, 12)]:
            spoiled = bytearray(data)
            for i in range(place, min(place + 64, len(data))):
                spoiled[i] ^= 0xFF
            path = self.write("spoiled.h5", bytes(spoiled))
            status, out, err = run("linmod", "y ~ x + g", path, "--row-selection", "id >= 0", ranks=2, timeout=60)
            if status:
                ended += 1
                self.assertEqual(status, 3, err)
                self.assertEqual(sum(line.startswith("rxhpc ") for line in err.splitlines()), 1, err)
        self.assertGreater(ended, 2)

    def test_full_disk(self):
        text = self.write("t.csv", made_table(20000))
        for words in (["import", text, "out/t.h5"], ["import", text, "out/t.h5", "--codec", "small"], ["import", text, "out/p/"],
                      ["export", text, "out/t.csv"], ["datastep", text, "out/t.h5", "--row-selection", "x > 8"]):
            words = [os.path.join(self.folder, w) if w.startswith("out/") else w for w in words]
            self.fail_with(3, words[2].rstrip("/"), *words, preexec_fn=limit_file_size(100000))
            self.assertEqual(self.files(), [], words)

    @needs_mpi
    def test_full_disk_under_mpirun(self):
        text = self.write("t.csv", made_table(20000))
        self.succeed("import", text, self.path("t.h5"), "--rows-per-read", "1000")
        # MPI's own files must not hit the limit: a small file system instead
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", self.out], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("no right to mount a small file system")
        self.addCleanup(subprocess.run, ["umount", self.out])
        for words in (["export", self.path("t.h5"), self.path("out/t.csv")], ["datastep", self.path("t.h5"), self.path("out/t.h5")],
                      ["import", text, self.path("out/t.h5")], ["import", text, self.path("out/p/"), "--rows-per-read", "1000", "--rows-per-part", "3000"]):
            self.fail_with(3, "no space left", *words, ranks=3)
            self.assertEqual(self.files(), [])

    def test_standard_output_that_is_full(self):
        table = self.path("t.h5")
        self.succeed("import", self.write("t.csv", "x\n1\n2\n"), table)
        with open("/dev/full", "w") as full:
            p = subprocess.run(command(["summary", "~ x", table]), env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(p.returncode, 3)
        self.assertIn(b"standard output: ", p.stderr)

    def test_a_pipe_or_device_is_written_to_and_never_replaced(self):
        table, pipe = self.path("t.h5"), self.path("out/pipe.csv")
        self.succeed("import", self.write("t.csv", "x\n1\n2\n"), table)
        os.mkfifo(pipe)
        p = subprocess.Popen(command(["summary", "~ x", table, "--json", pipe, "--quiet"]), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(pipe) as end:
            self.assertEqual(json.load(end)["variables"][0]["mean"], 1.5)
        self.assertEqual(p.wait(timeout=60), 0)
        p.communicate()
        self.fail_with(2, "not a regular file", "export", table, pipe, "--overwrite")
        self.assertTrue(stat.S_ISFIFO(os.stat(pipe).st_mode))

    def stopped(self, number, ranks, words, when=None, files=1):
        """Sends the signal once there are outputs, finished or not, or once there is the file `when`."""
        p = subprocess.Popen(command(words, ranks), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.time() + 60
        while not (os.path.exists(when) if when else len(self.files()) >= files) and p.poll() is None and time.time() < end:
            time.sleep(0.001)
        p.send_signal(number)
        out, err = p.communicate(timeout=60)
        return p.returncode, err.decode()

    def check_that_it_goes_on(self, number, ranks, status, word, copies):
        """Whether the signal came before the fit's end."""
        # Separated classes: every iteration goes on, so that there is time to stop one.
        work = ("logit", "late ~ x + y + g", self.big_text(copies), "--transform", "late = x + y > 20", "--max-iterations", "24", "--coeff-tolerance", "0",
                "--objective-function-tolerance", "0", "--return-always", "--threads", 1)
        state = os.path.join(self.out, "state.json")
        if os.path.exists(state):
            os.remove(state)
        got, err = self.stopped(number, ranks, (*work, "--checkpoint", state, "--quiet"), state)
        time.sleep(1 if ranks > 1 else 0)  # ranks that the launcher still has to end
        with open(state) as f:
            iteration = json.loads(json.load(f)["state"])["iteration"]
        want = self.numbers(self.succeed(*work, "--json", "-", "--quiet"))
        if iteration == want["iterations"]:
            return False
        if ranks == 1:
            self.assertEqual((got, err), (status, "rxhpc logit: %s\n" % word))
        self.assertNotEqual(got, 0, err)
        self.assertEqual(self.files(), [state])
        self.assertEqual(self.numbers(self.succeed(*work, "--checkpoint", state, "--resume", "--json", "-", "--quiet", ranks=ranks)), want)
        return True

    def test_a_fit_that_is_stopped_goes_on_where_it_was(self):
        cases = [(signal.SIGUSR1, 1, 138, "stopped by SIGUSR1"), (signal.SIGTERM, 1, 143, "terminated")]
        for case in cases + ([(signal.SIGUSR1, 3, None, ""), (signal.SIGTERM, 3, None, "")] if MPIRUN else []):
            # A launcher may take a second to pass the signal on: on a fast machine, more rows.
            self.assertTrue(any(self.check_that_it_goes_on(*case, copies) for copies in (150, 600, 2400, 9600)), case)

    def test_signals(self):
        big, table = self.big_text(), self.path("big.h5")
        self.succeed("import", big, table, "--rows-per-read", 1000)
        for number, status, word in ((signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")):
            for files, verb, *words in ([1, "import", big, os.path.join(self.out, "t.h5"), "--codec", "small"],
                                        [20, "datastep", table, os.path.join(self.out, "parts/"), "--rows-per-part", 1000]):
                got, err = self.stopped(number, 1, [verb, *words, "--threads", 1], files=files)
                self.assertEqual((got, err), (status, "rxhpc %s: %s\n" % (verb, word)))
                self.assertEqual(self.files(), [])

    def test_a_text_that_is_cut_short_while_it_is_read(self):
        big, text = self.big_text(), None
        for words in (["import", big, os.path.join(self.out, "t.h5")], ["export", big, os.path.join(self.out, "t.csv")], ["summary", "~ x", big]):
            text = text or self.bytes_of(big)
            self.write("big.csv", text)
            p = subprocess.Popen(command([*words, "--threads", 1, "--quiet"]), env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while p.poll() is None and big not in self.bytes_of("/proc/%d/maps" % p.pid).decode():
                pass
            os.truncate(big, 4096)  # mapped, and next to nothing read
            err = p.communicate(timeout=60)[1].decode()
            self.assertEqual((p.returncode, err), (3, "rxhpc %s: %s: cannot be read (the file was cut short or its medium fails)\n" % (words[0], big)))
            self.assertEqual(self.files(), [])

    @needs_mpi
    def test_signal_under_mpirun(self):
        got, err = self.stopped(signal.SIGTERM, 2, ["import", self.big_text(), os.path.join(self.out, "t.h5"), "--threads", 1, "--codec", "small"])
        self.assertNotEqual(got, 0)
        for _ in range(100):
            if not [f for f in self.files() if os.path.basename(f) != "t.h5"]:
                break
            time.sleep(0.05)
        # the launcher may be so slow to pass the signal on that the table is complete by then
        for left in self.files():
            self.assertEqual(os.path.basename(left), "t.h5")
            self.succeed("summary", "~ x", left, "--row-selection", "id >= 0")


if __name__ == "__main__":
    unittest.main(verbosity=2)

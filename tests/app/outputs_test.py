"""When an output is in its place, and what the status says then."""
import fcntl
import os
import signal
import subprocess
import time
import unittest

from rxhpc_cases import ENVIRONMENT, MPIRUN, Case, command, made_table, run


class Outputs(Case):
    def setUp(self):
        super().setUp()
        self.csv = self.write("t.csv", made_table(300))
        self.table = self.path("t.h5")
        self.succeed("import", self.csv, self.table)

    def rows(self, path):
        return self.result("info", path)["num_rows"]

    def started(self, *words, **more):
        return subprocess.Popen(command(words), env=ENVIRONMENT, stderr=subprocess.PIPE, **more)

    def test_what_cannot_be_written_beside_an_output_is_told_before_the_work(self):
        before, files = self.bytes_of(self.table), sorted(os.listdir(self.folder))
        nowhere = self.path("none/j")
        for ranks in (1, 2) if MPIRUN else (1,):
            append = ("datastep", self.csv, self.table, "--append", "rows", "--report-progress", "0")
            self.fail_with(3, "rxhpc datastep: %s: cannot create" % nowhere, *append, "--json", nowhere, ranks=ranks)
            self.fail_with(3, "is a directory", *append, "--json", self.folder, ranks=ranks)
            self.fail_with(3, "cannot create", "linmod", "y ~ x", self.table, "--model", nowhere, "--report-progress", "0", ranks=ranks)
        p = self.started("datastep", self.csv, self.table, "--append", "rows", preexec_fn=lambda: os.close(1))
        self.assertIn(b"rxhpc datastep: standard output: ", p.communicate()[1])
        self.assertEqual(p.returncode, 3)
        self.assertEqual((self.bytes_of(self.table), sorted(os.listdir(self.folder))), (before, files))

    def test_what_fails_after_an_output_says_that_it_was_written(self):
        self.fail_with(3, "rxhpc datastep: %s was written; /dev/full: cannot write" % self.table,
                       "datastep", self.csv, self.table, "--append", "rows", "--json", "/dev/full", "--report-progress", "0")
        self.assertEqual(self.rows(self.table), 600)
        with open("/dev/full", "w") as full:
            p = self.started("import", self.csv, self.path("new.h5"), "--report-progress", "0", stdout=full)
            self.assertEqual(p.communicate()[1].decode(), "rxhpc import: %s was written; standard output: No space left on device\n" % self.path("new.h5"))
        self.assertEqual((p.returncode, self.rows(self.path("new.h5"))), (3, 300))

    def test_predictions_that_cannot_be_appended_leave_no_word_of_what_they_passed_through(self):
        model, out = self.path("m.json"), self.path("fitted.h5")
        self.succeed("linmod", "x ~ y", self.csv, "--model", model)
        self.succeed("predict", model, self.csv, out)
        before = self.bytes_of(out)
        told = self.fail_with(3, "column 'x_Resid' is not in the table", "predict", model, self.csv, out, "--append", "rows", "--compute-residuals", "--quiet")
        self.assertNotIn("was written", told)
        self.assertEqual(self.bytes_of(out), before)
        self.assertFalse([name for name in os.listdir(self.folder) if "predicted" in name])
        self.succeed("predict", model, self.csv, out, "--append", "rows")

    def test_what_says_nothing_about_an_output_is_told(self):
        model, out = self.path("m.json"), self.path("out.csv")
        self.succeed("naivebayes", "g ~ x + y", self.csv, "--model", model)
        for words in (("datastep", self.csv), ("predict", model, self.csv)):
            for option in ("--codec", "small"), ("--rows-per-part", "100"):
                status, _, err = run(*words, out, *option, "--overwrite", "--report-progress", "0")
                self.assertEqual((status, err), (0, "rxhpc %s: warning: %s says nothing about %s, which is text\n" % (words[0], option[0], out)))
        self.fail_with(2, "--conf-level is that of --interval", "predict", model, self.csv, out, "--overwrite", "--conf-level", "0.9")
        self.fail_with(2, "column 'p' occurs twice", "predict", model, self.csv, out, "--overwrite", "--type", "prob", "--pred-var-names", "p,q,t,u,p")
        self.succeed("predict", model, self.csv, out, "--overwrite", "--type", "prob", "--pred-var-names", "p,q,t,u,`r,s`")
        self.assertEqual(self.bytes_of(out).decode().split("\n")[0], 'p,q,t,u,"r,s"')

    def predicted(self, model, text, *options):
        out = self.path("predicted.csv")
        self.succeed("predict", model, self.write("new.csv", text), out, "--overwrite", *options)
        return self.bytes_of(out).decode().split("\n")[:-1]

    def test_predictions_have_the_names_given(self):
        model = self.path("m.json")
        self.succeed("linmod", "x ~ y", self.csv, "--model", model, "--cov-coef")
        asked = ("--compute-std-errors", "--interval", "confidence", "--compute-residuals")
        names = ("--pred-var-names", "p", "--std-errors-var-names", "se", "--interval-var-names", "low,high", "--resid-var-names", "r")
        self.assertEqual(self.predicted(model, "x,y\n1,2\n", *asked)[0], "x_Pred,x_StdErr,x_Lower,x_Upper,x_Resid")
        self.assertEqual(self.predicted(model, "x,y\n1,2\n", *asked, *names)[0], "p,se,low,high,r")
        for option in "--std-errors-var-names", "--interval-var-names", "--resid-var-names":
            self.fail_with(2, option + " needs --", "predict", model, self.csv, self.path("o.csv"), option, "a,b")
        self.fail_with(2, "--interval-var-names: 1 name for 2 columns", "predict", model, self.csv, self.path("o.csv"), *asked, "--interval-var-names", "low")

    def test_rows_without_results_can_be_left_out(self):
        train = self.write("train.csv", "y,x,f\n" + "".join("%d,%d,%s\n" % (i * i % 7, i, "abc"[i % 3]) for i in range(30)))
        table, model = self.path("train.h5"), self.path("m.json")
        self.succeed("import", train, table, "--col-info", self.write("info.json", '{"f": {"type": "factor", "levels": ["a", "b", "c", "none"]}}'))
        new = "y,x,f\n1,2,a\n2,NA,b\n3,-9,c\n4,5,unknown\nNA,6,none\n7,8,NA\nNA,9,b\n"
        unchecked = ("--check-factor-levels", "false", "--extra-vars-to-write", "x")
        for verb in ("linmod", "logit"):
            response = "y" if verb == "linmod" else "(y > 1)"
            self.succeed(verb, response + " ~ log(x + 1) + f", table, "--model", model, "--overwrite")
            self.fail_with(3, "is unknown to the model", "predict", model, self.write("new.csv", new), self.path("o.csv"))
            every = self.predicted(model, new, *unchecked)[1:]
            self.assertEqual([row.split(",")[0] == "NA" for row in every], [False, True, True, True, True, True, False])
            self.assertEqual(self.predicted(model, new, *unchecked, "--remove-missings")[1:], [every[0], every[6]])
            self.assertEqual([row.split(",")[-1] for row in self.predicted(model, new, *unchecked, "--remove-missings", "--compute-residuals")[1:]], ["2"])

    def test_many_variables_can_be_complete(self):
        names = ["v%d" % i for i in range(300)]
        lines = [",".join(["y", *names])] + [",".join(str((i * 7 + k * (i + 3)) % 11) for k in range(301)) for i in range(320)]
        text, model = self.write("many.csv", "\n".join(lines) + "\n"), self.path("m.json")
        self.succeed("linmod", "y ~ " + " + ".join(names), text, "--model", model)
        rows = self.predicted(model, "\n".join([*lines, lines[1].rsplit(",", 1)[0] + ",NA"]) + "\n", "--remove-missings", "--row-selection", " ")
        self.assertEqual(len(rows), 1 + 320)

    def test_a_signal_after_an_output_changes_nothing(self):
        # A pipe that is full already holds the program where it tells of the output.
        for name in ("new.h5", "new.csv", "parts/"):
            end, begin = os.pipe()
            fcntl.fcntl(begin, fcntl.F_SETFL, os.O_NONBLOCK)
            try:
                while True:
                    os.write(begin, b" " * 4096)
            except BlockingIOError:
                fcntl.fcntl(begin, fcntl.F_SETFL, 0)
            p = self.started("datastep", self.table, self.path(name), "--report-progress", "0", stdout=begin)
            os.close(begin)
            until = time.time() + 60
            while not os.path.exists(self.path(name)) and p.poll() is None and time.time() < until:
                time.sleep(0.001)
            p.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # no longer than a wrong program takes to end
            with os.fdopen(end) as pipe:
                self.assertIn("300 rows", pipe.read())
            self.assertEqual((p.communicate()[1], p.returncode), (b"", 0), name)
            self.assertEqual(self.rows(self.path(name)), 300)

    def held(self, *words):
        """the job `words`, stopped once it has begun its output"""
        for _ in range(20):
            p = self.started(*words, "--report-progress", "0", stdout=subprocess.DEVNULL)
            unfinished = lambda: [f for where, _, files in os.walk(self.folder) for f in files if "unfinished" in where + f]  # noqa: E731
            until = time.time() + 60
            while not unfinished() and p.poll() is None and time.time() < until:
                time.sleep(0.0005)
            p.send_signal(signal.SIGSTOP)
            if p.poll() is None and unfinished():
                return p
            p.send_signal(signal.SIGCONT)  # it was quicker
            p.communicate()
        self.fail("no job could be held")

    def test_an_output_that_another_job_writes_meanwhile_is_not_replaced(self):
        header, *lines = made_table(2000).splitlines(keepends=True)
        big = self.write("big.csv", header + "".join(lines) * 100)
        for output, options, rows in (("t.h5", ("--append", "rows"), 600), ("p/", ("--append", "rows"), 600), ("t.h5", ("--overwrite",), 300),
                                      ("p/", ("--overwrite",), 300), ("new.h5", (), 300), ("new/", (), 300), ("new.csv", (), 300)):
            path = self.path(output)
            if not output.startswith("new"):
                self.succeed("datastep", self.csv, path, "--overwrite")
            p = self.held("datastep", big, path, "--codec", "small", "--threads", "1", *options)
            self.succeed("datastep", self.csv, path, *options)
            p.send_signal(signal.SIGCONT)
            err = p.communicate()[1].decode()
            self.assertIn("was changed by another program meanwhile; nothing was written\n", err)
            self.assertEqual((p.returncode, self.rows(path)), (3, rows), (output, options))

    def test_of_rows_appended_at_one_instant_none_are_lost(self):
        for output in ("grown.h5", "grown/", "grown.csv"):
            for _ in range(6):
                self.succeed("datastep", self.csv, self.path(output), "--overwrite")
                jobs = [self.started("datastep", self.csv, self.path(output), "--append", "rows", "--threads", "1", "--quiet") for _ in range(3)]
                said = [p.communicate()[1].decode() for p in jobs]
                self.assertEqual(self.rows(self.path(output)), 300 * (1 + [p.returncode for p in jobs].count(0)), said)
                self.assertTrue(all((p.returncode, err.count("\n")) in ((0, 0), (3, 1)) for p, err in zip(jobs, said)), said)


if __name__ == "__main__":
    unittest.main(verbosity=2)

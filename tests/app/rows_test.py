"""import, export, datastep and predict: what comes out, row for row."""
import csv
import gzip
import json
import os
import resource
import unittest

from rxhpc_cases import Case, made_table, needs_mpi, run


def read(path):
    with (gzip.open(path, "rt", newline="") if path.endswith(".gz") else open(path, newline="")) as f:
        return list(csv.reader(f, delimiter="\t" if ".tsv" in path else ","))


class Rows(Case):
    def setUp(self):
        super().setUp()
        self.text = made_table(700)
        self.csv = self.write("t.csv", self.text)
        self.table = self.path("t.h5")
        self.succeed("import", self.csv, self.table, "--rows-per-read", "100", "--col-classes", "g=factor")

    def test_round_trip(self):
        out = self.path("out.csv")
        self.succeed("export", self.table, out)
        again = self.path("again.h5")
        self.succeed("import", out, again, "--rows-per-read", "100", "--col-classes", "g=factor")
        self.assertEqual(self.bytes_of(again), self.bytes_of(self.table))
        for name in ("out.tsv", "out.csv.gz", "out.txt"):
            self.succeed("export", self.table, self.path(name))
            self.assertEqual(read(self.path(name)), read(out))

    @needs_mpi
    def test_export_does_not_depend_on_ranks(self):
        alone, together = self.path("a.csv"), self.path("b.csv")
        options = ["--row-selection", "x > 9 & h %% 2 == 0", "--transform", "z = x * h"]
        self.succeed("export", self.table, alone, *options)
        self.succeed("export", self.table, together, *options, ranks=3)
        self.assertEqual(self.bytes_of(together), self.bytes_of(alone))
        for name, ranks in (("a.h5", 1), ("b.h5", 3)):
            self.succeed("datastep", self.table, self.path(name), *options, ranks=ranks)
        self.assertEqual(self.bytes_of(self.path("a.h5")), self.bytes_of(self.path("b.h5")))

    def test_info(self):
        info = self.result("info", self.table)
        self.assertEqual((info["num_rows"], info["num_vars"], info["num_chunks"]), (700, 8, 7))
        variables = {v["name"]: v for v in info["variables"]}
        self.assertEqual([v["var_type"] for v in info["variables"]],
                         ["integer", "numeric", "numeric", "factor", "integer", "logical", "Date", "character"])
        self.assertEqual((variables["id"]["low"], variables["id"]["high"], variables["id"]["storage"]), (0, 699, "int16"))
        self.assertEqual(sorted(variables["g"]["levels"]), list("abcde"))
        self.assertIsNone(variables["g"]["low"])
        rows = list(csv.DictReader(self.text.splitlines(keepends=True)))
        for name in ("x", "g", "h", "flag", "when"):
            self.assertEqual(variables[name]["missing_obs"], sum(r[name] == "NA" for r in rows), name)
        text = self.result("info", self.csv, "--rows-per-read", "100", "--col-classes", "g=factor")
        self.assertEqual(text["variables"], info["variables"])

    def test_text_is_read_with_the_models_factors(self):
        model = self.path("f.json")
        self.succeed("linmod", "y ~ f + t", self.write("train.csv", "y,f,t\n1,a,T\n2,b,F\n3,a,F\n4,b,T\n"), "--model", model)
        out = self.path("o.csv")
        self.succeed("predict", model, self.write("new.csv", "t,f\nF,b\nT,a\n"), out)
        self.assertEqual(len(read(out)), 3)
        for odd in ("1", "2013-01-01", "T"):  # no number, date or truth, but a level that the model has not seen
            self.fail_with(3, "level '%s' is unknown to the model" % odd, "predict", model, self.write("odd.csv", "t,f\nF,%s\n" % odd), out, "--overwrite")

    def test_columns(self):
        out = self.path("o.csv")
        self.succeed("datastep", self.table, out, "--vars-to-keep", "g,id")
        self.assertEqual(read(out)[0], ["id", "g"])
        self.succeed("datastep", self.table, out, "--overwrite", "--vars-to-keep", "id", "--transform", "two = 2 * id")
        self.assertEqual(read(out)[:3], [["id", "two"], ["0", "0"], ["1", "2"]])
        self.succeed("import", self.csv, out, "--overwrite", "--vars-to-drop", "note,when,flag,x,y", "--row-selection", "id < 2")
        self.assertEqual(read(out)[0], ["id", "g", "h"])
        self.assertEqual(len(read(out)), 3)
        direct, other = self.path("direct.h5"), self.path("other.csv")
        self.succeed("import", self.csv, direct, "--vars-to-keep", "y,id")
        self.succeed("export", direct, other)
        self.assertEqual(read(other)[0], ["id", "y"])

    def test_rows(self):
        out = self.path("o.csv")
        self.succeed("datastep", self.table, out, "--start-row", "99", "--num-rows", "4", "--vars-to-keep", "id")
        self.assertEqual(read(out)[1:], [["98"], ["99"], ["100"], ["101"]])
        self.succeed("datastep", self.table, out, "--overwrite", "--remove-missings", "--vars-to-keep", "id,x,g")
        rows = read(out)[1:]
        want = [r for r in csv.DictReader(self.text.splitlines(keepends=True)) if r["x"] != "NA" and r["g"] != "NA"]
        self.assertEqual([r[0] for r in rows], [r["id"] for r in want])
        selected = self.path("s.h5")
        self.succeed("datastep", self.table, selected, "--row-selection", "id >= 150 & id < 460")
        info = self.result("info", selected)
        self.assertEqual((info["num_rows"], info["num_chunks"]), (310, 4))
        self.assertEqual((info["variables"][0]["low"], info["variables"][0]["high"]), (150, 459))

    def test_append_rows(self):
        more = self.write("more.csv", "id,x,y,g,h,flag,when,note\n700,1.5,2.5,zz,3,TRUE,2014-01-01,new\n100000,NA,1,a,NA,FALSE,2014-01-02,plain\n")
        self.succeed("import", more, self.table, "--append", "rows")
        info = self.result("info", self.table)
        self.assertEqual((info["num_rows"], info["num_chunks"]), (702, 8))
        variables = {v["name"]: v for v in info["variables"]}
        self.assertEqual(variables["g"]["levels"][-1], "zz")
        self.assertEqual(variables["id"]["high"], 100000)
        out = self.path("o.csv")
        self.succeed("export", self.table, out, "--row-selection", "id >= 700")
        self.assertEqual(read(out)[1:], [["700", "1.5", "2.5", "zz", "3", "TRUE", "2014-01-01", "new"],
                                         ["100000", "NA", "1", "a", "NA", "FALSE", "2014-01-02", "plain"]])
        self.fail_with(3, "column 'y'", "import", self.write("few.csv", "id,x\n1,2\n"), self.table, "--append", "rows")
        self.succeed("import", more, self.path("new.h5"), "--append", "rows")
        self.assertEqual(self.result("info", self.path("new.h5"))["num_rows"], 2)

    def test_append_says_nothing_in_vain(self):
        more = self.write("more.csv", "id,x,y,g,h,flag,when,note\n700,1.5,2.5,zz,3,TRUE,2014-01-01,new\n")
        for words in (("import", more), ("datastep", more)):
            status, _, err = run(*words, self.table, "--append", "rows", "--col-classes", "h=integer", "--report-progress", "0")
            self.assertEqual((status, err), (0, ""))
        self.fail_with(2, "unknown column 'H'", "import", more, self.table, "--append", "rows", "--col-classes", "H=integer")
        # where INPUT is a table, the option is in vain
        status, _, err = run("import", self.table, self.table, "--append", "rows", "--col-classes", "h=integer", "--report-progress", "0")
        self.assertEqual((status, err.count("says nothing about")), (0, 1))

    def test_append_to_a_directory(self):
        parts = self.path("parts/")
        self.succeed("import", self.csv, parts, "--rows-per-read", "100", "--rows-per-part", "300", "--col-classes", "g=factor")
        before = sorted(os.listdir(parts))
        self.assertEqual(self.result("import", self.csv, parts, "--append", "rows", "--row-selection", "id < 150")["num_rows"], 850)
        self.assertEqual(len(os.listdir(parts)), len(before) + 1)
        out = self.path("o.csv")
        self.succeed("export", parts, out, "--vars-to-keep", "id")
        self.assertEqual([int(r[0]) for r in read(out)[1:]], list(range(700)) + list(range(150)))

    def test_append_columns(self):
        self.succeed("datastep", self.table, self.path("z.h5"), "--transform", "z = id + 0.5", "--vars-to-keep", "z")
        self.succeed("datastep", self.path("z.h5"), self.table, "--append", "cols")
        self.assertEqual([v["name"] for v in self.result("info", self.table)["variables"]][-2:], ["note", "z"])
        self.fail_with(2, "column 'z' already", "datastep", self.path("z.h5"), self.table, "--append", "cols")

    def test_predict(self):
        model, out = self.path("m.json"), self.path("p.csv")
        fit = self.result("linmod", "y ~ x + g", self.table, "--cov-coef", "--model", model)
        self.succeed("predict", model, self.table, out, "--compute-residuals", "--compute-std-errors", "--interval", "confidence",
                     "--extra-vars-to-write", "id")
        rows = list(csv.DictReader(self.bytes_of(out).decode().splitlines()))
        self.assertEqual(len(rows), 700)
        residuals = [float(r["y_Resid"]) for r in rows if r["y_Resid"] != "NA"]
        self.assertEqual(len(residuals), fit["n_valid_obs"])
        self.assertAlmostEqual(sum(r * r for r in residuals), fit["residual_squares"], delta=1e-9 * fit["residual_squares"])
        for r in rows:
            if r["y_Pred"] != "NA":
                self.assertTrue(float(r["y_Lower"]) < float(r["y_Pred"]) < float(r["y_Upper"]))
        self.succeed("predict", model, self.csv, self.path("q.csv"), "--vars-to-keep", "y_Pred")
        alone = read(self.path("q.csv"))
        self.assertEqual(alone[0], ["y_Pred"])
        for a, r in zip(alone[1:], rows):  # with residuals asked for, a row without its response has no results
            self.assertIn(r["y_Pred"], (a[0], "NA"))
        self.succeed("predict", model, self.csv, self.path("q.csv"), "--vars-to-keep", "y_Pred", "--append", "rows")
        self.assertEqual(read(self.path("q.csv"))[1:], alone[1:] + alone[1:])

    def test_predict_notes_what_was_not_estimable(self):
        table = self.write("gap.csv", "y,f,g\n1,a,u\n2,a,u\n11,b,u\n12,b,u\n101,b,v\n103,b,v\n")
        model, out = self.path("gap.json"), self.path("gap_out.csv")
        for formula, count in (("y ~ f", 0), ("y ~ f*g", 1)):
            self.succeed("linmod", formula, table, "--model", model, "--overwrite")
            result = self.result("predict", model, table, out, "--overwrite")
            self.assertEqual(len(result.get("warnings", [])), count, formula)

    def test_one_long_text_among_many(self):
        # 70,000 distinct texts have a fixed length, that of the longest: 7 GB a chunk
        long = self.write("long.csv", "a,b\n" + "".join("t%d,%d\n" % (i, i) for i in range(70000)) + "NA,1\n" + "z" * 100000 + ",2\n")
        limit = ("--memory-limit", "200M", "--threads", "1")
        little = dict(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30)))
        for words in (("info",), ("summary", "~ b"), ("linmod", "b ~ I(b^2)")):
            self.succeed(*words, long, *limit, "--quiet", **little)
        table = self.path("long.h5")
        self.fail_with(2, "with text of 100000 bytes in column 'a' needs up to 26", "import", long, table, *limit, **little)
        for words in (("summary", "~ b", long, "--row-selection", 'a == "t5"'), ("export", long, self.path("long.csv.gz"))):
            self.fail_with(2, "--memory-limit: this needs up to 6.5 GiB for the rows of one chunk, the limit is 200.0 MiB", *words, *limit, **little)
        self.fail_with(3, "is more than the 4 GiB that a compressed one can have", "import", long, table, "--memory-limit", "200G", "--codec", "small")
        self.assertFalse(os.path.exists(table))
        self.succeed("import", long, table, *limit, "--vars-to-drop", "a", **little)
        short = self.write("short.csv", self.bytes_of(long).decode().replace("z" * 100000, "z"))
        self.succeed("import", short, table, "--overwrite", *limit)
        for path in (short, table):  # the text's zone map knows of the missing one
            self.assertEqual(self.result("datastep", path, self.path("some.h5"), "--overwrite", "--remove-missings", *limit)["num_rows"], 70001, path)

    def test_integers_have_no_minus_zero(self):
        table, out = self.write("n.csv", "k\n0\n3\n"), self.path("o.csv")
        self.succeed("export", table, out, "--transform", "a = 1/(-k)", "--transform", "c = 1/as.integer(-k/10)", "--transform", "m = 1/(-1L * k)",
                     "--transform", "x = 1/-as.numeric(k)")  # R's
        self.assertEqual([[float(c) for c in r] for r in read(out)[1:]], [[0, float("inf"), float("inf"), float("inf"), float("-inf")],
                                                                         [3, -1 / 3, float("inf"), -1 / 3, -1 / 3]])

    def test_minus_zero_does_not_depend_on_its_place(self):
        for wide in ("1.5", "3000000000"):
            text = self.write("z.csv", "x\n" + "-0\n" * 2000 + wide + "\n" + "-0\n" * 10 + "7\n" * 2000)
            for length in (500, 1500, 100000):
                read_so, table = ("--rows-per-read", length), self.path("z.h5")
                self.succeed("import", text, table, "--overwrite", *read_so)
                for path, options in ((text, read_so), (table, ())):
                    result = self.result("summary", "~ w", path, "--transform", "w = ifelse(1/x < 0, 1, 0)", *options)
                    self.assertEqual(result["variables"][0]["sum"], 2010, (wide, length, path))

    def test_infinities(self):
        path = self.write("i.csv", "x,y\nInf,1\n1,2\n-Inf,3\n")
        info = self.result("info", path)["variables"][0]
        self.assertEqual((info["low"], info["high"]), ("-Infinity", "Infinity"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Exit statuses, messages and what goes to which stream."""
import json
import os
import re
import shlex
import shutil
import unittest

from rxhpc_cases import Case, needs_mpi, run

CSV = "x,y,g\n1,2,a\n2,4.5,b\n3,5,a\n4,9,b\n5,9.5,NA\n"


class Usage(Case):
    def setUp(self):
        super().setUp()
        self.csv = self.write("t.csv", CSV)
        self.table = self.path("t.h5")
        self.succeed("import", self.csv, self.table)

    def test_help_and_version(self):
        for words in (["--help"], ["help"], ["help", "linmod"], ["import", "--help"], ["summary", "~x", "--help"], ["--version"]):
            status, out, err = run(*words)
            self.assertEqual((status, err), (0, ""))
            self.assertIn("rxhpc", out)
        for verb in ("import", "info", "summary", "quantile", "cube", "crosstabs", "covcor", "histogram", "lorenz", "linmod", "logit", "glm", "kmeans", "naivebayes",
                     "predict", "roc", "export", "datastep"):
            self.assertIn(verb, run("--help")[1])
            self.assertIn("--memory-limit", run(verb, "--help")[1])
        self.assertTrue(run("help", "--man")[1].startswith(".TH RXHPC 1"))

    def test_the_command_reference_is_up_to_date(self):
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "commands.md")
        with open(page) as f:
            self.assertEqual(f.read(), run("help", "--markdown")[1], "write it anew: rxhpc help --markdown > docs/commands.md")

    def test_the_examples_work_as_printed(self):
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "nycflights.csv.gz"), self.path("flights.csv.gz"))
        examples = [line for line in run("help", "--markdown")[1].splitlines() if line.startswith(("rxhpc ", "mpirun "))]
        self.assertGreaterEqual(len(examples), 18)
        for line in examples:  # in their order: some read what others write
            words = shlex.split(line)
            self.succeed(*words[words.index("rxhpc") + 1:], cwd=self.folder)

    def test_usage_errors(self):
        self.fail_with(2, "rxhpc: a verb is missing")
        self.fail_with(2, "rxhpc: unknown verb 'sumary'; did you mean 'summary'?", "sumary", "~ x", self.table)
        self.fail_with(2, "rxhpc: unknown verb 'xyzzy'", "xyzzy")
        self.fail_with(2, "--row-selection needs a value", "summary", "~ x", self.table, "--row-selection")
        self.fail_with(2, "unknown option --row-selektion; did you mean '--row-selection'?", "summary", "~ x", self.table, "--row-selektion", "x > 1")
        self.fail_with(2, "rxhpc linmod: INPUT is missing", "linmod", "y ~ x")
        self.fail_with(2, "unexpected argument 'more'", "summary", "~ x", self.table, "more")
        self.fail_with(2, "--threads: 'two' is not a whole number", "info", self.table, "--threads", "two")
        self.fail_with(2, "--threads: 0 is below 1", "info", self.table, "--threads", "0")
        self.fail_with(2, "--codec: 'smal' is not one of", "datastep", self.table, self.path("o.h5"), "--codec", "smal")
        self.fail_with(2, "--memory-limit: 1M is too small to work with", "info", self.table, "--memory-limit", "1M")
        self.fail_with(2, "--memory-limit: 'lots' is not a size", "info", self.table, "--memory-limit", "lots")
        self.fail_with(2, "--json is given more than once", "info", self.table, "--json", "a", "--json", "b")
        self.fail_with(2, "--json", "info", self.table, "--json")
        self.fail_with(2, "exclude one another", "export", self.table, self.path("o.csv"), "--vars-to-keep", "x", "--vars-to-drop", "y")
        self.fail_with(2, "did you mean 'x'", "export", self.table, self.path("o.csv"), "--vars-to-keep", "X1")
        self.fail_with(2, "type", "summary", "~ x", self.csv, "--col-classes", "g=faktor")

    def test_values_of_logical_options(self):
        for word in ("flase", "FLASE", "ture", "no", "0"):
            self.fail_with(2, "--means: '%s' is neither true nor false" % word, "cube", "y ~ F(x)", self.table, "--means", word, cwd=self.folder)
        self.fail_with(2, "did you mean 'false'?", "cube", "y ~ F(x)", self.table, "--means", "flase", cwd=self.folder)
        self.succeed("cube", "--means", "y ~ F(x)", self.table)
        self.succeed("cube", "y ~ F(x)", self.table, "--means", self.path("false.csv"))

    def test_no_row_is_complete(self):
        none = ["--row-selection", "x > 99"]
        for verb, formula, options in (("cube", "y ~ F(x)", none), ("crosstabs", "~ F(x):g", none), ("quantile", "~ x", none), ("histogram", "~ g", none),
                                       ("histogram", "~ x | g", none + ["--breaks", "0,9"]),
                                       ("kmeans", "~ x", none + ["--num-clusters", "1"]), ("linmod", "y ~ x", none), ("cube", "y ~ F(x)", ["--fweights", "w", "--transform", "w = x * 0"])):
            status, _, err = run(verb, formula, self.table, *options)
            counts = verb in ("cube", "crosstabs", "quantile", "histogram")
            self.assertEqual(status, 0 if counts else 3, verb)
            self.assertIn("warning: no row is complete: every row has" if counts else "t.h5: no row is complete: every row has", err)

    def test_options_that_would_change_nothing(self):
        centres = self.write("centres.csv", "x\n1\n2\n")
        self.fail_with(2, "given --centers are one start", "kmeans", "~ x", self.table, "--centers", centres, "--num-starts", "5")
        self.fail_with(2, "--num-start-rows needs --start plus-plus", "kmeans", "~ x", self.table, "--num-clusters", "2", "--num-start-rows", "5")
        self.fail_with(2, "--plot-vars needs --plot", "kmeans", "~ x + y", self.table, "--num-clusters", "2", "--plot-vars", "x,y")
        self.fail_with(2, "--permute is for Kendall's tau", "crosstabs", "~ F(x):g", self.table, "--permute")
        self.fail_with(2, "--alternative is for --tests odds-ratio", "crosstabs", "~ F(x):g", self.table, "--alternative", "less")

    def test_percentages_of_cross_tables(self):
        table = self.write("ct.csv", "a,b\nx,p\nx,q\ny,p\ny,q\ny,q\nx,p\ny,q\ny,q\n")
        one = self.result("crosstabs", "~ a:b", table, "--percents", "--tests", "none")["tables"][0]
        self.assertEqual(one["values"], [[2, 1], [1, 4]])
        self.assertEqual(one["row_percents"], [[200 / 3, 100 / 3], [20, 80]])
        self.assertEqual(one["col_percents"], [[200 / 3, 20], [100 / 3, 80]])
        self.assertEqual(one["percents"], [[25, 12.5], [12.5, 50]])
        self.assertNotIn("percents", self.result("crosstabs", "~ a:b", table)["tables"][0])
        self.assertIn("there is nothing to test", self.result("crosstabs", "~ a:b", table, "--row-selection", "a == 'x'")["warnings"][0])

    def test_formulas_and_expressions(self):
        self.fail_with(2, "delai", "summary", "~ delai", self.table)
        self.fail_with(2, "rxhpc linmod: ", "linmod", "y ~ x +* g", self.table)
        self.fail_with(2, "rxhpc summary: ", "summary", "~ x", self.table, "--row-selection", "x >")
        self.fail_with(2, "rxhpc summary: ", "summary", "~ x", self.table, "--row-selection", "nosuch > 1")
        self.fail_with(2, "rxhpc summary: ", "summary", "~ x", self.table, "--transform", "= 2")

    def test_covariances(self):
        self.fail_with(2, "--type: 'corr' is not one of", "covcor", "~ x + y", self.table, "--type", "corr")
        self.fail_with(2, "the formula has a left side", "covcor", "y ~ x", self.table)
        self.fail_with(2, "--ridge-lambda: 'much' is not a number", "covcor", "y ~ x", self.table, "--ridge-lambda", "much")
        self.fail_with(2, "--ridge-lambda needs a formula with one response", "covcor", "~ x", self.table, "--ridge-lambda", "1")
        self.fail_with(2, "takes no weights", "covcor", "~ x", self.table, "--use", "pairwise.complete.obs", "--pweights", "y")
        self.fail_with(2, "--model needs --princomp", "covcor", "~ x", self.table, "--model", self.path("m.json"))
        self.fail_with(3, "no row is complete", "covcor", "~ x", self.table, "--row-selection", "x > 10")
        self.fail_with(3, "infinite", "covcor", "~ log(x - 1)", self.table)
        self.fail_with(3, "negative weight", "covcor", "~ x", self.table, "--pweights", "v", "--transform", "v = x - 2")
        self.fail_with(4, "does not vary", "covcor", "one ~ x", self.table, "--ridge-lambda", "1", "--transform", "one = x * 0")
        model = self.path("scores.json")
        self.succeed("covcor", "~ x + y", self.table, "--princomp", "--model", model)
        self.fail_with(3, "exists already", "covcor", "~ x + y", self.table, "--princomp", "--model", model)
        self.fail_with(2, "neither standard errors", "predict", model, self.table, self.path("o.csv"), "--compute-std-errors")

    def test_elastic_net(self):
        self.fail_with(2, "--lambda: 'little' is not a number", "linmod", "y ~ x", self.table, "--lambda", "1,little")
        self.fail_with(2, "--lambda: penalties are numbers from 0", "linmod", "y ~ x", self.table, "--lambda=-1")
        self.fail_with(2, "--alpha lies between 0", "linmod", "y ~ x", self.table, "--alpha", "2")
        self.fail_with(2, "--n-lambda is for paths", "linmod", "y ~ x", self.table, "--lambda", "1", "--n-lambda", "3")
        self.fail_with(2, "--cov-coef cannot be had", "linmod", "y ~ x", self.table, "--lambda", "1", "--cov-coef")
        self.fail_with(2, "stepwise selection cannot be had", "linmod", "y ~ x", self.table, "--lambda", "1", "--step-k", "3")
        self.fail_with(2, "--checkpoint cannot be had", "glm", "y ~ x", self.table, "--lambda", "1", "--checkpoint", self.path("c.json"))
        self.fail_with(2, "--anova-with cannot be had", "glm", "y ~ x", self.table, "--lambda", "1", "--anova-with", self.path("c.json"))
        self.fail_with(4, "the response does not vary", "linmod", "one ~ x", self.table, "--lambda", "1", "--transform", "one = x * 0")
        self.fail_with(3, "no row is complete", "linmod", "y ~ x", self.table, "--lambda", "1", "--row-selection", "x > 10")

    def test_roc(self):
        self.fail_with(3, "column 'y': 5 rows have an actual value that is neither 0 nor 1", "roc", "y ~ x", self.table)
        self.fail_with(3, "are negative: there is no curve", "roc", "x > 9 ~ y", self.table)
        self.fail_with(3, "no row is complete", "roc", "g ~ x", self.table, "--row-selection", "is.na(g)")
        self.fail_with(2, "'actual ~ p1 + p2'", "roc", "~ x", self.table)
        self.fail_with(2, "must be a number", "roc", "x > 2 ~ g", self.table)
        self.fail_with(2, "does not end in .svg", "roc", "x > 2 ~ y", self.table, "--plot", self.path("p.png"))
        self.succeed("roc", "x > 2 ~ y", self.table, "--plot", self.path("p.svg"))
        self.assertIn(b"AUC 1.0000", self.bytes_of(self.path("p.svg")))

    def test_quantiles_histograms_and_curves(self):
        self.fail_with(2, "rxhpc quantile: --probs: 1.5 is outside 0 to 1", "quantile", "~ x", self.table, "--probs", "0.5,1.5")
        self.fail_with(2, "--probs: 'half' is not a number", "quantile", "~ x", self.table, "--probs", "half")
        self.fail_with(2, "--type: '10' is not one of", "quantile", "~ x", self.table, "--type", "10")
        self.fail_with(2, "it is text", "quantile", "~ g", self.table)
        self.fail_with(2, "it is a factor", "quantile", "~ f", self.table, "--transform", "f = factor(g)")
        self.fail_with(2, "'n' has no number to order: it is logical", "quantile", "~ n", self.write("n.csv", "n,x\nNA,1\nNA,2\n"))
        self.fail_with(3, "negative weight", "quantile", "~ x", self.table, "--pweights", "w", "--transform", "w = x - 2")
        self.fail_with(2, "is no statistic; did you mean 'Median'?", "summary", "~ x", self.table, "--summary-stats", "Meddian")
        self.assertEqual(self.result("summary", "~ x", self.table, "--summary-stats", "Median")["variables"][0]["mad"], 1.4826)
        self.fail_with(2, "is no factor to make panels of", "histogram", "~ x | y", self.table)
        self.fail_with(3, "has no finite value", "histogram", "~ x", self.table, "--row-selection", "x > 9")
        self.fail_with(4, "add up to zero", "lorenz", "~ z", self.table, "--transform", "z = x - 3")
        self.fail_with(3, "infinite values", "lorenz", "~ z", self.table, "--transform", "z = 1 / (x - 3)")
    def test_robust(self):
        self.fail_with(2, "--robust: 'HC9' is not one of", "linmod", "y ~ x", self.table, "--robust", "HC9")
        self.fail_with(2, "did you mean 'g'", "linmod", "y ~ x", self.table, "--cluster", "G")
        self.fail_with(2, "cannot be had with --cluster", "glm", "y ~ x", self.table, "--cluster", "g", "--robust", "HC3")
        self.fail_with(3, "column 'g': all rows that the fit uses are in one cluster", "linmod", "y ~ 1", self.table, "--cluster", "g", "--row-selection", "g == 'a'")

    def test_analysis_of_variance(self):
        model = self.path("small.json")
        self.succeed("linmod", "y ~ 1", self.table, "--model", model)
        status, out, _ = run("linmod", "y ~ x", self.table, "--anova-with", model, "--anova")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"Residuals +3 ")
        self.assertRegex(out, r"y ~ x +3 ")
        self.fail_with(2, "one must be nested", "linmod", "y ~ 1", self.table, "--anova-with", model)
        self.fail_with(2, "not a stepwise search", "linmod", "y ~ x", self.table, "--anova-with", model, "--step-method", "backward")
        self.fail_with(2, "--anova cannot be had with --cube", "linmod", "y ~ g", self.table, "--cube", "--anova")
        self.fail_with(2, "--anova cannot be had with an elastic net", "linmod", "y ~ x", self.table, "--alpha", "1", "--anova")
        self.fail_with(3, "no such file", "linmod", "y ~ x", self.table, "--anova-with", self.path("no.json"))
        self.fail_with(3, "not a model file of a linear model", "linmod", "y ~ x", self.table, "--anova-with", self.write("glm.json", '{"rxhpc_model": 1, "kind": "glm"}'))

    def test_stepwise(self):
        self.fail_with(2, "which is not in the formula", "linmod", "y ~ 1", self.table, "--step-scope-lower", "~ x")
        self.fail_with(2, "needs a formula with one response", "linmod", "cbind(y, x) ~ 1", self.table, "--step-scope-upper", "~ g")
        self.fail_with(2, "--step-method: 'both' is not one of", "linmod", "y ~ x", self.table, "--step-method", "both")
        self.fail_with(2, "cannot be had with --cube", "linmod", "y ~ g", self.table, "--cube", "--step-method", "forward")
        self.fail_with(2, "nosuch", "linmod", "y ~ 1", self.table, "--step-scope-upper", "~ nosuch")

    def test_cube_predictions_need_a_cube(self):
        for words in (("linmod", "y ~ g"), ("linmod", "y ~ g", "--alpha", "0.5"), ("linmod", "y ~ g", "--step-method", "forward"), ("logit", "x > 3 ~ g"),
                      ("glm", "x ~ g", "--family", "poisson", "--cube", "false")):
            self.fail_with(2, "--cube-predictions needs --cube", *words[:2], self.table, "--cube-predictions", *words[2:])
        self.fail_with(2, "cannot be had with an elastic net", "linmod", "y ~ g", self.table, "--cube", "--cube-predictions", "--alpha", "0.5")

    def test_tables_of_cells(self):
        counts = ("--transform", "Counts = x")
        self.fail_with(2, "two columns named 'Counts', one of them the counts; give the formula's another name", "cube", "Counts ~ g", self.table,
                       self.path("o.csv"), *counts)
        self.assertEqual(self.result("cube", "Counts ~ g", self.table, *counts)["cells"][0]["means"]["Counts"], 2)
        big = ("~ F(x, 1, 3000):F(y, 1, 3000)", self.table, "--memory-limit", "150M")
        self.fail_with(2, "for 9000000 cells, the limit is", "cube", *big)
        self.fail_with(2, "for 9000000 cells, the limit is", "crosstabs", *big)
        self.fail_with(2, "for 360000 cells and their JSON, the limit is", "cube", "~ F(x, 1, 600):F(y, 1, 600)", *big[1:], "--json", self.path("o.json"))
        self.assertEqual(len(self.result("cube", *big, "--use-sparse-cube")["cells"]), 5)

    def test_column_information(self):
        for said, message in (('{"x": {"low": 5, "high": 1}}', "info.json: column 'x': low is above high"), ('{"x": {"type": 3}}', "info.json: column 'x': type must be text")):
            self.fail_with(2, message, "summary", "~ x", self.csv, "--col-info", self.write("info.json", said))

    def test_dates_in_a_cube(self):
        days = self.write("d.csv", "d,t\n2020-01-31,2020-01-31 10:00:00\n2020-02-01,2020-02-01 11:00:00\n2021-02-02,2021-02-02 11:30:00\n")
        types = ("--col-classes", "d=Date,t=POSIXct")
        factors = "on the right side of a cube stand factors, such as "
        self.fail_with(2, "'d' is a date; " + factors + "F(year(d)), F(month(d)) or cut(d, ", "cube", "~ d", days, *types)
        self.fail_with(2, "'t' is a time; " + factors + "F(year(t)), F(hour(t)) or cut(t, ", "cube", "~ t", days, *types)
        by_year = 'cut(d, breaks = c("2020-01-01", "2020-12-31", "2021-12-31"))'
        for factor, counts in (("F(year(d))", [2, 1]), ("F(hour(t))", [1, 2]), (by_year, [2, 1])):
            self.assertEqual([c["counts"] for c in self.result("cube", "~ " + factor, days, *types)["cells"]], counts)

    def test_names_in_backquotes_are_plain_in_results(self):
        table = self.write("n.csv", "my x,my y,my f\n1,2,a\n2,4.5,b\n3,5,a\n10,9,b\n11,9.5,a\n")
        def names(verb, formula, field, *more):
            got = self.result(verb, formula, table, *more)[field]
            return [v["name"] if isinstance(v, dict) else v for v in got]
        self.assertEqual(names("cube", "`my x` ~ `my f`", "factors"), ["my f"])
        out = self.path("o.csv")
        self.succeed("cube", "`my x` ~ `my f`", table, out)
        self.assertEqual(self.bytes_of(out).split(b"\n")[0], b"my f,my x,Counts")
        self.succeed("summary", "`my x` ~ `my f`", out, "--fweights", "Counts")
        tables = self.result("crosstabs", "`my x` ~ `my f`:F(`my x`)", table)
        self.assertEqual([f["name"] for f in tables["factors"]] + [tables["tables"][0]["variable"]], ["my f", "F_`my x`", "my x"])
        self.assertEqual(names("summary", "~ `my x` + log(`my x`) + `my x`:`my f`", "variables"), ["my x", "log(`my x`)", "`my x`:`my f`"])
        cells = self.result("summary", "~ `my f` + `my x`:`my f`", table)["categorical"]
        self.assertEqual([(c["name"], c["factors"]) for c in cells], [("my f", ["my f"]), ("`my x`:`my f`", ["my f"])])
        self.assertEqual(names("quantile", "~ `my x`", "variables"), ["my x"])
        self.assertEqual(list(self.result("lorenz", "`my x` ~ `my y`", table)["gini"]), ["my x"])
        for levels in ("my f=a", "`my f`=a", "a"):
            bars = self.result("histogram", "~ `my f`", table, "--levels-to-keep", levels)
            self.assertEqual((bars["variable"], bars["panels"][0]["counts"]), ("my f", [3]))
        panels = self.result("histogram", "~ `my x` | `my f` + F(`my x`)", table, "--levels-to-drop", "b,1", "--max-num-panels", "20")
        self.assertEqual(panels["factors"], ["my f", "F(`my x`)"])
        self.assertEqual(names("covcor", "`my y` ~ `my x`", "variables", "--ridge-lambda", "1"), ["my y", "my x"])
        self.assertEqual(names("covcor", "~ `my x` + `my f`", "variables"), ["my x", "`my f`=a", "`my f`=b"])
        model = self.path("m.json")
        self.assertEqual(list(self.result("naivebayes", "`my f` ~ `my x` + log(`my y`)", table, "--model", model)["tables"]), ["log(`my y`)", "my x"])
        self.succeed("predict", model, table, self.path("nb.csv"))
        centres = self.write("centres.csv", "my x,my y\n1,2\n10,9\n")
        fit = self.result("kmeans", "~ `my x` + `my y`", table, self.path("k.csv"), "--centers", centres, "--model", self.path("k.json"))
        self.assertEqual((fit["variables"], fit["size"]), (["my x", "my y"], [3, 2]))
        self.succeed("predict", self.path("k.json"), table, self.path("kp.csv"))
        self.assertIn("my x", self.succeed("kmeans", "~ `my x`", table, "--num-clusters", "2").split("\n")[4])
        self.assertEqual(self.bytes_of(self.path("k.csv")).split(b"\n")[1][-2:], b",1")
        self.succeed("covcor", "~ `my x` + `my y`", table, "--princomp", "--model", self.path("p.json"))
        self.succeed("predict", self.path("p.json"), table, self.path("p.csv"))
        self.assertEqual(self.result("linmod", "`my y` ~ `my x`", table)["coefficients"][1]["name"], "`my x`")

    def test_pairs_of_levels(self):
        for tests in ("none,fisher", "all,none"):
            self.fail_with(2, "--tests: none stands alone", "crosstabs", "~ g:F(x)", self.table, "--tests", tests)
        self.fail_with(2, "--pooled needs --pairwise", "crosstabs", "~ g:F(x)", self.table, "--pooled", "false")
        self.fail_with(2, "--pooled needs --pairwise", "crosstabs", "~ g:F(x)", self.table, "--pooled", "--pairwise", "false")
        self.fail_with(2, "tables of --pairwise, the limit is", "crosstabs", "~ F(x, 1, 400):F(y, 1, 400)", self.table, "--pairwise", "--memory-limit", "100M")
        pairs = self.result("crosstabs", "~ g:F(x, 1, 4)", self.table, "--pairwise", "--pooled", "false")["tables"][0]["pairwise"]
        self.assertEqual([p["col_levels"] for p in pairs], [["1", "2"], ["1", "3"], ["1", "4"], ["2", "3"], ["2", "4"], ["3", "4"]])
        self.assertEqual(pairs[0]["values"], [[1, 0], [0, 1]])

    def test_data_errors(self):
        self.fail_with(3, "rxhpc summary: %s: no such file or directory" % self.path("no.h5"), "summary", "~ x", self.path("no.h5"))
        self.fail_with(3, "no.json", "predict", self.path("no.json"), self.table, self.path("o.csv"))
        self.fail_with(3, "not a model file", "predict", self.csv, self.table, self.path("o.csv"))
        self.fail_with(3, "a directory that holds no table", "info", self.folder)
        self.fail_with(3, "no row is complete", "linmod", "y ~ x", self.table, "--row-selection", "x > 100")

    def test_kmeans_refuses(self):
        def refused(status, text, *words):
            self.fail_with(status, text, "kmeans", *words)
        refused(2, "--num-clusters, at least 1, or --centers", "~ x", self.table)
        refused(2, "--num-clusters: 0 is below 1", "~ x", self.table, "--num-clusters", "0")
        refused(2, "must be a number", "~ g", self.table, "--num-clusters", "2")
        refused(2, "no left side", "y ~ x", self.table, "--num-clusters", "2")
        refused(3, "5 distinct ones, fewer than the 6 clusters", "~ x", self.table, "--num-clusters", "6")
        refused(3, "no row is complete", "~ x", self.table, "--num-clusters", "2", "--row-selection", "x > 100")
        refused(2, "has no column 'x'", "~ x + y", self.table, "--centers", self.write("c.csv", "y,z\n1,2\n3,4\n"))
        refused(2, "column 'y' is", "~ x + y", self.table, "--centers", self.write("d.csv", "x,y\n1,a\n3,b\n"))
        equal, missing, none = self.write("e.csv", "x\n1\n1\n"), self.write("f.csv", "x,y\n1,2\n1,\n"), self.write("n.csv", "x,y\n")
        refused(3, "rxhpc kmeans: %s: starting centres 1 and 2 are equal" % equal, "~ x", self.table, "--centers", equal)
        refused(3, "rxhpc kmeans: %s: has no rows" % none, "~ x + y", self.table, "--centers", none)
        refused(3, "rxhpc kmeans: %s: starting centre 2 has a missing" % missing, "~ x + y", self.table, "--centers", missing)
        refused(2, "there are 2 starting centres", "~ x", self.table, "--centers", self.write("g.csv", "x\n1\n2\n"), "--num-clusters", "3")
        refused(3, "no such file", "~ x", self.table, "--centers", self.path("no.csv"))
        refused(3, "--overwrite", "~ x", self.table, self.table, "--num-clusters", "2")

    def test_naive_bayes_refuses(self):
        def refused(status, text, *words):
            self.fail_with(status, text, "naivebayes", *words)
        refused(2, "the response 'y' is not a factor", "y ~ x", self.table)
        refused(2, "one response", "~ x", self.table)
        refused(2, "no interactions: 'x:y'", "g ~ x:y", self.table)
        refused(2, "cannot be a predictor, too", "g ~ x + g", self.table)
        refused(2, "--smoothing-factor is not negative", "g ~ x", self.table, "--smoothing-factor", "-1")
        refused(2, "--prior has 3 values", "g ~ x", self.table, "--prior", "1,1,1")
        refused(2, "--prior: 'a' is not a number", "g ~ x", self.table, "--prior", "a,b")
        refused(3, "has one level", "factor(g, levels = c('a')) ~ x", self.table)
        refused(3, "no row has a class", "g ~ x", self.table, "--row-selection", "is.na(g)")
        refused(3, "'z' has only missing values", "g ~ x + z", self.table, "--transform", "z = ifelse(x > 100, x, NA)")
        refused(3, "infinite values", "g ~ z", self.table, "--transform", "z = 1 / (x - 1)")
        model = self.path("bayes.json")
        self.succeed("naivebayes", "g ~ x", self.table, "--model", model)
        self.fail_with(2, "class or prob", "predict", model, self.table, self.path("p.csv"), "--type", "link")
        self.fail_with(2, "neither standard errors", "predict", model, self.table, self.path("p.csv"), "--compute-std-errors")
        self.fail_with(2, "response or link", "predict", self.linear_model(), self.table, self.path("p.csv"), "--type", "prob")

    def test_influence_is_refused_where_there_is_none(self):
        model = self.linear_model()
        for option in (["--compute-leverage"], ["--compute-cooks-distance"], ["--compute-residuals", "--residual-type", "studentized"]):
            self.fail_with(2, "fitted with --cov-coef", "predict", model, self.table, self.path("p.csv"), *option)
        self.succeed("linmod", "y ~ x", self.table, "--cov-coef", "--robust", "HC1", "--model", model, "--overwrite")
        self.fail_with(2, "fitted without --robust and --cluster", "predict", model, self.table, self.path("p.csv"), "--compute-leverage")
        self.fail_with(2, "--residual-type: 'raw' is not one of", "predict", model, self.table, self.path("p.csv"), "--residual-type", "raw")
        self.succeed("covcor", "~ x + y", self.table, "--princomp", "--model", model, "--overwrite")
        self.fail_with(2, "neither standard errors", "predict", model, self.table, self.path("p.csv"), "--compute-leverage")

    def linear_model(self):
        self.succeed("linmod", "y ~ x", self.table, "--model", self.path("linear.json"))
        return self.path("linear.json")

    def test_two_outputs_of_one_name(self):
        both = self.path("both.json")
        self.fail_with(2, "is what --model writes, too", "linmod", "y ~ x", self.table, "--model", both, "--json", both)
        self.fail_with(2, "is what OUTPUT writes, too", "kmeans", "~ x", self.table, both, "--num-clusters", "2", "--model", os.path.join(self.folder, ".", "both.json"))
        self.assertFalse(os.path.exists(both))
        self.succeed("linmod", "y ~ x", self.table, "--model", "/dev/null", "--json", "/dev/null", "--overwrite")

    def test_results_do_not_replace_what_is_read(self):
        kept = self.bytes_of(self.table)
        link = self.path("link.h5")
        os.symlink(self.table, link)
        for words in (["--json", self.table], ["--json", link], ["--model", self.table, "--overwrite"]):
            self.fail_with(2, "is what INPUT reads", "linmod", "y ~ x", self.table, *words)
        info = self.path("info.json")
        with open(info, "w") as file:
            file.write("{}")
        self.fail_with(2, "is what --col-info reads", "datastep", self.table, self.path("o.h5"), "--col-info", info, "--json", info)
        parts = self.path("parts/")
        self.succeed("datastep", self.table, parts)
        self.fail_with(2, "is what INPUT reads", "summary", "~ x", parts, "--json", parts + "manifest.json")
        self.assertEqual(self.bytes_of(self.table), kept)
        with open(parts + "notes.txt", "w") as file:
            file.write("mine")
        self.fail_with(2, "holds 'notes.txt'", "datastep", self.table, parts, "--overwrite")
        self.assertEqual(self.bytes_of(parts + "notes.txt"), b"mine")

    def test_checkpoints_replace_nothing_else(self):
        text = self.write("text.csv", "y,x\n3,1\n0,2\n7,3\n1,4\n12,5\n")
        before = self.bytes_of(text)
        other = self.write("other.txt", before)
        self.fail_with(3, "is no checkpoint; --overwrite replaces it", "glm", "y ~ x", text, "--family", "poisson", "--checkpoint", other)
        self.fail_with(2, "is what INPUT reads", "glm", "y ~ x", text, "--family", "poisson", "--checkpoint", text, "--overwrite")
        self.assertEqual((self.bytes_of(text), self.bytes_of(other)), (before, before))
        state = self.path("state.json")
        work = ["glm", "y ~ x", text, "--family", "poisson", "--checkpoint", state]
        for _ in range(2):  # one checkpoint gives way to the next
            self.fail_with(4, "did not converge", *work, "--max-iterations", "1", "--quiet")
        self.write("text.csv", "y,x\n3,1\n0,2\n7,3\n1,4\n13,5\n")
        self.fail_with(3, "or the rows have changed", *work, "--resume")
        self.write("text.csv", before)
        self.succeed(*work, "--resume")

    def test_data_errors_name_the_file(self):
        text = self.write("inf.csv", "y,x\n1,Inf\n2,3\n4,5\n")
        self.fail_with(3, "rxhpc linmod: %s: column 'x': infinite values" % text, "linmod", "y ~ x", text)
        self.fail_with(3, "rxhpc linmod: %s: no row is complete" % self.table, "linmod", "y ~ x", self.table, "--row-selection", "x > 99")
        self.fail_with(3, "rxhpc linmod: %s: has no group '/nope'" % self.table, "linmod", "y ~ x", self.table + ":/nope")
        self.fail_with(3, "rxhpc import: %s: exists already" % self.table, "import", self.csv, self.table)

    def test_columns_are_kept_by_their_new_names(self):
        text, info = self.write("old.csv", "y,age\n1,34\n2,35\n"), self.write("info.json", '{"age": {"new_name": "years"}}')
        for out in ("k.h5", "k.csv"):
            for more in ([], ["--row-selection", "years > 34"]):
                self.succeed("import", text, self.path(out), "--col-info", info, "--vars-to-keep", "years", "--overwrite", *more)
                self.assertEqual([v["name"] for v in self.result("info", self.path(out))["variables"]], ["years"])
                self.fail_with(2, "unknown column 'age'", "import", text, self.path(out), "--col-info", info, "--vars-to-keep", "age", "--overwrite", *more)

    def test_existing_outputs_stay(self):
        before = self.bytes_of(self.table)
        self.fail_with(3, "--overwrite", "import", self.csv, self.table)
        self.assertEqual(self.bytes_of(self.table), before)
        self.succeed("import", self.csv, self.table, "--overwrite")
        self.assertEqual(self.bytes_of(self.table), before)
        model = self.write("m.json", "{}")
        self.fail_with(3, "--overwrite", "linmod", "y ~ x", self.table, "--model", model)
        self.assertEqual(self.bytes_of(model), b"{}")

    def test_streams(self):
        status, out, err = run("summary", "~ x + g", self.table)
        self.assertEqual(status, 0)
        self.assertIn("x", out)
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("rows/s", err)
        self.assertEqual(run("summary", "~ x", self.table, "--quiet"), (0, "", ""))
        status, out, err = run("summary", "~ x", self.table, "--json", "-", "--report-progress", "0")
        self.assertEqual(json.loads(out)["variables"][0]["mean"], 3)
        self.assertEqual(err, "")
        status, out, _ = run("summary", "~ x", self.table, "--json", self.path("s.json"))
        self.assertIn("x", out)
        self.assertEqual(json.loads(self.bytes_of(self.path("s.json")))["verb"], "summary")

    def test_flags_take_values(self):
        for words in (["--cov-coef"], ["--cov-coef", "true"], ["--cov-coef=true"]):
            self.assertIn("cov_coef", self.result("linmod", *words, "y ~ x", self.table))
        for words in ([], ["--cov-coef", "false"], ["--cov-coef=FALSE"]):
            self.assertNotIn("cov_coef", self.result("linmod", *words, "y ~ x", self.table))

    def test_predictions_that_are_missing_are_counted(self):
        model, rows, out = self.path("m.json"), self.write("rows.csv", "x\n1\nNA\n3\nNA\n5\n"), self.path("p/")
        self.succeed("linmod", "y ~ x", self.table, "--model", model)
        for appended in ([], ["--append", "rows"]):
            result = self.result("predict", model, rows, out, *appended)
            self.assertEqual((result["n_valid_obs"], result["n_missing_obs"]), (3, 2))
        self.assertEqual(result["num_rows"], 10)

    def test_an_empty_value_is_a_value(self):
        for words in (["--row-selection="], ["--row-selection", ""]):
            self.fail_with(2, "--row-selection needs a value", "summary", "~ x", self.table, *words, "--quiet")
        self.fail_with(2, "OUTPUT is empty", "datastep", self.table, "")
        out = self.path("empty_value.csv")
        self.succeed("export", self.table, out, "--missing-value-string=", "--overwrite")
        self.succeed("export", self.table, out, "--missing-value-string=", "--overwrite")

    def test_every_result_says_what_it_is(self):
        results = {"info": self.result("info", self.table), "summary": self.result("summary", "~ x", self.table),
                   "linmod": self.result("linmod", "y ~ x", self.table), "naivebayes": self.result("naivebayes", "g ~ x", self.table),
                   "kmeans": self.result("kmeans", "~ x", self.table, "--num-clusters", "2"), "import": self.result("import", self.csv, self.path("o.h5")),
                   "export": self.result("export", self.table, self.path("o.csv")),
                   "datastep": self.result("datastep", self.table, self.path("d.h5"))}
        for verb, result in results.items():
            self.assertEqual(result["verb"], verb)
            for name in ("rxhpc", "input", "ranks", "threads", "n_valid_obs", "n_missing_obs"):
                self.assertIn(name, result, verb)
            self.assertEqual(set(result["timing"]), {"read_s", "compute_s", "merge_s", "total_s", "rows_per_s"})
        self.assertEqual(results["linmod"]["n_valid_obs"], 5)
        self.assertIn("~", results["linmod"]["formula"])

    def test_no_thread_is_started_that_is_not_used(self):
        want = self.succeed("summary", "~ x", self.csv, "--threads", "1", "--quiet")
        for words, environment in ((("--threads", "1"), {}), ((), {"OMP_NUM_THREADS": "1"}), (("--threads", "2"), {"OMP_NUM_THREADS": "100000"})):
            status, out, err = run("summary", "~ x", self.csv, "--quiet", *words, environment={"OMP_DISPLAY_AFFINITY": "TRUE", **environment})
            self.assertEqual((status, out), (0, want), err)
            self.assertLessEqual(len(set(re.findall(r"thread (0x[0-9a-f]+)", err))), 2 if "2" in words else 1, err)

    @needs_mpi
    def test_errors_under_mpirun(self):
        self.fail_with(2, "unknown option --bogus", "summary", "~ x", self.table, "--bogus", ranks=2)
        self.fail_with(2, "rxhpc: unknown verb", "sumary", ranks=3)
        self.fail_with(3, "no such file", "summary", "~ x", self.path("no.h5"), ranks=2)
        self.fail_with(2, "nosuch", "linmod", "y ~ nosuch", self.table, ranks=3)
        status, out, _ = run("--help", ranks=2)
        self.assertEqual((status, out.count("usage: rxhpc")), (0, 1))
        self.assertEqual(self.succeed("summary", "~ x", self.csv, ranks=2).count("ummary"), self.succeed("summary", "~ x", self.csv).count("ummary"))

    def test_slurm_accident_is_noticed(self):
        status, _, err = run("info", self.table, environment={"SLURM_STEP_ID": "0", "SLURM_NTASKS": "4"})
        self.assertNotEqual(status, 0)
        self.assertIn("do not know of one another", err)


if __name__ == "__main__":
    unittest.main(verbosity=2)

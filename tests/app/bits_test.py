"""The same bits for any number of ranks and threads, from tables and from text."""
import filecmp
import itertools
import os
import unittest

from rxhpc_cases import MPIRUN, Case, made_table, without_run

RANKS = (1, 2, 3) if MPIRUN else (1,)
TEXT = ("--rows-per-read", "97", "--col-classes", "g=factor,h=integer")


class Bits(Case):
    def setUp(self):
        super().setUp()
        self.csv = self.write("t.csv", made_table(1500))

    def test_import_writes_the_same_bytes(self):
        for codec in ("none", "portable", "fast", "small"):
            first = None
            for ranks, threads in itertools.product(RANKS, (1, 2)):
                out = self.path("%s-%d-%d.h5" % (codec, ranks, threads))
                self.succeed("import", self.csv, out, *TEXT, "--codec", codec, "--threads", threads, ranks=ranks)
                first = first or out
                self.assertTrue(filecmp.cmp(first, out, shallow=False), "%s differs from %s" % (out, first))

    def test_parts_hold_the_same_bytes(self):
        folders = []
        for ranks in RANKS:
            out = self.path("parts-%d/" % ranks)
            self.succeed("import", self.csv, out, *TEXT, "--rows-per-part", "388", ranks=ranks)
            folders.append(out)
        names = sorted(os.listdir(folders[0]))
        self.assertGreater(len(names), 4)
        for folder in folders[1:]:
            self.assertEqual(sorted(os.listdir(folder)), names)
            self.assertEqual(filecmp.cmpfiles(folders[0], folder, names, shallow=False)[0], names)

    def same_results(self, *words):
        inputs = {"text": (self.csv, TEXT)}
        for codec in ("none", "portable"):
            inputs[codec] = (self.path(codec + ".h5"), ())
            if not os.path.exists(inputs[codec][0]):
                self.succeed("import", self.csv, inputs[codec][0], *TEXT, "--codec", codec)
        inputs["parts"] = (self.path("parts/"), ())
        if not os.path.exists(inputs["parts"][0]):
            self.succeed("import", self.csv, inputs["parts"][0], *TEXT, "--rows-per-part", "194")
        want = None
        for (kind, (path, options)), ranks, threads in itertools.product(inputs.items(), RANKS, (1, 2)):
            if kind in ("portable", "parts") and ranks == 2:
                continue
            got = without_run(self.result(*words[:2], path, *words[2:], *options, "--threads", threads, ranks=ranks))
            want = want or got
            self.assertEqual(got, want, "%s, %d ranks, %d threads" % (kind, ranks, threads))

    def test_summary(self):
        self.same_results("summary", "~ x + y + g + x:g + flag")

    def test_summary_of_selected_rows(self):
        self.same_results("summary", "~ x + z", "--transform", "z = log(abs(x)) + h", "--row-selection", "g != 'b' & h > 3")

    def test_quantiles(self):
        self.same_results("quantile", "~ x + h + x:g")
        self.same_results("quantile", "x ~ g", "--pweights", "w", "--transform", "w = h / 7", "--type", "7", "--row-selection", "flag")

    def test_histogram(self):
        self.same_results("histogram", "~ x | g", "--breaks", "fd", "--pweights", "w", "--transform", "w = h / 7")
        self.same_results("histogram", "~ F(h) | flag", "--row-selection", "x > 9")

    def test_lorenz(self):
        self.same_results("lorenz", "~ h + abs(x)", "--pweights", "w", "--transform", "w = h / 7")
        self.same_results("lorenz", "abs(y) ~ x", "--num-breaks", "0")

    def test_cube(self):
        self.same_results("cube", "cbind(x, y) ~ g:F(h):flag", "--use-na", "ifany")
        self.same_results("cube", "x ~ g:F(id)", "--use-sparse-cube", "--pweights", "h")

    def test_cells_do_not_depend_on_chunks(self):
        want = None
        for rows in (1, 97, 1000, 5000):
            got = without_run(self.result("cube", "log(abs(x * y)) ~ g:F(h)", self.csv, "--rows-per-read", rows, *TEXT[2:], "--pweights", "abs_z",
                                          "--transform", "abs_z = exp(y)"))
            want = want or got
            self.assertEqual(got, want, "%d rows a chunk" % rows)

    def test_crosstabs(self):
        self.same_results("crosstabs", "y ~ g:F(h):flag", "--tests", "all", "--fweights", "h", "--pairwise")

    def test_linear_model(self):
        self.same_results("linmod", "y ~ x + g", "--cov-coef")

    def test_linear_model_with_transforms(self):
        self.same_results("linmod", "log(abs(y)) ~ x:g + F(h)", "--row-selection", "flag")

    def test_cells_of_a_cube(self):
        options = ("--cube", "--cube-predictions", "--pweights", "h")
        self.same_results("linmod", "cbind(y, x) ~ g:F(h) + flag", *options)
        self.same_results("glm", "n ~ g + x:flag + offset(x)", "--transform", "n = floor(abs(y))", "--family", "poisson", "--return-always", *options)
        self.same_results("logit", "z ~ g + x", "--transform", "z = h %% 2 == 1", "--cube", "--cube-predictions")

    def test_logistic_regression(self):
        self.same_results("logit", "z ~ x + g", "--transform", "z = h %% 2 == 1", "--cov-coef")

    def test_generalised_linear_models(self):
        count = ("--transform", "n = floor(abs(y))")
        self.same_results("glm", "n ~ x:g + F(h) + offset(x)", *count, "--family", "poisson", "--return-always")
        self.same_results("glm", "n ~ x + g", *count, "--family", "tweedie", "--var-power", "1.4", "--link-power", "0", "--pweights", "h")

    def test_kmeans(self):
        for start in ("random", "parallel"):
            self.same_results("kmeans", "~ x + y + h", "--num-clusters", "4", "--start", start, "--num-starts", "2")

    def test_kmeans_with_missing_cells_and_weights(self):
        self.same_results("kmeans", "~ x + y", "--num-clusters", "3", "--missing-values", "partial", "--pweights", "h", "--start", "plus-plus")

    def test_naive_bayes(self):
        self.same_results("naivebayes", "g ~ x + y + F(h) + flag", "--smoothing-factor", "1")
        self.same_results("naivebayes", "F(h) ~ x + y + g", "--pweights", "h", "--row-selection", "x > 5")

    def test_predictions_and_influence_are_the_same_bytes(self):
        table, model = self.path("t.h5"), self.path("m.json")
        self.succeed("import", self.csv, table, *TEXT)
        fits = (("linmod", "y ~ x + g", "--pweights", "h"), ("glm", "n ~ x + g", "--family", "poisson", "--transform", "n = floor(abs(y))"))
        for verb, formula, *options in fits:
            self.succeed(verb, formula, table, *options, "--cov-coef", "--model", model, "--overwrite")
            first = None
            for ranks, threads in itertools.product(RANKS, (1, 2)):
                out = self.path("%s-%d-%d.h5" % (verb, ranks, threads))
                self.succeed("predict", model, table, out, "--compute-leverage", "--compute-cooks-distance", "--compute-residuals", "--residual-type",
                             "studentized", "--threads", threads, ranks=ranks)
                first = first or out
                self.assertTrue(filecmp.cmp(first, out, shallow=False), "%s differs from %s" % (out, first))

    def test_kmeans_writes_the_same_bytes(self):
        table, first = self.path("t.h5"), None
        self.succeed("import", self.csv, table, *TEXT)
        for ranks, threads in itertools.product(RANKS, (1, 2)):
            out = self.path("clusters-%d-%d.h5" % (ranks, threads))
            self.succeed("kmeans", "~ x + y", table, out, "--num-clusters", "4", "--threads", threads, "--row-selection", "h > 2", ranks=ranks)
            first = first or out
            self.assertTrue(filecmp.cmp(first, out, shallow=False), "%s differs from %s" % (out, first))

    def test_many_ranks(self):
        table = self.path("t.h5")
        self.succeed("import", self.csv, table, *TEXT)
        for words in (("crosstabs", "y ~ g:F(h)", "--tests", "all"), ("kmeans", "~ x + y", "--num-clusters", "5"), ("naivebayes", "g ~ x + y + flag"),
                      ("histogram", "~ x | g", "--breaks", "scott", "--levels-to-drop", "b"), ("lorenz", "~ h + abs(x)", "--pweights", "h")):
            want = None
            for ranks, threads in ((1, 2), (4, 1), (4, 2), (7, 1), (7, 2)) if MPIRUN else ((1, 1), (1, 2)):
                got = without_run(self.result(*words[:2], table, *words[2:], "--threads", threads, ranks=ranks))
                want = want or got
                self.assertEqual(got, want, "%s, %d ranks, %d threads" % (words[0], ranks, threads))

    def test_covariances(self):
        self.same_results("covcor", "~ x + y + g:x + flag", "--princomp")
        self.same_results("covcor", "~ x + y + g + h", "--use", "pairwise.complete.obs", "--type", "cor")
        self.same_results("covcor", "y ~ x + h", "--ridge-lambda", "0,0.5", "--pweights", "h")

    def test_roc(self):
        self.same_results("roc", "flag ~ x + h", "--num-breaks", "0")
        self.same_results("roc", "flag ~ x + h + y", "--num-breaks", "10")
        self.same_results("roc", "y > 20 ~ p", "--transform", "p = x / 20")

    def test_stepwise(self):
        self.same_results("linmod", "y ~ 1", "--step-scope-upper", "~ x * g + h + flag", "--keep-step-coefs")

    def test_robust_linear_model(self):
        self.same_results("linmod", "y ~ x + g", "--robust", "HC3", "--vif", "--anova", "--pweights", "h")

    def test_elastic_net(self):
        self.same_results("linmod", "y ~ x * g + h", "--alpha", "0.5", "--fweights", "h", "--n-lambda", "7")
        self.same_results("logit", "flag ~ x + g + h", "--lambda", "0.05,0.001", "--alpha", "0.3")
        self.same_results("glm", "h ~ x + y + g", "--family", "poisson", "--lambda", "0.2,0.02")

    def test_robust_errors_by_cluster(self):
        self.same_results("linmod", "y ~ x * g", "--cluster", "h", "--cov-coef")
        self.same_results("logit", "z ~ x + F(h)", "--transform", "z = id %% 2 == 1", "--cluster", "g", "--robust", "HC0")

    def test_robust_generalised_models(self):
        self.same_results("glm", "n ~ x:g + offset(x)", "--transform", "n = floor(abs(y))", "--family", "poisson", "--robust", "HC2", "--return-always")


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Logistic regressions and generalised linear models from the command line: status, checkpoints, predictions, other systems' files."""
import csv
import json
import math
import os
import unittest
import xml.etree.ElementTree

from rxhpc_cases import MPIRUN, Case, run, without_run

ROWS = [(0.5, "a", 1, 0), (1.0, "b", 0, 2), (1.5, "a", 1, 1), (2.0, "b", 1, 4), (2.5, "c", 0, 3), (3.0, "a", 0, 5), (3.5, "c", 1, 2), (4.0, "b", 1, 7),
        (4.5, "c", 0, 6), (5.0, "a", 1, 8), (5.5, "b", 0, 5), (6.0, "c", 1, 9), (6.5, "a", 0, 12), (7.0, "b", 1, 10)] * 3
PMML = "{http://www.dmg.org/PMML-4_4}"


class Glm(Case):
    def setUp(self):
        super().setUp()
        lines = ["x,g,z,n"] + ["%r,%s,%d,%d" % row for row in ROWS]
        self.csv = self.write("t.csv", "\n".join(lines) + "\n")
        self.model = self.path("m.json")

    def predicted(self, *options):
        out = self.path("out.csv")
        self.succeed("predict", self.model, self.csv, out, "--overwrite", *options)
        with open(out, newline="") as f:
            return [{k: float(v) if v not in ("NA",) else None for k, v in row.items()} for row in csv.DictReader(f)]

    def test_no_convergence_is_a_result_and_a_failure(self):
        out = self.path("r.json")
        status, text, err = run("logit", "z ~ x + g", self.csv, "--max-iterations", "1", "--model", self.model, "--json", out)
        self.assertEqual(status, 4)
        self.assertIn("did not converge in 1 iterations", err)
        with open(out) as f:
            result = json.load(f)
        self.assertFalse(result["converged"])
        self.assertFalse(os.path.exists(self.model))
        got = self.result("logit", "z ~ x + g", self.csv, "--max-iterations", "1", "--model", self.model, "--return-always")
        self.assertFalse(got["converged"])
        self.assertTrue(os.path.exists(self.model))
        self.assertEqual(got["coefficients"], result["coefficients"])

    def test_a_path_predicts_at_its_penalties(self):
        for verb, formula, inverse, *options in (("linmod", "n ~ x + g", lambda t: t), ("logit", "z ~ x * g", lambda t: 1 / (1 + math.exp(-t))),
                                                 ("glm", "n ~ x + g", math.exp, "--family", "poisson")):
            fit = self.result(verb, formula, self.csv, "--lambda", "0.05,0.2", "--alpha", "0.5", "--model", self.model, "--overwrite", *options)
            self.assertEqual([f["lambda"] for f in fit["path"]], [0.2, 0.05])
            self.fail_with(2, "choose one by --s", "predict", self.model, self.csv, self.path("out.csv"), "--overwrite")
            self.fail_with(2, "no standard errors", "predict", self.model, self.csv, self.path("out.csv"), "--overwrite", "--s", "1", "--compute-std-errors")
            for s, share in (("9", 1), ("0.2", 1), ("0.1", 1 / 3), ("0.05", 0), ("0", 0)):
                beta = {a["name"]: share * (a["estimate"] or 0) + (1 - share) * (b["estimate"] or 0)
                        for a, b in zip(fit["path"][0]["coefficients"], fit["path"][1]["coefficients"])}
                for (x, g, z, n), row in zip(ROWS, self.predicted("--s", s, "--compute-residuals")):
                    eta = beta["(Intercept)"] + beta["x"] * x + beta["g=" + g] + beta.get("x for g=" + g, 0) * x
                    y = z if verb == "logit" else n
                    self.assertAlmostEqual(row["z_Pred" if verb == "logit" else "n_Pred"], inverse(eta), delta=1e-12 * (1 + abs(inverse(eta))))
                    self.assertAlmostEqual(row["z_Resid" if verb == "logit" else "n_Resid"], y - inverse(eta), delta=1e-11)
        one = self.result("linmod", "n ~ x", self.csv, "--lambda", "0.2", "--model", self.model, "--overwrite")
        beta = [c["estimate"] for c in one["path"][0]["coefficients"]]
        self.assertAlmostEqual(self.predicted()[3]["n_Pred"], beta[0] + beta[1] * ROWS[3][0], delta=1e-12)
        self.succeed("linmod", "n ~ x", self.csv, "--model", self.model, "--overwrite")
        self.fail_with(2, "--s belongs to models of an elastic-net path", "predict", self.model, self.csv, self.path("out.csv"), "--overwrite", "--s", "1")

    def test_a_path_that_does_not_converge_ends(self):
        words = ("logit", "s ~ x", self.csv, "--transform", "s = x > 3.2", "--lambda", "0.1,0", "--model", self.model)
        status, text, err = run(*words, "--json", self.path("r.json"))
        self.assertEqual(status, 4)
        self.assertIn("did not converge at lambda = 0", err)
        with open(self.path("r.json")) as f:
            self.assertEqual(len(json.load(f)["path"]), 1)
        self.assertFalse(os.path.exists(self.model))
        self.assertEqual(len(self.result(*words, "--return-always")["path"]), 1)

    def test_steps_are_fits_to_the_rows_that_are_complete_in_the_scope(self):
        with open(self.csv) as f:
            lines = f.read().replace("2.5,c,0,3", "NA,c,0,3").splitlines()
        holed = self.write("holed.csv", "\n".join(lines) + "\n")
        for verb, formula, *options in (("logit", "z ~ g"), ("glm", "n ~ g", "--family", "poisson"), ("glm", "n ~ g", "--family", "gaussian")):
            got = self.result(verb, formula, holed, *options, "--step-scope-upper", "~ x + g", "--keep-step-coefs")
            self.assertEqual((got["n_valid_obs"], got["n_missing_obs"]), (39, 3))
            self.assertEqual(got["formula_base"], formula)
            models = []
            terms = ["g"]
            for step in got["anova"]:
                sign, _, term = step["step"].partition(" ")
                terms = [t for t in terms if t != term] + ([term] if sign == "+" else [])
                fit = self.result(verb, formula[:4] + (" + ".join(terms) or "1"), holed, *options, "--row-selection", "!is.na(x)")
                models.append(fit)
                self.assertEqual((step["resid_dev"], step["resid_df"], step["aic"]), (fit["deviance"], fit["df_residual"], fit["aic"]))
            self.assertGreater(len(models), 1)
            self.assertEqual(got["coefficients"], models[-1]["coefficients"])
            self.assertLess(got["aic"], models[0]["aic"])
            intercept = next(c for c in got["step_coefs"] if c["name"] == "(Intercept)")
            self.assertEqual(intercept["values"], [m["coefficients"][0]["estimate"] for m in models])
        counts = ("--transform", "k = n + 1", "--transform", "m = 3")
        got = self.result("logit", "cbind(k, m) ~ g", self.csv, *counts, "--step-scope-upper", "~ x + g")
        self.assertEqual(got["formula_base"], "cbind(k, m) ~ g")
        self.assertEqual([s["step"] for s in got["anova"]], ["", "+ x", "- g"])
        self.assertEqual(got["formula"], "cbind(k, m) ~ x")
        self.assertEqual(got["coefficients"], self.result("logit", "cbind(k, m) ~ x", self.csv, *counts)["coefficients"])
        self.fail_with(2, "this model has one response", "glm", "cbind(k, m) ~ g", self.csv, *counts, "--family", "poisson", "--step-scope-upper", "~ x + g")
        self.fail_with(2, "has no AIC", "glm", "n ~ x + g", self.csv, "--family", "quasipoisson", "--step-method", "backward")
        self.result("glm", "n ~ x + g", self.csv, "--family", "quasipoisson", "--step-criterion", "sig-level")

    def test_a_fit_goes_on_where_it_was_broken_off(self):
        work = ("glm", "n ~ x + g + offset(log(x))", self.csv, "--family", "poisson", "--rows-per-read", "5")
        want = without_run(self.result(*work))
        state = self.path("state.json")
        for ranks in (1, 2) if MPIRUN else (1,):
            if os.path.exists(state):
                os.remove(state)
            status, _, _ = run(*work, "--checkpoint", state, "--max-iterations", "2", "--quiet", ranks=ranks)
            self.assertEqual(status, 4)
            self.assertEqual(without_run(self.result(*work, "--checkpoint", state, "--resume", ranks=ranks)), want)
        self.assertEqual(without_run(self.result(*work, "--checkpoint", self.path("none.json"), "--resume")), want)
        self.fail_with(3, "another fit", "glm", "n ~ x", self.csv, "--family", "poisson", "--checkpoint", state, "--resume")
        self.fail_with(3, "another fit", *work, "--cluster", "g", "--checkpoint", state, "--resume")  # rows without a cluster are left out
        self.fail_with(3, "checkpoint", *work, "--checkpoint", self.write("bad.json", '{"rxhpc_checkpoint": 1}'), "--resume")
        self.fail_with(2, "--checkpoint", *work, "--resume")

    def test_predictions_of_every_kind(self):
        self.succeed("glm", "n ~ x + g", self.csv, "--family", "poisson", "--cov-coef", "--model", self.model)
        link = self.predicted("--type", "link", "--compute-std-errors")
        mean = self.predicted("--compute-std-errors", "--interval", "confidence", "--compute-residuals")
        wide = self.predicted("--interval", "prediction", "--residual-type", "pearson", "--compute-residuals")
        deviance = self.predicted("--residual-type", "deviance", "--compute-residuals")
        working = self.predicted("--residual-type", "working", "--compute-residuals")
        self.assertEqual(len(mean), len(ROWS))
        for row, a, b, c, d, e in zip(ROWS, link, mean, wide, deviance, working):
            mu, n = b["n_Pred"], row[3]
            self.assertAlmostEqual(math.exp(a["n_Pred"]), mu, 12)
            self.assertAlmostEqual(b["n_StdErr"], mu * a["n_StdErr"], 12)
            self.assertAlmostEqual(b["n_Upper"], math.exp(a["n_Pred"] + 1.959963984540054 * a["n_StdErr"]), 10)
            self.assertAlmostEqual(c["n_Upper"], mu + 1.959963984540054 * math.sqrt(mu + b["n_StdErr"] ** 2), 10)
            self.assertGreaterEqual(c["n_Lower"], 0)
            self.assertAlmostEqual(b["n_Resid"], n - mu, 12)
            self.assertAlmostEqual(c["n_Resid"], (n - mu) / math.sqrt(mu), 12)
            self.assertAlmostEqual(e["n_Resid"], (n - mu) / mu, 12)
            self.assertAlmostEqual(d["n_Resid"] ** 2, 2 * ((n * math.log(n / mu) if n else 0) - (n - mu)), 12)
            self.assertGreaterEqual(d["n_Resid"] * (n - mu), 0)
        chosen = self.predicted("--row-selection", "x > 3 & g != 'a'")
        self.assertEqual(len(chosen), sum(r[0] > 3 and r[1] != "a" for r in ROWS))

    def test_a_wrong_request_for_predictions(self):
        self.succeed("logit", "z ~ x + g", self.csv, "--model", self.model)
        self.fail_with(2, "--cov-coef", "predict", self.model, self.csv, self.path("o.csv"), "--compute-std-errors")
        self.succeed("logit", "z ~ x + g", self.csv, "--model", self.model, "--overwrite", "--cov-coef")
        self.fail_with(2, "prediction interval", "predict", self.model, self.csv, self.path("o.csv"), "--interval", "prediction", "--type", "link")
        new = self.write("new.csv", "x,g\n1,a\n2,d\n")
        self.fail_with(3, "level 'd'", "predict", self.model, new, self.path("o.csv"))
        with open(self.model) as f:
            model = json.load(f)
        model["functions"]["variance"] = "mu^17"
        self.fail_with(3, "damaged", "predict", self.write("damaged.json", json.dumps(model)), self.csv, self.path("o.csv"))
        self.fail_with(3, "model", "predict", self.write("cut.json", json.dumps(model)[:300]), self.csv, self.path("o.csv"))

    def test_responses_that_have_no_place(self):
        self.fail_with(3, "neither 0 nor 1", "logit", "n ~ x", self.csv)
        self.fail_with(3, "3 levels", "logit", "g ~ x", self.csv, "--col-classes", "g=factor")
        self.fail_with(3, "one class", "logit", "z ~ x", self.csv, "--row-selection", "z == 1")
        self.fail_with(3, "not above 0", "glm", "n ~ x", self.csv, "--family", "Gamma")
        self.fail_with(3, "negative", "glm", "m ~ x", self.csv, "--family", "poisson", "--transform", "m = n - 3")
        self.fail_with(3, "infinite", "glm", "n ~ m", self.csv, "--family", "poisson", "--transform", "m = 1 / (x - 1)")
        self.fail_with(3, "no row", "logit", "z ~ x", self.csv, "--row-selection", "x > 100")
        self.fail_with(2, "--link", "glm", "n ~ x", self.csv, "--family", "poisson", "--link", "logarithm")
        self.fail_with(2, "--variance", "glm", "n ~ x", self.csv, "--family", "poisson", "--variance", "mu")

    def test_classes_as_text_and_as_truth(self):
        want = without_run(self.result("logit", "z ~ x", self.csv))["coefficients"]
        for transform in ("c = ifelse(z == 1, 'yes', 'no')", "c = z == 1"):
            got = without_run(self.result("logit", "c ~ x", self.csv, "--transform", transform))["coefficients"]
            self.assertEqual(got, want)

    def test_analysis_of_deviance(self):
        small = self.result("glm", "n ~ x", self.csv, "--family", "poisson", "--model", self.model)
        large = self.result("glm", "n ~ x + g", self.csv, "--family", "poisson", "--anova-with", self.model)
        first, second = large["anova"]
        self.assertEqual(first["resid_dev"], small["deviance"])
        self.assertEqual(second["df"], 2)
        self.assertAlmostEqual(second["statistic"], small["deviance"] - large["deviance"], 10)
        self.assertAlmostEqual(second["p_value"], math.exp(-second["statistic"] / 2), 10)  # chi-squared with 2 degrees of freedom
        self.fail_with(2, "nested", "glm", "n ~ g", self.csv, "--family", "poisson", "--anova-with", self.model)

    def score(self, file, row):
        """The linear predictor of a row, by the markup alone."""
        tree = xml.etree.ElementTree.parse(file).getroot()
        model = tree.find(PMML + "GeneralRegressionModel")
        beta = {c.get("parameterName"): float(c.get("beta")) for c in model.iter(PMML + "PCell")}
        factors = {p.get("name") for p in model.find(PMML + "FactorList")}
        value = {"x": row[0], "g": row[1], "log(x)": math.log(row[0])}
        term = dict.fromkeys(beta, 1.0)
        for cell in model.iter(PMML + "PPCell"):
            name = cell.get("predictorName")
            term[cell.get("parameterName")] *= float(value[name] == cell.get("value")) if name in factors else value[name]
        return sum(beta[p] * term[p] for p in beta)

    def test_other_systems_can_score_the_model(self):
        self.succeed("glm", "n ~ log(x) + g + x:g", self.csv, "--family", "poisson", "--model", self.model)
        out = self.path("m.pmml")
        self.succeed("export", self.model, out)
        tree = xml.etree.ElementTree.parse(out).getroot()
        self.assertEqual(tree.find(PMML + "GeneralRegressionModel").get("linkFunction"), "log")
        derived = {d.get("name"): d for d in tree.iter(PMML + "DerivedField")}
        self.assertEqual(derived["log(x)"].find(PMML + "Apply").get("function"), "ln")
        for row, predicted in zip(ROWS, self.predicted()):
            self.assertAlmostEqual(math.exp(self.score(out, row)), predicted["n_Pred"], 9)
        self.fail_with(2, "cauchit", "export", self.fitted_by("cauchit"), self.path("c.pmml"))
        self.fail_with(2, "--s belongs to models of an elastic-net path", "export", self.model, self.path("s.pmml"), "--s", "1")
        self.fail_with(2, "--s belongs to a model", "export", self.csv, self.path("s.csv"), "--s", "1")

    def test_other_systems_can_score_a_path_at_a_penalty(self):
        self.succeed("glm", "n ~ log(x) + g", self.csv, "--family", "poisson", "--lambda", "0.3,0.1,0.02", "--model", self.model)
        out = self.path("path.pmml")
        self.fail_with(2, "path of 3 penalties", "export", self.model, out)
        for s in "0.3", "0.07", "0.001":
            self.succeed("export", self.model, out, "--s", s, "--overwrite")
            for row, predicted in zip(ROWS, self.predicted("--s", s)):
                self.assertAlmostEqual(math.exp(self.score(out, row)), predicted["n_Pred"], 9)

    def fitted_by(self, link):
        file = self.path(link + ".json")
        self.succeed("glm", "z ~ x", self.csv, "--family", "binomial", "--link", link, "--model", file)
        return file


if __name__ == "__main__":
    unittest.main(verbosity=2)

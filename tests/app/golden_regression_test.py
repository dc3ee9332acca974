"""The tools around the linear model against R's answers on the flight table (tests/golden/regression.R), alone and on 3 ranks."""
import csv
import json
import os
import unittest

from rxhpc_cases import MPIRUN, Case

DATA = os.environ.get("RXHPC_TEST_DATA", "tests/data")
GOLDEN = json.load(open(os.path.join(DATA, "..", "golden", "regression.json")))
RANKS = (1, 3) if MPIRUN else (1,)


class Golden(Case):
    def setUp(self):
        super().setUp()
        self.table = self.path("flights.h5")
        self.succeed("import", os.path.join(DATA, "nycflights.csv.gz"), self.table, "--rows-per-read", "4096")

    def near(self, want, got, rel, scale=0.0, what=""):
        self.assertIsNotNone(got, what)
        self.assertLessEqual(abs(got - want), rel * max(abs(want), scale), "%s: expected %r, got %r" % (what, want, got))

    def near_matrix(self, want, got, what):
        self.assertEqual(len(want), len(got), what)
        for i, row in enumerate(want):
            for j, x in enumerate(row):
                self.near(x, got[i][j], 1e-12, (want[i][i] * want[j][j]) ** 0.5, "%s [%d, %d]" % (what, i, j))

    def test_covariances(self):
        for ranks in RANKS:
            for case in GOLDEN["covariance"]:
                got = self.result("covcor", case["formula"], self.table, *case["options"], ranks=ranks)
                self.near_matrix(case["matrix"], got[case["field"]], case["id"])

    def test_principal_components(self):
        for case in GOLDEN["princomp"]:
            model, scores = self.path(case["type"] + ".json"), self.path(case["type"] + ".csv")
            got = self.result("covcor", case["formula"], self.table, "--type", case["type"], "--princomp", "--model", model)["princomp"]
            for k, want in enumerate(case["std_devs"]):
                self.near(want, got["std_devs"][k], 1e-10, 0, case["id"])
            self.succeed("predict", model, self.table, scores)
            with open(scores) as f:
                rows = list(csv.DictReader(f))
            for k in range(len(case["std_devs"])):
                sign = 1 if case["loadings"][0][k] * got["loadings"][0][k] > 0 else -1
                for i, row in enumerate(case["loadings"]):
                    self.near(row[k], sign * got["loadings"][i][k], 1e-9, 1, case["id"])
                for i, row in enumerate(case["scores"]):
                    self.near(row[k], sign * float(rows[i]["Comp.%d" % (k + 1)]), 1e-9, case["std_devs"][0], case["id"])

    def test_ridge(self):
        lambdas = ",".join(str(f["lambda"]) for f in GOLDEN["ridge"])
        model, fitted = self.path("ridge.json"), self.path("fitted.csv")
        formula = "dep_delay ~ arr_delay + distance + air_time"
        got = self.result("covcor", formula, self.table, "--ridge-lambda", lambdas)["ridge"]
        for want, fit in zip(GOLDEN["ridge"], got):
            self.assertEqual(want["lambda"], fit["lambda"])
            for w, c in zip(want["estimates"], fit["coefficients"]):
                self.near(w, c["estimate"], 1e-10, 0, c["name"])
        self.succeed("covcor", formula, self.table, "--ridge-lambda", "2", "--model", model)
        self.succeed("predict", model, self.table, fitted, "--write-model-vars")
        b = GOLDEN["ridge"][2]["estimates"]
        with open(fitted) as f:
            row = next(csv.DictReader(f))
        want = b[0] + sum(x * float(row[name]) for x, name in zip(b[1:], ("arr_delay", "distance", "air_time")))
        self.near(want, float(row["dep_delay_Pred"]), 1e-10)

    def test_roc(self):
        for ranks in RANKS:
            got = self.result("roc", "arr_delay > 15 ~ " + " + ".join(c["name"] for c in GOLDEN["roc"]), self.table, "--num-breaks", "0", ranks=ranks)
            for case in GOLDEN["roc"]:
                self.near(case["auc"], got["auc"][case["name"]], 1e-13, 0, case["name"])
                self.near(case["std_error"], got["auc_interval"][case["name"]]["std_error"], 1e-11, 0, case["name"])

    def small(self):
        """every seventh row of January's, as regression.R has it"""
        january, small = self.path("january.h5"), self.path("small.h5")
        self.succeed("datastep", self.table, january, "--row-selection", "month == 1 & dep_delay < 200")
        self.succeed("datastep", january, small, "--row-selection", "(.rxRowNums - 1) %% 7 == 0", "--transform", "w = distance / 1000", "--rows-per-read", "60")
        return small

    def test_stepwise(self):
        table = self.small()
        for case, ranks in ((case, ranks) for case in GOLDEN["stepwise"] for ranks in RANKS):
            got = self.result("linmod", case["start"], table, "--step-method", case["method"], "--step-scope-lower", case["lower"], "--step-scope-upper",
                              case["upper"], "--like-r", *case["options"], ranks=ranks)
            self.assertEqual([s["step"] for s in case["path"]], [s["step"] for s in got["anova"]], case["id"])
            for want, have in zip(case["path"], got["anova"]):
                for name in ("df", "deviance", "resid_df", "resid_dev", "aic"):
                    if want[name] is None:
                        self.assertIsNone(have[name])
                    else:
                        self.near(want[name], have[name], 1e-9, want["resid_dev"] if name == "deviance" else 0, case["id"] + " " + name)
            self.assertEqual(got["formula_base"].replace(" ", ""), case["start"].replace(" ", ""))
            have = {tuple(sorted(c["name"].split(":"))): c["estimate"] for c in got["coefficients"] if not c["aliased"]}
            self.assertEqual(len(have), len(case["names"]), case["id"])
            for name, estimate in zip(case["names"], case["estimates"]):
                self.near(estimate, have[tuple(sorted(name.split(":")))], 1e-9, 0, case["id"] + " " + name)

    def test_steps_by_significance(self):
        table = self.small()
        for case in GOLDEN["step_tests"]:
            level = "--max-sig-level-to-add" if case["method"] == "forward" else "--min-sig-level-to-drop"
            got = self.result("linmod", case["start"], table, "--step-method", case["method"], "--step-criterion", "sig-level", "--step-scope-upper",
                              case["upper"], level, case["level"])
            self.assertEqual(case["steps"], [s["step"] for s in got["anova"]])

    def test_robust_covariances_and_variance_inflation(self):
        table = self.small()
        for case, kind in ((case, kind) for case in GOLDEN["robust"] for kind in ("HC0", "HC1", "HC2", "HC3")):
            got = self.result("linmod", case["formula"], table, "--like-r", "--robust", kind, "--vif", "--cov-coef", *case["options"], ranks=RANKS[-1])
            have = [c for c in got["coefficients"] if not c["aliased"]]
            self.assertEqual([c["name"] for c in have], case["names"])
            for k, c in enumerate(have):
                self.near(case[kind][k], c["std_error"], 1e-9, 0, "%s %s %s" % (case["id"], kind, c["name"]))
                self.near(c["estimate"] / case[kind][k], c["t_value"], 1e-8, 1e-3)
            self.near(case[kind][0] ** 2, got["cov_coef"][0][0], 1e-8)
            for want, v in zip(case["gvif"], got["vif"]):
                self.near(want, v["gvif"], 1e-9, 0, case["id"] + " " + v["term"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

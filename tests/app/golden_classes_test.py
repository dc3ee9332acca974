#!/usr/bin/env python3
"""Clusters and naive Bayes of the flight table against R's answers (tests/golden/classes.json), alone and, where there is MPI, on 3 ranks."""
import csv
import json
import os
import unittest

from rxhpc_cases import MPIRUN, Case

DATA = os.environ.get("RXHPC_TEST_DATA", "tests/data")
with open(os.path.join(DATA, "..", "golden", "classes.json")) as file:
    GOLDEN = json.load(file)
TRANSFORM = ("--transform", "far = ifelse(distance < 500, NA, distance)")


class Classes(Case):
    def near(self, want, got, rel, what):
        self.assertEqual(len(want), len(got), what)
        for w, g in zip(want, got):
            self.assertLessEqual(abs(w - g), rel * max(abs(w), 1e-3), "%s: expected %r, got %r" % (what, w, g))

    def rows_of(self, path, column):
        with open(path) as file:
            return [row[column] for row in csv.DictReader(file)]

    def over_ranks(self):
        table = self.path("flights.h5")
        self.succeed("import", os.path.join(DATA, "nycflights.csv.gz"), table, "--rows-per-read", "4096", "--sort-levels", "--col-classes", "carrier=factor,origin=factor")
        for ranks in [1, 3] if MPIRUN else [1]:
            yield table, ranks

    def test_clusters(self):
        for table, ranks in self.over_ranks():
            for case in GOLDEN["kmeans"]:
                start = self.write("start.csv", "\n".join([",".join(case["vars"])] + [",".join(map(repr, row)) for row in case["start"]]) + "\n")
                out = self.path("clusters.csv")
                got = self.result("kmeans", "~ " + " + ".join(case["vars"]), table, out, "--overwrite", "--centers", start,
                                  "--max-iterations", case["max_iterations"], *TRANSFORM, ranks=ranks)
                self.assertEqual(got["size"], case["size"], case["id"])
                for want, have in zip(case["centers"], got["centers"]):
                    self.near(want, have, 1e-12, case["id"] + " centre")
                self.near(case["withinss"], got["withinss"], 1e-11, case["id"] + " withinss")
                self.near([case["betweenss"], case["totss"]], [got["betweenss"], got["totss"]], 1e-11, case["id"] + " betweenss, totss")
                self.assertEqual(got["converged"], case["id"] != "stopped")
                if got["converged"]:
                    self.assertEqual(got["num_iterations"], case["iterations"])
                clusters = [int(c) for c in self.rows_of(out, ".rxCluster") if c != "NA"]
                self.assertEqual(clusters[:200], case["cluster"])
                self.assertEqual(len(clusters), sum(case["size"]))

    def test_naive_bayes(self):
        for table, ranks in self.over_ranks():
            for case in GOLDEN["naive_bayes"]:
                model, out = self.path("m.json"), self.path("p.csv")
                got = self.result("naivebayes", case["formula"], table, "--smoothing-factor", case["smoothing"], "--model", model, "--overwrite", *TRANSFORM, ranks=ranks)
                self.near(case["apriori"], [got["apriori"][c] for c in case["classes"]], 1e-14, "apriori")
                for name, want in case["tables"].items():
                    for c, row in zip(case["classes"], want["values"]):
                        self.near(row, [got["tables"][name][c][level] for level in want["levels"]], 1e-12, "%s given %s" % (name, c))
                self.succeed("predict", model, table, out, "--type", "prob", "--overwrite", "--extra-vars-to-write", case["formula"].split(" ~")[0], ranks=ranks)
                prob = [list(map(float, p)) for p in zip(*(self.rows_of(out, c + "_prob") for c in case["classes"]))]
                for i, want in enumerate(case["prob"]):
                    self.near(want, prob[i], 1e-10, "%s row %d" % (case["id"], i + 1))
                truth = self.rows_of(out, case["formula"].split(" ~")[0])
                total = sum(p[case["classes"].index(t)] for p, t in zip(prob, truth))
                self.near([case["truth"]], [total], 1e-10, "sum of the probabilities of the truth")
                self.succeed("predict", model, table, out, "--type", "class", "--overwrite", ranks=ranks)
                self.assertEqual(self.rows_of(out, case["formula"].split(" ~")[0] + "_Pred")[:200], case["class"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

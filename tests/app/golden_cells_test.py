#!/usr/bin/env python3
"""Cells of factors and tests of tables of the flight table against R's answers (tests/golden/cells.json), alone and, where there is MPI, on 3 ranks."""
import json
import os
import unittest

from rxhpc_cases import MPIRUN, Case

DATA = os.environ.get("RXHPC_TEST_DATA", "tests/data")
with open(os.path.join(DATA, "..", "golden", "cells.json")) as file:
    GOLDEN = json.load(file)


def occupied(values):
    """without empty rows and columns"""
    rows = [row for row in values if any(row)]
    columns = [column for column in zip(*rows) if any(column)]
    return [list(row) for row in zip(*columns)]


class Cells(Case):
    def setUp(self):
        super().setUp()
        self.table = self.path("flights.h5")
        self.succeed("import", os.path.join(DATA, "nycflights.csv.gz"), self.table, "--rows-per-read", "4096", "--sort-levels", "--col-classes",
                     "carrier=factor,origin=factor")

    def near(self, want, got, what, rel=1e-11):
        self.assertEqual(len(want), len(got), what)
        for w, g in zip(want, got):
            if w is None or g is None:
                self.assertEqual(w, g, what)
            else:
                self.assertLessEqual(abs(w - g), rel * max(abs(w), 1e-6), "%s: expected %r, got %r" % (what, w, g))

    def ranks(self):
        return [1, 3] if MPIRUN else [1]

    def test_cubes(self):
        for case in GOLDEN["cubes"]:
            for ranks in self.ranks():
                got = self.result("cube", case["formula"], self.table, *case["options"], ranks=ranks)
                self.near(case["counts"], [c["counts"] for c in got["cells"]], case["id"] + " counts")
                if not case["y"]:
                    continue
                for field in ("sums", "means"):
                    values = [c[field][case["y"]] if c["counts"] else None for c in got["cells"]]
                    self.near(case[field], values, case["id"] + " " + field)

    def test_tables(self):
        for case in GOLDEN["tables"]:
            for ranks in self.ranks():
                table = self.result("crosstabs", case["formula"], self.table, "--tests", "chisquare,kendall,fisher", *case["options"], ranks=ranks)["tables"][0]
                values = occupied(table["values"])
                self.assertEqual(values, occupied(case["values"]), case["id"])
                self.assertEqual(table["grand_total"], sum(map(sum, values)))
                chi, kendall, fisher = table["chisquare"], table["kendall"], table["fisher"]
                self.near(case["chisquare"], [chi["statistic"], chi["df"], chi["p_value"]], case["id"] + " chi-squared")
                self.near(case["kendall"], [kendall["statistic"], kendall["p_value"]], case["id"] + " kendall", 1e-9)
                if case["id"] == "two_by_two":
                    # R's own search for the odds ratio and its interval stops early
                    self.near(case["fisher"], [fisher["p_value"], fisher["statistic"], fisher["conf_low"], fisher["conf_high"]], "fisher", 1e-6)
                elif "fisher" in case:
                    self.near([case["fisher"]], [fisher["p_value"]], case["id"] + " fisher", 1e-9)
                    self.assertTrue(fisher["method"].startswith("exact"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

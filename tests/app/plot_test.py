"""Plots: well-formed SVG that shows what the result says, whole or not at all, the same bytes for any number of ranks."""
import os
import unittest
import xml.etree.ElementTree as xml

from rxhpc_cases import MPIRUN, Case, made_table

SVG = "{http://www.w3.org/2000/svg}"


class Plots(Case):
    def setUp(self):
        super().setUp()
        self.csv = self.write("t.csv", made_table(600).replace("id,x,", 'id,"x <&> ""y""",', 1))
        self.name = "`x <&> \"y\"`"
        self.text = ("--rows-per-read", "100", "--col-classes", "g=factor,h=integer")

    def draw(self, *words, ranks=1):
        path = self.path("plot.svg")
        result = self.result(*words, "--plot", path, "--overwrite", *self.text, ranks=ranks)
        return result, xml.parse(path).getroot(), self.bytes_of(path)

    def texts(self, svg):
        return [t.text for t in svg.iter(SVG + "text")]

    def test_histogram(self):
        result, svg, data = self.draw("histogram", "~ " + self.name, self.csv)
        self.assertEqual(svg.tag, SVG + "svg")
        bars = [r for r in svg.iter(SVG + "rect") if r.get("fill") == "#3b6ea5"]
        self.assertEqual(len(bars), sum(c > 0 for c in result["counts"]))
        heights = [float(b.get("height")) for b in bars]
        counts = [c for c in result["counts"] if c > 0]
        for h, c in zip(heights, counts):
            self.assertAlmostEqual(h / heights[0], c / counts[0], delta=0.02 * c / counts[0] + 0.05)
        self.assertTrue(any('x <&> "y"' in t for t in self.texts(svg)))
        if MPIRUN:
            self.assertEqual(self.draw("histogram", "~ " + self.name, self.csv, ranks=3)[2], data)

    def test_panels_and_factors(self):
        result, svg, _ = self.draw("histogram", "~ y | g", self.csv)
        self.assertEqual([t for t in self.texts(svg) if t.startswith("g=")], ["g=" + p["levels"][0] for p in result["panels"]])
        result, svg, _ = self.draw("histogram", "~ g", self.csv, "--hist-type", "percent")
        for level in result["levels"]:
            self.assertIn(level, self.texts(svg))

    def test_lorenz(self):
        result, svg, data = self.draw("lorenz", "~ h + y", self.csv, "--row-selection", "y > 0")
        self.assertEqual(len(list(svg.iter(SVG + "path"))), 2)
        self.assertTrue(any("Gini %.4f" % result["gini"]["y"] in t for t in self.texts(svg)))
        if MPIRUN:
            self.assertEqual(self.draw("lorenz", "~ h + y", self.csv, "--row-selection", "y > 0", ranks=2)[2], data)

    def test_clusters(self):
        words = ("kmeans", "~ x + y + h", self.csv, "--num-clusters", "3", "--row-selection", "x > 8")
        words = (words[0], words[1].replace("x", self.name), *words[2:-1], self.name + " > 8")
        result, svg, data = self.draw(*words)
        circles = [c for c in svg.iter(SVG + "circle") if c.get("stroke")]
        self.assertEqual(len(circles), 3)  # the centres
        self.assertEqual(len({c.get("fill") for c in circles}), 3)
        rows = [c for c in svg.iter(SVG + "circle") if not c.get("stroke")]
        self.assertEqual(len(rows) - 3, result["n_valid_obs"])  # fewer than are drawn at most, all distinct; the others are the legend
        for k, size in enumerate(result["size"]):
            self.assertEqual(sum(c.get("fill") == circles[k].get("fill") for c in rows) - 1, size)
        self.assertIn("cluster 3", self.texts(svg))
        if MPIRUN:
            self.assertEqual(self.draw(*words, ranks=3)[2], data)
        other = self.draw(*words, "--plot-vars", "h,y")[1]
        self.assertIn("h", self.texts(other))
        self.fail_with(2, "no variable of the formula", *words, "--plot-vars", "h,g", "--plot", self.path("p.svg"), *self.text)
        self.fail_with(2, "two variables", "kmeans", "~ y", self.csv, "--num-clusters", "3", "--plot", self.path("p.svg"), *self.text)
        self.assertFalse(os.path.exists(self.path("p.svg")))

    def test_existing_files_stay(self):
        path = self.write("old.svg", "old")
        self.fail_with(3, "--overwrite", "histogram", "~ y", self.csv, "--plot", path)
        self.assertEqual(self.bytes_of(path), b"old")
        self.fail_with(2, "does not end in .svg", "histogram", "~ y", self.csv, "--plot", self.path("plot.png"))
        self.fail_with(3, "finite", "histogram", "~ y", self.csv, "--row-selection", "y > 1e9", "--plot", self.path("none.svg"))
        self.assertFalse(os.path.exists(self.path("none.svg")))


if __name__ == "__main__":
    unittest.main(verbosity=2)

"""Rows added to a table or text that exists: what was there stays as it was."""
import itertools
import os
import shutil
import unittest

from rxhpc_cases import Case, needs_mpi

VALUES = {  # of each type of numbers, its ends and missing ones among them
    "logical": ["TRUE", "FALSE", "NA"],
    "integer": ["-1", "NA", "0", "127", "-127"],
    "int16": ["-1", "300", "NA", "-32767"],
    "uint16": ["65534", "NA", "0"],
    "int64": ["9007199254740993", "NA", "-1", "-128"],
    "float32": ["0.25", "NA", "-1"],
    "numeric": ["0.5", "NA", "-1", "NaN"],
}


def worth(cell, common):
    """what a cell is worth in a column of that type, as exported"""
    if cell == "NA" or common == "logical":
        return cell
    if cell == "NaN":  # missing where it is no longer a decimal
        return cell
    cell = {"TRUE": "1", "FALSE": "0"}.get(cell, cell)
    return repr(float(cell)) if common == "numeric" else cell


class Append(Case):
    def column(self, path):
        """[type, cell, cell, ...] of column x"""
        kind = {v["name"]: v["var_type"] for v in self.result("info", path)["variables"]}["x"]
        self.succeed("export", path, self.path("out.csv"), "--overwrite", "--vars-to-keep", "x")
        cells = self.bytes_of(self.path("out.csv")).decode().split("\n")[1:-1]
        return [kind] + [worth(c, kind) for c in cells]

    def text_of(self, path):
        return self.bytes_of(path).decode()

    def test_numbers_of_any_two_types(self):
        for kind, cells in VALUES.items():
            text = self.write(kind + ".csv", "x,k\n" + "".join(c + ",1\n" for c in cells))
            self.succeed("import", text, self.path(kind + ".h5"), *([] if kind == "int64" else ["--col-classes", "x=" + kind]))
        for a, b in itertools.product(VALUES, VALUES):
            grown = {}
            for output in (self.path("one.h5"), self.path("parts/")):
                shutil.rmtree(self.path("parts"), ignore_errors=True)
                self.succeed("datastep", self.path(a + ".h5"), output, "--overwrite")
                self.succeed("datastep", self.path(b + ".h5"), output, "--append", "rows")
                grown[output] = self.column(output)
            one, parts = grown.values()
            self.assertEqual(one, parts, (a, b))
            exact = [worth(c, one[0]) for c in VALUES[a] + VALUES[b]]
            self.assertEqual(one[1:], exact, (a, b))

    def test_a_column_of_missing_ones_is_logical(self):
        for first, then, want in ((["-1", "5"], ["NA"], ["-1", "5", "NA"]), (["3", "NA"], ["NA"], ["3", "NA", "NA"]), (["NA"], ["-1", "7"], ["NA", "-1", "7"])):
            for output in (self.path("t.h5"), self.path("d/"), self.path("t.csv")):
                for cells, options in ((first, ["--overwrite"]), (then, ["--append", "rows"])):
                    self.succeed("import", self.write("in.csv", "x,y\n" + "".join(c + ",1\n" for c in cells)), output, *options)
                self.assertEqual(self.column(output)[1:], want, output)

    @needs_mpi
    def test_ranks_append_the_same_bytes(self):
        first = self.write("a.csv", "x,y\n" + "".join("%d,%d\n" % (i % 7 - 1, i) for i in range(50)))
        then = self.write("b.csv", "x,y\n" + "NA,1.5\n" * 33)
        for output in ("t%d.h5", "d%d/"):
            for ranks in (1, 3):
                table = self.path(output % ranks)
                self.succeed("import", first, table, "--rows-per-read", "20")
                self.succeed("import", then, table, "--append", "rows", ranks=ranks)
            files = [""] if output.endswith("5") else sorted(os.listdir(self.path("d1/")))
            for name in files:
                self.assertEqual(self.bytes_of(self.path(output % 1 + name)), self.bytes_of(self.path(output % 3 + name)), name)
            summaries = [self.result("summary", "~ x + y", self.path(output % ranks), ranks=other)["variables"] for ranks in (1, 3) for other in (1, 3)]
            for one in summaries[1:]:
                self.assertEqual(one, summaries[0])

    def test_other_types_are_refused_alike(self):
        self.write("a.csv", "x\n1\n2\n")
        self.write("b.csv", "x\n2013-01-01\n")
        for output in (self.path("t.h5"), self.path("d/")):
            self.succeed("import", self.path("a.csv"), output)
            self.fail_with(3, "%s: column 'x': it is integer in the table and Date in what is appended" % output, "import", self.path("b.csv"), output, "--append", "rows")

    def test_reading_options_are_those_of_input(self):
        out, inp = self.path("out.csv"), self.path("in.csv")
        cases = [  # OUTPUT, INPUT, options, OUTPUT then
            ("x,g\n1,a\n2,b\n3,a\n", "x,g\n7,z\n8,b\n", ["--missing-value-string", "b"], "x,g\n1,a\n2,b\n3,a\n7,z\n8,NA\n"),
            ("x,g\n1,a\n2,NA\n", "x,g\n7,NA\n8,-\n", ["--missing-value-string", "-"], 'x,g\n1,a\n2,NA\n7,"NA"\n8,NA\n'),
            ("x,g\n1,a\nx,g\n3,c\n", "#c\n#d\nx,g\n7,z\n", ["--rows-to-skip", "2"], "x,g\n1,a\nx,g\n3,c\n7,z\n"),
            ("V1,V2\n1,a\n", "7,z\n", ["--first-row-is-col-names", "false"], "V1,V2\n1,a\n7,z\n"),
            ("x,g\n1,a;b\n", "x;g\n7;z\n", ["--delimiter", "semicolon"], "x,g\n1,a;b\n7,z\n"),
            ("x\na;b\nc;d\n", "x\ne;f\n", ["--delimiter", "comma"], "x\na;b\nc;d\ne;f\n"),  # OUTPUT's delimiter is not guessed
            ("x,g\n0.123456789,a\n", "x,g\n0.5,a\n", ["--default-decimal-col-type", "float32"], "x,g\n0.123456789,a\n0.5,a\n"),
            ("id,x\n007,1\n", "id,x\n008,2\n", ["--col-classes", "id=character"], "id,x\n007,1\n008,2\n"),
        ]
        for verb in ("import", "datastep"):
            for was, comes, options, then in cases:
                if verb == "import" and was.startswith("x,g\n1,a\nx,g"):
                    options = options + ["--col-classes", "x=character"]
                self.write("out.csv", was)
                self.write("in.csv", comes)
                self.succeed(verb, inp, out, "--append", "rows", *options)
                self.assertEqual(self.text_of(out), then, options)
        self.write("out.tsv", "x\tg\n1\ta,b\n")
        self.succeed("import", self.write("in.csv", "x,g\n2,c\n"), self.path("out.tsv"), "--append", "rows", "--delimiter", "comma")
        self.assertEqual(self.text_of(self.path("out.tsv")), "x\tg\n1\ta,b\n2\tc\n")
        self.write("out.csv", "x\n1\n2\n")
        self.succeed("datastep", self.write("in.csv", "#\nz\n7\nb\n"), out, "--append", "cols", "--rows-to-skip", "1", "--missing-value-string", "b")
        self.assertEqual(self.text_of(out), "x,z\n1,7\n2,NA\n")
        # predictions: the new text is read with its options, the old predictions without
        model = self.path("m.json")
        self.succeed("linmod", "y ~ x", self.write("train.csv", "y,x\n1,1\n2,2\n4,3\n"), "--model", model)
        self.succeed("predict", model, self.write("new.csv", "x\n1\n2\n"), self.path("p.csv"), "--vars-to-keep", "y_Pred")
        before = self.text_of(self.path("p.csv"))
        self.succeed("predict", model, self.write("new.csv", "#\nx\n1\n2\n"), self.path("p.csv"), "--vars-to-keep", "y_Pred", "--rows-to-skip", "1", "--append", "rows")
        self.assertEqual(self.text_of(self.path("p.csv")), before + before[before.index("\n") + 1:])

    def test_levels_that_are_new(self):
        told = self.write("f.json", '{"f": {"type": "ordered", "levels": ["lo", "hi"]}}')
        more = self.write("g.json", '{"f": {"type": "ordered", "levels": ["lo", "hi", "top"]}}')
        for output in (self.path("t.h5"), self.path("d/")):
            self.succeed("import", self.write("a.csv", "f\nlo\nhi\n"), output, "--col-info", told)
            self.fail_with(3, "%s: column 'f': level 'mid' is new, and nothing tells its place in the table's order" % output,
                           "import", self.write("b.csv", "f\nmid\nlo\n"), output, "--append", "rows")
            self.succeed("import", self.write("b.csv", "f\nhi\nlo\n"), output, "--append", "rows")
            self.succeed("import", self.write("b.csv", "f\ntop\nlo\n"), output, "--append", "rows", "--col-info", more)
            self.assertEqual(self.result("info", output)["variables"][0]["levels"], ["lo", "hi", "top"])
            self.succeed("export", output, self.path("o.csv"), "--overwrite", "--row-selection", "f > 'lo'")
            self.assertEqual(self.text_of(self.path("o.csv")), "f\nhi\nhi\ntop\n")
        # a factor without an order grows at its end
        self.succeed("import", self.path("a.csv"), self.path("u.h5"), "--col-classes", "f=factor")
        self.succeed("import", self.write("b.csv", "f\nmid\nlo\n"), self.path("u.h5"), "--append", "rows")
        self.assertEqual(self.result("info", self.path("u.h5"))["variables"][0]["levels"], ["lo", "hi", "mid"])

    def test_text_is_read_with_the_tables_types(self):
        first = self.write("m1.csv", "id,d,x\nA1,2013-01-01,1\n")
        then = self.write("m2.csv", "id,d,x\n007,NA,2\n")
        renamed = self.write("names.json", '{"id": {"new_name": "ident"}}')
        for options in ([], ["--transform", "z = x * 2"], ["--col-info", renamed]):
            table = self.path("m.h5")
            self.succeed("import", first, table, "--overwrite", *options)
            self.succeed("import", then, table, "--append", "rows", *options)
            self.succeed("export", table, self.path("o.csv"), "--overwrite")
            self.assertIn("\n007,", self.text_of(self.path("o.csv")), options)
        # what a transform makes tells nothing about the column that it is made of
        made = ["--transform", "x = cut(x * 2, breaks = c(0, 3, 5))"]
        self.succeed("import", first, table, "--overwrite", *made)
        self.succeed("import", then, table, "--append", "rows", *made)
        self.succeed("export", table, self.path("o.csv"), "--overwrite")
        self.assertEqual(self.text_of(self.path("o.csv")), 'id,d,x\nA1,2013-01-01,"(0,3]"\n007,NA,"(3,5]"\n')


if __name__ == "__main__":
    unittest.main()

"""The tasks: what rxhpc runs, what R runs, and what is compared."""
import importlib.util
import json
import os
import statistics
import sys
import time

from machine import HERE, output_of

NAMES = ["import", "summary", "linmod-wide", "linmod-factors", "robust", "elastic-net", "logit", "poisson", "tweedie", "tweedie-factors", "predict", "roc",
         "covcor", "cube", "quantile", "kmeans", "naivebayes", "naivebayes-factors", "histogram", "lorenz"]
WIDE = "y ~ " + " + ".join(f"x{j}" for j in range(1, 29))
# A whole-table summary is answered from the zone map without reading a row, which would be no measurement.
READ_ROWS = ["--use-zone-map", "false"]


class Bench:
    def __init__(self, programs, scratch, repeats, quick):
        self.programs, self.scratch, self.repeats, self.quick = programs, scratch, repeats, quick
        self.bandwidths = []
        self.mpi = dict(os.environ)
        if os.geteuid() == 0:
            self.mpi.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        self.serial = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "R_DATATABLE_NUM_THREADS": "2"}

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    # Data

    def csv(self, table, *size):
        path = self.scratch / ("-".join([table, *[s.lstrip("-") for s in size]]) + ".csv")
        if not path.exists():
            self.say(f"making {path.name}")
            output_of([self.programs["bench_data"], table, path, *size])
        with open(path, "rb") as file:  # into the page cache
            while file.read(1 << 24):
                pass
        return path

    def table(self, csv, *options):
        """The imported table, plain codec; made anew, since the program may have changed."""
        path = csv.with_suffix(".h5")
        self.say(f"importing {csv.name}")
        output_of([self.programs["rxhpc"], "import", csv, path, "--overwrite", "--quiet", *options])
        return path

    # One run of a contender: (seconds, what it reported)

    def rxhpc(self, *words, ranks=1, threads=2, makes=None):
        """`makes`: an OUTPUT that is to be new; to delete what an earlier run has left is not the work that is timed."""
        if makes:
            makes.unlink(missing_ok=True)
        result = self.scratch / "result.json"
        command = [self.programs["rxhpc"], *words, "--json", result, "--quiet", "--threads", threads]
        if ranks > 1:
            command = ["mpirun", "-n", ranks, "--bind-to", "none", *command]
        begin = time.monotonic()
        output_of(command, self.mpi)
        wall = time.monotonic() - begin
        reported = json.loads(result.read_text())
        reported["wall_s"] = wall
        return (wall if words[0] == "import" else reported["timing"]["total_s"]), reported

    def r(self, script, *words):
        reported = json.loads(output_of(["Rscript", "--vanilla", HERE / script, *words], self.serial))
        return reported["seconds"], reported

    def python(self, script, *words):
        """A peer from Python's packages, on two threads."""
        reported = json.loads(output_of([sys.executable, HERE / script, *words], {**self.serial, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}))
        return reported["seconds"], reported

    def stream(self, threads=2):
        reported = json.loads(output_of([self.programs["bench_bandwidth"], threads, 5]))
        self.bandwidths.append(reported["best_gb_per_s"])
        return 1.0, reported

    def bandwidth(self):
        return statistics.median(self.bandwidths) if self.bandwidths else None

    def interleaved(self, contenders):
        """Runs contenders in turn, `repeats` rounds: what disturbs the machine disturbs all of them."""
        runs = {name: [] for name in contenders}
        last = {}
        for round_ in range(self.repeats):
            for name, (run, most) in contenders.items():
                if round_ < most:
                    seconds, last[name] = run()
                    runs[name].append(seconds)
                    if name != "memory":
                        self.say(f"  {name}: {seconds:.3f} s")
        timed = {name: {"median_s": statistics.median(s), "runs_s": [round(x, 4) for x in s]} for name, s in runs.items() if name != "memory"}
        return timed, last

    def run(self, name):
        self.say(f"{name}")
        return getattr(self, "task_" + name.replace("-", "_"))()

    # Tasks

    def task_import(self):
        csv = self.csv("mixed", *(["--megabytes", "20"] if self.quick else ["--megabytes", "450"]))
        out = self.scratch / "imported.h5"
        size = csv.stat().st_size / 1e6
        contenders = {
            "rxhpc": (lambda: self.rxhpc("import", csv, out, "--overwrite"), self.repeats),
            "fread, 2 threads": (lambda: self.r("import.R", "fread", csv), self.repeats),
            "read.csv": (lambda: self.r("import.R", "read.csv", csv), 1),
        }
        timed, last = self.interleaved(contenders)
        rows = {last[name].get("rows") or last[name].get("num_rows") for name in timed}
        ours = timed["rxhpc"]["median_s"]
        return {
            "name": "import",
            "title": f"import, {size:.0f} MB CSV, {rows_text(last['read.csv']['rows'])}, 10 columns",
            "same_answer": len(rows) == 1,
            "contenders": timed,
            "mb_per_s": size / ours,
            "comparisons": [
                comparison("data.table's fread, 2 threads", timed["fread, 2 threads"]["median_s"], ours, 1),
                comparison("read.csv", timed["read.csv"]["median_s"], ours, 20),
            ],
        }

    def task_summary(self):
        rows = 500_000 if self.quick else 10_000_000
        csv = self.csv("numbers", "--rows", str(rows))
        table = self.table(csv)
        formula = "~ " + " + ".join(f"x{j}" for j in range(1, 7))
        work = ["summary", formula, table, *READ_ROWS]
        self.rxhpc(*work)
        contenders = {
            "rxhpc": (lambda: self.rxhpc(*work), self.repeats),
            "memory": (self.stream, self.repeats),
            "rxhpc, 2 ranks x 1 thread": (lambda: self.rxhpc(*work, ranks=2, threads=1), self.repeats),
            "R": (lambda: self.r("summary.R", csv), 3),
        }
        timed, last = self.interleaved(contenders)
        ours = timed["rxhpc"]["median_s"]
        gb_per_s = rows * 6 * 8 / 1e9 / ours
        return {
            "name": "summary",
            "title": f"summary, {rows_text(rows)} x 6 doubles, every row read",
            "same_answer": close(last["rxhpc"]["variables"][-1]["std_dev"], last["R"]["check"]),
            "contenders": timed,
            "gb_per_s": gb_per_s,
            "comparisons": [
                comparison("sapply with mean, sd, min, max (na.rm = TRUE), valid and missing", timed["R"]["median_s"], ours, 40),
                comparison("memory bandwidth, 2 threads", gb_per_s / self.bandwidth(), 1, 0.6, kind="share"),
                comparison("2 ranks x 1 thread", timed["rxhpc, 2 ranks x 1 thread"]["median_s"], ours, 1.1, kind="ranks"),
            ],
        }

    def task_linmod_wide(self):
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        table = self.table(csv)
        work = ["linmod", WIDE, table]
        self.rxhpc(*work)
        contenders = {
            "rxhpc": (lambda: self.rxhpc(*work), self.repeats),
            "rxhpc, 2 ranks x 1 thread": (lambda: self.rxhpc(*work, ranks=2, threads=1), self.repeats),
            "lm": (lambda: self.r("linmod.R", WIDE, str(rows), csv), 3),
        }
        timed, last = self.interleaved(contenders)
        ours = timed["rxhpc"]["median_s"]
        return {
            "name": "linmod-wide",
            "title": f"linmod, {rows_text(rows)} x 28 numeric columns",
            "same_answer": close(last["rxhpc"]["residual_squares"], last["lm"]["check"]),
            "contenders": timed,
            "comparisons": [
                comparison("lm", timed["lm"]["median_s"], ours, 50),
                comparison("2 ranks x 1 thread", timed["rxhpc, 2 ranks x 1 thread"]["median_s"], ours, 1.1, kind="ranks"),
            ],
        }

    def task_linmod_factors(self):
        rows, r_rows = (500_000, 50_000) if self.quick else (10_000_000, 1_000_000)
        csv = self.csv("factors", "--rows", str(rows))
        table = self.table(csv, "--col-classes", "day=factor,month=factor,place=factor", "--sort-levels")
        work = ["linmod", "y ~ x1 + x2 + day + month + place", table]
        small = "y ~ x1 + x2 + day + month"
        _, twin = self.rxhpc("linmod", small, table, "--row-selection", f".rxRowNums <= {r_rows}")
        self.rxhpc(*work)
        contenders = {
            "rxhpc": (lambda: self.rxhpc(*work), self.repeats),
            "rxhpc, 2 ranks x 1 thread": (lambda: self.rxhpc(*work, ranks=2, threads=1), self.repeats),
            "lm, a tenth of the rows, no 300-level factor": (lambda: self.r("linmod.R", small, str(r_rows), csv), 3),
        }
        timed, last = self.interleaved(contenders)
        ours = timed["rxhpc"]["median_s"]
        theirs = timed["lm, a tenth of the rows, no 300-level factor"]["median_s"]
        return {
            "name": "linmod-factors",
            "title": f"linmod, {rows_text(rows)}, 2 numeric columns, factors of 7, 12 and 300 levels",
            "same_answer": close(twin["residual_squares"], last["lm, a tenth of the rows, no 300-level factor"]["check"]),
            "contenders": timed,
            "rows_per_s": rows / ours,
            "comparisons": [
                comparison(f"rows/s of lm on {rows_text(r_rows)} without the 300-level factor", theirs * rows / r_rows, ours, 100),
                comparison("2 ranks x 1 thread", timed["rxhpc, 2 ranks x 1 thread"]["median_s"], ours, 1.1, kind="ranks"),
            ],
        }

    def generalised(self, name, title, response, columns, verb, family, r_family, factor):
        """A fit with all inference against glm.fit() and summary(), whose model matrix is made beforehand."""
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        table, ready = self.table(csv), self.scratch / f"{name}.h5"
        output_of([self.programs["rxhpc"], "datastep", table, ready, "--transform", f"response = {response}", "--overwrite", "--quiet"])
        terms = " + ".join(f"x{j}" for j in range(1, columns + 1))
        work = [verb, f"response ~ {terms}", ready, "--cov-coef", *family]
        self.rxhpc(*work)
        contenders = {
            "rxhpc": (lambda: self.rxhpc(*work), self.repeats),
            "rxhpc, 2 ranks x 1 thread": (lambda: self.rxhpc(*work, ranks=2, threads=1), self.repeats),
            "glm.fit": (lambda: self.r("glm.R", f"{response} ~ {terms}", r_family, str(rows), csv), 2),
        }
        timed, last = self.interleaved(contenders)
        ours = timed["rxhpc"]["median_s"]
        return {
            "name": name,
            "title": f"{title}, {rows_text(rows)} x {columns} numeric columns, all inference",
            "same_answer": close(last["rxhpc"]["deviance"], last["glm.fit"]["check"]),
            "contenders": timed,
            "comparisons": [
                comparison("glm.fit", timed["glm.fit"]["median_s"], ours, factor),
                comparison("2 ranks x 1 thread", timed["rxhpc, 2 ranks x 1 thread"]["median_s"], ours, 1.1, kind="ranks"),
            ],
        }

    def task_logit(self):
        return self.generalised("logit", "logit", "as.numeric(y > 1)", 28, "logit", [], "binomial()", 60)

    def task_poisson(self):
        return self.generalised("poisson", "Poisson regression", "floor(exp(pmin(pmax(y / 4, -3), 3)))", 18, "glm", ["--family", "poisson"], "poisson()", 50)

    def task_tweedie(self):
        return self.generalised("tweedie", "Tweedie regression", "pmax(y, 0)", 18, "glm", ["--family", "tweedie", "--var-power", "1.5", "--link-power", "0"],
                                "statmod::tweedie(var.power = 1.5, link.power = 0)", 50)

    def task_tweedie_factors(self):
        """Rows per second and core beside what RevoScaleR published: 5 million rows with 265 columns in 25 s on four cores."""
        rows = 100_000 if self.quick else 5_000_000
        csv = self.csv("factors", "--rows", str(rows))
        table = self.table(csv, "--col-classes", "day=factor,month=factor,place=factor", "--sort-levels")
        work = ["glm", "pmax(y, 0) ~ x1 + x2 + day + month + place", table, "--family", "tweedie", "--var-power", "1.5", "--link-power", "0"]
        self.rxhpc(*work)
        timed, last = self.interleaved({"rxhpc": (lambda: self.rxhpc(*work), self.repeats)})
        ours = timed["rxhpc"]["median_s"]
        return {
            "name": "tweedie-factors",
            "title": f"Tweedie, log link, {rows_text(rows)}, 2 numeric columns and factors of 7, 12 and 300 levels: 319 coefficients",
            "same_answer": last["rxhpc"]["converged"],
            "contenders": timed,
            "rows_per_s": rows / ours,
            "comparisons": [comparison("rows/s and core of RevoScaleR's published 265 columns", rows / (5e6 / 25 / 4 * 2), ours, 10)],
        }

    def beside_peers(self, name, title, work, sum_of, r, peers, makes=None):
        """One analysis of ours, alone and by ranks, beside R's and Python's. `r` is (name, target, words of the script); `peers` maps a name to
        (target, module it needs, words of the script); `sum_of` makes of our result the number that the others print as "check"; `makes`: our OUTPUT."""
        self.rxhpc(*work, makes=makes)
        r_name, r_target, r_words = r
        contenders = {
            "rxhpc": (lambda: self.rxhpc(*work, makes=makes), self.repeats),
            "rxhpc, 2 ranks x 1 thread": (lambda: self.rxhpc(*work, ranks=2, threads=1, makes=makes), self.repeats),
            r_name: (lambda: self.r(*r_words), 3),
        }
        targets = {r_name: r_target}
        for peer, (target, module, words) in peers.items():
            if python_has(module):
                contenders[peer] = (lambda words=words: self.python(*words), self.repeats)
                targets[peer] = target
        timed, last = self.interleaved(contenders)
        ours = timed["rxhpc"]["median_s"]
        check = sum_of(last["rxhpc"])
        return {
            "name": name,
            "title": title,
            "same_answer": all(close(check, last[other]["check"]) for other in targets),
            "contenders": timed,
            "comparisons": [comparison(other, timed[other]["median_s"], ours, target) for other, target in targets.items()]
            + [comparison("2 ranks x 1 thread", timed["rxhpc, 2 ranks x 1 thread"]["median_s"], ours, 1.1, kind="ranks")],
        }

    def task_robust(self):
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        return self.beside_peers(
            "robust",
            f"linmod with robust errors (HC1), {rows_text(rows)} x 28 numeric columns",
            ["linmod", WIDE, self.table(csv), "--robust", "HC1"],
            lambda result: sum(c["std_error"] for c in result["coefficients"]),
            ("lm and the sandwich by its formula", 50, ["robust.R", WIDE, csv]),
            {},
        )

    def task_predict(self):
        """Predictions of all rows, written as a table; the model is fitted to some of them."""
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        table, model, out = self.table(csv), self.scratch / "predict.json", self.scratch / "predicted.h5"
        output_of([self.programs["rxhpc"], "linmod", WIDE, table, "--row-selection", ".rxRowNums <= 20000", "--model", model, "--overwrite", "--quiet"])
        return self.beside_peers(
            "predict",
            f"predict, linear model, {rows_text(rows)} x 28 numeric columns, results written",
            ["predict", model, table, out],
            lambda result: self.rxhpc("summary", "~ y_Pred", out)[1]["variables"][0]["mean"],
            ("predict, results in memory", 10, ["predict.R", WIDE, csv]),
            {},
            makes=out,
        )

    def task_roc(self):
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        return self.beside_peers(
            "roc",
            f"roc, {rows_text(rows)}, 100 points, exact area with its interval",
            ["roc", "positive ~ x1", self.table(csv), "--transform", "positive = y > 1"],
            lambda result: result["auc"]["x1"],
            ("order and cumsum for the area, without an interval", 3, ["roc.R", "x1", csv]),
            {},
        )

    def task_covcor(self):
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        columns = [f"x{j}" for j in range(1, 29)]
        return self.beside_peers(
            "covcor",
            f"covcor, {rows_text(rows)} x 28 numeric columns",
            ["covcor", "~ " + " + ".join(columns), self.table(csv)],
            lambda result: sum(sum(row) for row in result["cov"]),
            ("cov", 80, ["covcor.R", ",".join(columns), csv]),
            {"numpy.cov, 2 threads": (2, "numpy", ["covcor.py", ",".join(columns), csv])},
        )

    def task_elastic_net(self):
        rows, alpha = 50_000 if self.quick else 1_000_000, "0.5"
        lambdas = ",".join(f"{0.5 * 0.6**k:.6g}" for k in range(10))
        csv = self.csv("wide", "--rows", str(rows))
        words = [alpha, lambdas, ",".join(f"x{j}" for j in range(1, 29)), csv]
        return self.beside_peers(
            "elastic-net",
            f"elastic net, 10 penalties, {rows_text(rows)} x 28 numeric columns",
            ["linmod", WIDE, self.table(csv), "--alpha", alpha, "--lambda", lambdas, "--standardize", "false"],
            lambda result: sum(c["estimate"] ** 2 for fit in result["path"] for c in fit["coefficients"][1:]),
            ("coordinate descent in R", 50, ["elasticnet.R", *words]),
            {"scikit-learn's enet_path, 2 threads": (2, "sklearn", ["elasticnet.py", *words])},
        )

    def task_cube(self):
        rows = 500_000 if self.quick else 10_000_000
        csv = self.csv("factors", "--rows", str(rows))
        table = self.table(csv, "--col-classes", "day=factor,month=factor,place=factor", "--sort-levels")
        return self.beside_peers(
            "cube",
            f"cube, mean by two factors, {rows_text(rows)}",
            ["cube", "y ~ day:month", table],
            lambda result: sum(c["means"]["y"] for c in result["cells"]),
            ("tapply", 40, ["cube.R", csv]),
            {"DuckDB, 2 threads": (1, "duckdb", ["cube.py", csv])},
        )

    def task_quantile(self):
        rows = 500_000 if self.quick else 10_000_000
        csv = self.csv("numbers", "--rows", str(rows))
        return self.beside_peers(
            "quantile",
            f"five exact quantiles, {rows_text(rows)}",
            ["quantile", "~ x1", self.table(csv), "--type", "7"],
            lambda result: sum(result["variables"][0]["quantiles"]),
            ("quantile", 10, ["quantile.R", "x1", csv]),
            {
                "Polars, 2 threads": (1, "polars", ["quantile.py", "polars", "x1", csv]),
                "DuckDB, 2 threads": (1, "duckdb", ["quantile.py", "duckdb", "x1", csv]),
            },
        )

    def task_kmeans(self):
        rows, k, iterations = 50_000 if self.quick else 1_000_000, 16, 10
        csv = self.csv("wide", "--rows", str(rows))
        columns = [f"x{j}" for j in range(1, 29)]
        centres = self.scratch / "centres.csv"
        with open(csv) as file:  # all begin at the first rows
            centres.write_text("".join(file.readline() for _ in range(k + 1)))
        words = [str(k), str(iterations), ",".join(columns), csv]
        return self.beside_peers(
            "kmeans",
            f"kmeans, {rows_text(rows)} x 28 numeric columns, {k} clusters, {iterations} iterations",
            ["kmeans", "~ " + " + ".join(columns), self.table(csv), "--centers", centres, "--max-iterations", str(iterations)],
            lambda result: sum(c * c for row in result["centers"] for c in row),
            ("kmeans, Lloyd", 30, ["kmeans.R", *words]),
            {"scikit-learn's KMeans, 2 threads": (3, "sklearn", ["kmeans.py", *words])},
        )

    def classified(self, name, title, columns, make, options, square_sum, kind):
        """Naive Bayes of a factor of two levels on 28 predictors, made from the wide table beforehand on every side."""
        rows = 50_000 if self.quick else 1_000_000
        csv = self.csv("wide", "--rows", str(rows))
        ready = self.scratch / f"{name}.h5"
        transforms = ["class = factor(ifelse(y > 1, 'high', 'low'), levels = c('low', 'high'))", *make]
        output_of([self.programs["rxhpc"], "datastep", self.table(csv), ready, "--overwrite", "--quiet", *[w for t in transforms for w in ("--transform", t)]])
        return self.beside_peers(
            name,
            f"naivebayes, {rows_text(rows)} x 28 {title}",
            ["naivebayes", "class ~ " + " + ".join(columns), ready, *options],
            lambda result: sum(square_sum(cell) for table in result["tables"].values() for cell in table.values()),
            ("tapply" if kind == "gaussian" else "table", 10, ["naivebayes.R", kind, csv]),
            {"scikit-learn": (10, "sklearn", ["naivebayes.py", kind, csv])},
        )

    def task_naivebayes(self):
        return self.classified("naivebayes", "numeric columns", [f"x{j}" for j in range(1, 29)], [], [], lambda cell: cell["mean"] ** 2, "gaussian")

    def task_naivebayes_factors(self):
        edges = "c(-Inf, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, Inf)"
        make = [f"k{j} = cut(x{j}, breaks = {edges}, right = FALSE)" for j in range(1, 29)]
        return self.classified("naivebayes-factors", "factors of 8 levels", [f"k{j}" for j in range(1, 29)], make, ["--smoothing-factor", "1"],
                               lambda cell: sum(p * p for p in cell.values()), "categorical")

    def task_histogram(self):
        rows = 500_000 if self.quick else 10_000_000
        csv = self.csv("numbers", "--rows", str(rows))
        return self.beside_peers(
            "histogram",
            f"histogram, {rows_text(rows)}, Sturges' breaks",
            ["histogram", "~ x1", self.table(csv)],
            lambda result: sum(k * c for k, c in enumerate(result["counts"], 1)),
            ("hist", 10, ["histogram.R", "x1", csv]),
            {},
        )

    def task_lorenz(self):
        rows = 500_000 if self.quick else 10_000_000
        csv = self.csv("numbers", "--rows", str(rows))
        return self.beside_peers(
            "lorenz",
            f"lorenz, {rows_text(rows)}, 1000 bins, with the Gini coefficient",
            ["lorenz", "~ x6", self.table(csv)],
            lambda result: result["gini"]["x6"],
            ("findInterval and rowsum", 10, ["lorenz.R", "x6", csv]),
            {},
        )


def python_has(module):
    return importlib.util.find_spec(module) is not None


def comparison(against, theirs, ours, target, kind="times"):
    """kind times: theirs / ours is to reach the target; share: likewise, shown in percent; ranks: it is to stay below."""
    value = theirs / ours
    return {"against": against, "kind": kind, "value": round(value, 4), "target": target, "met": value <= target if kind == "ranks" else value >= target}


def close(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def rows_text(rows):
    for unit, name in ((1_000_000, " million rows"), (1000, ",000 rows")):
        if rows >= unit:
            return f"{rows / unit:.3g}{name}"
    return f"{rows} rows"

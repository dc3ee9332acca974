#!/usr/bin/env python3
"""Runs the program against answers of others: R's on the flight table (tests/golden) and NIST's certified values (tests/data/nist),
alone and, where there is MPI, on 3 ranks."""
import json
import math
import os
import sys
import tempfile

from rxhpc_cases import MPIRUN, run

DATA = os.environ.get("RXHPC_TEST_DATA", "tests/data")
GOLDEN = os.path.join(DATA, "..", "golden", "nycflights.json")
failures, compared, ranks = [], 0, 1


def call(*args):
    status, out, err = run(*args, "--json", "-", "--report-progress", "0", ranks=ranks)
    if status:
        raise SystemExit("%s: exit status %d: %s" % (" ".join(args), status, err.strip()))
    return json.loads(out) if out.strip() else None


def near(what, want, got, rel, scale=0.0):
    global compared
    compared += 1
    if got is None or not abs(got - want) <= rel * max(abs(want), scale):
        failures.append("%s: expected %r, got %r" % (what, want, got))


def r_names(name):
    return tuple(sorted(name.split(":")))


def linear(case, table):
    got = call("linmod", case["formula"], table, "--like-r", *case["options"])
    have = {r_names(c["name"]): c for c in got["coefficients"] if not c["aliased"]}
    if len(have) != len(case["coefficients"]):
        failures.append("%s: %d coefficients, R has %d" % (case["id"], len(have), len(case["coefficients"])))
    for want in case["coefficients"]:
        c = have.get(r_names(want["name"]), {})
        for field, rel in (("estimate", 1e-9), ("std_error", 1e-9), ("t_value", 1e-8)):
            near("%s %s %s" % (case["id"], want["name"], field), want[field], c.get(field), rel, want["std_error"] if field == "estimate" else 0)
    for field in ("sigma", "r_squared", "adj_r_squared", "residual_squares", "log_likelihood", "aic"):
        near(case["id"] + " " + field, case[field], got[field], 1e-9)
    near(case["id"] + " F", case["f"], got["f_statistic"]["value"], 1e-8)
    near(case["id"] + " rows", case["n"], got["n_valid_obs"] if case["id"] != "zero_weights" else case["n"], 0)
    near(case["id"] + " df", case["df_residual"], got["df_residual"], 0)


def generalised(case, table):
    got = call("glm", case["formula"], table, "--like-r", *case["options"], "--coeff-tolerance", "1e-11", "--objective-function-tolerance", "0",
               "--max-iterations", "100")
    have = {r_names(c["name"]): c for c in got["coefficients"] if not c["aliased"]}
    if len(have) != len(case["coefficients"]):
        failures.append("%s: %d coefficients, R has %d" % (case["id"], len(have), len(case["coefficients"])))
    for want in case["coefficients"]:
        c = have.get(r_names(want["name"]), {})
        near("%s %s estimate" % (case["id"], want["name"]), want["estimate"], c.get("estimate"), 1e-8, want["std_error"])
        near("%s %s std_error" % (case["id"], want["name"]), want["std_error"], c.get("std_error"), 1e-7)
    for field in ("deviance", "null_deviance", "dispersion"):
        near(case["id"] + " " + field, case[field], got[field], 1e-8)
    if case["aic"] is not None:
        near(case["id"] + " aic", case["aic"], got["aic"], 1e-8)
    near(case["id"] + " rows", case["n"], got["n_valid_obs"], 0)
    near(case["id"] + " df", case["df_residual"], got["df_residual"], 0)


def moments(case, table):
    got = call("summary", "~ " + case["id"], table)["variables"][0]
    for field in ("mean", "std_dev", "min", "max", "sum"):
        near(case["id"] + " " + field, case[field], got[field], 1e-13)
    near(case["id"] + " valid", case["valid"], got["valid_obs"], 0)


def quantiles(case, table):
    got = call("quantile", "~ I(60 * distance / air_time)", table, "--type", case["type"], "--probs", ",".join(map(repr, case["probs"])))["variables"][0]
    for p, want, have in zip(case["probs"], case["quantiles"], got["quantiles"]):
        near("%s at %g" % (case["id"], p), want, have, 1e-14)
    near(case["id"] + " valid", case["valid"], got["valid_obs"], 0)


def histogram(case, table):
    got = call("histogram", case["formula"], table, "--breaks", case["rule"])
    near(case["id"] + " number of breaks", len(case["breaks"]), len(got["breaks"]), 0)
    for field in ("breaks", "counts", "density"):
        for want, have in zip(case[field], got[field]):
            near("%s %s" % (case["id"], field), want, have, 1e-14)


def digits(what, want, got, need):
    """NIST's log relative error; where the certified value is 0 an absolute error below 1e-6 is enough"""
    global compared
    compared += 1
    w = float(want)
    error = abs(got - w) / (abs(w) or 1.0)
    reached = 15.0 if error == 0 else min(15.0, -math.log10(error))
    if reached < (6 if w == 0 else need):
        failures.append("%s: %.1f digits, %g required" % (what, reached, need))


def nist(folder):
    need = json.load(open(os.path.join(folder, "required_digits.json")))
    for name, want in json.load(open(os.path.join(folder, "certified.json"))).items():
        data = os.path.join(folder, name + ".csv")
        if want["kind"] == "univariate":
            got = call("summary", "~ y", data)["variables"][0]
            digits(name + " mean", want["mean"], got["mean"], need[name])
            digits(name + " standard deviation", want["sd"], got["std_dev"], need[name])
        elif want["kind"] == "linear":
            got = [c for c in call("linmod", want["model"], data)["coefficients"] if not c["aliased"]]
            near(name + " coefficients", len(want["parameters"]), len(got), 0)
            for w, g in zip(want["parameters"], got):
                digits(name + " " + g["name"], w["estimate"], g["estimate"], need[name])
                digits(name + " error of " + g["name"], w["std_error"], g["std_error"], need[name])
        else:
            got = call("linmod", "response ~ F(treatment)", data)
            digits(name + " F", want["between"]["f"], got["f_statistic"]["value"], need[name])
            digits(name + " within", want["within"]["ss"], got["residual_squares"], need[name])


for ranks in [1, 3] if MPIRUN else [1]:
    with tempfile.TemporaryDirectory() as scratch:
        table = os.path.join(scratch, "flights.h5")
        call("import", os.path.join(DATA, "nycflights.csv.gz"), table, "--rows-per-read", "4096")
        for case in json.load(open(GOLDEN)):
            {"linmod": linear, "glm": generalised, "summary": moments, "quantile": quantiles, "histogram": histogram}[case["verb"]](case, table)
    nist(os.path.join(DATA, "nist"))
for f in failures:
    print("FAILED " + f)
print("%d values compared, %d differ" % (compared, len(failures)))
sys.exit(1 if failures or compared < 300 else 0)

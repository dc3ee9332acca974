"""naivebayes.py gaussian|categorical FILE: seconds of scikit-learn's GaussianNB or CategoricalNB, rows in memory."""
import json
import sys
import time

import numpy
from sklearn.naive_bayes import CategoricalNB, GaussianNB

kind, path = sys.argv[1:]
try:
    import polars

    table = polars.read_csv(path).to_numpy()
except ImportError:
    table = numpy.loadtxt(path, delimiter=",", skiprows=1)
y, x = (table[:, 0] > 1).astype(int), numpy.ascontiguousarray(table[:, 1:])
if kind == "categorical":
    x = numpy.digitize(x, [-1.5, -1, -0.5, 0, 0.5, 1, 1.5])
model = GaussianNB() if kind == "gaussian" else CategoricalNB(alpha=1)
begin = time.perf_counter()
model.fit(x, y)
seconds = time.perf_counter() - begin
check = (model.theta_**2).sum() if kind == "gaussian" else sum((numpy.exp(t) ** 2).sum() for t in model.feature_log_prob_)
print(json.dumps({"seconds": seconds, "rows": len(x), "check": float(check)}))

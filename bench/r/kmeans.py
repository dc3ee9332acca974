"""kmeans.py K ITERATIONS COLUMNS FILE: seconds of scikit-learn's KMeans from the first K rows, 2 threads, rows in memory."""
import json
import sys
import time
import warnings

import numpy
from sklearn.cluster import KMeans

k, iterations, columns, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","), sys.argv[4]
with open(path) as file:
    names = file.readline().strip().split(",")
try:
    import polars

    x = polars.read_csv(path, columns=columns).select(columns).to_numpy()
except ImportError:
    x = numpy.loadtxt(path, delimiter=",", skiprows=1, usecols=[names.index(c) for c in columns])
x = numpy.ascontiguousarray(x, dtype=float)
warnings.simplefilter("ignore")  # no convergence in so few iterations
model = KMeans(k, algorithm="lloyd", n_init=1, init=x[:k], max_iter=iterations, tol=0)
begin = time.perf_counter()
model.fit(x)
print(json.dumps({"seconds": time.perf_counter() - begin, "rows": len(x), "check": float((model.cluster_centers_**2).sum())}))

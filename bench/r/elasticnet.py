"""elasticnet.py ALPHA LAMBDAS COLUMNS FILE: seconds of scikit-learn's enet_path on rows in memory, 2 threads; columns and response are centred within."""
import json
import sys
import time

import numpy
from sklearn.linear_model import enet_path

alpha, lambdas, columns, path = float(sys.argv[1]), [float(x) for x in sys.argv[2].split(",")], sys.argv[3].split(","), sys.argv[4]
with open(path) as file:
    names = file.readline().strip().split(",")
try:
    import polars

    data = polars.read_csv(path, columns=[*columns, "y"]).select([*columns, "y"]).to_numpy()
except ImportError:
    data = numpy.loadtxt(path, delimiter=",", skiprows=1, usecols=[names.index(c) for c in [*columns, "y"]])
x, y = numpy.asfortranarray(data[:, :-1], dtype=float), numpy.ascontiguousarray(data[:, -1], dtype=float)
begin = time.perf_counter()
x -= x.mean(axis=0)
y -= y.mean()
_, coefficients, _ = enet_path(x, y, l1_ratio=alpha, alphas=lambdas, precompute=True, copy_X=False, tol=1e-14, max_iter=100000)
print(json.dumps({"seconds": time.perf_counter() - begin, "rows": len(x), "check": float((coefficients**2).sum())}))

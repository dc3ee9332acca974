"""covcor.py COLUMNS FILE: seconds of numpy.cov of these columns, the table being in memory."""
import json
import sys
import time

import numpy

columns = sys.argv[1].split(",")
with open(sys.argv[2]) as file:
    header = file.readline().rstrip("\n").split(",")
table = numpy.loadtxt(sys.argv[2], delimiter=",", skiprows=1, usecols=[header.index(c) for c in columns])
begin = time.monotonic()
result = numpy.cov(table, rowvar=False)
print(json.dumps({"seconds": time.monotonic() - begin, "rows": len(table), "check": float(result.sum())}))

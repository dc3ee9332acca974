"""quantile.py polars|duckdb COLUMN FILE: seconds for five exact quantiles of one column in memory, 2 threads."""
import json
import os
import sys
import time

os.environ["POLARS_MAX_THREADS"] = "2"
library, column, path = sys.argv[1:]
probs = [0, 0.25, 0.5, 0.75, 1]
if library == "polars":
    import polars

    table = polars.read_csv(path, columns=[column])
    wanted = [polars.col(column).quantile(p, "linear").alias(str(p)) for p in probs]
    begin = time.perf_counter()
    answer = table.lazy().select(wanted).collect().row(0)
else:
    import duckdb

    base = duckdb.connect()
    base.execute("SET threads = 2")
    base.execute(f"CREATE TABLE t AS SELECT {column} FROM read_csv('{path}')")
    begin = time.perf_counter()
    answer = base.execute(f"SELECT quantile_cont({column}, {probs}) FROM t").fetchone()[0]
print(json.dumps({"seconds": time.perf_counter() - begin, "check": sum(answer)}))

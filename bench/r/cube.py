"""cube.py FILE: seconds that DuckDB takes, on two threads and rows in memory, for the mean of y in the cells of two factors."""
import json
import sys
import time

import duckdb

db = duckdb.connect()
db.execute("set threads = 2")
db.execute(f"create table t as select y, day::varchar as day, month::varchar as month from read_csv('{sys.argv[1]}')")
for factor in ("day", "month"):
    levels = ",".join(f"'{row[0]}'" for row in db.execute(f"select distinct {factor} from t order by 1").fetchall())
    db.execute(f"create type {factor}_levels as enum ({levels})")
db.execute("create table f as select y, day::day_levels as day, month::month_levels as month from t")
times = []
for _ in range(3):
    begin = time.perf_counter()
    cells = db.execute("select day, month, avg(y), count(*) from f group by day, month").fetchall()
    times.append(time.perf_counter() - begin)
print(json.dumps({"seconds": min(times), "rows": sum(c[3] for c in cells), "check": sum(c[2] for c in cells)}))

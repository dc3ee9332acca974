"""Reads an rxhpc table with plain h5py and pandas calls and checks that it makes sense.

usage: read_with_h5py.py TABLE.h5
"""
import json
import sys

import h5py
import numpy
import pandas


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def column(node):
    """One column as pandas sees it: numbers, dates, text, or a categorical."""
    if isinstance(node, h5py.Group):
        assert text(node.attrs["encoding-type"]) == "categorical"
        categories = [text(c) for c in node["categories"].asstr()[:]]
        codes = node["codes"][:]
        assert codes.size == 0 or (codes.min() >= -1 and codes.max() < max(1, len(categories)))
        if len(set(categories)) < len(categories):
            return pandas.Series([categories[k] if k >= 0 else None for k in codes])
        return pandas.Series(pandas.Categorical.from_codes(codes, categories, ordered=bool(node.attrs["ordered"])))
    values = node.asstr()[:] if h5py.check_string_dtype(node.dtype) else node[:]
    series = pandas.Series(values)
    if "_FillValue" in node.attrs:
        missing = series == node.attrs["_FillValue"]
        series = series.astype("float64" if series.dtype.itemsize < 8 else "Int64").mask(missing)
    units = text(node.attrs.get("units", ""))
    if units.startswith("days since"):
        series = pandas.to_datetime(series, unit="D")
    elif units.startswith("microseconds since"):
        series = pandas.to_datetime(series, unit="us")
    return series


def main(path):
    with h5py.File(path, "r") as file:
        assert text(file.attrs["rx_format"]) == "rxhpc-table"
        assert file.attrs["rx_complete"] == 1
        data = file["data"]
        assert text(data.attrs["encoding-type"]) == "dataframe"
        names = [text(name) for name in data.attrs["column-order"]]
        index = data[text(data.attrs["_index"])][:]
        frame = pandas.DataFrame({name: column(data[name]) for name in names}, index=index if not names else None)
        schema = json.loads(file["rx/schema"].asstr()[0])
        assert len(frame) == schema["rows"] == len(index)
        assert len(names) == len(schema["columns"])
        if len(index):
            assert index[0] == 0 and (numpy.diff(index) == 1).all()
        counts = file["rx/zonemap/n"][:].sum(axis=0)
        means = file["rx/zonemap/mean"][:]
        n = file["rx/zonemap/n"][:]
        for k, name in enumerate(names):
            described = schema["columns"][k]
            if described["storage"] == "text":
                assert (frame[name] != "").sum() == counts[k], name
                continue
            assert frame[name].notna().sum() == counts[k], name
            if described["type"] in ("numeric", "float32", "integer") and counts[k]:
                mean = (means[:, k] * n[:, k]).sum() / counts[k]
                if numpy.isfinite(mean):
                    assert numpy.isclose(mean, frame[name].astype("float64").mean(), rtol=1e-5), name
    print(frame.head())
    print(f"{len(frame)} rows, {len(names)} columns: as expected")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

"""What may include what: the rules that include paths alone cannot enforce. includes.py ROOT | --self-test"""
import re
import sys
from pathlib import Path

# Room -> rooms whose headers it may include; exceptions by header below.
MAY_SEE = {
    "errors": {"errors"},
    "data": {"errors", "data"},
    "kernels": {"errors", "data", "kernels"},
    "mpi": {"errors", "mpi"},
    "io": {"errors", "data", "io"},
    "rx": {"errors", "data", "kernels", "mpi", "rx"},
}
ALSO = {"io": {"communicator.hpp"}}
NEVER = {"rx": {"mpi_communicator.hpp"}}

# Pattern of a line -> where it may stand (file paths, searched).
PLACES = {
    r'#\s*include\s*[<"]mpi\.h': r"mpi/(include/rxhpc|src)/mpi_communicator\.|^app/",
    r'#\s*include\s*[<"](hdf5|H5\w+)\.h': r"^io/src/",
    r'#\s*include\s*[<"](zstd|lz4|zlib|libdeflate|isa-l)': r"^io/src/",
    r'#\s*include\s*[<"]Kokkos_': r"^kernels/data/include/rxhpc/kokkos(_macros)?\.hpp$",
    r"\bKOKKOS_VERSION": r"^kernels/data/include/rxhpc/kokkos\.hpp$",
    r'#\s*include\s*[<"]nlohmann': r"^(io|rx|app)/",
    r'#\s*include\s*[<"]boost': r"^rx/src/",
    r'#\s*include\s*[<"]CLI': r"^app/",
    r"#\s*include\s*<iostream>|\bstd::(cout|cerr|clog)\b|(?<![\w:])printf\s*\(|\bfprintf\s*\(\s*std": r"^app/",
    r"\bKOKKOS_(CLASS_)?LAMBDA\b": r"^kernels/",
}


def room_of(path):
    if path.startswith("kernels/data/errors/"):
        return "errors"
    if path.startswith("kernels/data/"):
        return "data"
    return path.split("/")[0]


def check(files):
    """files: {path: text}. Returns the list of what is wrong."""
    home = {Path(p).name: room_of(p) for p in files if "/include/rxhpc/" in p}
    wrong = []
    for path, text in files.items():
        room = room_of(path)
        for number, line in enumerate(text.splitlines(), 1):
            code = line.split("//")[0]
            for pattern, place in PLACES.items():
                if re.search(pattern, code) and not re.search(place, path):
                    wrong.append(f"{path}:{number}: {line.strip()} may stand only in {place}")
            include = re.match(r'\s*#\s*include\s*[<"]rxhpc/([\w.]+)[>"]', code)
            if not include or room not in MAY_SEE:
                continue
            header = include.group(1)
            allowed = home.get(header) in MAY_SEE[room] or header in ALSO.get(room, ())
            if not allowed or header in NEVER.get(room, ()):
                wrong.append(f"{path}:{number}: {room} must not include {header} of {home.get(header, 'nowhere')}")
    return wrong


def self_test():
    headers = {"kernels/include/rxhpc/k.hpp": "", "io/include/rxhpc/table.hpp": "", "mpi/include/rxhpc/communicator.hpp": "",
               "mpi/include/rxhpc/mpi_communicator.hpp": "#include <mpi.h>\n", "rx/include/rxhpc/sweep.hpp": ""}
    assert check(headers) == [], check(headers)
    good = {"io/src/a.cpp": '#include "rxhpc/communicator.hpp"\n#include <hdf5.h>\n// std::cout\n', "app/main.cpp": "#include <iostream>\n",
            "rx/src/s.cpp": '#include "rxhpc/k.hpp"\n#include "rxhpc/communicator.hpp"\n'}
    assert check(headers | good) == [], check(headers | good)
    bad = {"io/src/a.cpp": ['#include "rxhpc/k.hpp"', "#include <mpi.h>", '#include "rxhpc/sweep.hpp"', "#include <Kokkos_Core.hpp>"],
           "rx/src/a.cpp": ['#include "rxhpc/table.hpp"', "#include <hdf5.h>", '#include "rxhpc/mpi_communicator.hpp"', "std::cout << 1;",
                            "f(KOKKOS_LAMBDA(int i) {});"],
           "kernels/src/a.cpp": ['#include "rxhpc/communicator.hpp"', "#include <iostream>", "#include <nlohmann/json.hpp>", '  std::fprintf(stderr, "");'],
           "mpi/src/a.cpp": ['#include "rxhpc/k.hpp"', "#include <mpi.h>", "#include <Kokkos_Core.hpp>"]}
    for path, lines in bad.items():
        for line in lines:
            assert len(check(headers | {path: line})) == 1, (path, line)


def main():
    if sys.argv[1] == "--self-test":
        return self_test()
    root = Path(sys.argv[1])
    files = {}
    for room in ("kernels", "mpi", "io", "rx", "app"):
        for path in sorted((root / room).rglob("*.[ch]pp")):
            files[str(path.relative_to(root))] = path.read_text()
    wrong = check(files)
    print("\n".join(wrong) or f"{len(files)} files keep the rules")
    return 1 if wrong or len(files) < 20 else 0


sys.exit(main())

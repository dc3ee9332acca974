"""The programs under test and the machine they run on."""
import json
import os
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def output_of(command, env=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [""]
        raise RuntimeError(f"{pathlib.Path(str(command[0])).name} ended with status {done.returncode}: {last[0]}")
    return done.stdout


def build(source, folder):
    """Builds the release program and the benchmark's own; returns their paths by name."""
    if not (folder / "CMakeCache.txt").exists():
        output_of(["cmake", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", "-DRXHPC_BENCHMARKS=ON", "-DRXHPC_TESTS=OFF"])
    output_of(["cmake", "--build", folder, "--parallel", "--target", "rxhpc", "bench_data", "bench_bandwidth"])
    programs = {name: folder / "bin" / name for name in ("rxhpc", "bench_data", "bench_bandwidth")}
    for name in ("Rscript", "mpirun"):
        if shutil.which(name) is None:
            raise RuntimeError(f"{name} is not installed")
        programs[name] = name
    return programs


def describe(programs):
    """What a reader needs to judge the figures; no host name and no path."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    memory = pathlib.Path("/proc/meminfo").read_text()
    release = pathlib.Path("/etc/os-release").read_text()
    flags = set((re.search(r"^flags\s*:\s*(.*)$", cpu, re.M) or [None, ""])[1].split())
    cache = folder_value("CMAKE_CXX_COMPILER:[A-Z]+=(.*)", programs)
    compiler = output_of([cache, "-dumpfullversion"]).strip() if cache else ""
    return {
        "cpu": (re.search(r"model name\s*:\s*(.*)", cpu) or [None, "unknown"])[1].strip(),
        "cores": len(os.sched_getaffinity(0)),
        "vectors": "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "baseline",
        "memory_gib": round(int(re.search(r"MemTotal:\s*(\d+)", memory)[1]) / 2**20),
        "system": (re.search(r'PRETTY_NAME="(.*)"', release) or [None, "unknown"])[1],
        "load_before": load(),
        "versions": {
            "rxhpc": output_of([programs["rxhpc"], "--version"]).strip(),
            "g++": compiler,
            "mpirun": output_of(["mpirun", "--version"]).splitlines()[0],
            **json.loads(output_of(["Rscript", "--vanilla", HERE / "versions.R"])),
        },
    }


def load():
    return round(os.getloadavg()[0], 2)


def folder_value(pattern, programs):
    cache = programs["rxhpc"].parent.parent / "CMakeCache.txt"
    found = re.search("^" + pattern + "$", cache.read_text(), re.M)
    return found[1] if found else None

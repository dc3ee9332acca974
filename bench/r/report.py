"""Results as a table, a chart and a history."""
import json
import math

from xml.sax.saxutils import escape


def value_text(c):
    if c["kind"] == "share":
        return f"{100 * c['value']:.0f} %"
    if c["kind"] == "ranks":
        return f"{c['value']:.2f} of the time"
    return f"{c['value']:.3g} times" if c["value"] < 100 else f"{c['value']:.0f} times"


def target_text(c):
    if c["kind"] == "share":
        return f"{100 * c['target']:.0f} %"
    if c["kind"] == "ranks":
        return f"at most {c['target']:g}"
    return f"{c['target']:g} times"


def seconds_text(s):
    return f"{s:.1f} s" if s >= 10 else f"{s:.2f} s" if s >= 0.9995 else f"{1000 * s:.0f} ms"


def table(outcome):
    m = outcome["machine"]
    v = m["versions"]
    bandwidth = f", {m['memory_bandwidth_gb_per_s']:.1f} GB/s memory read by 2 threads" if m.get("memory_bandwidth_gb_per_s") else ""
    load = f", load {m['load_before']} before and {m['load_after']} after" if "load_after" in m else ""
    lines = [
        f"{outcome['date']}: {m['cpu']}, {m['cores']} cores, {m['vectors']}, {m['memory_gib']} GiB{bandwidth}{load}; "
        f"{v['rxhpc']}, R {v['R']}, data.table {v['data.table']}, g++ {v['g++']}" + ("; QUICK, figures mean little" if outcome["quick"] else ""),
        "",
        "| task | rxhpc | compared with | its time | speed | target |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    for task in outcome["tasks"]:
        ours = task["contenders"]["rxhpc"]["median_s"]
        for k, c in enumerate(task["comparisons"]):
            theirs = seconds_text(c["value"] * ours) if c["kind"] != "share" else ""
            first = [task["title"], seconds_text(ours)] if k == 0 else ["", ""]
            lines.append("| " + " | ".join([*first, c["against"], theirs, value_text(c), target_text(c) + ("" if c["met"] else ", missed")]) + " |")
        if not task["same_answer"]:
            lines.append(f"| {task['name']}: THE TWO SIDES DISAGREE | | | | | |")
    return "\n".join(lines) + "\n"


def chart(outcome):
    """Bars of speed-ups on a logarithmic scale; a short line marks each target."""
    bars = [(t["title"], c) for t in outcome["tasks"] for c in t["comparisons"] if c["kind"] == "times"]
    left, width, step, top = 16, 900, 46, 40
    longest = max([c["value"] for _, c in bars] + [c["target"] for _, c in bars] + [10])
    decades = max(1, math.ceil(math.log10(longest)))
    scale = lambda x: (width - 160) * math.log10(max(x, 1.02)) / decades
    height = top + step * len(bars) + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{left}" y="20" font-size="14" font-weight="bold" fill="#222222">How many times faster than R ({outcome["date"]}, {outcome["machine"]["cores"]} cores)</text>',
    ]
    bottom = top + step * len(bars)
    for d in range(decades + 1):
        x = left + scale(10**d) if d else left
        out.append(f'<line x1="{x:.1f}" y1="{top - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#dddddd"/>')
        out.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="#666666">{10**d}</text>')
    for k, (title, c) in enumerate(bars):
        y = top + step * k
        out.append(f'<text x="{left}" y="{y + 8}" fill="#222222">{escape(title)}, beside {escape(c["against"])}</text>')
        out.append(f'<rect x="{left}" y="{y + 14}" width="{scale(c["value"]):.1f}" height="16" fill="#3b6ea5"/>')
        mark = left + scale(c["target"])
        out.append(f'<line x1="{mark:.1f}" y1="{y + 11}" x2="{mark:.1f}" y2="{y + 33}" stroke="#c0392b" stroke-width="2"/>')
        out.append(f'<text x="{left + scale(max(c["value"], c["target"])) + 8:.1f}" y="{y + 27}" fill="#222222">{value_text(c)}</text>')
    out.append(f'<text x="{left}" y="{bottom + 34}" fill="#666666">Logarithmic scale; the red line is the target.</text>')
    return "\n".join([*out, "</svg>"]) + "\n"


def save(outcome, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(outcome, indent=1) + "\n")
    (folder / "speed.svg").write_text(chart(outcome))
    (folder / "speed.md").write_text(table(outcome))


def history(folder):
    outcomes = [json.loads(path.read_text()) for path in sorted(folder.glob("????-??-??.json"))]
    if not outcomes:
        return "no results yet"
    rows = {}
    for number, outcome in enumerate(outcomes):
        for task in outcome["tasks"]:
            for c in task["comparisons"]:
                rows.setdefault((task["name"], c["against"]), {})[number] = value_text(c)
    lines = ["| task | compared with | " + " | ".join(o["date"] for o in outcomes) + " |", "| --- | --- |" + " ---: |" * len(outcomes)]
    for (task, against), values in rows.items():
        lines.append(f"| {task} | {against} | " + " | ".join(values.get(n, "") for n in range(len(outcomes))) + " |")
    return "\n".join(lines)

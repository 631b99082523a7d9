"""What does the plugin add to the start of every nerfstudio command? Import times in one process, the host's first.

python benchmarks/start_up.py
"""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, time
from importlib import metadata
find = metadata.entry_points
def without_plugins(**query):
    return find(group="none") if query.get("group") == "nerfstudio.method_configs" else find(**query)
metadata.entry_points = without_plugins
start = time.perf_counter()
import nerfstudio.scripts.train
host = time.perf_counter() - start
metadata.entry_points = find
start = time.perf_counter()
import scorp_ns.config
print(host, time.perf_counter() - start)
"""


def main() -> None:
    runs = [
        subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    host, plugin = (sorted(float(run.stdout.split()[index]) for run in runs)[1] for index in (-2, -1))
    print(f"nerfstudio {host:.2f} s, plugin {plugin:.3f} s more (medians of {len(runs)})")


if __name__ == "__main__":
    main()

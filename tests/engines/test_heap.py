import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import sys
import numpy as np
from outergrad.engine.heap import keep_freed_memory

def page_faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    vectors = [np.ones(1 << 20, np.float32) for _ in range(4)]
    del vectors

if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(3):
    step()
before = page_faults()
for _ in range(10):
    step()
print((page_faults() - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc's")
def test_a_worker_takes_no_page_faults_for_memory_it_had_before():
    def faults_per_step(mode: str) -> float:
        found = subprocess.run(
            [sys.executable, "-c", PROGRAM, mode], capture_output=True, text=True, check=True
        )
        return float(found.stdout)

    # Four vectors of 4 MB are 4096 pages of 4 KB; without the setting they come anew.
    assert faults_per_step("leave") > 1000
    assert faults_per_step("keep") < 10

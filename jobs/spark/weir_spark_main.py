"""For spark-submit, which starts a file: the job is the package weir_spark beside it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "src"))

from weir_spark.__main__ import main

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # as in the package: a thread that waits for a dead server must not hold the process
    os._exit(code)

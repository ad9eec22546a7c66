"""What repprobe takes, against its peers: `python -m tests.benchmarks [NAME…]`.

Every `bench_*.py` has a function `run(report)`. Times are compared within one process, in
interleaved pairs; none of this is part of the test run.
"""

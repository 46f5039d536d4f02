"""Load on both services: see :mod:`bench.load.__main__`."""

#!/usr/bin/env python3
"""Writes golden_print.h: arrays, and what NumPy prints for them. NumPy 2.3 changed when float32 turns
to scientific notation (at 1e6 instead of 1e8); deepc keeps to the older rule, hence legacy='2.2'.

    python3 tests/golden/print.py > tests/golden/print.h
"""
import numpy as np

if tuple(map(int, np.__version__.split('.')[:2])) >= (2, 3):
    np.set_printoptions(legacy='2.2')

nan, inf = np.nan, np.inf
random = np.random.default_rng(1)
ARRAYS = [
    1, -0.0, 0.1, 1 / 3, 1e-4, 9e-5, 16777216, 1e15, 1e16, 1.5e20, 1e-45, nan, -inf, 123456.789,
    [], [[]], [1], [1, 2.5, -3], [0.1, 1 / 3], [nan, 1], [nan, -inf, 2.25], [inf, -inf], [nan],
    [1e8], [99999990], [1e-5, 1], [0.001, 1.5], [1, 1001], [1, 999], [-0.0, 0],
    [1e-10, 1e10, -1e30], [3, 1e-12, nan], [2.0 ** -44, 2.0 ** -20], [5e-324, 1e-300], [1e300, 1],
    [9.9999999999, 1], [0.12345678949, 100], [[1, 2], [3, 4.25]], [[[1], [2]], [[3], [-4]]],
    random.standard_normal(30), random.standard_normal((3, 9)), random.standard_normal((2, 2, 2, 2)),
    random.standard_normal((2, 20)) * 1e-7, np.round(random.random((1, 2, 1, 3, 1, 2)), 2),
    np.ldexp(random.random(12), random.integers(-25, 26, 12)), np.arange(25) * 0.5,
]
RANGES = [(1000,), (1001,), (10, 101), (7, 200), (6, 200), (1100, 1), (2, 3, 400), (20, 8, 8), (3, 3000)]


def number(v):
    return 'NAN' if np.isnan(v) else ('-' if v < 0 else '') + 'INFINITY' if np.isinf(v) else repr(float(v))


def entry(array, values):
    shape = ', '.join(map(str, array.shape)) or '0'
    text = str(array).replace('\n', '\\n"\n      "')
    return f'    {{ {array.ndim}, {{ {shape} }}, {values},\n      "{text}" }},\n'


print('/* Written by tests/golden/print.py. rank, dim, values (NULL: 0, 1, 2, ...), what NumPy prints. */')
for guard, kind in (('#ifndef DEEPC_DOUBLE', np.float32), ('#else', np.float64)):
    print(guard)
    lists, entries = '', ''
    with np.errstate(over='ignore', under='ignore'):
        arrays = [np.array(a, dtype=np.float64).astype(kind) for a in ARRAYS]
    for i, a in enumerate(arrays):
        if a.size:
            lists += f'static const double print_{i}[] = {{ {", ".join(number(v) for v in a.reshape(-1))} }};\n'
        entries += entry(a, f'print_{i}' if a.size else 'NULL')
    for shape in RANGES:
        entries += entry(np.arange(np.prod(shape), dtype=kind).reshape(shape), 'NULL')
    print(lists + 'static const golden_print golden_prints[] = {\n' + entries + '};')
print('#endif')

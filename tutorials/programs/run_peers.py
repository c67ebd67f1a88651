#!/usr/bin/env python3
"""run_peers.py [PROGRAM...]: runs the Python versions of the five programs and holds them to their bounds.

Run it with a Python that has TensorFlow (with Keras) and PyTorch. PROGRAM is the beginning of a name, such as p0 or
p4_torch; without it all fifteen run, one after the other, which takes a few minutes. The status is 1 when a program
fails or a result is out of its bound."""
import glob
import os
import re
import subprocess
import sys
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
FRAMEWORKS = {'tf1': 'TensorFlow 1', 'keras': 'Keras', 'torch': 'PyTorch'}
LIMIT = 300                                       # seconds


def meets(value, relation, limit):
    return value >= limit if relation == '>=' else value <= limit


def run(path):
    """The rows (key, result, bound, verdict) of one program."""
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL='2', TF_ENABLE_ONEDNN_OPTS='0', KERAS_BACKEND='tensorflow')
    try:
        done = subprocess.run([sys.executable, '-B', path], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=LIMIT)
        status, output, error = done.returncode, done.stdout, done.stderr.strip()
    except subprocess.TimeoutExpired:
        status, output, error = -1, '', 'no end after %d s' % LIMIT
    results = dict(re.findall(r'^RESULT (\w+)=(\S+)$', output, re.M))
    with open(path, encoding='utf-8') as file:
        bounds = re.findall(r'^expected: (\w+) (>=|<=) (\S+)$', file.read(), re.M)
    rows = []
    for key, relation, limit in bounds:
        good = status == 0 and key in results and meets(float(results[key]), relation, float(limit))
        rows.append((key, results.get(key, 'none'), relation + ' ' + limit, 'ok' if good else 'FAILED'))
    if status:
        print('%s: status %d: %s' % (os.path.basename(path), status, '\n'.join(error.split('\n')[-3:])))
    return rows


def main():
    wanted = sys.argv[1:]
    paths = [path for path in sorted(glob.glob(FOLDER + '/p[0-9]_*.py'))
             if not wanted or any(os.path.basename(path).startswith(w) for w in wanted)]
    failed = 0
    line = '%-8s %-13s %-14s %8s %11s  %6s  %s'
    print(line % ('program', 'framework', 'result', 'value', 'bound', 'time', ''))
    for path in paths:
        program, framework = os.path.basename(path)[:-3].split('_')
        start = time.monotonic()
        rows = run(path)
        seconds = '%.0f s' % (time.monotonic() - start)
        for key, value, bound, verdict in rows:
            print(line % (program, FRAMEWORKS[framework], key, value, bound, seconds, verdict), flush=True)
            failed += verdict != 'ok'
        failed += not rows
    print('%d programs, %d failed' % (len(paths), failed))
    return 1 if failed or not paths else 0


if __name__ == '__main__':
    sys.exit(main())

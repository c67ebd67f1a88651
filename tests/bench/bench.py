#!/usr/bin/env python3
"""bench.py - deepc beside its peers and beside what the processor can do, on this machine and in one run.

`make bench` builds what is needed and starts this. QUICK=1 makes it short, ONLY="tiny mlp" selects workloads (the
functions at the end). It prints tables and writes build/bench.tsv and build/bench.svg.

All contestants of a workload are started first and then asked in turn, round by round, so that a change of the
machine's mood meets all of them. A value is the median of its rounds, with the 10th and 90th percentile. A ratio is
above 1 where deepc is better. A new workload is a function that lets racers race and adds rows."""
import ctypes.util
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import chart

BUILD = os.environ.get('BUILD', 'build')
BENCH = os.path.join(BUILD, 'bench')
MNIST = os.environ.get('MNIST', 'examples/data/mnist')
QUICK = os.environ.get('QUICK', '') not in ('', '0')
VENV = os.environ.get('BENCH_VENV') or os.path.join(BENCH, 'venv')
PYTHON = os.path.join(VENV, 'bin', 'python')
THREADS = (1, 2) if len(os.sched_getaffinity(0)) > 1 else (1,)
DEBIAN = {'openblas': 'libopenblas0-pthread', 'dnnl': 'libdnnl2'}
PYPI = {'torch': 'torch numpy setuptools', 'tensorflow': 'tensorflow-cpu'}


def full(usual, quick):
    return quick if QUICK else usual


def say(text=''):
    print(text, flush=True)


def program(name):
    return os.path.join(BENCH, name)


def script(name, *arguments):
    return [PYTHON, os.path.join('tests', 'bench', name), *arguments]


# --- what is needed ------------------------------------------------------------------------------------------------

def run(command, **how):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **how)


def has_module(name):
    code = 'import importlib.util as u, sys; sys.exit(u.find_spec("%s") is None)' % name
    return os.path.exists(PYTHON) and run([PYTHON, '-c', code]).returncode == 0


def install():
    """Debian's packages for root, PyPI's into a virtual environment. What cannot be had is a row that says so."""
    packages = [package for library, package in DEBIAN.items() if not ctypes.util.find_library(library)]
    own_venv = not os.environ.get('BENCH_VENV')
    if own_venv and run([sys.executable, '-c', 'import ensurepip, venv']).returncode:
        packages.append('python3-venv')
    commands = []
    if packages and os.getuid() == 0 and shutil.which('apt-get'):
        commands = ['apt-get update', 'apt-get install -y --no-install-recommends ' + ' '.join(packages)]
    elif packages:
        say('not found; what needs it is left out: apt-get install ' + ' '.join(packages))
    if own_venv and not os.path.exists(PYTHON):
        commands.append('%s -m venv %s' % (sys.executable, VENV))
    commands += ['%s -m pip install %s' % (PYTHON, PYPI[name]) for name in PYPI if own_venv and not has_module(name)]
    with open(program('install.log'), 'w', encoding='utf-8') as log:
        for command in commands:
            say('installing: ' + command)
            try:
                log.write(run(command.split()).stdout)
            except OSError as error:
                log.write('%s: %s\n' % (command, error))


# --- the table -----------------------------------------------------------------------------------------------------

ROWS, FAILURES = [], []
COLUMNS = ('workload', 'threads', 'deepc', 'peer', 'peer_value', 'unit', 'ratio', 'target', 'verdict',
           'deepc_p10', 'deepc_p90', 'peer_p10', 'peer_p90', 'note')
LESS_IS_BETTER = ('s', 'MB', 'KB')
LINE = '%-34s %-2s %-27s %-20s %-27s %-8s %8s %-15s %s'


def part(samples, p):
    """The value p of the way from the least to the largest; 0.5: the median."""
    ordered = sorted(samples)
    at = p * (len(ordered) - 1)
    low, high = ordered[int(at)], ordered[math.ceil(at)]
    return low + (at - int(at)) * (high - low)


def median(samples):
    return part(samples, 0.5)


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def spread(samples):
    """As `3.14 (3.1..3.2)`, to three digits."""
    def digits(value):
        if value >= 1e4:
            return '%.2f M' % (value / 1e6) if value >= 1e6 else '%.1f k' % (value / 1e3)
        return '%.0f' % value if value >= 100 else '%.3g' % value
    if not samples or isinstance(samples, str):
        return samples or ''
    low, high = part(samples, 0.1), part(samples, 0.9)
    return digits(median(samples)) + (' (%s..%s)' % (digits(low), digits(high)) if low < high else '')


def add(workload, threads, ours, peer, theirs, unit, target=None, note='', show=True, chart=False):
    """ours and theirs: samples; theirs may be a sentence that says why there are none. chart: also in the picture."""
    row = dict.fromkeys(COLUMNS, '')
    row.update(workload=workload, threads=threads, peer=peer, unit=unit, note=note, chart=chart)
    if ours:
        row.update(deepc=median(ours), deepc_p10=part(ours, 0.1), deepc_p90=part(ours, 0.9))
    if isinstance(theirs, str):
        row['note'] = theirs
    else:
        row.update(peer_value=median(theirs), peer_p10=part(theirs, 0.1), peer_p90=part(theirs, 0.9))
        if ours:
            less = unit in LESS_IS_BETTER
            row['ratio'] = row['peer_value'] / row['deepc'] if less else row['deepc'] / row['peer_value']
    if target is not None:
        row['target'] = target
        row['verdict'] = '' if row['ratio'] == '' else 'met' if row['ratio'] >= target else 'short'
    row['line'] = LINE % (workload, threads, spread(ours), peer, spread([] if row['note'] == theirs else theirs), unit,
                          row['ratio'] and '%.2f' % row['ratio'],
                          '' if target is None else 'of %g: %s' % (target, row['verdict'] or '-'), row['note'])
    ROWS.append(row)
    if show:
        say(row['line'].rstrip())
    return row


def heading(title):
    say('\n%s\n%s' % (title.upper(), LINE % ('workload', 'T', 'deepc (p10..p90)', 'peer', 'value (p10..p90)', 'unit',
                                             'ratio', 'target', 'note')))


def check(condition, sentence):
    if not condition:
        FAILURES.append(sentence)
        say('FAILED: ' + sentence)


def write_tsv(path):
    with open(path, 'w', encoding='utf-8') as f:
        f.write('\t'.join(COLUMNS) + '\n')
        for row in ROWS:
            f.write('\t'.join('%.6g' % row[c] if isinstance(row[c], float) else str(row[c]) for c in COLUMNS) + '\n')


# --- contestants ---------------------------------------------------------------------------------------------------

def environment(threads, **more):
    """How the number of threads reaches deepc, OpenMP, MKL and the programs beside this one."""
    n = str(threads)
    return dict(os.environ, DEEPC_THREADS=n, BENCH_THREADS=n, OMP_NUM_THREADS=n, MKL_NUM_THREADS=n,
                TORCHINDUCTOR_CACHE_DIR=os.path.abspath(program('inductor')), TORCHINDUCTOR_COMPILE_THREADS='1',
                PYTHONDONTWRITEBYTECODE='1', **more)


class Racer:
    """A process that takes part in a race: it does its part whenever asked and tells facts at the end (bench.h)."""

    def __init__(self, name, threads, command, needs=None):
        self.name, self.threads, self.samples, self.facts, self.problem = name, threads, [], {}, None
        if needs and not has_module(needs):
            self.problem = 'not installed'
            return
        more = {'OMP_PROC_BIND': 'true'} if needs and threads > 1 else {}        # Each worker on its own processor.
        self.log = tempfile.TemporaryFile('w+', encoding='utf-8')
        self.process = subprocess.Popen(command, env=environment(threads, **more), text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.log)

    def wait(self):
        if not self.problem and self.process.stdout.readline().strip() != 'ready':
            self.fail()

    def fail(self):
        self.process.kill()
        self.process.wait()
        self.log.seek(0)
        self.problem = 'failed: ' + (self.log.read().strip().split('\n')[-1][:90] or 'no message')

    def go(self, steps):
        """Seconds and loss, or None."""
        try:
            self.process.stdin.write('go %d\n' % steps)
            self.process.stdin.flush()
            seconds, loss = self.process.stdout.readline().split()
            return float(seconds), float(loss)
        except (OSError, ValueError):
            return self.fail()

    def finish(self):
        self.process.stdin.close()
        self.facts = dict(line.strip().split('=', 1) for line in self.process.stdout if '=' in line)
        _, self.process.returncode, usage = os.wait4(self.process.pid, 0)
        self.facts['memory'] = usage.ru_maxrss / 1024


def race(racers, rounds, seconds_each=None):
    """Fills racer.samples: seconds of one `go`; or steps a second, where seconds_each says how long a go is."""
    steps = {}
    for racer in racers:
        racer.wait()
    for racer in racers:                          # The first time is for warming up, and for compiling.
        racer.first = None if racer.problem else racer.go(1000)
        if seconds_each and not racer.problem:
            steps[racer] = int(1000 * seconds_each / racer.go(1000)[0]) + 1
    for number in range(rounds):
        for racer in racers[number % len(racers):] + racers[:number % len(racers)]:
            time.sleep(0.05)                      # Until the workers of the last one sleep.
            answer = None if racer.problem else racer.go(steps.get(racer, 1))
            if answer:
                racer.samples.append(steps[racer] / answer[0] if seconds_each else answer[0])
    for racer in racers:
        if not racer.problem:
            racer.finish()
        elif racer.name.startswith('deepc'):
            sys.exit('%s: %s' % (racer.name, racer.problem))


def whole(command, threads=1):
    """Runs a program from start to end."""
    start = time.perf_counter()
    with open(program('whole.log'), 'w+', encoding='utf-8') as log:
        process = subprocess.Popen(command, env=environment(threads), stdout=log, stderr=subprocess.STDOUT)
        _, process.returncode, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        log.seek(0)
        text = log.read()
    accuracy = re.search(r'RESULT test_accuracy=(\S+)', text)
    return {'seconds': seconds, 'cpu': usage.ru_utime + usage.ru_stime, 'memory': usage.ru_maxrss / 1024,
            'ok': process.returncode == 0, 'accuracy': float(accuracy[1]) if accuracy else 0.0}


# --- workloads -----------------------------------------------------------------------------------------------------

NETS = {'MLP 784-128-10, batch 64': (64, (784, 128, 10)),
        'MLP 784-512-512-10, batch 128': (128, (784, 512, 512, 10))}
PEAK, INSTALLED = {}, {}                          # GFLOP/s by threads; version and MB by package


def about():
    """Which processor, which versions."""
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        model = re.search(r'^model name\s*:\s*(.*)$', f.read(), re.M)
    processor = model[1] if model else os.uname().machine
    parts = ['%s, %d processors' % (processor, os.cpu_count())]
    found = run([program('gemm'), '1', '1'], stdin=subprocess.DEVNULL, env=environment(1)).stdout
    parts += [re.sub(r'^device', 'deepc on', ' '.join(line.split()[:2])) for line in found.split('\n') if line]
    for package in 'torch', 'tensorflow-cpu', 'tensorflow', 'keras':
        result = run(script('peer.py', package)) if os.path.exists(PYTHON) else None
        if result and result.returncode == 0:
            INSTALLED[package] = result.stdout.split()
            parts.append('%s %s' % (package, INSTALLED[package][0]))
    say('; '.join(parts))
    return processor


def limits():
    """What the processor can do at most: the 90th percentile, since everything else only makes it slower. gemm
    measures the multiply-adds again and again; the highest counts, and no product is above it."""
    level, *lines = run([program('limits')]).stdout.strip().split('\n')
    heading('limits of this processor: ' + level.split(' ', 1)[1])
    for what, threads, *samples in map(str.split, lines):
        samples = [float(s) for s in samples]
        if what == 'fma':
            PEAK[int(threads)] = part(samples, 0.9)
        if int(threads) in THREADS:
            add('FMA peak' if what == 'fma' else 'triad in ' + what, int(threads), None, 'this processor', samples,
                'GFLOP/s' if what == 'fma' else 'GB/s')


def library():
    """What the header costs: the compiler's time and the program's size."""
    heading('the library')
    gcc, binary = shutil.which('gcc') or 'cc', program('compiled')
    command = [gcc, '-O2', '-I.', 'examples/05_mnist_dropout.c', '-o', binary, '-lm']
    results = [whole(command) for _ in range(full(3, 1))]
    check(all(r['ok'] for r in results), ' '.join(command))
    add('compile 05_mnist_dropout, gcc -O2', 1, [r['cpu'] for r in results], 'at most', [6.0], 's', 1)
    run(['strip', binary])
    add('its size, stripped', 1, [os.path.getsize(binary) / 1e3], 'at most', [400.0], 'KB', 1)


def shapes():
    """m, n, k, A transposed, B transposed: squares; and of every layer X W, dW = X' dY, dX = dY W'."""
    for n in (64, 128, 256, 512, 1024, 2048):
        yield n, n, n, 0, 0
    for batch, sizes in NETS.values():
        for inputs, outputs in zip(sizes, sizes[1:]):
            yield batch, outputs, inputs, 0, 0
            yield inputs, outputs, batch, 1, 0
            yield batch, inputs, outputs, 0, 1


def gemm():
    """The matrix product."""
    for threads in THREADS:
        say("\nMATRIX PRODUCT m x n x k (A', B': transposed), GFLOP/s, %d thread%s\n%-22s %-24s %-24s %-24s %7s %8s" % (
            threads, 's'[:threads - 1], 'shape', 'deepc', 'OpenBLAS', 'oneDNN', 'ratio', 'of peak'))
        ours, best = {}, {}
        blocks = run([program('gemm'), str(threads), str(full(11, 3))], env=environment(threads),
                     input=''.join('%d %d %d %d %d\n' % shape for shape in shapes())).stdout.split('\n\n')
        check(len(blocks) == len(list(shapes())) + 2, 'gemm: ' + blocks[-1])
        results = [{line.split()[0]: [float(v) for v in line.split()[1:]] for line in block.strip().split('\n')}
                   for block in blocks[1:-1]]
        PEAK[threads] = max([PEAK[threads]] + [part(samples['peak'], 0.9) for samples in results])
        for shape, samples in zip(shapes(), results):
            name = '%d x %d x %d%s%s' % (*shape[:3], " A'" * shape[3], " B'" * shape[4])
            deepc, peak = samples['deepc'], [PEAK[threads]]
            peers = {peer: samples.get(peer, 'not installed') for peer in ('OpenBLAS', 'oneDNN')}
            for peer, values in (*peers.items(), ('FMA peak', peak)):
                target = 0.85 if peer == 'FMA peak' and shape[:3] in ((1024,) * 3, (2048,) * 3) else None
                add('product ' + name, threads, deepc, peer, values, 'GFLOP/s', target, show=False)
            ours[name] = median(deepc)
            best[name] = max((median(samples[peer]) for peer in peers if peer in samples), default=math.nan)
            say('%-22s %-24s %-24s %-24s %7.2f %8.2f' % (name, *map(spread, (deepc, *peers.values())),
                                                         ours[name] / best[name], ours[name] / peak[0]))
        heading('in short')
        worst = min(ours, key=lambda name: ours[name] / best[name])
        there = ' or '.join(peer for peer in peers if peer in samples) or 'OpenBLAS, oneDNN'
        for name, mine, theirs, target, note in (
                ('product, geometric mean', mean(ours.values()), mean(best.values()), 1, '%d shapes' % len(ours)),
                ('product, worst shape', ours[worst], best[worst], 0.8, worst)):
            add(name, threads, [mine], there, 'not installed' if math.isnan(theirs) else [theirs],
                'GFLOP/s', target, note, chart=True)


def tiny():
    """Networks so small that what counts is everything but the arithmetic."""
    heading('tiny nets')
    for name, net, batch in (('8-1 linear, batch 32', 'line', '32'), ('2-16-1 tanh, batch 1', 'tanh', '1'),
                             ('2-16-1 tanh, batch 32', 'tanh', '32')):
        for t in THREADS[:full(2, 1)]:
            deepc = Racer('deepc', t, [program('tiny'), net, batch])
            peers = [Racer('PyTorch', t, script('tiny_torch.py', net, batch, 'eager'), 'torch'),
                     Racer('PyTorch compiled', t, script('tiny_torch.py', net, batch, 'compiled'), 'torch'),
                     Racer('plain C', t, [program('tiny_plain'), net, batch])]
            race([deepc] + peers, full(9, 3), full(0.25, 0.1))
            for r in peers:
                ours, theirs = deepc.first[1], r.first[1] if r.first else math.nan
                check(r.problem or abs(ours - theirs) < 1e-4 * abs(ours),
                      '%s: after 1,000 steps the loss is %g, but %g by %s' % (name, ours, theirs, r.name))
                add(name, t, deepc.samples, r.name, r.problem or r.samples, 'steps/s',
                    0.2 if r.name == 'plain C' else 100, chart=True)


def training(name, ours, theirs, flops, rounds, targets, images=None, tolerance=0.015):
    """Seconds of a task, or images a second, if it takes so many of them, by every way in `ours` {way: command} and
    by the fastest of `theirs` {peer: [command, ...]}, which need PyTorch. targets: peer -> ratio; 'FMA peak' and
    'deepc, 1 thread' are peers as well. The facts that racers tell are accuracy, setting and, ours, fingerprint, which
    must be the same for every way and number of threads."""
    heading(name)
    unit = 'images/s' if images else 's'

    def value(samples):
        return [images / s for s in samples] if images else samples

    ours = [Racer('deepc ' + way, t, command) for t in THREADS for way, command in ours.items()]
    everyone = [Racer(peer, t, command, 'torch') for t in THREADS for peer, how in theirs.items() for command in how]
    race(ours + everyone, rounds)
    theirs = [min((r for r in everyone if (r.name, r.threads) == (peer, t)),
                  key=lambda r: math.inf if r.problem else median(r.samples)) for t in THREADS for peer in theirs]
    prints = {r.facts['fingerprint'] for r in ours}
    check(len(prints) == 1, '%s: the fingerprints differ: %s' % (name, ' '.join(sorted(prints))))
    best = {t: min((r for r in ours if r.threads == t), key=lambda r: median(r.samples)) for t in THREADS}
    for t, deepc in best.items():
        limit = flops / PEAK[t] * 1e-9
        for r in theirs:
            if r.threads != t:
                continue
            note = ''
            if not r.problem:
                note = '%s, %s; accuracy %s, %s; at FMA peak %.1f' % (
                    deepc.facts['setting'], r.facts['setting'], deepc.facts['accuracy'], r.facts['accuracy'],
                    median(r.samples) / limit)
                check(abs(float(r.facts['accuracy']) - float(deepc.facts['accuracy'])) < tolerance, name + ': ' + note)
            add(name, t, value(deepc.samples), r.name, r.problem or value(r.samples), unit, targets.get(r.name), note,
                chart=True)
            add(name + ', memory', t, [deepc.facts['memory']], r.name, r.problem or [r.facts['memory']], 'MB',
                show=False)
        add(name, t, value(deepc.samples), 'FMA peak', value([limit]), unit, targets.get('FMA peak'),
            '%.1f GFLOP' % (flops * 1e-9))
        if t > 1:
            add(name, t, value(deepc.samples), 'deepc, 1 thread', value(best[1].samples), unit,
                targets.get('deepc, 1 thread'))
    return best


def mlp():
    """An epoch of MNIST, batches shuffled and assembled, Adam."""
    for (name, (batch, sizes)), rounds, targets in zip(NETS.items(), (full(9, 2), full(5, 1)), (
            {'PyTorch': 3, 'PyTorch compiled': 3, 'FMA peak': 0.5},
            {'PyTorch': 1.5, 'PyTorch compiled': 1.5, 'deepc, 1 thread': 1.7})):
        numbers = [str(n) for n in (batch, *sizes[1:-1])]
        ours = {way: [program('mlp'), MNIST, way, *numbers] for way in ('fit', 'hand')[:full(2, 1)]}
        theirs = {peer: [script('mlp_torch.py', MNIST, way, *numbers)]
                  for peer, way in (('PyTorch', 'eager'), ('PyTorch compiled', 'compiled'))}
        flops = 60000 * (sum(6 * i * o for i, o in zip(sizes, sizes[1:])) - 2 * sizes[0] * sizes[1])
        best = training(name, ours, theirs, flops, rounds, targets)
        if batch == 64:
            for t in THREADS:
                add(name + ', memory', t, [best[t].facts['memory']], 'at most', [100.0], 'MB', 1)


def convnet():
    """Training steps of Keras's convolutional network for MNIST."""
    name, batch, steps = 'Keras convnet, batch 64', 64, full(100, 40)
    numbers = [str(batch), str(steps)]
    ours = {'hand': [program('convnet'), MNIST, *numbers]}
    theirs = {peer: [script('convnet_torch.py', MNIST, way, layout, *numbers) for layout in layouts]
              for peer, way, layouts in (('PyTorch', 'eager', LAYOUTS),          # To compile takes longer than to race.
                                         ('PyTorch compiled', 'compiled', LAYOUTS[full(0, 1):]))}
    first, second, dense = 2 * 26 * 26 * 32 * 9, 2 * 11 * 11 * 64 * 9 * 32, 2 * 1600 * 10
    flops = batch * steps * (2 * first + 3 * second + 3 * dense)        # The image needs no gradient.
    best = training(name, ours, theirs, flops, full(7, 3), {'PyTorch': 1.5, 'PyTorch compiled': 1.5,
                    'deepc, 1 thread': 1.7}, batch * steps, full(0.015, 0.03))
    for t in THREADS:
        add(name + ', memory', t, [best[t].facts['memory']], 'at most', [250.0], 'MB', 1)


LAYOUTS = 'contiguous_format', 'channels_last'
# Images, side, channels, side of a filter, filters, zeros around, groups.
CONVOLUTIONS = {'MNIST 1': (64, 28, 1, 3, 32, 0, 1), 'MNIST 2': (64, 13, 32, 3, 64, 0, 1),
                'ResNet': (16, 56, 64, 3, 64, 1, 1), '1 x 1': (16, 28, 128, 1, 128, 0, 1),
                'depthwise': (16, 28, 128, 3, 128, 1, 128)}


def convolution():
    """Convolutions, and the gradients of their filters and of their images, each alone."""
    tasks = [(name, what) for name in CONVOLUTIONS for what in ('forward', 'filters', 'image')
             if (name, what) != ('MNIST 1', 'image')]                   # Nobody needs it.
    arguments = [' '.join(map(str, (what, *CONVOLUTIONS[name]))) for name, what in tasks]
    for t in THREADS:
        heading('convolution')
        racers = [Racer('deepc', t, [program('convolution'), *arguments])]
        racers += [Racer('PyTorch', t, script('convolution_torch.py', layout, *arguments), 'torch')
                   for layout in LAYOUTS]
        for racer in racers:
            racer.wait()
        ours, best = {}, {}
        for i, (name, what) in enumerate(tasks):
            images, side, channels, size, filters, zeros, groups = CONVOLUTIONS[name]
            flops = 2 * images * (side + 2 * zeros - size + 1) ** 2 * filters * size ** 2 * channels // groups
            for racer in racers:                      # For preparing, and for comparing the results.
                racer.samples, racer.first = [], None if racer.problem else racer.go(i)
            for number in range(full(11, 3)):
                turn = number % len(racers)
                for racer in racers[turn:] + racers[:turn]:
                    time.sleep(0.05)
                    answer = None if racer.problem else racer.go(i)
                    if answer:
                        racer.samples.append(flops / answer[0] * 1e-9)
            deepc, *peers = racers
            if deepc.problem:
                sys.exit('deepc: ' + deepc.problem)
            for r in peers:
                check(r.problem or abs(deepc.first[1] - r.first[1]) < 1e-4 * abs(deepc.first[1]),
                      'convolution %s, %s: %g, but %g by PyTorch' % (name, what, deepc.first[1],
                                                                     r.first[1] if r.first else math.nan))
            fastest = max(range(len(peers)), key=lambda n: 0 if peers[n].problem else median(peers[n].samples))
            r, label = peers[fastest], 'convolution %s, %s' % (name, what)
            ours[name, what] = median(deepc.samples)
            best[name, what] = math.nan if r.problem else median(r.samples)
            add(label, t, deepc.samples, 'PyTorch', r.problem or r.samples, 'GFLOP/s',
                note=LAYOUTS[fastest].replace('contiguous_format', 'default'))
            add(label, t, deepc.samples, 'FMA peak', [PEAK[t]], 'GFLOP/s', show=False)
        for racer in racers:
            if not racer.problem:
                racer.finish()
        heading('in short')
        mnist, resnet = [task for task in tasks if 'MNIST' in task[0]], ('ResNet', 'forward')
        worst = min(ours, key=lambda task: ours[task] / best[task])
        for name, mine, theirs, target, note in (
                ('convolution, MNIST shapes, mean', mean([ours[k] for k in mnist]),
                 mean([best[k] for k in mnist]), 1, 'geometric, of %d' % len(mnist)),
                ('convolution, ResNet, forward', ours[resnet], best[resnet], 0.9, ''),
                ('convolution, worst', ours[worst], best[worst], None, ', '.join(worst))):
            add(name, t, [mine], 'PyTorch', 'not installed' if math.isnan(theirs) else [theirs], 'GFLOP/s', target,
                note, chart=True)


def keras():
    """The MNIST program of every first tutorial, the whole process."""
    heading('MNIST with dropout, 5 epochs, evaluated, from start to end')
    peer, package = 'Keras, TensorFlow', INSTALLED.get('tensorflow-cpu') or INSTALLED.get('tensorflow')
    commands = {('deepc', 'run'): [os.path.join(BUILD, '05_mnist_dropout'), '--data', MNIST, '--out', BENCH],
                ('deepc', 'start'): [program('mlp'), MNIST, 'start', '64', '128'],
                (peer, 'run'): script('mnist_keras.py', MNIST),
                (peer, 'start'): script('mnist_keras.py', MNIST, '--start')}
    for t in THREADS[full(0, -1):]:
        results = {key: [] for key in commands}
        for _ in range(full(3, 1)):
            for key, command in commands.items():
                if key[0] == 'deepc' or package:
                    results[key].append(whole(command, t))
        check(all(r['ok'] for rs in results.values() for r in rs), 'keras: a program fails')
        for label, what, key, unit, target in (
                ('MNIST program, whole process', 'run', 'seconds', 's', 5),
                ('MNIST program, until first step', 'start', 'seconds', 's', None),
                ('MNIST program, memory', 'run', 'memory', 'MB', None),
                ('MNIST program, accuracy', 'run', 'accuracy', '', None)):
            ours, theirs = [[r[key] for r in results[who, what]] for who in ('deepc', peer)]
            row = add(label, t, ours, peer, theirs or 'not installed', unit, target, chart=target is not None)
        check(not package or abs(row['deepc'] - row['peer_value']) < 0.01, 'keras: the accuracies differ')
    add('installed, with what it needs', 1, [os.path.getsize('deepc.h') / 1e6], peer,
        [float(package[1])] if package else 'not installed', 'MB')


WORKLOADS = (library, gemm, tiny, mlp, convnet, convolution, keras)


def busy():
    """Seconds for which all processors have been at work, and those of this program and its children."""
    with open('/proc/stat', encoding='utf-8') as f:
        user, nice, system, _, _, irq, soft, steal = [int(n) for n in f.readline().split()[1:9]]
    mine = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return ((user + nice + system + irq + soft + steal) / os.sysconf('SC_CLK_TCK'),
            sum(u.ru_utime + u.ru_stime for u in mine))


def main():
    os.makedirs(BENCH, exist_ok=True)
    install()
    start, (all_before, mine_before) = time.time(), busy()
    processor = about()
    limits()
    for workload in WORKLOADS:
        if not sys.argv[1:] or workload.__name__ in sys.argv[1:]:
            before = time.time()
            workload()
            say('(%s: %.0f s)' % (workload.__name__, time.time() - before))
    heading('all targets')
    for row in ROWS:
        if row['target'] != '':
            say(row['line'].rstrip())
    tsv, svg = os.path.join(BUILD, 'bench.tsv'), os.path.join(BUILD, 'bench.svg')
    write_tsv(tsv)
    chart.write(svg, [row for row in ROWS if row['chart']], 'deepc beside its peers, on ' + processor)
    passed, (all_after, mine_after) = time.time() - start, busy()
    others = (all_after - all_before - (mine_after - mine_before)) / passed / os.cpu_count()
    say('\n%.0f s, in which other programs took %.0f %% of the processors%s; wrote %s and %s' % (
        passed, 100 * others, ': too much to go by' if others > 0.1 else '', tsv, svg))
    for sentence in FAILURES:
        say('FAILED: ' + sentence)
    sys.exit(bool(FAILURES))


main()

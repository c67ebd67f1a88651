"""chart.py - the picture of the benchmark: a bar for every ratio, on a logarithmic scale, from a line at 1."""
import math
from xml.sax.saxutils import escape

COLORS, INK, GRID = {1: '#1f5f99', 2: '#e08a1e'}, '#222222', '#dddddd'
LEFT, WIDTH, BAR, GAP, TOP = 370, 430, 11, 7, 62


def ticks(low, high):
    """1, 2, 5, 10, ... between them; only powers of ten where they are many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [m * 10.0 ** p for p in powers for m in ((1, 2, 5) if len(powers) < 4 else (1,))]
    return [t for t in found if low <= t <= high]


def text(x, y, words, size=12, anchor='start', weight='normal'):
    return '<text x="%.1f" y="%.1f" font-size="%d" text-anchor="%s" font-weight="%s" fill="%s">%s</text>' % (
        x, y, size, anchor, weight, INK, escape(words))


def box(x, y, width, height, fill):
    return '<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>' % (x, y, width, height, fill)


def picture(rows, title):
    """rows: dictionaries with workload, peer, threads and ratio; without a ratio, the note says why."""
    groups = {}
    for row in rows:
        groups.setdefault((row['workload'], row['peer']), []).append(row)
    known = [row['ratio'] for row in rows if row['ratio'] != '']
    low, high = min(known + [0.5]) / 1.7, max(known + [2]) * 1.7       # Room for the figures beside the bars.
    parts, y, last = [], TOP, None

    def across(value):
        return LEFT + WIDTH * math.log(value / low) / math.log(high / low)

    for (workload, peer), bars in groups.items():
        if workload != last:
            y += GAP
            parts.append(text(8, y + BAR, workload, weight='bold'))
        last = workload
        parts.append(text(LEFT - 10, y + len(bars) * (BAR + 1) / 2 + 4, peer, anchor='end'))
        for row in bars:
            start, end = sorted((across(1), across(row['ratio'] or 1)))
            parts.append(box(start, y, end - start, BAR, COLORS[row['threads']]))
            figure = row['note'] if row['ratio'] == '' else '%.2f' % row['ratio'] if end < across(9.995) else \
                '%.0f' % row['ratio']
            parts.append(text(start - 4, y + BAR - 1, figure, 11, 'end') if row['ratio'] and row['ratio'] < 1 else
                         text(end + 4, y + BAR - 1, figure, 11))
            y += BAR + 1
        y += GAP
    grid = [box(across(tick) - 0.5, TOP, 1, y - TOP, GRID) for tick in ticks(low, high)]
    grid += [text(across(tick), y + 15, '%g' % tick, 11, 'middle') for tick in ticks(low, high)]
    for i, threads in enumerate(sorted({row['threads'] for row in rows})):
        parts += [box(LEFT + 90 * i, 34, BAR, BAR, COLORS[threads]),
                  text(LEFT + 90 * i + 16, 44, '%d thread%s' % (threads, 's'[:threads - 1]))]
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif">' % (
        LEFT + WIDTH + 20, y + 46)
    parts += [box(across(1) - 0.75, TOP, 1.5, y - TOP, INK),
              text(LEFT + WIDTH / 2, y + 36, 'ratio: right of 1, deepc is faster', anchor='middle')]
    background = ['<rect width="100%" height="100%" fill="white"/>', text(10, 20, title, 15, weight='bold')]
    return '\n'.join([head] + background + grid + parts + ['</svg>', ''])


def write(path, rows, title):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(picture(rows, title))

#!/usr/bin/env python3
"""Golden numbers for convolutions, pooling, other sizes and the normalisations of images: writes golden/vision.h.

    python3 tests/golden/vision.py

Cases as in ops.py. deepc's channels are last, PyTorch's second; deepc's filters are [height, width, in / groups, out],
PyTorch's [out, in / groups, height, width], and [in, out / groups, height, width] for a transposed convolution, where
deepc's are [height, width, out / groups, in]. Made with PyTorch 2.15."""
import os
import random
import torch
import torch.nn.functional as F
import ops
from ops import draw

ops.rng = random.Random(21)
ops.cases = cases = []
FIELDS = ("height", "width", "stride", "stride_x", "dilation", "dilation_x", "padding", "top", "bottom", "left",
          "right", "groups", "output_padding")         # Of dc_window, in order.


def window(**fields):
    assert all(f in FIELDS for f in fields)
    return [fields.get(f, 0) for f in FIELDS]


def first(x):
    """[N, sizes..., C] -> [N, C, sizes...]"""
    return x.movedim(-1, 1)


def last(y):
    return y.movedim(1, -1)


def turned(w):
    """Filters, either way of them: [sizes..., a, b] -> [b, a, sizes...]"""
    return w.movedim(-1, 0).movedim(-1, 1)


def both(w, name, usual=1):
    return (w.get(name) or usual, w.get(name + "_x") or w.get(name) or usual)


# --- convolutions ---

def conv(x, w, b=None, **o):
    groups = o.get("groups", 1)
    if x.dim() == 3:
        pad = (o.get("left", 0), o.get("right", 0))
        y = F.conv1d(F.pad(first(x), pad), turned(w), b, o.get("stride", 1), 0, o.get("dilation", 1), groups)
    else:
        pad = (o.get("left", 0), o.get("right", 0), o.get("top", 0), o.get("bottom", 0))
        y = F.conv2d(F.pad(first(x), pad), turned(w), b, both(o, "stride"), 0, both(o, "dilation"), groups)
    return last(y)


def same(x, w, b=None, **o):
    """DC_SAME with a stride of 1 is PyTorch's padding="same": an odd zero comes last in both."""
    f = F.conv1d if x.dim() == 3 else F.conv2d
    return last(f(first(x), turned(w), b, 1, "same", o.get("dilation", 1), o.get("groups", 1)))


def conv_transpose(x, w, b=None, **o):
    f = F.conv_transpose1d if x.dim() == 3 else F.conv_transpose2d
    pad = o.get("left", 0) if x.dim() == 3 else (o.get("top", 0), o.get("left", 0))
    assert o.get("top", 0) == o.get("bottom", 0) and o.get("left", 0) == o.get("right", 0)
    one = (lambda t: t[1]) if x.dim() == 3 else (lambda t: t)
    return last(f(first(x), turned(w), b, one(both(o, "stride")), pad, o.get("output_padding", 0), o.get("groups", 1),
                  one(both(o, "dilation"))))


def border(n):
    return dict(top=n, bottom=n, left=n, right=n)


for x, w, o in [((2, 4, 5, 2), (3, 2, 2, 3), {}),
                ((1, 6, 6, 3), (3, 3, 3, 4), dict(stride=2, **border(1))),
                ((2, 5, 7, 2), (3, 2, 2, 2), dict(stride=1, stride_x=3, top=1, right=2)),
                ((1, 7, 8, 2), (3, 3, 2, 3), dict(dilation=2, dilation_x=3, left=1)),
                ((2, 4, 4, 4), (3, 3, 2, 6), dict(groups=2, **border(1))),
                ((1, 5, 5, 3), (3, 3, 1, 6), dict(groups=3, stride=2)),
                ((1, 4, 4, 17), (3, 3, 1, 17), dict(groups=17, stride=1)),
                ((1, 2, 3, 20), (1, 1, 20, 18), {}),
                ((2, 9, 3), (3, 3, 2), {}),
                ((2, 8, 4), (3, 2, 4), dict(stride=2, dilation=2, left=2, right=1, groups=2))]:
    out = w[-1]
    ops.case("conv_op", lambda x, w, b: conv(x, w, b, **o), [draw(*x), draw(*w), draw(out)], window(**o))
ops.case("conv_op", conv, [draw(2, 4, 5, 2), draw(3, 2, 2, 3)], window())
for x, w, o in [((2, 4, 5, 2), (3, 2, 2, 3), {}), ((1, 5, 5, 2), (2, 3, 1, 4), dict(dilation=2, groups=2)),
                ((2, 6, 2), (4, 2, 3), {})]:
    ops.case("conv_op", lambda x, w, b: same(x, w, b, **o), [draw(*x), draw(*w), draw(w[-1])], window(padding=1, **o))

for x, w, o in [((2, 3, 2, 3), (2, 3, 2, 3), {}),
                ((1, 3, 4, 2), (3, 3, 4, 2), dict(stride=2, output_padding=1, **border(1))),
                ((2, 3, 3, 2), (2, 3, 3, 2), dict(stride=3, stride_x=2)),
                ((1, 3, 3, 4), (3, 2, 2, 4), dict(dilation=2, groups=2)),
                ((2, 2, 3, 3), (3, 3, 1, 3), dict(stride=2, groups=3)),
                ((2, 5, 3), (3, 2, 3), dict(stride=2, left=1, right=1)),
                ((1, 4, 4), (2, 1, 4), dict(groups=4, dilation=3))]:
    out = w[-2] * o.get("groups", 1)
    ops.case("conv_transpose_op", lambda x, w, b: conv_transpose(x, w, b, **o), [draw(*x), draw(*w), draw(out)],
             window(**o))
ops.case("conv_transpose_op", conv_transpose, [draw(2, 4, 5, 3), draw(3, 2, 2, 3)], window())

# --- pooling ---

def apart(*shape):
    """No two alike: the maximum of a window is one."""
    return draw(*shape, lo=-2, hi=2) + torch.randperm(torch.Size(shape).numel(), generator=shuffle).reshape(shape) / 4


def max_pool(x, **o):
    f = F.max_pool1d if x.dim() == 3 else F.max_pool2d
    h, w = o["height"], o.get("width") or o["height"]
    one = (lambda t: t[1]) if x.dim() == 3 else (lambda t: t)
    stride = (o.get("stride") or h, o.get("stride_x") or o.get("stride") or w)
    return last(f(first(x), one((h, w)), one(stride), one((o.get("top", 0), o.get("left", 0))),
                  one(both(o, "dilation"))))


def avg_pool(x, **o):
    f = F.avg_pool1d if x.dim() == 3 else F.avg_pool2d
    h, w = o["height"], o.get("width") or o["height"]
    one = (lambda t: t[1]) if x.dim() == 3 else (lambda t: t)
    stride = (o.get("stride") or h, o.get("stride_x") or o.get("stride") or w)
    return last(f(first(x), one((h, w)), one(stride), one((o.get("top", 0), o.get("left", 0))),
                  count_include_pad=False))


shuffle = torch.Generator().manual_seed(21)
for x, o in [((2, 4, 6, 2), dict(height=2)), ((1, 5, 5, 3), dict(height=3, stride=2, **border(1))),
             ((2, 5, 4, 2), dict(height=3, width=2, stride=1, stride_x=2)),
             ((1, 6, 5, 1), dict(height=1, width=2)), ((1, 4, 4, 17), dict(height=3, stride=1, **border(1))),
             ((2, 7, 2), dict(height=3)), ((2, 7, 2), dict(height=3, stride=2, left=1, right=1))]:
    ops.case("max_pool_op", lambda x: max_pool(x, **o), [apart(*x)], window(**o))
    ops.case("avg_pool_op", lambda x: avg_pool(x, **o), [draw(*x)], window(**o))
o = dict(height=2, stride=1, dilation=2, dilation_x=3, **border(1))
ops.case("max_pool_op", lambda x: max_pool(x, **o), [apart(1, 5, 6, 2)], window(**o))
for x, size in [((2, 5, 7, 2), (3, 3)), ((1, 3, 4, 3), (1, 1)), ((1, 3, 2, 1), (5, 2)), ((2, 4, 6, 2), (2, 3))]:
    ops.case("adaptive_max_pool_op", lambda x: last(F.adaptive_max_pool2d(first(x), size)), [apart(*x)], size)
    ops.case("adaptive_avg_pool_op", lambda x: last(F.adaptive_avg_pool2d(first(x), size)), [draw(*x)], size)
ops.case("adaptive_max_pool_op", lambda x: last(F.adaptive_max_pool1d(first(x), 3)), [apart(2, 7, 2)], (1, 3))
ops.case("adaptive_avg_pool_op", lambda x: last(F.adaptive_avg_pool1d(first(x), 3)), [draw(2, 7, 2)], (1, 3))

# --- other sizes: nearest, bilinear, area ---

def mean_of_covered(x, axis, size):
    """PyTorch's mode="area" is adaptive pooling; where n / size is no whole number, this is what is covered."""
    n = x.shape[axis]
    return x.repeat_interleave(size, axis).unflatten(axis, (size, n)).mean(axis + 1)


for x, size in [((2, 3, 4, 2), (6, 8)), ((1, 4, 6, 3), (2, 3)), ((1, 3, 5, 1), (5, 3)), ((2, 2, 3, 1), (7, 3)),
                ((1, 5, 4, 2), (1, 1))]:
    n = [*size]
    ops.case("resize", lambda x: last(F.interpolate(first(x), size, mode="nearest")), [draw(*x)], [*n, 0])
    ops.case("resize", lambda x: last(F.interpolate(first(x), size, mode="bilinear", align_corners=False)), [draw(*x)],
             [*n, 1])
    ops.case("resize", lambda x: mean_of_covered(mean_of_covered(x, 1, size[0]), 2, size[1]), [draw(*x)], [*n, 2])
    if x[1] % size[0] == 0 and x[2] % size[1] == 0:
        ops.case("resize", lambda x: last(F.interpolate(first(x), size, mode="area")), [draw(*x)], [*n, 2])
ops.case("resize", lambda x: last(F.interpolate(first(x), 7, mode="nearest")), [draw(2, 4, 2)], [1, 7, 0])
ops.case("resize", lambda x: last(F.interpolate(first(x), 7, mode="linear", align_corners=False)), [draw(2, 4, 2)],
         [1, 7, 1])
for x, r in [((2, 2, 3, 8), 2), ((1, 2, 1, 9), 3), ((1, 2, 2, 3), 1)]:
    ops.case("pixel_shuffle_op", lambda x: last(F.pixel_shuffle(first(x), r)), [draw(*x)], [r])

# --- normalisation ---

for x, groups in [((2, 3, 2, 4), 2), ((2, 2, 2, 6), 3), ((1, 4, 3, 5), 1), ((2, 5, 4), 2), ((3, 6), 2)]:
    c = x[-1]
    ops.case("group_norm_op", lambda x, g, b: last(F.group_norm(first(x), groups, g, b, 0.125)),
             [draw(*x), draw(c), draw(c)], [groups, 0.125])
    ops.case("group_norm_op", lambda x: last(F.group_norm(first(x), groups, None, None, 1 / 1024)), [draw(*x)],
             [groups, 1 / 1024])
for x in [(2, 3, 4, 3), (2, 5, 2)]:
    c = x[-1]
    ops.case("group_norm_op", lambda x, g, b: last(F.instance_norm(first(x), None, None, g, b, True, 0.1, 0.125)),
             [draw(*x), draw(c), draw(c)], [c, 0.125])
for x in [(3, 4), (2, 2, 3, 5), (7,)]:
    c = x[-1]
    ops.case("rms_norm_op", lambda x, g: F.rms_norm(x, (c,), g, 0.125), [draw(*x), draw(c)], [0.125])
    ops.case("rms_norm_op", lambda x: F.rms_norm(x, (c,), None, 1 / 1024), [draw(*x)], [1 / 1024])
for x in [(2, 3, 4, 3), (1, 2, 2, 17)]:
    c = x[-1]
    for training in (0, 1):
        ops.case("batch_norm_op", lambda x, g, b, m, v: ops.batch_norm(training, x, g, b, m, v),
                 [draw(*x), draw(c), draw(c), draw(c), draw(c, lo=0.5)], [training, 0.25, 0.125], fixed=(3, 4))

here = os.path.dirname(os.path.abspath(__file__))
ops.write(os.path.join(here, "vision.h"), cases, "vision", "golden_vision")
print("%d cases of %d ops" % (len(cases), len({c[0] for c in cases})))

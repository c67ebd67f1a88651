#!/usr/bin/env python3
"""Golden numbers for the ops and losses: writes golden/ops.h, what PyTorch says in float64.

    python3 tests/golden/ops.py

A case is an op's name as in every_op.h, its operands, its numbers, the result y, and the gradient of sum(y * dy)
for a fixed random dy with respect to every operand that has one. Operands are multiples of 1/64, so that float and
double start from the same values. Made with PyTorch 2.15; any other should give the same to 1e-14."""
import math
import os
import random
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
rng = random.Random(20)
cases = []
INF = math.inf


def draw(*shape, lo=-2.0, hi=2.0, step=64):
    size = math.prod(shape)
    return torch.tensor([rng.randint(round(lo * step), round(hi * step)) / step for _ in range(size)]).reshape(shape)


def values(*numbers):
    return torch.tensor([float(v) for v in numbers])


def case(op, f, inputs, numbers=(), fixed=()):
    """fixed: which operands get no gradient; "all" for an op that has none."""
    x = [t.detach().clone() if t is not None else None for t in inputs]
    leaf = [t is not None and fixed != "all" and i not in fixed for i, t in enumerate(x)]
    for t, wanted in zip(x, leaf):
        if wanted:
            t.requires_grad_()
    y = f(*x)
    dy = draw(*y.shape, lo=-1, hi=1)
    if any(leaf):
        (y * dy).sum().backward()
    before = inputs                                   # batch norm's statistics may have changed in x
    grads = [(t.grad if t.grad is not None else torch.zeros_like(t)) if wanted else None for t, wanted in zip(x, leaf)]
    cases.append((op, before, list(numbers), y.detach(), dy, grads))


# --- element by element ---

# F.hardsigmoid's derivative is 1/6 rounded to float.
UNARY = {
    "neg": (torch.neg, -2, 2, [0]),
    "abs": (torch.abs, -2, 2, [0]),
    "sign": (torch.sign, -2, 2, [0]),
    "exp": (torch.exp, -3, 3, [0, -50, 10]),
    "expm1": (torch.expm1, -3, 3, [0, 1 / 1024, -20, 8]),
    "log": (torch.log, 0.25, 8, [1, 1024, 1 / 1024]),
    "log1p": (torch.log1p, -0.75, 8, [0, 1 / 1024]),
    "sqrt": (torch.sqrt, 0.25, 8, [1, 4096]),
    "rsqrt": (torch.rsqrt, 0.25, 8, [1, 4096]),
    "square": (torch.square, -3, 3, [0]),
    "reciprocal": (torch.reciprocal, 0.25, 8, [-0.5, -4]),
    "sin": (torch.sin, -6, 6, [0, 100]),
    "cos": (torch.cos, -6, 6, [0, 100]),
    "tanh": (torch.tanh, -3, 3, [0, 30, -30]),
    "sigmoid": (torch.sigmoid, -4, 4, [0, 40, -40]),
    "erf": (torch.erf, -3, 3, [0, 6, -6]),
    "relu": (torch.relu, -2, 2, [0]),
    "gelu": (F.gelu, -3, 3, [0, 20, -20]),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), -3, 3, [0, 20, -20]),
    "silu": (F.silu, -4, 4, [0, 40, -40]),
    "softplus": (lambda x: F.softplus(x, threshold=600), -4, 4, [0, 100, -100]),
}
for name, (f, lo, hi, special) in UNARY.items():
    case(name, f, [torch.cat([draw(8, lo=lo, hi=hi), values(*special)])])
    case(name, f, [draw(2, 1, 3, lo=lo, hi=hi)])

case("leaky_relu", lambda x: F.leaky_relu(x, 0.125), [torch.cat([draw(8), values(0)])], [0.125])
case("elu", lambda x: F.elu(x, 1.5), [torch.cat([draw(8), values(0)])], [1.5])
case("clip", lambda x: torch.clamp(x, -1, 1.25), [torch.cat([draw(8), values(-1.125, 1.375, 0)])], [-1, 1.25])
case("pow_scalar", lambda x: torch.pow(x, 2.5), [draw(8, lo=0.25)], [2.5])
case("pow_scalar", lambda x: torch.pow(x, 3), [torch.cat([draw(8), values(0)])], [3])
case("pow_scalar", lambda x: torch.pow(x, -2), [draw(8, lo=0.25)], [-2])
case("pow_scalar", lambda x: torch.pow(x, 0), [draw(4)], [0])
case("scale", lambda x: x * -1.5, [draw(3, 3)], [-1.5])
case("shift", lambda x: x + 0.75, [draw(3, 3)], [0.75])

PAIRS = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 1), (1, 3)), ((), (2, 2)), ((2, 2), ()), ((), ()),
         ((2, 1, 3), (4, 1)), ((1,), (3,)), ((1, 3), (2, 1, 1, 3)), ((2, 1, 2, 1, 2), (3, 1, 2, 1))]
BINARY = {
    "add": (torch.add, -2, 2), "sub": (torch.sub, -2, 2), "mul": (torch.mul, -2, 2), "div": (torch.div, 0.5, 2),
    "pow": (torch.pow, 0.25, 2), "maximum": (torch.maximum, -2, 2), "minimum": (torch.minimum, -2, 2),
}
COMPARE = {"equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le, "greater": torch.gt,
           "greater_equal": torch.ge}
for name, (f, lo, hi) in BINARY.items():
    for a, b in PAIRS:
        case(name, f, [draw(*a, lo=lo, hi=hi), draw(*b, lo=lo, hi=hi)])
for name in ("maximum", "minimum"):                    # ties
    case(name, BINARY[name][0], [draw(3, 4, step=1), draw(4, step=1)])
case("div", torch.div, [draw(6), values(-2, -0.5, 0.25, 4, 8, 1)])
case("pow", torch.pow, [values(-1.5, -2, 0, 0, 2), values(2, 3, 2, 1, 0)], fixed=(1,))
for name, f in COMPARE.items():
    case(name, lambda a, b, f=f: f(a, b).double(), [draw(3, 4, step=1), draw(4, step=1)], fixed="all")
    case(name, lambda a, b, f=f: f(a, b).double(), [draw(2, 1), draw(1, 3)], fixed="all")

for c, a, b in [((2, 3), (2, 3), (2, 3)), ((3,), (2, 3), ()), ((2, 1), (1, 3), (3,)), ((2, 2, 1), (1, 3), (2, 1, 1))]:
    case("where", lambda c, a, b: torch.where(c != 0, a, b), [draw(*c, lo=0, hi=1, step=1), draw(*a), draw(*b)],
         fixed=(0,))

# --- shape ---

case("copy", lambda x: x.clone(), [draw(2, 3)])
case("reshape", lambda x: x.reshape(3, 2), [draw(2, 3)], [2, 3, 2])
case("reshape", lambda x: x.reshape(4, -1, 2), [draw(2, 2, 6)], [3, 4, -1, 2])
case("flatten_op", lambda x: x.reshape(2, 6), [draw(2, 3, 2)])
case("squeeze", lambda x: x.squeeze(1), [draw(2, 1, 3)], [1])
case("squeeze", lambda x: x.squeeze(-1), [draw(2, 3, 1)], [-1])
case("unsqueeze", lambda x: x.unsqueeze(0), [draw(2, 3)], [0])
case("unsqueeze", lambda x: x.unsqueeze(-1), [draw(2, 3)], [-1])
case("permute", lambda x: x.permute(2, 0, 1), [draw(2, 3, 4)], [3, 2, 0, 1])
case("permute", lambda x: x.permute(0, 2, 1, 3), [draw(2, 2, 3, 2)], [4, 0, -2, 1, -1])
case("permute", lambda x: x.permute(5, 4, 3, 2, 1, 0), [draw(1, 2, 1, 3, 2, 2)], [6, 5, 4, 3, 2, 1, 0])
case("transpose", lambda x: x.transpose(-1, -2), [draw(3, 2)])
case("transpose", lambda x: x.transpose(-1, -2), [draw(2, 3, 4)])
case("expand", lambda x: x.expand(2, 3), [draw(3)], [2, 2, 3])
case("expand", lambda x: x.expand(4, 2, 3, 2), [draw(2, 1, 2)], [4, 4, 2, 3, 2])
case("expand", lambda x: x.expand(2, 2), [draw()], [2, 2, 2])
case("slice", lambda x: x[1:3], [draw(4, 3)], [0, 1, 3])
case("slice", lambda x: x[:, 1:], [draw(3, 4)], [1, 1, INF])
case("slice", lambda x: x[..., -3:-1], [draw(2, 2, 5)], [-1, -3, -1])
case("slice", lambda x: x[:, 0:0], [draw(2, 3)], [1, 0, 0])
case("first", lambda x: x[2], [draw(3, 2, 2)], [2])
case("first", lambda x: x[0], [draw(4)], [0])
case("concat", lambda a, b: torch.cat([a, b], 0), [draw(2, 3), draw(1, 3)], [2, 0])
case("concat", lambda a, b, c: torch.cat([a, b, c], 1), [draw(2, 1, 2), draw(2, 3, 2), draw(2, 2, 2)], [3, 1])
case("concat", lambda a, b, c, d: torch.cat([a, b, c, d], -1), [draw(2, 1), draw(2, 2), draw(2, 0), draw(2, 3)],
     [4, -1])
case("stack", lambda a, b: torch.stack([a, b], 0), [draw(2, 3), draw(2, 3)], [2, 0])
case("stack", lambda a, b, c: torch.stack([a, b, c], 1), [draw(2, 3), draw(2, 3), draw(2, 3)], [3, 1])
case("stack", lambda a, b: torch.stack([a, b], -1), [draw(3), draw(3)], [2, -1])
for which in range(3):
    case("split", lambda x: torch.chunk(x, 3, 1)[which], [draw(2, 6)], [1, 3, which])
case("pad", lambda x: F.pad(x, (0, 0, 2, 1), value=0.5), [draw(2, 3)], [0, 2, 1, 0.5])
case("pad", lambda x: F.pad(x, (1, 0), value=-1), [draw(2, 2, 2)], [-1, 1, 0, -1])
case("gather", lambda t, r: t[r.long()], [draw(4, 3), values(2, 0, 2, 3)], fixed=(1,))
case("gather", lambda t, r: t[r.long()], [draw(3, 2, 2), values(2, 0, 1, 1, 1, 2).reshape(2, 3)], fixed=(1,))
case("gather", lambda t, r: t[r.long()], [draw(5), values(4, 4, 1)], fixed=(1,))
case("take_along", lambda x, i: torch.gather(x, 1, i.long()), [draw(2, 4), values(3, 0, 3, 1, 1, 2).reshape(2, 3)],
     [1], fixed=(1,))
case("take_along", lambda x, i: torch.gather(x, 0, i.long()), [draw(3, 2), values(2, 0, 2, 1).reshape(2, 2)],
     [0], fixed=(1,))
case("take_along", lambda x, i: torch.gather(x, -1, i.long()), [draw(2, 2, 3), draw(2, 2, 1, lo=0, hi=2, step=1)],
     [-1], fixed=(1,))

# --- reductions ---

ALL = {"sum": torch.sum, "mean": torch.mean, "max": torch.max, "min": torch.min,
       "norm": lambda x: x.square().sum().sqrt()}
for name, f in ALL.items():
    for shape in [(2, 3), (), (5,), (2, 1, 3)]:
        case(name, f, [draw(*shape, lo=0.25 if name == "norm" else -2)])
for correction in (0, 1):
    case("var", lambda x: x.var(unbiased=bool(correction)), [draw(2, 3)], [correction])
    case("std", lambda x: x.std(unbiased=bool(correction)), [draw(2, 3)], [correction])
case("max", torch.max, [values(1, 3, 3, 2, 3)])
case("min", torch.min, [values(1, 3, 1, 2, 3)])

OVER = {
    "sum_over": lambda x, a, k: x.sum(a, keepdim=k), "mean_over": lambda x, a, k: x.mean(a, keepdim=k),
    "max_over": lambda x, a, k: x.amax(a, keepdim=k), "min_over": lambda x, a, k: x.amin(a, keepdim=k),
    "norm_over": lambda x, a, k: x.square().sum(a, keepdim=k).sqrt(),
}
AXES = [((2, 3), (0,)), ((2, 3), (1,)), ((2, 3), (-1,)), ((2, 3, 2), (1,)), ((2, 3, 2), (0, 2)), ((2, 3, 2), (2, 0)),
        ((2, 3, 2), (0, 1)), ((2, 2, 1, 3), (-1, 1)), ((2, 3, 2), (0, 1, 2)), ((2, 1, 2, 2, 1, 2), (1, 3, 5))]
for name, f in OVER.items():
    for i, (shape, axes) in enumerate(AXES):
        for keep in ((False, True) if i in (1, 4) else (i % 2 == 1,)):
            case(name, lambda x: f(x, axes, keep), [draw(*shape, lo=0.25 if name == "norm_over" else -2)],
                 [len(axes), *axes, int(keep)])
for name in ("max_over", "min_over"):     # ties
    case(name, lambda x: OVER[name](x, (1,), False), [draw(3, 5, step=1)], [1, 1, 0])
    case(name, lambda x: OVER[name](x, (0, 2), True), [draw(2, 2, 3, step=1)], [2, 0, 2, 1])
for i, (shape, axes) in enumerate(AXES):
    if math.prod(shape[a] for a in axes) > 1:
        c, keep = i % 2, i % 3 == 0
        case("var_over", lambda x: x.var(axes, unbiased=bool(c), keepdim=keep), [draw(*shape)],
             [len(axes), *axes, int(keep), c])
        case("std_over", lambda x: x.std(axes, unbiased=bool(c), keepdim=keep), [draw(*shape)],
             [len(axes), *axes, int(keep), c])
for axis in (0, 1, -1):
    case("argmax", lambda x: x.argmax(axis).double(), [draw(3, 4, 2, step=1000)], [axis], fixed="all")
    case("argmin", lambda x: x.argmin(axis).double(), [draw(3, 4, 2, step=1000)], [axis], fixed="all")

# --- products ---

for a, b in [((2, 3), (3, 4)), ((1, 1), (1, 1)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2)), ((2, 2, 3), (2, 3, 2)),
             ((2, 1, 2, 3), (3, 3, 2)), ((1, 2, 2), (3, 2, 1)), ((17, 5), (5, 18))]:
    case("matmul", torch.matmul, [draw(*a), draw(*b)])
for ta in (0, 1):
    for tb in (0, 1):
        for lead_a, lead_b in [((), ()), ((2,), ()), ((), (2,)), ((2, 1), (3,))]:
            case("matmul_with", lambda a, b: torch.matmul(a.transpose(-1, -2) if ta else a,
                                                          b.transpose(-1, -2) if tb else b),
                 [draw(*lead_a, *((3, 2) if ta else (2, 3))), draw(*lead_b, *((4, 3) if tb else (3, 4)))], [ta, tb])
for lead in [(4,), (), (2, 3)]:
    case("linear", lambda x, w, b: x @ w + b, [draw(*lead, 3), draw(3, 2), draw(2)])
    case("linear", lambda x, w: x @ w, [draw(*lead, 3), draw(3, 2)])

# --- over the last axis ---

ROWS = [draw(4), draw(2, 5), draw(2, 2, 3), values(10000, -10000, 9999.5, 0), values(-10000, -10000, -10001), draw(3, 1),
        draw(2, 19, lo=-6, hi=6)]
for x in ROWS:
    case("softmax", lambda x: torch.softmax(x, -1), [x])
    case("log_softmax", lambda x: torch.log_softmax(x, -1), [x])
    case("logsumexp", lambda x: torch.logsumexp(x, -1), [x])

# --- normalisation ---

for shape in [(3, 4), (2, 2, 5), (1, 6)]:
    n = shape[-1]
    case("layer_norm_op", lambda x, g, b: F.layer_norm(x, (n,), g, b, 0.125), [draw(*shape), draw(n), draw(n)], [0.125])
    case("layer_norm_op", lambda x: F.layer_norm(x, (n,), None, None, 1 / 1024), [draw(*shape)], [1 / 1024])


def batch_norm(training, x, gain=None, bias=None, mean=None, var=None, momentum=0.25, epsilon=0.125, state=False):
    """deepc's features are last, PyTorch's second."""
    moved = x.movedim(-1, 1) if x.dim() > 2 else x
    m, v = mean.clone(), var.clone()
    y = F.batch_norm(moved, m, v, gain, bias, bool(training), momentum, epsilon)
    return torch.stack([m, v]) if state else y.movedim(1, -1) if x.dim() > 2 else y


for shape in [(4, 3), (2, 3, 2), (2, 2, 3, 2), (8, 1)]:
    n = shape[-1]
    statistics = [draw(n), draw(n, lo=0.5)]
    for training in (0, 1):
        case("batch_norm_op", lambda x, g, b, m, v: batch_norm(training, x, g, b, m, v),
             [draw(*shape), draw(n), draw(n), *statistics], [training, 0.25, 0.125], fixed=(3, 4))
        case("batch_norm_statistics", lambda x, g, b, m, v: batch_norm(training, x, g, b, m, v, state=True),
             [draw(*shape), draw(n), draw(n), *statistics], [training, 0.25, 0.125], fixed="all")
case("batch_norm_op", lambda x, g, b, m, v: batch_norm(1, x, None, None, m, v),
     [draw(5, 2), None, None, draw(2), draw(2, lo=0.5)], [1, 0.25, 0.125], fixed=(3, 4))

# --- losses: numbers are reduction (0 mean, 1 sum, 2 none), label smoothing, Huber's delta ---

REDUCTION = ["mean", "sum", "none"]


def reduced(e, reduction, count=None):
    return e.sum() / (e.numel() if count is None else count) if reduction == 0 else e.sum() if reduction == 1 else e


def huber(y, t, r, d):
    return F.huber_loss(y, t, reduction=REDUCTION[r], delta=d)


PLAIN = {
    "mse": lambda y, t, r: F.mse_loss(y, t, reduction=REDUCTION[r]),
    "mae": lambda y, t, r: F.l1_loss(y, t, reduction=REDUCTION[r]),
    "bce_with_logits": lambda y, t, r: F.binary_cross_entropy_with_logits(y, t, reduction=REDUCTION[r]),
}
for name, f in PLAIN.items():
    for r in range(3):
        for shape in [(2, 3), (4,), (2, 2, 2)]:
            y = draw(*shape, lo=-3, hi=3) + 1 / 128
            t = draw(*shape, lo=0, hi=1) if name == "bce_with_logits" else draw(*shape)
            case(name + "_with", lambda y, t: f(y, t, r), [y, t], [r, 0, 0])
for d in (0.5, 1, 2):
    for r in range(3):
        case("huber_with", lambda y, t: huber(y, t, r, d), [draw(3, 4, lo=-3, hi=3), draw(3, 4)], [r, 0, d])
case("huber_with", lambda y, t: huber(y, t, 0, 1), [draw(5, lo=-3, hi=3), draw(5)], [0, 0, 0])
EXTREME = values(10000, -10000, 10000, -10000, 0, 88, -88, 0.5)
TARGET = values(1, 1, 0, 0, 1, 0, 1, 0.25)
for r in (0, 2):
    case("bce_with_logits_with", lambda y, t: PLAIN["bce_with_logits"](y, t, r), [EXTREME, TARGET], [r, 0, 0])
    case("bce_with", lambda p, t: F.binary_cross_entropy(p, t, reduction=REDUCTION[r]),
         [values(0, 0, 1, 1, 0.25, 0.75, 0.5), values(0, 1, 0, 1, 1, 0.5, 0)], [r, 0, 0], fixed="all")
for r in range(3):
    case("bce_with", lambda p, t: F.binary_cross_entropy(p, t, reduction=REDUCTION[r]),
         [draw(2, 4, lo=1 / 64, hi=63 / 64), draw(2, 4, lo=0, hi=1)], [r, 0, 0])


def labels(*shape, classes):
    return draw(*shape, lo=0, hi=classes - 1, step=1)


def classes_second(x):
    return x.movedim(-1, 1) if x.dim() > 2 else x


def cross_entropy(logits, label, weight, r, s):
    return F.cross_entropy(classes_second(logits), label.long(), weight, reduction=REDUCTION[r], label_smoothing=s)


for s in (0, 0.125):
    for r in range(3):
        for shape in [(4, 3), (2, 2, 4)]:
            label = labels(*shape[:-1], classes=shape[-1])
            case("cross_entropy_with", lambda y, t: cross_entropy(y, t, None, r, s), [draw(*shape), label], [r, s, 0],
                 fixed=(1,))
            case("cross_entropy_with", lambda y, t, w: cross_entropy(y, t, w, r, s),
                 [draw(*shape), label, draw(shape[-1], lo=0.25)], [r, s, 0], fixed=(1, 2))
case("cross_entropy_with", lambda y, t: F.cross_entropy(y.reshape(1, 4), t.reshape(1).long()), [draw(4), values(2)[0]],
     [0, 0, 0], fixed=(1,))
HUGE = torch.stack([values(10000, -10000, 0), values(10000, -10000, 0), values(10000, 10000, -10000)])
for s in (0, 0.125):
    case("cross_entropy_with", lambda y, t: cross_entropy(y, t, None, 2, s), [HUGE, values(0, 1, 2)], [2, s, 0],
         fixed=(1,))


def soft(logits, t, r, s):
    t = t * (1 - s) + s / t.shape[-1]
    return reduced(-(t * torch.log_softmax(logits, -1)).sum(-1), r)


for s in (0, 0.125):
    for r in range(3):
        for shape in [(3, 4), (2, 2, 4)]:
            t = draw(*shape, lo=0.25) / 16
            t[..., 0] = 1 - t[..., 1:].sum(-1)
            case("soft_cross_entropy_with", lambda y, t: soft(y, t, r, s), [draw(*shape), t], [r, s, 0])
            check = F.cross_entropy(classes_second(cases[-1][1][0]), classes_second(t), reduction=REDUCTION[r],
                                    label_smoothing=s)
            assert torch.allclose(check, cases[-1][3], atol=1e-13)
case("soft_cross_entropy_with", lambda y, t: soft(y, t, 2, 0), [HUGE, values(0.5, 0.5, 0).expand(3, 3)], [2, 0, 0])

for r in range(3):
    log_p = draw(4, 3, lo=-3, hi=-0.25)
    label = labels(4, classes=3)
    case("nll_with", lambda y, t: F.nll_loss(y, t.long(), reduction=REDUCTION[r]), [log_p, label], [r, 0, 0], fixed=(1,))
    case("nll_with", lambda y, t, w: F.nll_loss(y, t.long(), w, reduction=REDUCTION[r]),
         [log_p, label, draw(3, lo=0.25)], [r, 0, 0], fixed=(1, 2))
# --- writing ---


def number(v):
    if math.isnan(v):
        return "NAN"
    if math.isinf(v):
        return "INFINITY" if v > 0 else "-INFINITY"
    return "%.17g" % v if v != 0 else "0"


def shape_text(t):
    return "{ 0, { 0 } }" if t.dim() == 0 else "{ %d, { %s } }" % (t.dim(), ", ".join(map(str, t.shape)))


def wrapped(numbers):
    lines, line = [], "   "
    for n in numbers:
        if len(line) + len(n) + 2 > 118:
            lines.append(line)
            line = "   "
        line += " " + n + ","
    return "\n".join(lines + [line])


def write(path, cases=cases, script="ops", tables="golden"):
    text = ["/* Written by golden/%s.py with PyTorch %s. Do not edit. */" % (script, torch.__version__), "",
            "static const double %s_numbers[] = {" % tables]
    rows, at = [], 0
    for op, inputs, numbers, y, dy, grads in cases:
        present = [t for t in inputs if t is not None]
        pieces = [*present, y, *([dy] if any(g is not None for g in grads) else []), *[g for g in grads if g is not None]]
        flat = [float(v) for v in numbers] + [float(v) for t in pieces for v in t.reshape(-1)]
        text.append(wrapped([number(v) for v in flat]))
        shapes = ", ".join(shape_text(t) if t is not None else "{ -1, { 0 } }" for t in inputs)
        mask = sum(1 << i for i, g in enumerate(grads) if g is not None)
        rows.append('    { "%s", %d, %d, %d, %d, { %s }, %s },' % (op, at, len(numbers), len(inputs), mask, shapes,
                                                                   shape_text(y)))
        at += len(flat)
    text += ["};", "", "/* Op, where its numbers start, how many are arguments, operands, which have a gradient, shapes. */",
             "static const golden_case %s_cases[] = {" % tables, *rows, "};", ""]
    with open(path, "w") as out:
        out.write("\n".join(text))


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    write(os.path.join(here, "ops.h"))
    print("%d cases of %d ops" % (len(cases), len({c[0] for c in cases})))

#!/usr/bin/python3
"""Writes optimizers.h: what PyTorch's optimisers and schedules do, for tests/test_optimizers.c.

    /usr/bin/python3 tests/golden/optimizers.py > tests/golden/optimizers.h      (Debian: python3-torch)

Two parameters, [3, 2] and [4], are fed the same recorded gradients for 50 steps by every optimiser. The
gradients are those of no loss: numbers of every size from 1e-20 to 20, some exactly 0, so that a wrong
epsilon or a wrong order of operations shows.
"""
import math
import torch
from torch.optim import lr_scheduler

STEPS, SHOWN = 50, (1, 2, 10, 50)
SIZES = (6, 4)
SCALE = (1, 1e-3, 20, 1e-7, 0.1, 1, 3e-5, 1, 1e-20, 0.5)   # of each of the 10 weights' gradients


def whole(step, i):
    """A hash: 24 bits, the same on any machine."""
    x = (step * 1000003 + i * 7919 + 12345) & 0xffffffff
    for factor in (0x7feb352d, 0x846ca68b):
        x = ((x ^ (x >> 16)) * factor) & 0xffffffff
    return (x ^ (x >> 15)) >> 8


def gradient(step, i):
    u = whole(step, i) / 2**23 - 1
    drift = 0.3 if i % 2 else -0.1
    dead = whole(step, i + 100) % 7 == 0 or (i == 5 and step > 10) or i == 7
    value = 0.0 if dead else (u + drift) * SCALE[i]
    return torch.tensor(value, dtype=torch.float32).item()     # a float, so that both precisions agree


START = [torch.tensor(x, dtype=torch.float32).item()
         for x in (0.5, -1.25, 2.0, 1e-3, -0.1, 0.7, 10.0, -0.3, 0.25, -2.5)]
GRADIENT = [[gradient(t, i) for i in range(10)] for t in range(STEPS)]


class Decoupled:
    """Decoupled decay before a step, as AdamW has it, for an optimiser that does not have it."""
    def __init__(self, inner, decay):
        self.inner, self.decay, self.param_groups = inner, decay, inner.param_groups

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * self.decay)
        self.inner.step()


o = torch.optim
# name, the deepc specification, the PyTorch optimiser, what happens to gradients
CASES = [
    ("sgd", "dc_sgd(0.05)", lambda p: o.SGD(p, 0.05), {}),
    ("sgd_l2", "dc_sgd(0.05), .weight_decay = 0.1", lambda p: o.SGD(p, 0.05, weight_decay=0.1), {}),
    ("sgd_decoupled", "dc_sgd(0.05), .weight_decay = 0.1, .decoupled = true",
     lambda p: Decoupled(o.SGD(p, 0.05), 0.1), {}),
    ("momentum", "dc_momentum(0.02, 0.9)", lambda p: o.SGD(p, 0.02, momentum=0.9), {}),
    ("momentum_l2", "dc_momentum(0.02, 0.9), .weight_decay = 0.1",
     lambda p: o.SGD(p, 0.02, momentum=0.9, weight_decay=0.1), {}),
    ("nesterov", "dc_nesterov(0.02, 0.9)", lambda p: o.SGD(p, 0.02, momentum=0.9, nesterov=True), {}),
    ("nesterov_l2", "dc_nesterov(0.02, 0.9), .weight_decay = 0.1",
     lambda p: o.SGD(p, 0.02, momentum=0.9, nesterov=True, weight_decay=0.1), {}),
    ("rmsprop", "dc_rmsprop(0.01)", lambda p: o.RMSprop(p, 0.01), {}),
    ("rmsprop_momentum", "dc_rmsprop(0.01), .momentum = 0.9", lambda p: o.RMSprop(p, 0.01, momentum=0.9), {}),
    ("rmsprop_l2", "dc_rmsprop(0.01), .weight_decay = 0.1",
     lambda p: o.RMSprop(p, 0.01, weight_decay=0.1), {}),
    ("adagrad", "dc_adagrad(0.01)", lambda p: o.Adagrad(p, 0.01), {}),
    ("adagrad_l2", "dc_adagrad(0.01), .weight_decay = 0.1",
     lambda p: o.Adagrad(p, 0.01, weight_decay=0.1), {}),
    ("adam", "dc_adam(0.01)", lambda p: o.Adam(p, 0.01), {}),
    ("adam_l2", "dc_adam(0.01), .weight_decay = 0.1", lambda p: o.Adam(p, 0.01, weight_decay=0.1), {}),
    ("adam_betas", "dc_adam(0.01), .beta1 = 0.5, .beta2 = 0.95, .epsilon = 1e-4",
     lambda p: o.Adam(p, 0.01, betas=(0.5, 0.95), eps=1e-4), {}),
    ("adamw", "dc_adamw(0.01)", lambda p: o.AdamW(p, 0.01), {}),
    ("clip_value", "dc_adam(0.01), .clip_value = 0.5", lambda p: o.Adam(p, 0.01), {"value": 0.5}),
    ("clip_norm", "dc_momentum(0.02, 0.9), .clip_norm = 2",
     lambda p: o.SGD(p, 0.02, momentum=0.9), {"norm": 2.0}),
    ("clip_both", "dc_sgd(0.05), .clip_norm = 2, .clip_value = 0.3",
     lambda p: o.SGD(p, 0.05), {"norm": 2.0, "value": 0.3}),
    ("accumulate", "dc_adam(0.01), .accumulate = 4", lambda p: o.Adam(p, 0.01), {"accumulate": 4}),
    ("accumulate_clip", "dc_sgd(0.05), .accumulate = 4, .clip_norm = 1",
     lambda p: o.SGD(p, 0.05), {"accumulate": 4, "norm": 1.0}),
    ("groups", "dc_adam(0.01), .weight_decay = 0.1",            # the second one: 3 times the rate, no decay
     lambda p: o.Adam([{"params": p[:1]}, {"params": p[1:], "lr": 0.03, "weight_decay": 0}], 0.01,
                      weight_decay=0.1), {}),
]


def run(case, dtype):
    torch.set_default_dtype(dtype)
    _, _, make, how = case
    params = [torch.nn.Parameter(torch.tensor(START[:6], dtype=dtype).reshape(3, 2)),
              torch.nn.Parameter(torch.tensor(START[6:], dtype=dtype))]
    optimizer, parts, shown = make(params), how.get("accumulate", 1), []
    for t in range(STEPS):
        g = torch.tensor(GRADIENT[t], dtype=dtype) / parts
        for p, piece in zip(params, (g[:6].reshape(3, 2), g[6:])):
            p.grad = piece.clone() if p.grad is None else p.grad + piece
        if (t + 1) % parts == 0:
            if "norm" in how:
                torch.nn.utils.clip_grad_norm_(params, how["norm"])
            if "value" in how:
                torch.nn.utils.clip_grad_value_(params, how["value"])
            optimizer.step()
            for p in params:
                p.grad = None
        if t + 1 in SHOWN:
            shown.append([x for p in params for x in p.detach().flatten().tolist()])
    return shown


def warmed(after, count):
    def make(opt):
        first = lr_scheduler.LinearLR(opt, start_factor=1 / count, end_factor=1, total_iters=count - 1)
        return lr_scheduler.SequentialLR(opt, [first, after(opt)], milestones=[count])
    return make


def closed_cosine(opt, steps, final):      # CosineAnnealingLR recurs, and is less exact than its formula
    return lr_scheduler.LambdaLR(opt, lambda t: final + (1 - final) * (1 + math.cos(math.pi * t / steps)) / 2)


SCHEDULES = [
    ("dc_step_decay(7, 0.5)", lambda opt: lr_scheduler.StepLR(opt, 7, 0.5), 60),
    ("dc_exponential_decay(0.97)", lambda opt: lr_scheduler.ExponentialLR(opt, 0.97), 200),
    ("dc_polynomial_decay(50, 1, 0)", lambda opt: lr_scheduler.PolynomialLR(opt, 50, 1.0), 60),
    ("dc_polynomial_decay(50, 2, 0)", lambda opt: lr_scheduler.PolynomialLR(opt, 50, 2.0), 60),
    ("dc_polynomial_decay(50, 0.9, 0)", lambda opt: lr_scheduler.PolynomialLR(opt, 50, 0.9), 60),
    ("dc_cosine_decay(50, 0)", lambda opt: lr_scheduler.CosineAnnealingLR(opt, 50), 50),
    ("dc_cosine_decay(50, 0.1)", lambda opt: lr_scheduler.CosineAnnealingLR(opt, 50, 0.1), 50),
    ("dc_cosine_decay(1000, 0.01)", lambda opt: closed_cosine(opt, 1000, 0.01), 1000),
    ("dc_one_cycle(100)", lambda opt: lr_scheduler.OneCycleLR(opt, 1.0, 100, cycle_momentum=False), 99),
    ("dc_one_cycle(7)", lambda opt: lr_scheduler.OneCycleLR(opt, 1.0, 7, cycle_momentum=False), 6),
    ("dc_one_cycle(1)", lambda opt: lr_scheduler.OneCycleLR(opt, 1.0, 1, cycle_momentum=False), 0),
    ("dc_with_warmup((dc_schedule){ 0 }, 10)",
     warmed(lambda opt: lr_scheduler.ConstantLR(opt, 1.0, 1), 10), 30),
    ("dc_with_warmup(dc_exponential_decay(0.9), 5)",
     warmed(lambda opt: lr_scheduler.ExponentialLR(opt, 0.9), 5), 40),
]


def multipliers(make, last):
    torch.set_default_dtype(torch.float64)
    opt = o.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = make(opt), []
    for _ in range(last + 1):
        rates.append(opt.param_groups[0]["lr"])
        opt.step()
        schedule.step() if len(rates) <= last else None
    at = sorted({round(k * last / 19) for k in range(20)})
    return [(t, rates[t]) for t in at]


def plateau():
    """Losses that fall, stall, fall by less than the threshold, and stall again."""
    losses = [2.0, 1.5, 1.5, 1.6, 1.4, 1.4, 1.39999, 1.41, 1.5, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, float("nan"), 1.2]
    opt = o.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=2), []
    for loss in losses:
        schedule.step(loss)
        rates.append(opt.param_groups[0]["lr"])
    return losses, rates


def numbers(values, digits=17):
    return ", ".join("NAN" if x != x else "%.*g" % (digits, x) for x in values)


def rows(name, kind, table):
    print("static const %s %s[][%d] = {" % (kind, name, len(table[0])))
    for row in table:
        print("    { %s }," % numbers(row))
    print("};")


def main():
    import warnings
    warnings.simplefilter("ignore")
    print("/* Written by optimizers.py with PyTorch %s; do not edit. */" % torch.__version__)
    rows("golden_gradient", "double", GRADIENT)
    rows("golden_start", "double", [START])
    print("\n/* Weights after steps 1, 2, 10 and 50: in float64, in float32. */")
    print("static const struct {\n    const char *name;\n    double in_double[4][10], in_float[4][10];")
    print("} golden_steps[] = {")
    for case in CASES:
        print('    { "%s", {' % case[0])
        for row in run(case, torch.float64):
            print("        { %s }," % numbers(row))
        print("    }, {")
        for row in run(case, torch.float32):
            print("        { %s }," % numbers(row, 9))
        print("    } },")
    print("};\n\n/* What they are in deepc: GOLDEN_STEPS(name, specification, changed fields ...). */")
    print("#define GOLDEN_STEPS(X) \\")
    for name, spec, *_ in CASES:
        make, *changes = spec.split(", .")
        print("    X(%s, %s, %s) \\" % (name, make, " ".join("s.%s;" % c for c in changes) or "(void)0;"))
    print("\n/* Multipliers of schedules: { step, multiplier }. */")
    for k, (_, make, last) in enumerate(SCHEDULES):
        rows("golden_schedule_%d" % k, "double", multipliers(make, last))
    print("#define GOLDEN_SCHEDULES(X) \\")
    for k, (spec, *_) in enumerate(SCHEDULES):
        print("    X(%d, %s) \\" % (k, spec))
    print("\n/* ReduceLROnPlateau(factor 0.5, patience 2): losses reported, multipliers after each. */")
    rows("golden_plateau", "double", list(plateau()))


main()

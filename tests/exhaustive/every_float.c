/* Every float through every function of @impl-math: on the fastest device the bits of the plain loop, and
 * those within 2 ulp of the C library's result in double. Takes a minute or two a function; with
 * DEEPC_STRIDE=1009 in the environment only every 1009th float is tried. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "../check.h"

enum { BLOCK = 1 << 14 };
static float inputs[BLOCK], plain[BLOCK], fast[BLOCK];

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool same_float(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

/* The distance of y from the truth, in units of the last place of a float near it. */
static double ulps(float y, double truth)
{
    if (isnan(truth) || isnan(y)) return isnan(truth) && isnan(y) ? 0 : HUGE_VAL;
    if (isinf((float)truth) || isinf(y)) return (float)truth >= y && (float)truth <= y ? 0 : HUGE_VAL;
    int exponent = truth < 0 || truth > 0 ? ilogb(truth) : -126;
    return fabs(y - truth) / ldexp(1, (exponent < -126 ? -126 : exponent) - 23);
}

static void check_every_float(const char *name, const dc__unary_kernel *slow, const dc__unary_kernel *quick,
                              double (*reference)(double))
{
    const char *text = getenv("DEEPC_STRIDE");
    uint64_t stride = text ? strtoull(text, NULL, 10) : 1, differ = 0;
    double worst = 0;
    float where = 0;
    if (!CHECK(stride > 0)) return;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
        int n = 0;
        for (; n < BLOCK && bits < (uint64_t)1 << 32; n++, bits += stride) inputs[n] = float_of((uint32_t)bits);
        slow->forward(n, inputs, plain, 0, 0);
        quick->forward(n, inputs, fast, 0, 0);
        for (int i = 0; i < n; i++) {
            differ += !same_float(plain[i], fast[i]);
            double error = ulps(plain[i], reference((double)inputs[i]));
            if (error > worst) worst = error, where = inputs[i];
        }
    }
    printf("%-8s worst %.3f ulp, at %a\n", name, worst, (double)where);
    CHECK_NEAR(worst, 0, 2);
    CHECK(differ == 0);
}

static double true_sigmoid(double x)
{
    double z = exp(-fabs(x));
    return (x < 0 ? z : 1) / (1 + z);
}

#define EVERY(NAME, REFERENCE) \
    TEST(every_float_through_##NAME) \
    { \
        dc_context *quick = dc_new(1), *slow = dc_new_with(1, &(dc_options){ .device = "reference" }); \
        check_every_float(#NAME, &slow->kernels->NAME, &quick->kernels->NAME, REFERENCE); \
        dc_free(quick), dc_free(slow); \
    }
EVERY(exp, exp)
EVERY(expm1, expm1)
EVERY(log, log)
EVERY(log1p, log1p)
EVERY(tanh, tanh)
EVERY(sigmoid, true_sigmoid)
EVERY(erf, erf)
EVERY(sin, sin)
EVERY(cos, cos)
EVERY(sqrt, sqrt)

/* The fused multiply-add of processors without one, on pseudo-random bit patterns. */
TEST(the_software_fma_is_exact)
{
    uint64_t wrong = 0, state = 1;
    for (int64_t i = 0; i < 200 * 1000 * 1000; i++) {
        float x[3];
        for (int k = 0; k < 3; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            uint32_t bits = (uint32_t)(state >> 32);
            if (i & 1) bits = (bits & 0x83ffffff) | 0x3c000000;      /* Near 1: cancellation and ties. */
            x[k] = float_of(bits);
        }
        wrong += !same_float(dc__fma_soft(x[0], x[1], x[2]), fmaf(x[0], x[1], x[2]));
    }
    CHECK(wrong == 0);
}

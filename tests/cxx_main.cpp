/* A C++ program that uses deepc: the declarations are valid C++11, and the lists have forms of their own. */
#include "deepc.h"
#include <cstdio>

extern "C" dc_tensor *second_file_makes(dc_context *ctx);

static int fails(const char *what)
{
    std::printf("cxx_main.cpp: %s\n", what);
    return 1;
}

int main()
{
    dc_context *ctx = dc_new(1);
    if (!ctx) return fails("no context");

    dc_tensor *x = second_file_makes(ctx);
    if (x->size != 6 || dc_item(dc_sum(x)) != 12) return fails("a tensor made in C");
    dc_tensor *both = dc_concat(DC_TENSORS(x, x), 0);
    if (both->shape.dim[0] != 4) return fails("DC_TENSORS");
    if (dc_sum_over(x, DC_AXES(0), false)->shape.dim[0] != 3) return fails("DC_AXES");
    dc_tensor *w = dc_param(ctx, DC_GLOROT, 3, 2);
    dc_backward(dc_mean(dc_matmul(x, w)));
    if (!dc_grad(w)) return fails("a gradient");

    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2),
        dc_dense(8, DC_RELU),
        dc_residual(DC_LAYERS(dc_dense(8, DC_TANH))),
        dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-2));
    dc_fit_options options = dc_fit_options();
    options.epochs = 2;
    options.quiet = true;
    const dc_history *history = dc_fit(model, dc_make_moons(ctx, 64, 0.1f), options);
    if (history->epochs != 2) return fails("dc_fit");
    dc_free(ctx);
    return 0;
}

/* A short life of a context, for valgrind: train, save, load, fail, escape, free. What is still allocated at
 * the end has leaked. The argument is a folder to write into. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include <setjmp.h>

static jmp_buf escape;

static void leave(const char *message, void *user)
{
    (void)message, (void)user;
    longjmp(escape, 1);
}

/* A programmer's error in the middle of a step, left by longjmp. */
static void fail_in_a_step(dc_context *ctx)
{
    dc_on_error(ctx, leave, NULL);
    dc_mark m = dc_begin(ctx);
    if (!setjmp(escape)) {
        dc_begin(ctx);
        dc_matmul(dc_zeros(ctx, DC_SHAPE(32, 784)), dc_zeros(ctx, DC_SHAPE(785, 10)));
    }
    dc_end(ctx, m);
    dc_on_error(ctx, NULL, NULL);
}

static dc_model *trained(dc_context *ctx)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(9, DC_GELU), dc_batch_norm(), dc_residual(DC_LAYERS(dc_dense(9, DC_RELU))),
        dc_layer_norm(), dc_dropout(0.1f), dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-2));
    dc_fit(model, dc_make_moons(ctx, 60, 0.1f),
           (dc_fit_options){ .epochs = 3, .validation_split = 0.2f, .quiet = true,
                             DC_CALLBACKS(dc_early_stopping(1, 0)) });
    return model;
}

static int lives(const char *folder)
{
    char path[512];
    snprintf(path, sizeof path, "%s/leak.safetensors", folder);
    dc_context *ctx = dc_new(1);
    dc_model *model = trained(ctx);
    bool good = dc_save(model, path);
    dc_model *copy = good ? dc_load(ctx, path) : NULL;
    good = good && copy && dc_fingerprint(copy) == dc_fingerprint(model);
    good = good && !dc_load(ctx, "there/is/no.safetensors") && !dc_load_csv(ctx, "there/is/no.csv", NULL);
    fail_in_a_step(ctx);
    if (!good) fprintf(stderr, "leak.c: %s\n", dc_error(ctx));
    dc_free(ctx);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    return lives(folder) || lives(folder);
}

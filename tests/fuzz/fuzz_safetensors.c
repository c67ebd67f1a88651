/* Feeds dc_load, dc_load_weights and dc_load_training with broken models; fuzz.h says how to build and
 * run it. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

static dc_model *fuzz_model(dc_context *ctx)
{
    dc_model *m = dc_sequential(ctx, DC_LAYERS(
        dc_input(2, 2), dc_flatten(), dc_standardize(NULL), dc_dense(3, DC_GELU),
        dc_residual(DC_LAYERS(dc_layer_norm(), dc_dense(3, DC_RELU))),
        dc_dense(4, DC_TANH), dc_batch_norm(),
        dc_dropout(DC__C(0.5)), dc_reshape_layer(DC_SHAPE(2, 2)), dc_flatten(),
            dc_without_bias(dc_dense(2, DC_LINEAR))));
    dc_optimizer_spec spec = dc_adam(0.01);
    spec.schedule = dc_cosine_decay(100, 0.1);
    dc_compile(m, DC_CROSS_ENTROPY, spec);
    return m;
}

static void fuzz_train(dc_model *m)
{
    dc_context *ctx = m->ctx;
    bool old = dc_set_training(ctx, true);
    dc_mark mark = dc_begin(ctx);
    dc_backward(dc_cross_entropy(dc_forward(m, dc_ones(ctx, DC_SHAPE(3, 2, 2))), dc_ones(ctx, DC_SHAPE(3))));
    dc_step(dc_optimizer_of(m));
    dc_end(ctx, mark);
    dc_set_training(ctx, old);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char path[] = "fuzz_input.safetensors";
    dc_context *ctx = dc_new(1);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();

    dc_model *loaded = dc_load(ctx, path), *model = fuzz_model(ctx);
    uint64_t before = dc_fingerprint(model);
    if (!loaded && !*dc_error(ctx)) abort();
    if (!dc_load_weights(model, path) && dc_fingerprint(model) != before) abort();
    if (dc_load_training(model, path)) fuzz_train(model);
    if (loaded) {                                    /* What could be loaded can be saved and loaded. */
        if (!dc_save(loaded, "fuzz_output.safetensors")) abort();
        dc_model *again = dc_load(ctx, "fuzz_output.safetensors");
        if (!again || dc_fingerprint(again) != dc_fingerprint(loaded)) abort();
    }
    if (ctx->buffers || ctx->depth) abort();
    dc_free(ctx);
    return 0;
}

#ifndef LIBFUZZER
static size_t fuzz_seed(int k, uint8_t *out, size_t room)
{
    const char *path = k % 2 ? "fuzz_seed.training" : "fuzz_seed.safetensors";
    if (k < 2) {
        dc_context *ctx = dc_new(1);
        dc_model *m = fuzz_model(ctx);
        fuzz_train(m);
        if (!(k % 2 ? dc_save_training(m, path) : dc_save(m, path))) abort();
        dc_free(ctx);
    }
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(out, 1, room, f) : 0;
    if (f) fclose(f);
    return size;
}
#endif

#include "fuzz.h"

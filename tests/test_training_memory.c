/* How often training asks for memory: not at all, once it runs.
 * built: alone, because it replaces malloc. */
#include <stdlib.h>

static long memory_asked, memory_freed;

static void *memory_take(size_t size)
{
    memory_asked++;
    return malloc(size);
}

static void memory_give(void *memory)
{
    memory_freed += memory != NULL;
    free(memory);
}

#define DC_MALLOC(size) memory_take(size)
#define DC_FREE(memory) memory_give(memory)
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"

static size_t memory_in(const dc__arena *arena)
{
    size_t used = 0;
    for (const dc__block *b = arena->first; b; b = b == arena->current ? NULL : b->next) used += b->used;
    return used;
}

static dc_model *memory_model(dc_context *ctx)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(32, DC_RELU), dc_batch_norm(),
                                                   dc_dropout((dc_real)0.1), dc_dense(3, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(0.01));
    dc_metrics(model, DC_METRICS(dc_f1(-1), dc_top_k(2), dc_rmse()));
    return model;
}

static bool memory_at_epoch(dc_model *model, int epoch, const dc_history *history, void *user)
{
    ((long *)user)[epoch] = memory_asked;
    return model && history;
}

TEST(steady_epochs_take_no_memory)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *data = dc_make_blobs(ctx, 1000, 3, 1);
    dc_model *model = memory_model(ctx);
    long asked[8] = { 0 };
    dc_fit(model, data, (dc_fit_options){ .epochs = 8, .validation_split = (dc_real)0.2, .quiet = true,
        DC_CALLBACKS(dc_early_stopping(9, 0), { .user = asked, .on_epoch_end = memory_at_epoch }) });
    CHECK(asked[0] > 0);
    for (int e = 1; e < 8; e++) CHECK(asked[e] == asked[0] || DC__QUARANTINE > 256);   /* ASan keeps more. */
    dc_free(ctx);
    CHECK(memory_asked == memory_freed);
}

TEST(a_loop_of_evaluations_takes_no_memory)
{
    dc_context *ctx = dc_new(1);
    dc_dataset *data = dc_make_blobs(ctx, 600, 3, 1);
    dc_model *model = memory_model(ctx);
    dc_tensor *x = dc_zeros(ctx, DC_SHAPE(300, 2));
    long asked = 0;
    size_t used = 0, step = 0;
    for (int i = 0; i < 400; i++) {                        /* Long enough to fill the quarantine. */
        dc_evaluate(model, data);
        dc_mark mark = dc_begin(ctx);
        dc_predict(model, x), dc_predict_all(model, data), dc_confusion(model, data);
        dc_end(ctx, mark);
        if (i == 300) asked = memory_asked, used = memory_in(&ctx->permanent), step = memory_in(&ctx->step);
    }
    CHECK(memory_asked == asked);
    CHECK(memory_in(&ctx->permanent) == used && memory_in(&ctx->step) == step);

    /* Outside of a step a prediction stays, and nothing else. */
    dc_predict(model, x);
    used = memory_in(&ctx->permanent);
    dc_predict(model, x);
    CHECK(memory_in(&ctx->permanent) - used <= 300 * 3 * sizeof(dc_real) + 1024);
    dc_fit(model, data, (dc_fit_options){ .quiet = true, .validation_split = (dc_real)0.1 });
    used = memory_in(&ctx->permanent);
    dc_fit(model, data, (dc_fit_options){ .quiet = true, .validation_split = (dc_real)0.1 });
    CHECK(memory_in(&ctx->permanent) - used <= 2048);      /* The history. */
    dc_free(ctx);
}

/* built: alone. It replaces DC_MALLOC.
 *
 * What happens when memory runs out: the n-th allocation of a short training run fails, for every n. There
 * must be one clear sentence, no crash, and nothing left after dc_free. And in the steady state of a training
 * loop, nothing is allocated at all. */
#include <stddef.h>
static void *counted_malloc(size_t size);
static void  counted_free(void *memory);
#define DC_MALLOC(size) counted_malloc(size)
#define DC_FREE(memory) counted_free(memory)
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include <sys/stat.h>

static long allocations, fail_at, living;      /* fail_at 0: none fails. */

static void *counted_malloc(size_t size)
{
    if (++allocations == fail_at) return NULL;
    void *memory = malloc(size);
    if (memory) living++;
    return memory;
}

static void counted_free(void *memory)
{
    if (memory) living--;
    free(memory);
}

static jmp_buf ran_out;
static char    said[1024];

static void note_and_leave(const char *message, void *user)
{
    (void)user;
    snprintf(said, sizeof said, "%s", message);
    longjmp(ran_out, 1);
}

/* Everything that takes memory, in a few milliseconds. False, with the reason in dc_error, when a file could
 * not be read or written. */
static bool short_training(dc_context *ctx, uint64_t *fingerprint)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(28, 28, 1), dc_flatten(), dc_dense(16, DC_RELU), dc_dropout((dc_real)0.2), dc_batch_norm(),
        dc_residual(DC_LAYERS(dc_dense(16, DC_TANH))), dc_dense(10, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_metrics(model, DC_METRICS(dc_top_k(3), dc_f1(-1)));
    dc_dataset *data = dc_make_digits(ctx, 60);
    const char *path = temporary_path("alloc.safetensors"), *state = temporary_path("alloc.training");
    dc_fit(model, data, (dc_fit_options){ .epochs = 3, .batch_size = 16, .validation_split = (dc_real)0.2,
                                          .quiet = true, DC_CALLBACKS(dc_early_stopping(1, 0)) });
    dc_report report = dc_evaluate(model, data);
    *fingerprint = dc_fingerprint(model) + (uint64_t)report.samples;
    if (!dc_save(model, path) || !dc_save_training(model, state)) return false;
    dc_model *copy = dc_load(ctx, path);
    if (!copy || !dc_load_weights(model, path) || !dc_load_training(model, state)) return false;
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(500, 28, 28, 1), 0, 1);
    if (!dc_save_npy(dc_predict(copy, x), path)) return false;
    return dc_load_npy(ctx, path) != NULL;
}

/* Convolutions, pooling and augmentation, one step of each. */
static bool short_vision(dc_context *ctx, uint64_t *fingerprint)
{
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(12, 12, 3), dc_augment((dc_augmentation){ .shift = (dc_real)0.1, .noise = (dc_real)0.1 }),
        dc_with_window(dc_conv2d(8, 3, DC_RELU), (dc_window){ .padding = DC_SAME }), dc_batch_norm(),
        dc_spatial_dropout((dc_real)0.1),
        dc_depthwise_conv2d(3, DC_LINEAR), dc_max_pool(2),
        dc_with_window(dc_conv_transpose2d(4, 3, DC_TANH), (dc_window){ .stride = 2 }),
        dc_group_norm(2), dc_upsample(2, DC_BILINEAR), dc_avg_pool(2), dc_global_avg_pool(), dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.1));
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(4, 12, 12, 3), 0, 1);
    dc_dataset *data = dc_from_arrays(ctx, 4, DC_SHAPE(12, 12, 3), x->data, DC_SCALAR, (dc_real[]){ 0, 1, 0, 1 }, 2);
    dc_fit(model, data, (dc_fit_options){ .epochs = 1, .batch_size = 4, .quiet = true });
    *fingerprint = dc_fingerprint(model);
    return true;
}

/* An image and a folder of them, from what write_images has written. */
static bool short_reading(dc_context *ctx, uint64_t *fingerprint)
{
    *fingerprint = 0;
#ifdef STBI_INCLUDE_STB_IMAGE_H
    dc_tensor *image = dc_load_image(ctx, temporary_path("alloc_images/b/1.pgm"), 3);
    dc_dataset *folder = image ? dc_load_image_folder(ctx, temporary_path("alloc_images"), 2, 3, 1) : NULL;
    if (!folder) return false;
    *fingerprint = dc_fingerprint_of(DC_TENSORS(image, dc_all(folder).x));
#endif
    return true;
}

static void write_file(const char *name, const char *head, size_t zeros)
{
    FILE *f = fopen(temporary_path(name), "wb");
    if (!f || fwrite(head, 1, strlen(head), f) != strlen(head)) abort();
    while (zeros-- > 0) fputc(0, f);
    fclose(f);
}

static void write_images(void)
{
    static const char *const folder[] = { "alloc_images", "alloc_images/a", "alloc_images/b" };
    for (int i = 0; i < 3; i++) CHECK(mkdir(temporary_path(folder[i]), 0777) == 0 || errno == EEXIST);
    write_file("alloc_images/a/1.pgm", "P5 4 4 255 ", 16), write_file("alloc_images/a/2.pgm", "P5 2 1 255 ab", 0);
    write_file("alloc_images/b/1.pgm", "P5 2 3 255 abcdef", 0);
}

typedef enum end { NO_CONTEXT, STOPPED, REFUSED, FINISHED } end;
typedef bool (*short_run)(dc_context *ctx, uint64_t *fingerprint);

/* One run in which allocation n fails; then everything is released. */
static end run_until(short_run run, long n, uint64_t *fingerprint)
{
    allocations = 0, fail_at = n, said[0] = 0;
    dc_context *volatile ctx = dc_new(3);
    if (!ctx) return NO_CONTEXT;
    dc_on_error(ctx, note_and_leave, NULL);
    volatile end how = STOPPED;
    dc_mark m = dc_begin(ctx);
    dc_end(ctx, m);
    if (!setjmp(ran_out)) {
        how = run(ctx, fingerprint) ? FINISHED : REFUSED;
        if (how == REFUSED) snprintf(said, sizeof said, "%s", dc_error(ctx));
    }
    dc_free(ctx);
    return how;
}

TEST(a_short_training_frees_everything)
{
    uint64_t fingerprint;
    if (!CHECK(run_until(short_training, 0, &fingerprint) == FINISHED)) printf("it says: %s\n", said);
    CHECK(allocations > 5);
    CHECK(living == 0);
}

static void survives_every_failing_allocation(short_run run)
{
    uint64_t expected = 0, fingerprint = 0;
    if (!CHECK(run_until(run, 0, &expected) == FINISHED)) printf("it says: %s\n", said);
    long total = allocations;
    for (long n = 1; n <= total; n++) {
        end how = run_until(run, n, &fingerprint);
        bool good = living == 0;
        if (how == STOPPED || how == REFUSED) good = good && strstr(said, "out of memory");
        if (how == FINISHED) good = good && fingerprint == expected;      /* It could do without. */
        if (!CHECK(good))
            printf("allocation %ld of %ld, way out %d, %ld left, message: %s\n", n, total, how, living, said);
        living = 0;
    }
}

TEST(every_failing_allocation_is_survived) { survives_every_failing_allocation(short_training); }
TEST(every_failing_allocation_of_a_step_with_windows_is_survived) { survives_every_failing_allocation(short_vision); }
TEST(every_failing_allocation_of_reading_images_is_survived)
{
    write_images();
    survives_every_failing_allocation(short_reading);
}

static long allocations_after[20];             /* Each epoch. */

static bool note_allocations(dc_model *model, int epoch, const dc_history *history, void *user)
{
    (void)model, (void)history, (void)user;
    allocations_after[epoch] = allocations;
    return true;
}

TEST(the_steady_state_of_training_allocates_nothing)
{
    allocations = 0, fail_at = 0;
    dc_context *ctx = dc_new(1);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2), dc_dense(32, DC_RELU), dc_dropout((dc_real)0.1), dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(1e-3));
    dc_fit(model, dc_make_moons(ctx, 256, (dc_real)0.1), (dc_fit_options){
        .epochs = 20, .validation_split = (dc_real)0.25, .quiet = true,
        DC_CALLBACKS({ .on_epoch_end = note_allocations }) });
    CHECK(allocations_after[0] > 0);
#ifndef DC__ASAN                                   /* There, headers of tensors are reused much later. */
    CHECK_NEAR(allocations_after[19], allocations_after[9], 0);
#endif
    dc_free(ctx);
    CHECK(living == 0);
}

TEST(a_loop_written_by_hand_allocates_nothing)
{
    allocations = 0, fail_at = 0;
    dc_context *ctx = dc_new(1);
    dc_tensor *w = dc_param(ctx, DC_GLOROT, 20, 30), *b = dc_param(ctx, DC_ZEROS, 30);
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(50, 20), 0, 1);
    dc_optimizer *adam = dc_optimize(ctx, dc_adam(0.01));
    long after = 0;
    for (int step = 0; step < 100; step++) {
        if (step == 50) after = allocations;                /* Headers of gone tensors come back by then. */
        dc_mark mark = dc_begin(ctx);
        dc_tensor *y = dc_named(dc_softmax(dc_gelu(dc_linear(x, w, b))), "y");
        dc_tensor *loss = dc_add(dc_mean(dc_square(y)), dc_logsumexp(dc_reshape(y, DC_SHAPE(-1))));
        dc_backward(dc_add(loss, dc_var(dc_concat(DC_TENSORS(y, dc_permute(y, DC_AXES(0, 1))), 1), 1)));
        dc_step(adam);
        dc_end(ctx, mark);
    }
    CHECK(allocations == after);
    dc_free(ctx);
    CHECK(living == 0);
}

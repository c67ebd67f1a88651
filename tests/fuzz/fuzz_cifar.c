/* Fuzzes the reader of examples/21_cifar.c; fuzz.h says how to run it. Whatever the files hold, it returns a set whose
 * labels are classes and whose pixels are in [0, 1], or NULL. */
#define main cifar_main
int cifar_main(int count, char **argument);
#include "examples/21_cifar.c"
#undef main

static void cifar_write(const char *path, const uint8_t *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f)) abort();
}

static void cifar_is_sound(dc_context *ctx, dc_dataset *d)
{
    dc_batch b = { 0 };
    if (d) b = dc_all(d);
    for (int64_t i = 0; d && i < b.x->size; i++)
        if (!(b.x->data[i] >= 0 && b.x->data[i] <= 1)) abort();
    for (int64_t i = 0; d && i < b.size; i++)
        if (!dc__is_label(b.y->data[i], dc_classes(d))) abort();
    if (ctx->buffers) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const name[] = { "test_batch.bin", "test.bin" };
    dc_context *ctx = dc_new(1);
    for (int i = 0; i < 2; i++) cifar_write(name[i], bytes, size);
    cifar_is_sound(ctx, load_cifar(ctx, ".", 10, DC_TEST));
    cifar_is_sound(ctx, load_cifar(ctx, ".", 100, DC_TEST));
    dc_free(ctx);
    return 0;
}

/* One or two images of CIFAR-10, or of CIFAR-100. */
static size_t fuzz_seed(int k, uint8_t *out, size_t room)
{
    size_t record = k % 2 ? 3074 : 3073, size = record * (size_t)(1 + k / 2 % 2);
    if (size > room) abort();
    for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(i % record < 2 ? k % 10 : i * 7);
    return size;
}

#include "fuzz.h"

/* test_cifar.c - the reader of examples/21_cifar.c, on files as they should be and as they should not.
 * built: alone */
#define main cifar_main
int cifar_main(int count, char **argument);
#include "examples/21_cifar.c"
#undef main
#include "check.h"
#include <errno.h>
#include <unistd.h>

static void cifar_put(const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(temporary_path(name), "wb");
    if (!CHECK(f && fwrite(bytes, 1, size, f) == size)) abort();
    fclose(f);
}

enum { CIFAR_PLANE = 32 * 32, CIFAR_RECORD = 3 * CIFAR_PLANE };

static void cifar_folder(const char *name)
{
    CHECK(mkdir(temporary_path(name), 0777) == 0 || errno == EEXIST);
}

/* Byte k of plane p of image i. */
static uint8_t cifar_byte(int i, int p, int k) { return (uint8_t)(i * 31 + p * 80 + k % 67); }

/* `count` images, numbered from `first`, with labels first, first + 1, ... */
static void cifar_file(const char *name, int first, int count, int labels, size_t cut)
{
    static uint8_t bytes[6 * (CIFAR_RECORD + 2)], *to;
    to = bytes;
    for (int i = first; i < first + count; i++) {
        if (labels == 2) *to++ = 77;                         /* The coarse label. */
        *to++ = (uint8_t)i;
        for (int k = 0; k < CIFAR_RECORD; k++) *to++ = cifar_byte(i, k / CIFAR_PLANE, k % CIFAR_PLANE);
    }
    cifar_put(name, bytes, (size_t)(to - bytes) - cut);
}

static void cifar_is(dc_context *ctx, dc_dataset *d, int count, int classes)
{
    if (!CHECK(d != NULL)) { printf("  %s\n", dc_error(ctx)); return; }
    CHECK(dc_count(d) == count && dc_classes(d) == classes && dc_x_shape(d).rank == 3);
    CHECK(dc_x_shape(d).dim[0] == 32 && dc_x_shape(d).dim[1] == 32 && dc_x_shape(d).dim[2] == 3);
    dc_batch b = dc_all(d);
    int wrong = 0;
    for (int i = 0; i < count; i++) {
        CHECK_NEAR(b.y->data[i], i, 0);
        for (int k = 0; k < CIFAR_RECORD; k++)              /* Planes became pixels. */
            wrong += fabs((double)b.x->data[i * CIFAR_RECORD + k] - cifar_byte(i, k % 3, k / 3) / 255.0) > 1e-7;
    }
    CHECK(wrong == 0);
}

TEST(cifar_reads)
{
    dc_context *ctx = dc_new(1);
    char folder[600], name[64];
    cifar_folder("cifar");
    snprintf(folder, sizeof folder, "%s", temporary_path("cifar"));
    for (int i = 0; i < 5; i++) {                            /* Files of 1, 2, 1, 2, 1 images. */
        snprintf(name, sizeof name, "cifar/data_batch_%d.bin", i + 1);
        cifar_file(name, i + i / 2, 1 + i % 2, 1, 0);
    }
    cifar_is(ctx, load_cifar(ctx, folder, 10, DC_TRAIN), 7, 10);
    cifar_file("cifar/test_batch.bin", 0, 3, 1, 0);
    cifar_is(ctx, load_cifar(ctx, folder, 10, DC_TEST), 3, 10);
    cifar_file("cifar/train.bin", 0, 4, 2, 0), cifar_file("cifar/test.bin", 0, 1, 2, 0);
    cifar_is(ctx, load_cifar(ctx, folder, 100, DC_TRAIN), 4, 100);
    cifar_is(ctx, load_cifar(ctx, folder, 100, DC_TEST), 1, 100);
    CHECK(ctx->buffers == NULL);
    dc_free(ctx);
}

/* No set, and this sentence on stderr. */
static void cifar_complains(dc_context *ctx, const char *folder, int classes, dc_part part, const char *text)
{
    char said[2000] = "";
    fflush(stderr);
    int old = dup(2);
    FILE *file = fopen(temporary_path("said"), "wb+");
    if (old < 0 || !file || dup2(fileno(file), 2) < 0) abort();
    CHECK(!load_cifar(ctx, folder, classes, part));
    fflush(stderr);
    if (dup2(old, 2) < 0) abort();
    close(old);
    rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = 0;
    fclose(file);
    CHECK_TEXT(said, text);
    CHECK(ctx->buffers == NULL);
}

TEST(cifar_refuses)
{
    dc_context *ctx = dc_new(1);
    char folder[600], name[64];
    cifar_folder("bad");
    snprintf(folder, sizeof folder, "%s", temporary_path("bad"));
    cifar_complains(ctx, folder, 10, DC_TEST, "bad/test_batch.bin: cannot be opened");
    cifar_file("bad/test_batch.bin", 9, 2, 1, 0);          /* The second label is 10. */
    cifar_complains(ctx, folder, 10, DC_TEST, "bad/test_batch.bin: a label that is no class");
    const size_t cut[] = { 1, 3072, 6145 };
    for (int i = 0; i < 3; i++) {
        cifar_file("bad/test_batch.bin", 0, 2, 1, cut[i]);
        cifar_complains(ctx, folder, 10, DC_TEST, "bad/test_batch.bin: ends within a picture");
    }
    cifar_file("bad/test_batch.bin", 0, 2, 1, 3073);       /* One whole picture is one. */
    cifar_is(ctx, load_cifar(ctx, folder, 10, DC_TEST), 1, 10);
    cifar_put("bad/test.bin", "", 0);
    cifar_complains(ctx, folder, 100, DC_TEST, "bad: no pictures in its files");
    cifar_file("bad/test.bin", 100, 1, 2, 0);
    cifar_complains(ctx, folder, 100, DC_TEST, "bad/test.bin: a label that is no class");
    for (int i = 1; i < 5; i++) {                          /* The fifth is missing. */
        snprintf(name, sizeof name, "bad/data_batch_%d.bin", i);
        cifar_file(name, 0, 1, 1, 0);
    }
    cifar_complains(ctx, folder, 10, DC_TRAIN, "bad/data_batch_5.bin: cannot be opened");
    dc_free(ctx);
}

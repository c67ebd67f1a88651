/* Fuzzes the readers of IDX and gzip; fuzz.h says how to run it. Whatever the file holds, dc_load_idx returns
 * a set whose samples can be read, or NULL and a sentence, and keeps no buffer. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

static void idx_write(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f)) abort();
}

static const uint8_t idx_labels[] = { 0, 0, 8, 1, 0, 0, 0, 3, 4, 0, 1 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    dc_context *ctx = dc_new(1);
    dc_batch b;
    idx_write("fuzz_idx.tmp", bytes, size);
    idx_write("fuzz_idx_labels.tmp", idx_labels, sizeof idx_labels);
    dc_dataset *d = dc_load_idx(ctx, "fuzz_idx.tmp", "fuzz_idx_labels.tmp");
    if (d ? !dc_next(dc_batches(d, dc_count(d), true), &b) : !dc_error(ctx)[0]) abort();
    if (dc_load_idx(ctx, "fuzz_idx_labels.tmp", "fuzz_idx.tmp") || ctx->buffers) abort();
    dc_free(ctx);
    return 0;
}

/* Three images: plain, and as gzip with stored, fixed and dynamic codes. */
static const uint8_t idx_plain[] = {
    0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
};
static const uint8_t idx_stored[] = {
    31, 139, 8, 8, 0, 0, 0, 0, 0, 3, 110, 0, 1, 28, 0, 227,
    255, 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0,
    2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 178, 55, 46,
    221, 28, 0, 0, 0,
};
static const uint8_t idx_fixed[] = {
    31, 139, 8, 8, 0, 0, 0, 0, 0, 3, 110, 0, 99, 96, 224, 96,
    102, 96, 96, 0, 97, 38, 16, 102, 71, 2, 0, 178, 55, 46, 221, 28,
    0, 0, 0,
};
static const uint8_t idx_dynamic[] = {
    31, 139, 8, 8, 0, 0, 0, 0, 0, 3, 110, 0, 37, 143, 203, 78,
    195, 48, 16, 69, 79, 28, 143, 237, 38, 56, 143, 38, 45, 9, 74, 75,
    69, 11, 161, 85, 23, 17, 93, 128, 96, 207, 150, 13, 98, 207, 255, 255,
    4, 147, 98, 105, 60, 246, 140, 239, 185, 99, 8, 41, 48, 199, 66, 35,
    127, 36, 174, 52, 15, 57, 239, 240, 106, 201, 197, 186, 67, 251, 75, 208,
    226, 158, 26, 106, 33, 237, 200, 183, 11, 58, 178, 8, 99, 193, 77, 201,
    86, 219, 84, 9, 54, 134, 70, 105, 163, 222, 14, 74, 49, 36, 133, 195,
    147, 25, 172, 150, 250, 110, 78, 66, 221, 120, 21, 190, 33, 167, 135, 127,
    103, 139, 93, 197, 35, 246, 231, 250, 236, 196, 119, 159, 50, 64, 120, 158,
    169, 232, 222, 40, 252, 124, 113, 176, 54, 170, 55, 194, 244, 137, 24, 237,
    46, 253, 196, 44, 186, 165, 20, 135, 142, 238, 21, 29, 106, 17, 29, 230,
    126, 140, 124, 108, 192, 188, 156, 39, 207, 117, 229, 61, 9, 148, 100, 210,
    86, 193, 236, 51, 136, 42, 141, 82, 65, 155, 28, 55, 122, 238, 120, 210,
    15, 216, 97, 77, 113, 247, 5, 19, 10, 224, 194, 46, 85, 183, 165, 26,
    207, 3, 226, 156, 252, 1, 241, 205, 21, 161, 57, 1, 0, 0,
};

static size_t fuzz_seed(int k, uint8_t *out, size_t room)
{
    static const struct { const uint8_t *bytes; size_t size; } seed[] = {
        { idx_plain, sizeof idx_plain }, { idx_stored, sizeof idx_stored }, { idx_fixed, sizeof idx_fixed },
        { idx_dynamic, sizeof idx_dynamic }, { idx_labels, sizeof idx_labels },
    };
    k %= (int)(sizeof seed / sizeof *seed);
    if (seed[k].size > room) abort();
    memcpy(out, seed[k].bytes, seed[k].size);
    return seed[k].size;
}

#include "fuzz.h"

/* Fuzzes the reading of images; fuzz.h says how to run it. Whatever the file holds, dc_load_image returns an image
 * of whole 255ths, or NULL and a sentence, and keeps no buffer; twice the same. */
#if defined(__clang__) && __has_include(<stb/stb_image.h>)   /* It adds 0 to NULL, and shifts what is negative. */
#pragma clang attribute push(__attribute__((no_sanitize("undefined"))), apply_to = function)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#pragma clang attribute pop
#endif
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1) return 0;
    dc_context *ctx = dc_new(1);
    FILE *f = fopen("fuzz_image.tmp", "wb");
    if (!f || fwrite(bytes + 1, 1, size - 1, f) != size - 1 || fclose(f)) abort();
    dc_tensor *x = dc_load_image(ctx, "fuzz_image.tmp", bytes[0] % 5);
    if (!x && !dc_error(ctx)[0]) abort();
    if (x && (x->shape.rank != 3 || x->size < 1 || (bytes[0] % 5 && x->shape.dim[2] != bytes[0] % 5))) abort();
    for (int64_t i = 0; x && i < x->size; i++)
        if (!(x->data[i] >= 0 && x->data[i] <= 1)) abort();
    dc_tensor *again = x && x->size < 10000 ? dc_load_image(ctx, "fuzz_image.tmp", bytes[0] % 5) : x;
    if (again != x && dc_fingerprint_of(DC_TENSORS(again)) != dc_fingerprint_of(DC_TENSORS(x))) abort();
    if (ctx->buffers) abort();
    dc_free(ctx);
    return 0;
}

/* 2 x 2 pixels each: grey, colour, BMP; and what dc_write_png writes. */
static const char image_pgm[] = "P5\n# grey\n2 2\n255\nabcd", image_ppm[] = "P6 2 2 255 abcdefghijkl";
static const char image_bmp[] = "BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0\2\0\0\0\1\0\x18\0\0\0\0\0\x10\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0abcdef\0\0ghijkl\0";

static size_t image_png(uint8_t *out, size_t room)
{
    dc_context *ctx = dc_new(1);
    bool written = dc_write_png(dc_uniform(ctx, DC_SHAPE(6, 5, 3), 0, 1), "fuzz_image.png");
    FILE *f = written ? fopen("fuzz_image.png", "rb") : NULL;
    size_t size = f ? fread(out, 1, room, f) : 0;
    if (f) fclose(f);
    dc_free(ctx);
    return size;
}

static size_t fuzz_seed(int k, uint8_t *out, size_t room)
{
    static const struct { const char *bytes; size_t size; } seed[] = {
        { image_pgm, sizeof image_pgm - 1 }, { image_ppm, sizeof image_ppm - 1 }, { image_bmp, sizeof image_bmp },
    };
    out[0] = (uint8_t)(k / 4);
    if (k % 4 == 3) return 1 + image_png(out + 1, room - 1);
    memcpy(out + 1, seed[k % 4].bytes, seed[k % 4].size);
    return 1 + seed[k % 4].size;
}

#include "fuzz.h"

/* Fuzzes the reader of CSV; fuzz.h says how to run it. The first byte chooses the options. Whatever the file
 * holds, dc_load_csv returns a set whose samples can be read, or NULL and a sentence, and keeps no buffer. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1) return 0;
    FILE *f = fopen("fuzz_csv.tmp", "wb");
    if (!f || fwrite(bytes + 1, 1, size - 1, f) != size - 1 || fclose(f)) abort();
    static const char separator[] = { 0, ';', '\t', ' ' };
    const dc_csv_options options = {
        .no_header = bytes[0] & 1, .is_classes = bytes[0] & 2,
        .separator = separator[bytes[0] >> 3 & 3], .label = bytes[0] & 32 ? "0" : NULL,
    };
    dc_context *ctx = dc_new(1);
    dc_dataset *d = dc_load_csv(ctx, "fuzz_csv.tmp", &options);
    if (!d && !dc_error(ctx)[0]) abort();
    if (d) {
        dc_batch b;
        if (!dc_next(dc_batches(d, 1000, true), &b)) abort();
        for (int64_t i = 0; i < b.x->size; i++)
            if (!isfinite(b.x->data[i])) abort();
        for (int64_t i = 0; i < b.size && dc_classes(d); i++)
            if (!dc__is_label(b.y->data[i], dc_classes(d))) abort();
        for (int i = 0; i < dc_x_shape(d).dim[0]; i++)
            if (strlen(dc_feature_name(d, i)) > size + 24) abort();
        for (int i = 0; i < dc_classes(d); i++)
            if (dc_class_name(d, i) && strlen(dc_class_name(d, i)) > size) abort();
    }
    if (ctx->buffers) abort();
    dc_free(ctx);
    return 0;
}

static size_t fuzz_seed(int k, uint8_t *out, size_t room)
{
    static const char *const seed[] = {
        "a,b,c\n1,2,3\n4,5,6\n", "\xEF\xBB\xBFname,\"x, \"\"y\"\"\",z\r\n\"a\nb\",?,1\r\n\r\nc,NA,2\r\n",
        "1;2;0\n3;;1\n-1e-3;+.5;2", "a b\n1 x\n2 y\n", "a\tb\n\t1\n", "colour,y\nred,0\nblue,1\nred,1\n",
        "x,y\r1,cat\r2,dog\r",
    };
    const char *text = seed[k % (int)(sizeof seed / sizeof *seed)];
    size_t size = strlen(text) + 1;
    if (size > room) abort();
    memcpy(out + 1, text, size - 1);
    out[0] = (uint8_t)(k / 7);
    return size;
}

#include "fuzz.h"

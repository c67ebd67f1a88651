/* Feeds dc_load_npy with broken arrays; fuzz.h says how to build and run it. */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dc_context *ctx = dc_new(1);
    FILE *f = fopen("fuzz_input.npy", "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f)) abort();
    dc_tensor *x = dc_load_npy(ctx, "fuzz_input.npy");
    if (x && !dc_save_npy(x, "fuzz_output.npy")) abort();
    dc_tensor *y = x ? dc_load_npy(ctx, "fuzz_output.npy") : NULL;
    if (x && (!y || dc_fingerprint_of(DC_TENSORS(x)) != dc_fingerprint_of(DC_TENSORS(y)))) abort();
    if (!x && !*dc_error(ctx)) abort();
    if (ctx->buffers) abort();
    dc_free(ctx);
    return 0;
}

#ifndef LIBFUZZER
static size_t fuzz_seed(int k, uint8_t *out, size_t room)
{
    static const char *const header[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
            "{'descr': '>f8', 'fortran_order': True, 'shape': (3,), }",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4), }",
            "{'descr': '<f2', 'fortran_order': True, 'shape': (4, 3), }",
        "{'descr': '>i8', 'fortran_order': False, 'shape': (), }",
            "{'descr': '|b1', 'fortran_order': False, 'shape': (0, 24), }" };
    size_t length = strlen(header[k % 6]), version = 1 + (size_t)k / 6 % 3, start = version == 1 ? 10 : 12;
    if (room < start + length + 24) return 0;
    memset(out, k, start + length + 24);
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (uint8_t)version, out[7] = 0, out[8] = (uint8_t)length, out[9] = out[10] = out[11] = 0;
    memcpy(out + start, header[k % 6], length);
    return start + length + (k % 6 == 4 ? 8 : k % 6 == 5 ? 0 : 24);
}
#endif

#include "fuzz.h"

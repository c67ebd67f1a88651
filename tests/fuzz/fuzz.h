/* fuzz.h - a main for fuzz harnesses, where there is no libFuzzer.
 *
 * A harness defines LLVMFuzzerTestOneInput and fuzz_seed, and includes this file last:
 *     cc -g -O1 -fsanitize=address,undefined -I. -Itests tests/fuzz/fuzz_npy.c -lm -o fuzz_npy
 *     ./fuzz_npy 60                                 60 seconds of mutated seeds
 *     ./fuzz_npy crash-...                          these inputs, once each
 * or, with clang:
 *     clang -g -O1 -fsanitize=fuzzer,address,undefined -DLIBFUZZER ...   */
#ifndef LIBFUZZER
static uint64_t fuzz_state = 1;

static size_t fuzz_below(size_t n)                   /* xorshift64*; n > 0 */
{
    fuzz_state ^= fuzz_state >> 12, fuzz_state ^= fuzz_state << 25, fuzz_state ^= fuzz_state >> 27;
    return (size_t)(fuzz_state * 0x2545F4914F6CDD1DULL >> 33) % n;
}

/* A few edits: a bit, a byte, a digit, a piece moved, a piece gone, a cut. */
static size_t fuzz_mutate(uint8_t *p, size_t size, size_t room)
{
    static const char *const piece[] = { "-1", "0", "1e999", "null", "[]", "{}", "\"", "\\u0000", "9223372036854775807",
                                      "18446744073709551615", "[[[[", "256", "true", "1152921504606846976", ",", ":" };
    for (size_t edits = 1 + fuzz_below(4); edits > 0 && size > 1; edits--) {
        size_t at = fuzz_below(size), length = 1 + fuzz_below(size - at < 32 ? size - at : 32), to;
        switch (fuzz_below(7)) {
        case 0: p[at] ^= (uint8_t)(1 << fuzz_below(8)); break;
        case 1: p[at] = (uint8_t)fuzz_below(256); break;
        case 2: p[at] = (uint8_t)('0' + fuzz_below(10)); break;
        case 3: to = fuzz_below(size - length + 1), memmove(p + to, p + at, length); break;
        case 4: memmove(p + at, p + at + length, size - at - length), size -= length; break;
        case 5: size = fuzz_below(8) ? size : at; break;
        default:
            to = fuzz_below(sizeof piece / sizeof *piece), length = strlen(piece[to]);
            if (size + length > room) break;
            memmove(p + at + length, p + at, size - at), memcpy(p + at, piece[to], length), size += length;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    static uint8_t seed[1 << 16], input[1 << 17];
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 5;
    for (int i = 1; i < argc && !(seconds > 0); i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f) LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof input, f)), fclose(f);
    }
    long runs = 0, start = (long)time(NULL);
    for (int k = 0; (double)((long)time(NULL) - start) < seconds; runs++, k++) {
        size_t size = fuzz_seed(k, seed, sizeof seed);
        memcpy(input, seed, size);
        if (runs > 100) size = fuzz_mutate(input, size, sizeof input);
        uint8_t *exact = malloc(size ? size : 1);    /* Of its own, so that ASan sees every step too far. */
        memcpy(exact, input, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%ld inputs\n", runs);
    return 0;
}
#endif

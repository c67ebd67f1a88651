/* Numbers as text and back, printing as NumPy prints, files written whole. built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"
#include "capture.h"
#include <locale.h>
#ifdef __unix__
#include <sys/resource.h>
#endif

static bool text_is(const char *actual, const char *expected)
{
    bool same = strcmp(actual, expected) == 0;
    if (!same) printf("  \"%s\"\n  expected \"%s\"\n", actual, expected);
    return same;
}

static bool parses(const char *text, double *value)
{
    return dc__parse_number(text, text + strlen(text), value);
}

TEST(numbers_are_written_as_printf_writes_them)
{
    CHECK(text_is(DC__NUMBER(0.1, 9), "0.1"));
    CHECK(text_is(DC__NUMBER(-1e300, 4), "-1e+300"));
    CHECK(text_is(DC__NUMBER((double)NAN, 4), "nan"));
    CHECK(text_is(DC__NUMBER(-(double)NAN, 4), "nan"));
    CHECK(text_is(DC__NUMBER(-(double)INFINITY, 4), "-inf"));
    CHECK(text_is(DC__NUMBER(2.0 / 3, 300), DC__NUMBER(2.0 / 3, 100)));
    CHECK(text_is(DC__FIXED(2.0 / 3, 3), "0.667"));
    CHECK(text_is(DC__FIXED((double)NAN, 3), "nan"));
    CHECK(strlen(DC__FIXED(1e100, 2)) == 104);
}

TEST(numbers_are_read_correctly_rounded)
{
    static const char *const good[] = {
        "1", "-0", "+1.5", "1.", ".5", "1e5", "1E+05", "1e-400", "1e999", "-1e999", "0.1e1", "007.50",
        "9007199254740993", "1e23", "8.5e22", "123456789012345e22", "123456789012345e-22",
        "2.2250738585072011e-308", "5e-324", "2.4703282292062328e-324", "2.4703282292062327e-324",
        "1.7976931348623158e308", "1.7976931348623159e308", "0e99999999999999999999", "0.000001" };
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (CHECK(parses(good[i], &value))) CHECK_BITS(value, strtod(good[i], NULL));
    CHECK(parses("inf", &value) && value > DBL_MAX);
    CHECK(parses("-Infinity", &value) && value < -DBL_MAX);
    CHECK(parses("NaN", &value) && isnan(value));
    static const char *const bad[] = {
        "", ".", "-", "+", "e5", "1e", "1e+", " 1", "1 ", "1.2.3", "0x10", "1,5", "infi", "in", "nan(1)",
        "--1", "1e5.", "1e1e1", "abc", "\xc3\xa9", "1_000" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!CHECK(!parses(bad[i], &value))) printf("  \"%s\" was read\n", bad[i]);
}

TEST(random_doubles_come_back_from_17_digits)
{
    dc_context *ctx = dc_new(1);
    dc__random r = dc__stream(ctx, DC__FOR_DATA, 0, 0, 0);
    int wrong = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)dc__bits_at(&r, 2 * i) << 32 | dc__bits_at(&r, 2 * i + 1);
        double value, back = 0;
        memcpy(&value, &bits, sizeof value);
        if (i % 2) value = (double)(bits >> 44) / 1000;
        if (!isfinite(value)) continue;
        dc__words w = dc__number_words('g', value, 17);
        if (!parses(w.text, &back) || memcmp(&back, &value, sizeof value)) wrong++;
        w = dc__number_words('g', value, 14);
        const char *text = w.text;
        if (!parses(text, &back) || back < strtod(text, NULL) ||
            back > strtod(text, NULL)) wrong++;
    }
    CHECK(wrong == 0);
    dc_free(ctx);
}

TEST(digits_far_behind_decide_a_tie)
{
    static char text[200100];
    double value;
    snprintf(text, sizeof text, "9007199254740993.%01500d", 0);     /* Half-way; the even one is below. */
    CHECK(parses(text, &value) && value >= 9007199254740992.0 && value <= 9007199254740992.0);
    strcat(text, "1");
    CHECK(parses(text, &value) && value >= 9007199254740994.0 && value <= 9007199254740994.0);
    memset(text, '0', 200000);
    text[1] = '.';
    snprintf(text + 200000, 100, "1e199999");
    CHECK(parses(text, &value) && value >= 1 && value <= 1);
}

/* Switches to a locale with a decimal comma; where none is installed, glibc's tool makes one. */
static bool comma_locale(void)
{
    static const char *const name[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8" };
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (setlocale(LC_ALL, name[i])) return true;
#if defined(__linux__)
    extern int setenv(const char *, const char *, int);
    char command[1200];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 '%s' >/dev/null 2>&1",
             temporary_path("de_DE.UTF-8"));
    const char *folder = getenv("DEEPC_TEST_FOLDER");
    if (system(command) == 0 && setenv("LOCPATH", folder ? folder : ".", 1) == 0)
        return setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
#endif
    return false;
}

TEST(a_decimal_comma_changes_nothing)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_from(ctx, DC_SHAPE(3), (dc_real[]){ 1, (dc_real)2.5, (dc_real)-0.125 });
    if (!comma_locale()) printf("skipped: no locale with a decimal comma\n");
    char text[64];
    double value = 0;
    CHECK(text_is(DC__NUMBER(0.5, 9), "0.5"));
    CHECK(text_is(DC__NUMBER(-1.25e-20, 9), "-1.25e-20"));
    CHECK(text_is(DC__FIXED(-1234.5, 2), "-1234.50"));
    CHECK(text_is(DC__NUMBER(7, 9), "7"));
    CHECK(parses("2.5", &value) && value >= 2.5 && value <= 2.5);
    CHECK(parses("3.14159265358979323846264338327950288", &value) && value > 3.14159265358979);
    CHECK(!parses("2,5", &value));
    dc_format(x, text, sizeof text);
    CHECK(text_is(text, "[ 1.     2.5   -0.125]"));
    setlocale(LC_ALL, "C");
    dc_free(ctx);
}

TEST(text_grows)
{
    dc_context *ctx = dc_new(1);
    dc__text t = { .ctx = ctx };
    for (int i = 0; i < 3000; i++) dc__text_add(&t, "%d ", i);
    CHECK(!t.failed && t.used == strlen(t.data));
    CHECK(strncmp(t.data, "0 1 2 3 ", 8) == 0);
    CHECK_TEXT(t.data, " 1234 1235 ");
    CHECK(text_is(t.data + t.used - 10, "2998 2999 "));
    dc__text_free(&t);
    CHECK(!t.data && !t.used && !ctx->buffers);
    dc_free(ctx);
}

/* --- files --- */

static bool file_is(const char *path, const char *expected)
{
    char text[64];
    FILE *file = fopen(path, "rb");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[length] = 0;
    return file && strcmp(text, expected) == 0;
}

TEST(a_file_is_written_whole_or_not_at_all)
{
    dc_context *ctx = dc_new(1);
    char path[512], part[520];
    snprintf(path, sizeof path, "%s", temporary_path("whole.txt"));
    snprintf(part, sizeof part, "%s.part", path);
    CHECK(dc__write_file(ctx, path, "one", 3) && file_is(path, "one"));
    CHECK(dc__write_file(ctx, path, "two!", 4) && file_is(path, "two!"));
    CHECK(!file_is(part, ""));
    CHECK(dc__write_file(ctx, path, NULL, 0) && file_is(path, ""));
    CHECK(!dc__write_file(ctx, temporary_path("no/such/folder"), "x", 1));
    CHECK_TEXT(dc_error(ctx), "no/such/folder");
    CHECK_TEXT(dc_error(ctx), "No such file or directory");
    CHECK(!ctx->buffers);
    remove(path);
    dc_free(ctx);
}

#ifdef __unix__
TEST(devices_are_not_replaced)
{
    dc_context *ctx = dc_new(1);
    CHECK(dc__write_file(ctx, "/dev/null", "x", 1));
    FILE *null = fopen("/dev/null", "rb");
    CHECK(null && fgetc(null) == EOF);
    if (null) fclose(null);
    CHECK(!dc__write_file(ctx, "/tmp", "x", 1));
    CHECK_TEXT(dc_error(ctx), "/tmp: ");
#ifdef __linux__
    CHECK(!dc__write_file(ctx, "/dev/full", "x", 1));
    CHECK_TEXT(dc_error(ctx), "/dev/full: No space left on device");
#endif
    dc_free(ctx);
}

TEST(a_full_disk_leaves_the_old_file)
{
    dc_context *ctx = dc_new(1);
    static char large[100000];
    char path[512], part[520];
    snprintf(path, sizeof path, "%s", temporary_path("full.txt"));
    snprintf(part, sizeof part, "%s.part", path);
    CHECK(dc__write_file(ctx, path, "old", 3));
    struct rlimit limit, small;
    getrlimit(RLIMIT_FSIZE, &limit);
    small = limit, small.rlim_cur = 4096;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    bool written = dc__write_file(ctx, path, large, sizeof large);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, before);
    CHECK(!written);
    CHECK_TEXT(dc_error(ctx), "full.txt: File too large");
    CHECK(file_is(path, "old"));
    CHECK(!file_is(part, ""));
    CHECK(!ctx->buffers);
    remove(path);
    dc_free(ctx);
}
#endif

/* --- printing --- */

typedef struct golden_print {
    int           rank;
    int64_t       dim[6];
    const double *value;
    const char   *text;
} golden_print;
#include "golden/print.h"

TEST(tensors_print_as_numpy_prints)
{
    dc_context *ctx = dc_new(1);
    static char text[20000];
    for (size_t i = 0; i < sizeof golden_prints / sizeof *golden_prints; i++) {
        const golden_print *g = &golden_prints[i];
        dc_tensor *x = dc_zeros(ctx, dc_make_shape(g->rank, g->dim));
        for (int64_t k = 0; k < x->size; k++) x->data[k] = (dc_real)(g->value ? g->value[k] : (double)k);
        size_t length = dc_format(x, text, sizeof text);
        CHECK(length == strlen(g->text) && text_is(text, g->text));
    }
    dc_free(ctx);
}

TEST(one_ten_thousandth_is_not_too_small)    /* NumPy 1 says 1.e-04: it compared in double. */
{
    dc_context *ctx = dc_new(1);
    char text[32];
    dc_format(dc_from(ctx, DC_SHAPE(1), (dc_real[]){ (dc_real)1e-4 }), text, sizeof text);
    CHECK(text_is(text, "[0.0001]"));
    dc_free(ctx);
}

TEST(format_cuts_as_snprintf_does)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_arange(ctx, 0, 3, 1);
    char text[6] = "?????";
    CHECK(dc_format(x, NULL, 0) == 10);
    CHECK(dc_format(x, text, 6) == 10 && text_is(text, "[0. 1"));
    CHECK(dc_format(x, text, 1) == 10 && text_is(text, ""));
    dc_free(ctx);
}

TEST(print_goes_to_stdout)
{
    dc_context *ctx = dc_new(1);
    dc_tensor *x = dc_reshape(dc_arange(ctx, 0, 4, 1), DC_SHAPE(2, 2)), *one = dc_scalar(ctx, 1);
    capture_start();
    dc_print(x);
    dc_print(one);
    CHECK(text_is(capture_end(), "[[0. 1.]\n [2. 3.]]\n1.0\n"));
    dc_mark m = dc_begin(ctx);
    x = dc_zeros(ctx, DC_SHAPE(2));
    dc_end(ctx, m);
    EXPECT_FAIL(ctx, dc_print(x), "dc_print: operand 1");
    EXPECT_FAIL(ctx, dc_format(x, NULL, 0), "dc_format: operand 1");
    dc_free(ctx);
}

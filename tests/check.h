/* check.h - a test framework on two pages.
 *
 *     // built: float double                 how run.sh builds this file (default: float);
 *     #define DEEPC_IMPLEMENTATION        // "built: alone" gives it a program of its own
 *     #include "deepc.h"
 *     #include "check.h"
 *
 *     TEST(relu_of_a_negative_number)
 *     {
 *         dc_context *ctx = dc_new(1);
 *         CHECK(dc_item(dc_relu(dc_scalar(ctx, -1))) == 0);
 *         EXPECT_FAIL(ctx, dc_add(dc_zeros(ctx, DC_SHAPE(2)), dc_zeros(ctx, DC_SHAPE(3))), "[2]");
 *         dc_free(ctx);
 *     }
 *
 * run.sh compiles all test files as ONE program (only the first #include "deepc.h" counts), so names of tests,
 * helpers and macros differ from file to file. `program relu` runs the tests whose name contains "relu". A
 * test that checks nothing, or ends in abort(), has failed. Checks have a value: if (!CHECK(p)) return; */
#ifndef CHECK_H
#define CHECK_H

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wclobbered"   /* EXPECT_FAIL changes no variable after its setjmp. */
#endif

#define CHECK(condition) check__that(!!(condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_NEAR(actual, expected, tolerance) \
    check__near((double)(actual), (double)(expected), (double)(tolerance), __FILE__, __LINE__, #actual)
#define CHECK_BITS(a, b) check__bits((double)(a), (double)(b), __FILE__, __LINE__, #a ", " #b)
#define CHECK_TEXT(actual, part) check__text(actual, part, __FILE__, __LINE__, #actual)

/* The expression must end in the context's error handler, with a message that contains `part`. */
#define EXPECT_FAIL(ctx, expression, part) \
    do { \
        dc_context *check__ctx = (ctx); \
        const dc_error_handler check__kept = check__ctx->on_error; \
        void *const check__kept_user = check__ctx->user; \
        dc_on_error(check__ctx, check__caught, NULL); \
        if (!setjmp(check__escape)) { \
            snprintf(check__message, sizeof check__message, "(no error)"); \
            (void)(expression); \
        } \
        dc_on_error(check__ctx, check__kept, check__kept_user); \
        check__text(check__message, part, __FILE__, __LINE__, #expression); \
    } while (0)

#define TEST(NAME) \
    static void NAME##_test(void); \
    __attribute__((constructor)) static void NAME##_registers(void) \
    { \
        static check__test test = { #NAME, __FILE__, NAME##_test, NULL }; \
        *check__end = &test, check__end = &test.next; \
    } \
    static void NAME##_test(void)

typedef struct check__test {
    const char *name, *file;
    void (*run)(void);
    struct check__test *next;
} check__test;

static check__test *check__first, **check__end = &check__first;
static int     check__checks, check__failures;            /* Of the running test. */
static jmp_buf check__escape, check__next;
static char    check__message[1024];

__attribute__((format(printf, 4, 5), unused))
static bool check__that(bool ok, const char *file, int line, const char *format, ...)
{
    check__checks++;
    if (ok) return true;
    check__failures++;
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: failed: ", file, line), vprintf(format, arguments), puts("");
    va_end(arguments);
    return false;
}

__attribute__((unused))
static bool check__near(double a, double b, double tolerance, const char *file, int line, const char *text)
{
    bool ok = (a <= b && a >= b) || fabs(a - b) <= tolerance || (isnan(a) && isnan(b));
    return check__that(ok, file, line, "%s is %.17g, not %.17g (tolerance %g)", text, a, b, tolerance);
}

__attribute__((unused))
static bool check__bits(double a, double b, const char *file, int line, const char *text)
{
    return check__that(memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)), file, line,
                       "not the same bits: %s: %a (%.9g), %a (%.9g)", text, a, a, b, b);
}

__attribute__((unused))
static bool check__text(const char *actual, const char *part, const char *file, int line, const char *text)
{
    return check__that(actual && strstr(actual, part), file, line,
                       "%s\n    gives   \"%s\"\n    without \"%s\"", text, actual ? actual : "(null)", part);
}

__attribute__((unused, noreturn))
static void check__caught(const char *message, void *user)
{
    (void)user;
    snprintf(check__message, sizeof check__message, "%s", message);
    longjmp(check__escape, 1);
}

/* A name for a scratch file, in a folder that run.sh makes for this run and removes after it. */
__attribute__((unused))
static const char *temporary_path(const char *name)
{
    static char path[4][512];
    static int turn;
    const char *folder = getenv("DEEPC_TEST_FOLDER");
    snprintf(path[++turn % 4], sizeof path[0], "%s/%s", folder ? folder : ".", name);
    return path[turn % 4];
}

static void check__aborted(int number)
{
    signal(number, check__aborted);
    longjmp(check__next, 1);
}

int main(int argc, char **argv)
{
    volatile int passed = 0, failed = 0;
    signal(SIGABRT, check__aborted);
    for (check__test *volatile t = check__first; t; t = t->next) {
        if (argc > 1 && !strstr(t->name, argv[1])) continue;
        check__checks = check__failures = 0;
        if (!setjmp(check__next)) t->run();
        else check__that(false, t->file, 0, "abort() ended test %s", t->name);
        if (!check__checks) check__that(false, t->file, 0, "test %s made no check", t->name);
        if (check__failures) printf("%s: test %s FAILED\n", t->file, t->name), failed++;
        else passed++;
        fflush(stdout);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
#endif

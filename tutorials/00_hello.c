/* 00_hello - a first network: from four examples it learns when the lamp of a staircase is on.
 *
 * You will see a network whose nine numbers a person has chosen, computed with plain C; ten lines
 * of deepc that find nine numbers by themselves; and those numbers put through the same plain C.
 * build/00_boundary.svg shows where the network says "on", build/00_hidden.svg what its hidden
 * units make of the four cases. The fingerprint is the same on your machine. Takes no time.
 *
 * cc -O2 tutorials/00_hello.c -o build/00_hello -lm
 * options: --seed N (1), --out DIR (build)
 *
 * expected: chosen_right >= 4
 * expected: loss <= 0.01
 * expected: right >= 4
 * expected: by_hand_difference <= 0.00001 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}

/* [network] */
typedef struct network {           /* nine numbers */
    dc_real w[2][2];               /* w[i][j]: from switch i to hidden unit j */
    dc_real b[2];                  /* b[j]: added in hidden unit j */
    dc_real v[2];                  /* v[j]: from hidden unit j to the answer */
    dc_real c;                     /* added in the answer */
} network;
/* [/network] */

/* [forward] */
static double forward(const network *n, const double x[2], double h[2])
{
    double z = n->c;
    for (int j = 0; j < 2; j++) {
        h[j] = tanh(n->w[0][j] * x[0] + n->w[1][j] * x[1] + n->b[j]);
        z += n->v[j] * h[j];
    }
    return 1 / (1 + exp(-z));      /* the chance of "on", between 0 and 1 */
}
/* [/forward] */

/* [table] */
/* The four cases, and how many of them are right. p[i] is what the network says in case i. */
static int table(const network *n, double p[4])
{
    int right = 0;
    double loss = 0;
    printf("switches   hidden units       lamp should be   network says\n");
    for (int i = 0; i < 4; i++) {
        double x[2] = { i / 2, i % 2 }, h[2];
        bool on = x[0] != x[1];
        p[i] = forward(n, x, h);
        right += (p[i] > 0.5) == on;
        loss -= log(on ? p[i] : 1 - p[i]) / 4;
        printf("%.0f %.0f        %7.4f %7.4f    %-3s              %.4f\n", x[0], x[1], h[0], h[1],
               on ? "on" : "off", p[i]);
    }
    printf("right: %d of 4, loss %.4f\n", right, loss);
    return right;
}
/* [/table] */

/* Two pictures: what the network says in and between the four cases; and the cases as the hidden
 * units show them to the answer, with the line on which it is undecided. */
static void draw(dc_context *ctx, const network *n, const char *folder)
{
    enum { SIDE = 48 };
    dc_real field[SIDE * SIDE], hidden[2][2][2], line[2][2] = { { -1.2f, 1.2f } };
    double h[2];
    for (int i = 0; i < SIDE * SIDE; i++) {              /* row 0 is at the top */
        double x[2] = { -0.3 + 1.6 * (i % SIDE) / (SIDE - 1), 1.3 - 1.6 * (i / SIDE) / (SIDE - 1) };
        field[i] = (dc_real)forward(n, x, h);
    }
    for (int i = 0; i < 4; i++) {                        /* hidden[on?][which unit][which case] */
        double x[2] = { i / 2, i % 2 };
        forward(n, x, h);
        for (int j = 0; j < 2; j++) hidden[i / 2 != i % 2][j][i / 2] = (dc_real)h[j];
    }
    for (int i = 0; i < 2; i++) line[1][i] = -(n->v[0] * line[0][i] + n->c) / n->v[1];
    dc_real zero_one[2] = { 0, 1 }, one_zero[2] = { 1, 0 };
    dc_plot plots[2] = {
        { .title = "What the network says", .x_label = "switch 1", .y_label = "switch 2",
          .field = field, .field_columns = SIDE, .field_rows = SIDE, .x_min = -0.3f, .x_max = 1.3f,
          .y_min = -0.3f, .y_max = 1.3f, .series = (dc_series[]){
              { .name = "off", .x = zero_one, .y = zero_one, .count = 2, .points = true },
              { .name = "on",  .x = zero_one, .y = one_zero, .count = 2, .points = true } } },
        { .title = "What the hidden units make of it", .x_label = "h1", .y_label = "h2",
          .x_min = -1.2f, .x_max = 1.2f, .y_min = -1.2f, .y_max = 1.2f, .series = (dc_series[]){
              { .name = "off", .x = hidden[0][0], .y = hidden[0][1], .count = 2, .points = true },
              { .name = "on",  .x = hidden[1][0], .y = hidden[1][1], .count = 2, .points = true },
              { .name = "undecided", .x = line[0], .y = line[1], .count = 2 } } } };
    for (int i = 0; i < 2; i++) {
        char path[1024];
        plots[i].series_count = 2 + i, plots[i].width = plots[i].height = 420;
        snprintf(path, sizeof path, "%s/00_%s.svg", folder, i ? "hidden" : "boundary");
        if (!dc_write_svg(ctx, path, &plots[i])) fprintf(stderr, "%s\n", dc_error(ctx));
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    double p[4];

    printf("By hand\n");
    /* [chosen] */
    network chosen = {
        .w = { { 6, 6 }, { 6, 6 } }, .b = { -3, -9 },    /* "at least one is up", "both are up" */
        .v = { 5, -5 }, .c = -5 };                       /* the first, but not the second */
    /* [/chosen] */
    int chosen_right = table(&chosen, p);

    printf("\nWith deepc\n");
    /* [ten] */
    dc_context *ctx   = dc_new(seed);
    dc_dataset *data  = dc_make_xor(ctx);
    dc_model   *model = dc_sequential(ctx, DC_LAYERS(
        dc_input(2),                                     /* two switches */
        dc_dense(2, DC_TANH),                            /* two hidden units */
        dc_dense(1, DC_LINEAR)));                        /* one answer */
    dc_compile(model, DC_BCE_WITH_LOGITS, dc_adam(0.1));
    dc_fit(model, data, (dc_fit_options){ .epochs = 300, .quiet = true });
    dc_print(dc_sigmoid(dc_predict_all(model, data)));
    printf("fingerprint %016llx\n", (unsigned long long)dc_fingerprint(model));
    /* [/ten] */
    dc_report report = dc_evaluate(model, data);

    printf("\nIts numbers, by hand\n");
    /* [found] */
    network found;
    dc_read(dc_find(model, "dense_1.weight"), &found.w[0][0]);
    dc_read(dc_find(model, "dense_1.bias"),   found.b);
    dc_read(dc_find(model, "dense_2.weight"), found.v);
    dc_read(dc_find(model, "dense_2.bias"),   &found.c);
    /* [/found] */
    printf("hidden unit 1   %7.4f x1 %+7.4f x2 %+7.4f\n", found.w[0][0], found.w[1][0], found.b[0]);
    printf("hidden unit 2   %7.4f x1 %+7.4f x2 %+7.4f\n", found.w[0][1], found.w[1][1], found.b[1]);
    printf("answer          %7.4f h1 %+7.4f h2 %+7.4f\n", found.v[0], found.v[1], found.c);
    table(&found, p);
    dc_real said[4];
    dc_read(dc_sigmoid(dc_predict_all(model, data)), said);
    double difference = 0;
    for (int i = 0; i < 4; i++) difference = fmax(difference, fabs(p[i] - (double)said[i]));
    draw(ctx, &found, option(argc, argv, "--out", "build"));

    printf("\nRESULT chosen_right=%d\n", chosen_right);
    printf("RESULT loss=%.6f\n", report.loss);
    printf("RESULT right=%.0f\n", 4 * report.accuracy);
    printf("RESULT by_hand_difference=%.7f\n", difference);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(model));
    dc_free(ctx);
}

/* 08_table_regression - how loud is a wing? A regression on a real table, and what a network adds
 * to a line.
 *
 * You will see 1,503 measurements of NASA's wind tunnel read from a CSV file (data/airfoil/README
 * says where they come from), split into 60 % to train, 20 % to decide when to stop, 20 % to test;
 * a linear model; a network of two hidden layers, stopped when the validation loss no longer
 * falls; and both judged on the test part. build/airfoil.svg shows what was measured against what
 * the network says. The standardisation is a layer, so it is fitted on the training part only and
 * saved with the model.
 *
 * The parts are drawn at random, as in most publications on this table. Its rows are sweeps over
 * the frequency, so most test rows have neighbours in training: on a new wing expect larger
 * errors. Takes about 1 s.
 *
 * cc -O2 examples/08_table_regression.c -lm && ./a.out
 * options: --data FILE (examples/data/airfoil/airfoil_self_noise.csv), --seed N (1),
 *          --out DIR (build)
 *
 * expected: linear_r2 >= 0.45
 * expected: linear_r2 <= 0.58
 * expected: r2 >= 0.92
 * expected: rmse_db <= 1.95 */
#define DEEPC_IMPLEMENTATION
#include "../deepc.h"

static const char *option(int argc, char **argv, const char *name, const char *usual)
{
    for (int i = 1; i + 1 < argc; i++)
        if (!strcmp(argv[i], name)) return argv[i + 1];
    return usual;
}
/* Trains until the validation loss has not fallen for 50 epochs, and reports on the test part. */
static dc_report fit(dc_model *model, dc_dataset *train, dc_dataset *validation, dc_dataset *test)
{
    /* The levels lie around 125 dB. An output that starts there need not be trained to go there. */
    dc_real mean = dc_item(dc_mean(dc_all(train).y));
    dc_write(dc_find(model, "output.bias"), &mean);

    dc_compile(model, DC_MSE, dc_adam(1e-2));
    dc_metrics(model, DC_METRICS(dc_r2(), dc_rmse(), dc_mae_metric()));
    const dc_history *history = dc_fit(model, train, (dc_fit_options){
        .epochs = 1000, .batch_size = 32, .validation = validation, .quiet = true,
        DC_CALLBACKS(dc_early_stopping(50, 0)) });
    dc_report report = dc_evaluate(model, test);
    printf("%d epochs, the best was number %d; on the test part:", history->epochs,
           history->best_epoch + 1);
    for (int i = 0; i < report.metrics; i++) printf("  %s %.3f", report.name[i], report.value[i]);
    printf("\n\n");
    return report;
}

/* Measured against predicted: a perfect model's points lie on the diagonal. */
static void draw(dc_context *ctx, const char *path, dc_model *model, dc_dataset *test)
{
    dc_batch all = dc_all(test);
    dc_tensor *said = dc_predict(model, all.x);
    dc_real ends[2] = { 100, 142 };
    dc_plot plot = { .title = "Noise of an airfoil, test part", .x_label = "measured (dB)",
        .y_label = "network (dB)", .width = 480, .height = 480,
        .series = (dc_series[]){
            { .x = all.y->data, .y = said->data, .count = dc_count(test), .points = true },
            { .x = ends, .y = ends, .count = 2 } },
        .series_count = 2 };
    if (!dc_write_svg(ctx, path, &plot)) fprintf(stderr, "%s\n", dc_error(ctx));
}

int main(int argc, char **argv)
{
    dc_context *ctx = dc_new(strtoull(option(argc, argv, "--seed", "1"), NULL, 10));
    const char *file = option(argc, argv, "--data", "examples/data/airfoil/airfoil_self_noise.csv");
    dc_csv_options csv = { .label = "sound_pressure_level_dB" };
    dc_dataset *table = dc_load_csv(ctx, file, &csv);
    if (!table) return fprintf(stderr, "%s\n", dc_error(ctx)), 1;

    dc_dataset *train, *validation, *test, *rest;
    dc_split_data(table, 0.6f, &train, &rest);
    dc_split_data(rest, 0.5f, &validation, &test);
    printf("%d rows to train, %d to validate, %d to test; features:", (int)dc_count(train),
           (int)dc_count(validation), (int)dc_count(test));
    for (int i = 0; i < dc_x_shape(table).dim[0]; i++) printf(" %s", dc_feature_name(table, i));
    printf("\n\na linear model\n");

    dc_model *linear = dc_sequential(ctx, DC_LAYERS(
        dc_input(5), dc_standardize(train), dc_with_name(dc_dense(1, DC_LINEAR), "output")));
    dc_report of_linear = fit(linear, train, validation, test);

    printf("a network\n");
    dc_model *network = dc_sequential(ctx, DC_LAYERS(
        dc_input(5), dc_standardize(train),
        dc_dense(64, DC_TANH), dc_dense(64, DC_TANH),
        dc_with_name(dc_dense(1, DC_LINEAR), "output")));
    dc_report of_network = fit(network, train, validation, test);
    dc_summary(network);

    char path[1024];
    snprintf(path, sizeof path, "%s/airfoil.svg", option(argc, argv, "--out", "build"));
    draw(ctx, path, network, test);

    printf("RESULT linear_r2=%.4f\n", of_linear.value[0]);
    printf("RESULT linear_rmse_db=%.3f\n", of_linear.value[1]);
    printf("RESULT r2=%.4f\n", of_network.value[0]);
    printf("RESULT rmse_db=%.3f\n", of_network.value[1]);
    printf("RESULT fingerprint=%016llx\n", (unsigned long long)dc_fingerprint(network));
    dc_free(ctx);
}

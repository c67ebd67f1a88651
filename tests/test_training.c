/* fit, evaluate, predict, metrics and callbacks. Golden numbers: scikit-learn 1.9.1.
 * built: float double */
#define DEEPC_IMPLEMENTATION
#include "deepc.h"
#include "check.h"

#ifdef __unix__
#include <unistd.h>
#endif

/* --- metrics --- */

static const dc_real many_y[] = {
    1, -1, 0.5, 0.25, -1.25, 0, 0.5, 0, -0.25, -0.25, 1, -0.75, 0, -1, 0, 0.75, 0.25, 1, -0.5,
    1.25, 0, -2, 2.5, 7.25, 0.5, -1.5, -0.75, 8, 0.75, 2, 0, 7.75, 0.75, 2, 3, 5.25, 1, 0.5, 0.5,
    0, 1.75, -1, -1.5, 0, 1.25, -1.75, 0, 1, 0.25, -0.25, -0.5, 0, 0.75, 0.5, -0.75, -1.25, -0.25,
    -0.5, -0.25, -1.25, 1.5, 0.5, 0, 2.25, -1.25, -2.25, -1.25, 0, 0.5, -0.25, 1.5, -0.5, 1.5,
    -1.75, 1.5, -0.5, -0.5, 2.25, 0.25, 1.5, 0.75, 0, -0.25, 2, 0.25, -0.5, -1.75, 3, 1.25, -1.75,
    0, 0, 1.75, 0.25, 0, 0.5, -0.25, -0.25, -0.25, 0.5, 0.75, 1.75, 0.5, -2.25, 0.5, 2, 0.25, 1,
    1, 0, -0.75, -0.25, -1.5, 0.25, 0.25, 0, -0.25, -0.75, 0.25, -0.25, -1, 0.5, 1, -2.25, 1.75,
    -0.5, 0.25, -1, -0.75, 0.5, 1.25, 2, 1.5, -1, 2, 0, 1.5, 0.5, 1.5, 0, 1.5, 1, 0.25, -0.25, 3,
    2, -1.5, 0, 2, -0.25, -1, -1, -1, 1.25, 0.75, -1, 0.25, -0.5, 0.5, -0.75,
};
static const dc_real many_t[] = {
    0, 1, 2, 0, 1, 2, 0, 1, 2, 2, 2, 0, 2, 0, 0, 0, 0, 2, 2, 0, 0, 1, 0, 0, 1, 0, 1, 0, 2, 0, 1,
    2, 2, 0, 2, 1, 0, 0, 1, 0,
};
static const dc_real top_y[] = {
    -2.16, -0.99, 0.88, -0.83, 0.18, 0.45, 1.54, -0.01, -1.78, 0.59, -1.98, -0.2, 0.08, -0.52,
    -0.76, 0.36, 0.24, -0.75, -0.98, -0.94, -0.17, 0.23, 0.41, -1.8, 0.15, 1.82, -0.08, 0.04,
    1.66, 1.73, 1.43, 0.85, 0.81, -0.93, -0.08, 0.33, -0.46, -1.05, 1.22, 2.03, 1.49, 0.96, -1.27,
    -0.27, -1.24, 1.88, 0.76, 0.25, -1.37, 0.49, -0.3, 1.17, -0.18, 0.39, 1.2, 0.96, -1.11, 0.89,
    -0.35, 0.59, 0.75, -0.49, 0.36, 0.11, -0.1, 0.43, -0.18, 0.28, -1.03, 0.78, 0.37, 1, 0.02,
    0.49, 1.05, -0.19, -0.46, 0.29, 0.65, 0.33, -0.09, -1.12, -0.46, -2.06, -0.35, -1.17, 1.63,
    -0.91, -1.87, -1.14, 1.96, 0.32, 0.31, -0.82, -0.5, 1.53, 1.98, 0.83, -0.13, 1.53, 2.05, -1.8,
    -1.18, 0.82, 0.21, 0.35, -3.11, 0.98, -0.3, 0.59, -1.1, 2.08, 1.66, -1.88, 1.08, -0.59, -0.38,
    -2.98, 0.64, -0.37, 0.44, -0.08, 1.1, -0.34, -0.33, 0.17, 0.58, -1.2, -1.73, -0.17, 0.5, 0.09,
    1.51, -0.1, 0.87, 0.71, 0.49, -2.01, 1.16, -0.72, 0, -0.09, 0.22, -0.74, -0.16, -0.71, -0.53,
    0, 0.57, 0.07, 0.75, 0.31, 0.62, 0.79, -1.01, -1.65, 0.36, -0.67, 0.87, -0.31,
};
static const dc_real binary_y[] = {
    0.5, 0.75, 2, -0.25, -1.25, 2, -0.75, 0.5, 1.5, 0.25, -1.25, -1, 2.5, 2.5, -1, 0.75, -1.5, -1,
    1.75, 1.75, 0, 1.25, 0.25, 0.75, 0.75, 0.25, 0.75, 1, 1.25, 0.75, 1.25, 0.25, -1.25, 0.5, 1.5,
    1.25, 1.5, 1, 1, 1.25,
};
static const dc_real binary_t[] = {
    0, 1, 1, 0, 0, 1, 0, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1,
    0, 0, 0, 1, 1, 1, 0, 1, 1,
};
static const dc_real real_t[] = {
    -0.25, -0.875, -1.625, 0.375, 0.125, 0.625, -1.125, 1.875, -1.125, 0.125, 0.5, -0.875, 0.5,
    1.125, -1.75, -0.625, 0.125, -0.5, -1.75, -1, -2.5, 1.125, -2.5, -1.25, 1.125, 2.25, 1.25,
    0.125, -0.375, -0.75,
};
static const dc_real real_y[] = {
    -1.25, -2.875, -1.5, 0.375, -2.875, 0, -0.625, 2.5, -0.375, 0, 0.75, -1, 1.375, 2.125, -1.75,
    0.625, 0.5, -2.25, -1.875, -1.625, -2.125, 0.5, -1.375, -0.625, 1.25, 1.875, 1.75, -0.875,
    0.125, -0.75,
};

/* The numbers of a metric over values given here. */
static double metric_of(dc_context *ctx, dc_metric metric, const dc_real *y, int64_t outputs, const dc_real *t,
                        int64_t targets, int64_t count)
{
    dc_predictions p = { .count = count, .outputs = outputs, .targets = targets, .y = y, .t = t, .ctx = ctx };
    return metric.compute(&p, &metric);
}

TEST(metrics_of_four_classes)
{
    dc_context *ctx = dc_new(1);
    static const double golden[4][3] = { { 0.5625, 0.47368421052631576, 0.5142857142857142 },
                                         { 0.4, 0.2222222222222222, 0.2857142857142857 },
                                         { 0.2857142857142857, 0.16666666666666666, 0.21052631578947367 },
                                         { 0, 0, 0 } };
#define MANY(METRIC) metric_of(ctx, METRIC, many_y, 4, many_t, 1, 40)
    CHECK_NEAR(MANY(dc_accuracy()), 0.325, 1e-15);
    for (int c = 0; c < 4; c++) {
        CHECK_NEAR(MANY(dc_precision(c)), golden[c][0], 1e-15);
        CHECK_NEAR(MANY(dc_recall(c)), golden[c][1], 1e-15);
        CHECK_NEAR(MANY(dc_f1(c)), golden[c][2], 1e-15);
    }
    CHECK_NEAR(MANY(dc_precision(-1)), 0.31205357142857143, 1e-15);
    CHECK_NEAR(MANY(dc_recall(-1)), 0.21564327485380116, 1e-15);
    CHECK_NEAR(MANY(dc_f1(-1)), 0.25263157894736843, 1e-15);
    CHECK_NEAR(metric_of(ctx, dc_top_k(1), many_y, 4, many_t, 1, 40), 0.325, 1e-15);
    CHECK_NEAR(metric_of(ctx, dc_top_k(2), top_y, 4, many_t, 1, 40), 0.55, 1e-15);
    CHECK_NEAR(metric_of(ctx, dc_top_k(3), top_y, 4, many_t, 1, 40), 0.775, 1e-15);
    EXPECT_FAIL(ctx, MANY(dc_recall(4)), "a metric asks for class 4, but there are only 4: 0 to 3");
    dc_free(ctx);
}

/* Classes that are neither said nor true do not count in a mean, as in scikit-learn; targets may be one-hot. */
TEST(metrics_skip_absent_classes)
{
    dc_context *ctx = dc_new(1);
    dc_real y[160], one_hot[160] = { 0 };
    for (int i = 0; i < 40; i++) {
        for (int c = 0; c < 4; c++) y[4 * i + c] = c == 3 ? -9 : many_y[4 * i + c];
        one_hot[4 * i + (int)many_t[i]] = 1;
    }
    for (int targets = 1; targets <= 4; targets += 3) {
        const dc_real *t = targets == 1 ? many_t : one_hot;
        CHECK_NEAR(metric_of(ctx, dc_precision(-1), y, 4, t, targets, 40), 0.5600414078674948, 1e-15);
        CHECK_NEAR(metric_of(ctx, dc_recall(-1), y, 4, t, targets, 40), 0.5326510721247563, 1e-15);
        CHECK_NEAR(metric_of(ctx, dc_f1(-1), y, 4, t, targets, 40), 0.5404040404040403, 1e-15);
    }
    dc_free(ctx);
}

TEST(metrics_of_one_output)
{
    dc_context *ctx = dc_new(1);
#define BINARY_OF(METRIC) metric_of(ctx, METRIC, binary_y, 1, binary_t, 1, 40)
    CHECK_NEAR(BINARY_OF(dc_accuracy()), 0.8, 1e-15);
    CHECK_NEAR(BINARY_OF(dc_top_k(1)), 0.8, 1e-15);
    CHECK_NEAR(BINARY_OF(dc_top_k(2)), 1, 0);
    CHECK_NEAR(BINARY_OF(dc_precision(1)), 0.7333333333333333, 1e-15);
    CHECK_NEAR(BINARY_OF(dc_recall(1)), 1, 0);
    CHECK_NEAR(BINARY_OF(dc_f1(1)), 0.8461538461538461, 1e-15);
    CHECK_NEAR(BINARY_OF(dc_precision(0)), 1, 0);
    CHECK_NEAR(BINARY_OF(dc_f1(-1)), 0.7802197802197802, 1e-15);
    dc_predictions p = { .count = 40, .outputs = 1, .targets = 1, .y = binary_y, .t = binary_t,
                         .threshold = (dc_real)0.5, .ctx = ctx };
    dc_metric accuracy = dc_accuracy();
    CHECK_NEAR(accuracy.compute(&p, &accuracy), 0.825, 1e-15);
    dc_free(ctx);
}

TEST(metrics_of_quantities)
{
    dc_context *ctx = dc_new(1);
    CHECK_NEAR(metric_of(ctx, dc_mae_metric(), real_y, 3, real_t, 3, 10), 0.6791666666666667, 1e-15);
    CHECK_NEAR(metric_of(ctx, dc_rmse(), real_y, 3, real_t, 3, 10), 0.9395810236483068, 1e-15);
    CHECK_NEAR(metric_of(ctx, dc_r2(), real_y, 3, real_t, 3, 10), 0.375222695941712, 1e-14);
    const dc_real same[3] = { 1, 1, 1 }, other[3] = { 1, 1, 2 };
    CHECK_NEAR(metric_of(ctx, dc_r2(), same, 1, same, 1, 3), 1, 0);
    CHECK_NEAR(metric_of(ctx, dc_r2(), other, 1, same, 1, 3), 0, 0);
    CHECK(isnan(metric_of(ctx, dc_rmse(), many_y, 4, many_t, 1, 40)));
    dc_free(ctx);
}

/* --- models and sets for what follows --- */

/* Dropout and batch norm, so that the order of random numbers and the buffers matter too. */
static dc_model *training_model(dc_context *ctx)
{
    return dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(16, DC_LINEAR), dc_batch_norm(),
                                        dc_activation_layer(DC_RELU), dc_dropout((dc_real)0.25),
                                        dc_dense(3, DC_LINEAR)));
}

static dc_model *training_classifier(dc_context *ctx)
{
    dc_model *model = training_model(ctx);
    dc_compile(model, DC_CROSS_ENTROPY, dc_adam(0.01));
    return model;
}

static dc_dataset *training_blobs(dc_context *ctx) { return dc_make_blobs(ctx, 150, 3, (dc_real)0.6); }

static const dc_fit_options training_quiet = { .quiet = true };

/* --- fit --- */

TEST(fit_is_the_loop_written_by_hand)
{
    uint64_t by_fit[2], by_hand[2];
    for (int shuffle = 0; shuffle < 2; shuffle++) {
        dc_context *ctx = dc_new(7);
        dc_model *model = training_classifier(ctx);
        dc_dataset *data = training_blobs(ctx);
        dc_fit(model, data, (dc_fit_options){ .epochs = 4, .batch_size = 16, .quiet = true,
                                              .validation_split = (dc_real)0.2, .keep_order = !shuffle });
        by_fit[shuffle] = dc_fingerprint(model);
        dc_free(ctx);

        ctx = dc_new(7), model = training_classifier(ctx), data = training_blobs(ctx);
        dc_dataset *train, *rest;
        dc_split_data(data, 1 - (dc_real)0.2, &train, &rest);
        dc_loader *loader = dc_batches(train, 16, shuffle);
        int64_t smallest = 16;
        dc_set_training(ctx, true);
        for (int epoch = 0; epoch < 4; epoch++) {
            dc_batch batch;
            while (dc_next(loader, &batch)) {
                dc_mark mark = dc_begin(ctx);
                dc_tensor *loss = dc_cross_entropy(dc_forward(model, batch.x), batch.y);
                dc_backward(loss);
                dc_step(dc_optimizer_of(model));
                dc_end(ctx, mark);
                if (batch.size < smallest) smallest = batch.size;
            }
        }
        CHECK(smallest == 8);
        by_hand[shuffle] = dc_fingerprint(model);
        dc_free(ctx);
        CHECK(by_fit[shuffle] == by_hand[shuffle]);
    }
    CHECK(by_fit[0] != by_fit[1]);
}

/* Every number of the history, computed here in another way. */
TEST(fit_history)
{
    dc_context *ctx = dc_new(3);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(3, DC_LINEAR)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.1));
    model->optimizer->spec.schedule = dc_step_decay(10, 0.5);
    dc_metrics(model, DC_METRICS(dc_accuracy(), dc_recall(1)));
    dc_dataset *data = training_blobs(ctx), *train, *rest;
    const dc_history *h = dc_fit(model, data, (dc_fit_options){ .epochs = 3, .quiet = true, .batch_size = 50,
                                                                .validation_split = (dc_real)0.2 });
    CHECK(h->epochs == 3 && h->stopped_by == NULL && h->metrics == 2 && h->best_epoch == 2);
    CHECK_TEXT(h->metric_name[1], "recall");
    CHECK_NEAR(h->rate[0], 0.1, 1e-15);            /* 3 steps an epoch: the 10th begins the fourth. */
    CHECK_NEAR(h->rate[2], 0.1, 1e-15);
    CHECK_NEAR(dc_rate(model->optimizer), 0.1, 1e-15);
    dc_split_data(data, 1 - (dc_real)0.2, &train, &rest);
    dc_report report = dc_evaluate(model, rest);
    CHECK(report.samples == 30 && report.metrics == 2);
    CHECK_BITS(h->validation_loss[2], report.loss);
    CHECK_BITS(h->validation_accuracy[2], report.accuracy);
    CHECK_BITS(h->validation_metric[0][2], report.value[0]);
    CHECK_BITS(h->validation_metric[1][2], report.value[1]);
    for (int e = 0; e < 3; e++) {
        CHECK_BITS(h->accuracy[e], h->metric[0][e]);
        CHECK_BITS(h->validation_accuracy[e], h->validation_metric[0][e]);
    }
    CHECK(h->loss[2] < h->loss[1] && h->loss[1] < h->loss[0]);

    h = dc_fit(model, data, (dc_fit_options){ .epochs = 1, .quiet = true });
    CHECK(isnan(h->validation_loss[0]) && isnan(h->validation_accuracy[0]) && h->loss[0] > 0);
    dc_free(ctx);
}

/* The epoch's loss is the mean over samples, not over batches; here nothing learns. */
TEST(fit_loss_is_the_mean_over_samples)
{
    dc_context *ctx = dc_new(3);
    const dc_real x[5] = { 1, 2, 3, 4, 5 }, y[5] = { 0, 0, 0, 0, 10 };
    dc_dataset *data = dc_from_arrays(ctx, 5, DC_SHAPE(1), x, DC_SHAPE(1), y, 0);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_without_bias(dc_with_init(
                                                                 dc_dense(1, DC_LINEAR), DC_ONES))));
    dc_compile(model, DC_MAE, dc_sgd(1e-30));
    dc_metrics(model, DC_METRICS(dc_mae_metric(), dc_rmse()));
    const dc_history *h = dc_fit(model, data, (dc_fit_options){ .batch_size = 2, .quiet = true });
    CHECK(h->epochs == 1);
    CHECK_NEAR(h->loss[0], 3, 1e-6);
    CHECK_NEAR(h->metric[0][0], 3, 1e-6);
    CHECK_NEAR(h->metric[1][0], sqrt(11), 1e-6);
    CHECK(isnan(h->accuracy[0]));
    dc_report r = dc_evaluate(model, data);
    CHECK_NEAR(r.loss, 3, 1e-6);
    CHECK(isnan(r.accuracy));
    dc_free(ctx);
}

TEST(fit_with_a_validation_set)
{
    dc_context *ctx = dc_new(5);
    dc_dataset *data = training_blobs(ctx), *train, *rest;
    dc_split_data(data, 1 - (dc_real)0.2, &train, &rest);
    dc_model *a = training_classifier(ctx);
    const dc_history *h = dc_fit(a, train, (dc_fit_options){ .epochs = 2, .validation = rest, .quiet = true });
    CHECK_BITS(h->validation_loss[1], dc_evaluate(a, rest).loss);
    CHECK(!dc_training(ctx));
    dc_set_training(ctx, true), dc_set_grad(ctx, false);
    dc_fit(a, train, training_quiet);
    CHECK(dc_training(ctx) && !dc_set_grad(ctx, true));
    dc_free(ctx);
}

/* --- evaluate and predict --- */

TEST(evaluate_counts_and_averages)
{
    dc_context *ctx = dc_new(2);
    dc_model *model = training_classifier(ctx);
    dc_dataset *data = dc_make_blobs(ctx, 700, 3, 1);      /* Three batches. */
    dc_fit(model, data, training_quiet);
    dc_tensor *y = dc_predict_all(model, data), *confusion = dc_confusion(model, data);
    dc_report report = dc_evaluate(model, data);
    dc_loader *loader = dc_batches(data, 700, false);
    dc_batch b;
    CHECK(dc_next(loader, &b) && b.size == 700);
    double right = dc_item(dc_sum(dc_equal(dc_argmax(y, -1), b.y)));
    CHECK_NEAR(report.accuracy, right / 700, 1e-15);
    CHECK_NEAR(report.loss, dc_item(dc_cross_entropy(y, b.y)), 1e-6);
    CHECK(report.samples == 700 && report.metrics == 0);
    double diagonal = 0, all = dc_item(dc_sum(confusion));
    for (int i = 0; i < 3; i++) diagonal += dc_at(confusion, DC_SHAPE(i, i));
    CHECK_NEAR(diagonal, right, 0);
    CHECK_NEAR(all, 700, 0);
    int64_t counts[3];
    dc_class_counts(data, counts);
    dc_tensor *rows = dc_sum_over(confusion, DC_AXES(1), false);
    for (int i = 0; i < 3; i++) CHECK(dc_at(rows, DC_SHAPE(i)) == (dc_real)counts[i]);
    dc_free(ctx);
}

TEST(predict_alone_as_in_a_batch)
{
    dc_context *ctx = dc_new(2);
    dc_model *model = training_classifier(ctx);
    dc_fit(model, training_blobs(ctx), training_quiet);
    dc_tensor *x = dc_normal(ctx, DC_SHAPE(600, 2), 0, 2), *y = dc_predict(model, x);
    CHECK(y->shape.rank == 2 && y->shape.dim[0] == 600 && y->shape.dim[1] == 3 && !y->needs_grad);
    bool same = true;
    for (int i = 0; i < 600; i += 37) {
        dc_mark mark = dc_begin(ctx);
        dc_tensor *one = dc_predict(model, dc_slice(x, 0, i, i + 1));
        same = same && !memcmp(one->data, y->data + 3 * i, 3 * sizeof(dc_real));
        dc_end(ctx, mark);
    }
    CHECK(same);
    dc_dataset *data = dc_from_arrays(ctx, 600, DC_SHAPE(2), x->data, DC_SCALAR, NULL, 0);
    dc_tensor *all = dc_predict_all(model, data);
    CHECK(all->size == y->size && !memcmp(all->data, y->data, (size_t)y->size * sizeof(dc_real)));
    dc_tensor *none = dc_predict(model, dc_zeros(ctx, DC_SHAPE(0, 2)));
    CHECK(none->shape.dim[0] == 0 && none->shape.dim[1] == 3);
    EXPECT_FAIL(ctx, dc_predict(model, dc_zeros(ctx, DC_SHAPE(2))),
                "dc_predict: x is [2] but the model takes samples of [2] behind a batch axis");
    EXPECT_FAIL(ctx, dc_predict(model, dc_scalar(ctx, 1)), "dc_predict: x is []");
    dc_free(ctx);
}

/* One output: 0 divides logits, 0.5 probabilities. */
TEST(evaluate_one_output)
{
    dc_context *ctx = dc_new(2);
    const dc_real x[4] = { -1, (dc_real)0.25, (dc_real)0.75, 2 }, y[4] = { 0, 0, 1, 1 };
    dc_dataset *data = dc_from_arrays(ctx, 4, DC_SHAPE(1), x, DC_SCALAR, y, 2);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_without_bias(dc_with_init(
                                                                 dc_dense(1, DC_LINEAR), DC_ONES))));
    dc_compile(model, DC_BCE_WITH_LOGITS, dc_sgd(1));
    dc_report report = dc_evaluate(model, data);
    CHECK_NEAR(report.accuracy, 0.75, 0);
    CHECK(dc_at(dc_confusion(model, data), DC_SHAPE(0, 1)) == 1);
    dc_compile(model, DC_BCE, dc_sgd(1));
    CHECK(dc_at(dc_confusion(model, data), DC_SHAPE(0, 1)) == 0);

    const dc_real target[4] = { 0, 0, 1, 1 };
    dc_compile(model, DC_BCE_WITH_LOGITS, dc_sgd(1));
    dc_metrics(model, DC_METRICS(dc_recall(1)));
    data = dc_from_arrays(ctx, 4, DC_SHAPE(1), x, DC_SHAPE(1), target, 0);
    report = dc_evaluate(model, data);
    CHECK_NEAR(report.accuracy, 0.75, 0);
    CHECK_NEAR(report.value[0], 1, 0);

    data = dc_from_arrays(ctx, 2, DC_SHAPE(2), x, DC_SCALAR, NULL, 0);      /* An autoencoder judges nothing. */
    model = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(2, DC_LINEAR)));
    dc_compile(model, DC_BCE_WITH_LOGITS, dc_sgd(1));
    CHECK(isnan(dc_evaluate(model, data).accuracy));
    dc_free(ctx);
}

/* A target for each step of a sequence; each is a decision. */
TEST(evaluate_sequences)
{
    dc_context *ctx = dc_new(2);
    const dc_real x[12] = { 1, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1 }, y[6] = { 0, 1, 0, 0, 0, 1 };
    dc_dataset *data = dc_from_arrays(ctx, 2, DC_SHAPE(3, 2), x, DC_SHAPE(3), y, 0);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(3, 2), dc_activation_layer(DC_TANH),
                                                   dc_with_init(dc_dense(2, DC_LINEAR), DC_ZEROS)));
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(1));
    dc_metrics(model, DC_METRICS(dc_recall(0), dc_recall(1)));
    dc_report report = dc_evaluate(model, data);           /* Always class 0, the first of the largest. */
    CHECK(report.samples == 2);
    CHECK_NEAR(report.accuracy, 4.0 / 6, 1e-15);
    CHECK_NEAR(report.value[0], 1, 0);
    CHECK_NEAR(report.value[1], 0, 0);
    CHECK_NEAR(report.loss, 0.6931472, 1e-6);
    CHECK(dc_fit(model, data, training_quiet)->epochs == 1);
    dc_free(ctx);
}

/* --- callbacks --- */

typedef struct training_watch {
    int      calls, stop_at;
    double   best;
    uint64_t best_fingerprint;
} training_watch;

static bool training_on_epoch(dc_model *model, int epoch, const dc_history *h, void *user)
{
    training_watch *w = user;
    w->calls++;
    if (epoch == 0 || h->validation_loss[epoch] < w->best) {
        w->best = h->validation_loss[epoch];
        w->best_fingerprint = dc_fingerprint(model);
    }
    return epoch + 1 != w->stop_at;
}

static bool training_on_batch(dc_model *model, int epoch, int64_t batch, double loss, void *user)
{
    training_watch *w = user;
    w->calls++;
    return model && epoch >= 0 && loss > 0 && batch + 1 != w->stop_at;
}

/* A rate far too large: the loss falls, then rises. */
static const dc_history *training_until_worse(dc_context *ctx, dc_model *model, int callbacks,
                                              const dc_callback *callback)
{
    dc_dataset *data = training_blobs(ctx);
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(3));
    return dc_fit(model, dc_take(data, 0, 40), (dc_fit_options){ .epochs = 60, .batch_size = 40, .quiet = true,
                  .validation = dc_take(data, 40, 150), .callbacks = callback, .callback_count = callbacks });
}

TEST(early_stopping_restores_the_best_weights)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = training_model(ctx);
    training_watch w = { 0 };
    const dc_callback callback[] = { dc_early_stopping(3, 0),
                                     { .user = &w, .on_epoch_end = training_on_epoch } };
    const dc_history *h = training_until_worse(ctx, model, 2, callback);
    CHECK(h->epochs < 60 && h->epochs == h->best_epoch + 4 && w.calls == h->epochs);
    CHECK_TEXT(h->stopped_by, "early stopping");
    CHECK(dc_fingerprint(model) == w.best_fingerprint);
    for (int e = h->epochs; e < 60; e++) CHECK(isnan(h->loss[e]));
    dc_free(ctx);
}

/* An improvement below min_delta is none; without a validation set the loss counts; the weights of the best
 * epoch come back also when all epochs ran. */
TEST(early_stopping_with_min_delta)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = training_classifier(ctx);
    dc_dataset *data = training_blobs(ctx);
    const dc_callback callback[] = { dc_early_stopping(2, 100) };
    const dc_history *h = dc_fit(model, data, (dc_fit_options){ .epochs = 9, .quiet = true,
                                 .callbacks = callback, .callback_count = 1 });
    CHECK(h->epochs == 3);
    CHECK_TEXT(h->stopped_by, "early stopping");
    h = dc_fit(model, data, (dc_fit_options){ .epochs = 2, .quiet = true, .callbacks = callback,
                                              .callback_count = 1 });
    CHECK(h->epochs == 2 && h->stopped_by == NULL);
    dc_free(ctx);
}

TEST(callbacks_of_the_program_stop_training)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = training_classifier(ctx);
    dc_dataset *data = training_blobs(ctx);
    training_watch batches = { .stop_at = 3 }, epochs = { .stop_at = 2 };
    const dc_history *h = dc_fit(model, data, (dc_fit_options){ .epochs = 5, .quiet = true,
        DC_CALLBACKS({ .name = "mine", .user = &batches, .on_batch_end = training_on_batch }) });
    CHECK(h->epochs == 1 && batches.calls == 3 && h->loss[0] > 0);
    CHECK_TEXT(h->stopped_by, "mine");
    h = dc_fit(model, data, (dc_fit_options){ .epochs = 5, .quiet = true,
        DC_CALLBACKS({ .user = &epochs, .on_epoch_end = training_on_epoch }) });
    CHECK(h->epochs == 2 && epochs.calls == 2);
    CHECK_TEXT(h->stopped_by, "callback");
    dc_free(ctx);
}

TEST(checkpoint_saves_the_best)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = training_model(ctx);
    training_watch w = { 0 };
    const char *path = temporary_path("checkpoint.safetensors");
    const dc_callback callback[] = { dc_checkpoint(path), { .user = &w, .on_epoch_end = training_on_epoch } };
    const dc_history *h = training_until_worse(ctx, model, 2, callback);
    CHECK(h->epochs == 60 && h->best_epoch < 59 && dc_fingerprint(model) != w.best_fingerprint);
    CHECK(dc_load_weights(model, path));
    CHECK(dc_fingerprint(model) == w.best_fingerprint);
    dc_free(ctx);
}

/* What a run says on stderr, in a file. */
static void training_says(const char *path, void (*run)(dc_context *, dc_model *), dc_context *ctx,
                          dc_model *model)
{
#ifdef __unix__
    fflush(stderr);
    int kept = dup(2);
    FILE *file = fopen(path, "wb");
    if (!CHECK(file && kept >= 0 && dup2(fileno(file), 2) >= 0)) return;
    run(ctx, model);
    fflush(stderr);
    dup2(kept, 2);
    close(kept);
    fclose(file);
#else
    (void)path, run(ctx, model);
#endif
}

static char *training_text(dc_context *ctx, const char *path)
{
    size_t size;
    char *text = dc__read_file(ctx, path, &size);
    return text ? text : dc__buffer_new(ctx, 1);
}

static int training_lines(const char *text)
{
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void training_without_files(dc_context *ctx, dc_model *model)
{
    const dc_history *h = dc_fit(model, training_blobs(ctx), (dc_fit_options){ .epochs = 4, .quiet = true,
        DC_CALLBACKS(dc_checkpoint("/no/such/folder/a"), dc_checkpoint("/no/such/folder/b")) });
    CHECK(h->epochs == 4 && h->stopped_by == NULL);
}

TEST(callbacks_without_their_files)
{
    dc_context *ctx = dc_new(4);
    const char *path = temporary_path("said");
    training_says(path, training_without_files, ctx, training_classifier(ctx));
    CHECK_TEXT(dc_error(ctx), "/no/such/folder/b");
#ifdef __unix__
    char *text = training_text(ctx, path);
    CHECK_TEXT(text, "dc_fit: checkpoint: /no/such/folder/a");
    CHECK_TEXT(text, "dc_fit: checkpoint: /no/such/folder/b");
    CHECK(training_lines(text) == 2);
#endif
    dc_free(ctx);
}

TEST(fit_reports_to_reduce_on_plateau)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(3, DC_LINEAR)));
    dc_dataset *data = training_blobs(ctx);
    dc_optimizer_spec sgd = dc_sgd(1e-30);                 /* Nothing improves. */
    sgd.schedule = dc_reduce_on_plateau(0.5, 1);
    dc_compile(model, DC_CROSS_ENTROPY, sgd);
    const dc_history *h = dc_fit(model, data, (dc_fit_options){ .epochs = 6, .validation = data, .quiet = true });
    CHECK(h->rate[0] > h->rate[5] && h->rate[5] > 0);
    dc_free(ctx);
}

/* --- NaN --- */

static const dc_history *training_history;

static void training_once(dc_context *ctx, dc_model *model)
{
    training_history = dc_fit(model, training_blobs(ctx), (dc_fit_options){ .epochs = 9, .quiet = true });
}

TEST(fit_stops_at_a_weight_that_is_nan)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = training_classifier(ctx);
    CHECK(dc_find_nan(model) == NULL);
    dc_tensor *w = dc_find(model, "dense_2.weight");
    w->data[5] = (dc_real)NAN;
    CHECK(dc_find_nan(model) == w);
    training_says(temporary_path("said"), training_once, ctx, model);
    CHECK_TEXT(training_history->stopped_by, "nan");
    CHECK(training_history->epochs == 1 && isnan(training_history->loss[0]));
    CHECK_TEXT(dc_error(ctx), "dc_fit: stopped before step 1 of epoch 1, where the loss is nan: "
                              "'dense_2.weight' holds a NaN or infinity");
#ifdef __unix__
    CHECK_TEXT(training_text(ctx, temporary_path("said")), "'dense_2.weight'");
#endif
    w->data[5] = 0;
    dc_tensor *b = dc_find(model, "dense_1.bias");
    dc_mark mark = dc_begin(ctx);
    dc_backward(dc_scale(dc_sum(b), (dc_real)INFINITY));
    CHECK(dc_find_nan(model) == b);
    dc_end(ctx, mark);
    dc_free(ctx);
}

static void training_on_nan_data(dc_context *ctx, dc_model *model)
{
    dc_real x[80] = { 0 }, y[40] = { 0 };
    x[2 * 23 + 1] = -(dc_real)INFINITY;
    dc_dataset *data = dc_from_arrays(ctx, 40, DC_SHAPE(2), x, DC_SCALAR, y, 3);
    training_history = dc_fit(model, data, (dc_fit_options){ .epochs = 9, .batch_size = 40, .quiet = true,
                              .validation_split = (dc_real)0.0, .validation = data });
}

TEST(fit_stops_at_a_sample_that_is_nan)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = training_classifier(ctx);
    uint64_t before = dc_fingerprint_of(dc_params(model));
    training_says(temporary_path("said"), training_on_nan_data, ctx, model);
    CHECK_TEXT(training_history->stopped_by, "nan");
    CHECK_TEXT(dc_error(ctx), "the x of sample 23 holds a NaN or infinity");
    CHECK(before == dc_fingerprint_of(dc_params(model)));
    dc_free(ctx);
}

/* The logarithm of what becomes negative. */
static dc_tensor *training_log(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    dc_tensor *y = dc_call(dc_use(model, "last", dc_dense(3, DC_LINEAR)), x);
    return dc_exp(dc_log(dc_add(y, dc_scalar(model->ctx, (dc_real)-1e-3))));
}

TEST(fit_stops_at_an_op_that_makes_nan)
{
    dc_context *ctx = dc_new(4);
    dc_model *model = dc_functional(ctx, DC_SHAPE(2), training_log, NULL);
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.1));
    training_says(temporary_path("said"), training_once, ctx, model);
    CHECK_TEXT(training_history->stopped_by, "nan");
    CHECK_TEXT(dc_error(ctx), "where the loss is nan: the tensor made by dc_log at ");
    CHECK_TEXT(dc_error(ctx), "test_training.c:");
    dc_free(ctx);
}

static bool training_fetch(int64_t row, dc_real *x, dc_real *y, void *user)
{
    x[0] = x[1] = (dc_real)row, y[0] = 0;
    return row != *(int64_t *)user;
}

static void training_on_a_stream(dc_context *ctx, dc_model *model)
{
    int64_t broken = 77;
    dc_dataset *data = dc_stream(ctx, 100, DC_SHAPE(2), DC_SCALAR, 3, training_fetch, &broken);
    training_history = dc_fit(model, data, (dc_fit_options){ .epochs = 9, .quiet = true, .keep_order = true });
    dc_report report = dc_evaluate(model, data);
    CHECK(report.samples == 0);
    CHECK_TEXT(dc_error(ctx), "row 77");
    CHECK(dc_predict_all(model, data) == NULL && dc_confusion(model, data) == NULL);
    CHECK_TEXT(dc_error(ctx), "row 77");
}

TEST(fit_stops_when_a_stream_fails)
{
    dc_context *ctx = dc_new(4);
    training_says(temporary_path("said"), training_on_a_stream, ctx, training_classifier(ctx));
    CHECK_TEXT(training_history->stopped_by, "data");
    CHECK(training_history->epochs == 1 && training_history->loss[0] > 0);
    dc_free(ctx);
}

/* --- misuse --- */

static dc_tensor *training_mean_loss(dc_tensor *y, dc_tensor *t, const dc_loss_options *options)
{
    (void)options;
    return dc_mse(y, t);
}

TEST(fit_refuses_a_set_that_does_not_fit)
{
    dc_context *ctx = dc_new(4);
    dc_dataset *data = training_blobs(ctx), *two = dc_make_moons(ctx, 50, 0);
    dc_dataset *line = dc_make_line(ctx, 50, 1, 1, 0), *digits = dc_make_digits(ctx, 10);
    dc_model *model = training_model(ctx);
#define FIT(DATA) dc_fit(model, DATA, training_quiet)
    EXPECT_FAIL(ctx, FIT(data), "dc_fit: the model has no loss and no optimizer; call dc_compile first");
    EXPECT_FAIL(ctx, dc_evaluate(model, data), "dc_evaluate: the model has no loss");
    dc_compile(model, DC_CROSS_ENTROPY, dc_sgd(0.1));
    EXPECT_FAIL(ctx, FIT(digits), "dc_fit: the samples are [28, 28, 1] but the model takes [2]");
    EXPECT_FAIL(ctx, dc_evaluate(model, digits), "dc_evaluate: the samples are [28, 28, 1]");
    EXPECT_FAIL(ctx, dc_predict_all(model, digits), "dc_predict_all: the samples are [28, 28, 1]");
    EXPECT_FAIL(ctx, dc_confusion(model, digits), "dc_confusion: the samples are [28, 28, 1]");
    EXPECT_FAIL(ctx, dc_confusion(model, two), "dc_confusion: the model has 3 outputs, but the set has 2 classes");
    EXPECT_FAIL(ctx, FIT(two), "needs one output a class (the model has 3 outputs, the set 2 classes)");
    dc_model *other = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    dc_compile(other, DC_CROSS_ENTROPY, dc_sgd(0.1));
    EXPECT_FAIL(ctx, dc_fit(other, line, training_quiet), "dc_fit: the loss cross_entropy needs class numbers");
    dc_compile(model, DC_BCE, dc_sgd(0.1));
    EXPECT_FAIL(ctx, FIT(data),
                "dc_fit: the loss bce tells two classes apart; use DC_CROSS_ENTROPY (the model has 3 outputs, the "
                "set 3 ");
    dc_loss sum = DC_CROSS_ENTROPY;
    sum.options.reduction = DC_SUM;
    dc_compile(model, sum, dc_sgd(0.1));
    EXPECT_FAIL(ctx, FIT(data), ": the loss must be the mean over a batch (reduction DC_MEAN)");
    dc_free(ctx);
}

TEST(fit_refuses_options_that_make_no_sense)
{
    dc_context *ctx = dc_new(4);
    dc_dataset *data = training_blobs(ctx), *line = dc_make_line(ctx, 50, 1, 1, 0);
    dc_model *model = training_classifier(ctx);
#define FIT_WITH(...) dc_fit(model, data, (dc_fit_options){ .quiet = true, __VA_ARGS__ })
    EXPECT_FAIL(ctx, FIT_WITH(.epochs = -1),
                "dc_fit: epochs -1, batch_size 0, callback_count 0, validation_split 0: none may be");
    EXPECT_FAIL(ctx, FIT_WITH(.batch_size = -2), "batch_size -2");
    EXPECT_FAIL(ctx, FIT_WITH(.callback_count = -3), "callback_count -3");
    EXPECT_FAIL(ctx, FIT_WITH(.callback_count = 1),
                "callback_count 1, validation_split 0: callbacks is NULL; use DC_CALLBACKS(...)");
    EXPECT_FAIL(ctx, FIT_WITH(.validation_split = 1),
                "validation_split 1: validation_split is a part of the data, at least 0 and below 1");
    EXPECT_FAIL(ctx, FIT_WITH(.validation_split = (dc_real)-0.5),
                "validation_split -0.5: validation_split is a part");
    EXPECT_FAIL(ctx, FIT_WITH(.validation_split = (dc_real)0.5, .validation = data), "not both");
    EXPECT_FAIL(ctx, FIT_WITH(.validation_split = (dc_real)0.999), "leaves one part empty");
    EXPECT_FAIL(ctx, FIT_WITH(.validation = line), "dc_fit (validation): the samples are [1]");
    dc_model *other = dc_sequential(ctx, DC_LAYERS(dc_input(1), dc_dense(1, DC_LINEAR)));
    dc_compile(other, DC_MSE, dc_sgd(0.1));
    dc_compile(other, (dc_loss){ .name = "mine", .compute = training_mean_loss }, dc_sgd(0.1));
    CHECK(dc_fit(other, line, training_quiet)->loss[0] > 0);
    dc_free(ctx);
}

static dc_tensor *training_flat(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    return dc_sum(dc_call(dc_use(model, "last", dc_dense(3, DC_LINEAR)), x));
}

static dc_tensor *training_uneven(dc_model *model, dc_tensor *x, void *user)
{
    (void)user;
    dc_tensor *y = dc_call(dc_use(model, "last", dc_dense(3, DC_LINEAR)), x);
    return x->shape.dim[0] == 1 ? y : dc_concat(DC_TENSORS(y, y), 1);
}

TEST(predict_refuses_a_model_that_loses_the_batch)
{
    dc_context *ctx = dc_new(4);
    dc_dataset *data = training_blobs(ctx);
    EXPECT_FAIL(ctx, dc_functional(ctx, DC_SHAPE(2), training_flat, NULL),
                "the model turns [1, 2] into []; the first axis must stay");
    dc_model *model = dc_functional(ctx, DC_SHAPE(2), training_uneven, NULL);
    EXPECT_FAIL(ctx, dc_predict_all(model, data), "the model gives [150, 6] for 150 samples, but 3 values for one");
    EXPECT_FAIL(ctx, dc_predict(model, dc_zeros(ctx, DC_SHAPE(4, 2))), "the model gives [4, 6] for 4 samples, but 3");
    dc_free(ctx);
}

/* --- progress --- */

static void training_shown(dc_context *ctx, dc_model *model)
{
    dc_fit(model, training_blobs(ctx), (dc_fit_options){ .epochs = 2, .validation_split = (dc_real)0.2 });
}

TEST(fit_prints_a_line_an_epoch)
{
    dc_context *ctx = dc_new(4);
    const char *path = temporary_path("said");
    training_says(path, training_shown, ctx, training_classifier(ctx));
#ifdef __unix__
    char *text = training_text(ctx, path);
    CHECK(training_lines(text) == 2);
    CHECK_TEXT(text, "Epoch 1/2 - ");
    CHECK_TEXT(text, "s/step - loss: ");
    CHECK_TEXT(text, " - accuracy: 0.");
    CHECK_TEXT(text, " - val_loss: ");
    CHECK_TEXT(text, " - val_accuracy: 0.");
#endif
    dc_free(ctx);
}

/* On a terminal: the same fit, made to believe that it has one. */
static void training_drawn(dc_context *ctx, dc_model *model)
{
    dc_dataset *data = training_blobs(ctx);
    dc__fit f = { .model = model, .ctx = ctx, .options = { .epochs = 3 }, .batches = 5, .on_terminal = true };
    dc_mark mark = dc_begin(ctx);
    f.loader = dc_batches(data, 30, true);
    f.tally = dc__new_tally(model, data, false);
    f.history = dc__new_history(model, 1);
    dc__fit_epoch(&f);
    f.started = dc__seconds() - 9, f.drawn = 0;
    dc__draw(&f, 2, false);
    f.trained.loss = 0.000025;
    dc__draw(&f, 5, true);
    dc_end(ctx, mark);
}

TEST(fit_draws_a_bar)
{
    dc_context *ctx = dc_new(4);
    const char *path = temporary_path("said");
    training_says(path, training_drawn, ctx, training_classifier(ctx));
#ifdef __unix__
    char *text = training_text(ctx, path);
    CHECK_TEXT(text, "Epoch 1/3\n\r5/5 [==============================] - ");
    CHECK_TEXT(text, "\r2/5 [============>.................] - ETA: 14s - loss: ");
    CHECK_TEXT(text, "\r5/5 [==============================] - 9s 2s/step - loss: 2.5e-05 - accuracy: ");
    CHECK(training_lines(text) == 3);
#endif
    dc_free(ctx);
}

TEST(a_second_fit_goes_on_with_other_orders)
{
    uint64_t once, twice;
    for (int way = 0; way < 2; way++) {
        dc_context *ctx = dc_new(3);
        dc_dataset *data = dc_make_moons(ctx, 50, 0.1f);
        dc_model *m = dc_sequential(ctx, DC_LAYERS(dc_input(2), dc_dense(4, DC_TANH), dc_dense(2, DC_LINEAR)));
        dc_compile(m, DC_CROSS_ENTROPY, dc_adam(1e-2));
        dc_fit_options o = { .epochs = way ? 1 : 2, .batch_size = 8, .quiet = true };
        dc_fit(m, data, o);
        if (way) dc_fit(m, data, o);
        *(way ? &twice : &once) = dc_fingerprint(m);
        dc_free(ctx);
    }
    CHECK(once == twice);                      /* Two fits of one epoch are one fit of two. */
}

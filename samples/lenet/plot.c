/* Draws the training run with cairo: the loss (smoothed, and each step's behind it) on the left
 * axis, the accuracy on the right one. */
#include "plot.h"

#include <cairo.h>
#include <stdio.h>

enum { WINDOW = 40 /* steps of the mean */ };
enum { WIDTH = 960, HEIGHT = 480, LEFT = 70, RIGHT = 890, TOP = 40, BOTTOM = 420 };

typedef struct Color {
    double red, green, blue, alpha;
} Color;

static const Color ink = {0.15, 0.15, 0.15, 1};
static const Color grid = {0.88, 0.88, 0.88, 1};
static const Color loss_color = {0.12, 0.36, 0.75, 1};
static const Color loss_pale = {0.12, 0.36, 0.75, 0.18};
static const Color accuracy_color = {0.85, 0.35, 0.1, 1};

static void use_color(cairo_t *cr, Color color) {
    cairo_set_source_rgba(cr, color.red, color.green, color.blue, color.alpha);
}

static void text_at(cairo_t *cr, double x, double y, double align, const char *text) {
    cairo_text_extents_t extents;
    cairo_text_extents(cr, text, &extents);
    cairo_move_to(cr, x - align * extents.width, y);
    cairo_show_text(cr, text);
    cairo_new_path(cr); // text leaves a current point, which the next line would start at
}

static double x_of(double fraction) {
    return LEFT + fraction * (RIGHT - LEFT);
}

/* `fraction` is 0 at the bottom axis, 1 at the top. */
static double y_of(double fraction) {
    if (fraction > 1) fraction = 1;
    if (fraction < 0) fraction = 0;
    return BOTTOM - fraction * (BOTTOM - TOP);
}

static void draw_axes(cairo_t *cr, const History *history, double top_loss, double low_accuracy) {
    char label[32];
    for (int i = 0; i <= 5; i++) {
        double fraction = i / 5.0;
        use_color(cr, grid);
        cairo_move_to(cr, LEFT, y_of(fraction));
        cairo_line_to(cr, RIGHT, y_of(fraction));
        cairo_stroke(cr);
        use_color(cr, loss_color);
        snprintf(label, sizeof label, "%.2f", fraction * top_loss);
        text_at(cr, LEFT - 8, y_of(fraction) + 4, 1, label);
        use_color(cr, accuracy_color);
        snprintf(label, sizeof label, "%.1f %%",
                 100 * (low_accuracy + fraction * (1 - low_accuracy)));
        text_at(cr, RIGHT + 8, y_of(fraction) + 4, 0, label);
    }
    use_color(cr, ink);
    for (int epoch = 0; epoch <= history->epochs; epoch++) {
        snprintf(label, sizeof label, "%d", epoch);
        text_at(cr, x_of((double)epoch / history->epochs), BOTTOM + 20, 0.5, label);
    }
    text_at(cr, (LEFT + RIGHT) / 2.0, BOTTOM + 44, 0.5, "epoch");
    use_color(cr, loss_color);
    text_at(cr, LEFT, TOP - 16, 0, "training loss");
    use_color(cr, accuracy_color);
    text_at(cr, RIGHT, TOP - 16, 1, "accuracy on the test images");
}

static void draw_loss(cairo_t *cr, const History *history, double top_loss) {
    use_color(cr, loss_pale);
    for (int i = 0; i < history->steps; i++)
        cairo_line_to(cr, x_of((i + 1.0) / history->steps), y_of(history->loss[i] / top_loss));
    cairo_stroke(cr);
    use_color(cr, loss_color);
    double sum = 0;
    for (int i = 0; i < history->steps; i++) {
        sum += history->loss[i] - (i >= WINDOW ? history->loss[i - WINDOW] : 0);
        double mean = sum / (i < WINDOW ? i + 1 : WINDOW);
        cairo_line_to(cr, x_of((i + 1.0) / history->steps), y_of(mean / top_loss));
    }
    cairo_stroke(cr);
}

static void draw_accuracy(cairo_t *cr, const History *history, double low) {
    use_color(cr, accuracy_color);
    for (int i = 0; i < history->epochs; i++)
        cairo_line_to(cr, x_of((i + 1.0) / history->epochs),
                      y_of((history->accuracy[i] - low) / (1 - low)));
    cairo_stroke(cr);
    for (int i = 0; i < history->epochs; i++) {
        double y = y_of((history->accuracy[i] - low) / (1 - low));
        cairo_arc(cr, x_of((i + 1.0) / history->epochs), y, 4, 0, 6.2832);
        cairo_fill(cr);
    }
}

bool plot_write(const History *history, const char *path) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, 1, 1, 1);
    cairo_paint(cr);
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, 13);
    cairo_set_line_width(cr, 1.5);
    const double top_loss = 1.0;
    double low = 0.95;
    for (int i = 0; i < history->epochs; i++)
        while (low > 0.05 && history->accuracy[i] < low)
            low -= 0.05;
    draw_axes(cr, history, top_loss, low);
    draw_loss(cr, history, top_loss);
    draw_accuracy(cr, history, low);
    cairo_destroy(cr);
    cairo_status_t status = cairo_surface_write_to_png(surface, path);
    cairo_surface_destroy(surface);
    if (status != CAIRO_STATUS_SUCCESS)
        fprintf(stderr, "%s: %s\n", path, cairo_status_to_string(status));
    return status == CAIRO_STATUS_SUCCESS;
}

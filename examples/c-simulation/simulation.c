// Heat spreading over a plate with a hot edge and a moving flame. Prints a coarse picture now and then.
// Usage: simulation [width] [steps] [every]
#include <stdio.h>
#include <stdlib.h>

typedef struct {
  int width, height;
  double *now, *next;
} Plate;

static void light(Plate *plate, int step) {
  for (int x = 0; x < plate->width; x++) plate->now[x] = 100;
  int flame = (plate->height / 2) * plate->width + step % plate->width;
  plate->now[flame] = 120;
}

static void spread(Plate *plate) {
  int w = plate->width, h = plate->height;
  for (int y = 1; y < h - 1; y++)
    for (int x = 1; x < w - 1; x++) {
      const double *cell = &plate->now[y * w + x];
      plate->next[y * w + x] = cell[0] + 0.2 * (cell[-1] + cell[1] + cell[-w] + cell[w] - 4 * cell[0]);
    }
  double *swap = plate->now;
  plate->now = plate->next;
  plate->next = swap;
}

static double total(const Plate *plate) {
  double sum = 0;
  for (int i = 0; i < plate->width * plate->height; i++) sum += plate->now[i];
  return sum;
}

static void draw(const Plate *plate, int step) {
  static const char shades[] = " .:-=+*#%@";
  printf("step %5d  heat %.3f\n", step, total(plate));
  for (int y = 1; y < plate->height - 1; y += plate->height / 7) {
    for (int x = 0; x < plate->width; x += plate->width / 48 + 1) {
      int shade = (int)(plate->now[y * plate->width + x] / 11);
      putchar(shades[shade < 0 ? 0 : shade > 9 ? 9 : shade]);
    }
    putchar('\n');
  }
}

static void simulate(Plate *plate, int steps, int every) {
  for (int step = 1; step <= steps; step++) {
    light(plate, step);
    spread(plate);
    if (step % every == 0) draw(plate, step);
  }
}

int main(int argc, char **argv) {
  int width = argc > 1 ? atoi(argv[1]) : 96;
  int steps = argc > 2 ? atoi(argv[2]) : 20000;
  int every = argc > 3 ? atoi(argv[3]) : 4000;
  if (width < 8 || steps < 1 || every < 1) {
    fprintf(stderr, "usage: simulation [width >= 8] [steps] [every]\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  Plate plate = {width, width / 2, NULL, NULL};
  size_t cells = (size_t)plate.width * (size_t)plate.height;
  plate.now = calloc(cells, sizeof(double));
  plate.next = calloc(cells, sizeof(double));
  if (!plate.now || !plate.next) return 1;
  simulate(&plate, steps, every);
  printf("total heat %.9f\n", total(&plate));
  return 0;
}
